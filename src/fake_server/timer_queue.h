// Deadlines of many connections on one Asio timer.
#ifndef LLMLOAD_SRC_FAKE_SERVER_TIMER_QUEUE_H_
#define LLMLOAD_SRC_FAKE_SERVER_TIMER_QUEUE_H_

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <limits>
#include <vector>

#include "llmload/core/time.h"

namespace llmload::fake_server {

/// A heap of deadlines, at most one per entry, driven by one timer: re-arming an Asio timer per
/// token would cost a system call each. Belongs to one thread.
class TimerQueue {
 public:
  class Entry {
   public:
    virtual void OnTimer(TimePoint now) = 0;

   protected:
    ~Entry() = default;

   private:
    friend class TimerQueue;
    static constexpr std::size_t kIdle = std::numeric_limits<std::size_t>::max();
    std::size_t slot_ = kIdle;
    TimePoint at_{};
  };

  explicit TimerQueue(boost::asio::io_context& context);

  /// Calls `entry.OnTimer` at `at`, in place of what was scheduled for it before.
  void Schedule(Entry& entry, TimePoint at);
  void Cancel(Entry& entry);
  /// Lets the context run out of work.
  void Shutdown();

 private:
  void Arm();
  void Expire();
  void Place(Entry* entry, std::size_t slot);
  void SiftUp(std::size_t slot);
  void SiftDown(std::size_t slot);

  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>,
                                    boost::asio::io_context::executor_type>
      timer_;
  std::vector<Entry*> heap_;
  TimePoint armed_ = TimePoint::max();
  bool expiring_ = false;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_TIMER_QUEUE_H_
