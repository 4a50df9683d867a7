// When descriptors can be read or written, told without a system call per wait.
#ifndef LLMLOAD_NET_READINESS_H_
#define LLMLOAD_NET_READINESS_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace llmload::net {

/// The descriptors of one io_context. Asio's own waits modify the reactor's interest each time,
/// which costs a system call per event of a stream. Here every descriptor is registered once, edge
/// triggered, with an epoll instance of its own, and that instance is the one descriptor Asio waits
/// for: one modification for all that is ready at the same time.
///
/// Edge triggered: who waits must have read until there was no more (`Transport::MayHaveMore`), or
/// until the end if the peer has hung up. Thread-safe.
class Readiness final : public boost::asio::execution_context::service {
 public:
  using key_type = Readiness;
  inline static boost::asio::execution_context::id id;

  /// Who waits for one descriptor. Owns what it resumes.
  class Waiter {
   public:
    /// @param executor  where it is resumed
    explicit Waiter(const boost::asio::any_io_executor& executor);
    virtual ~Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Something has happened: try again whatever it was that would have blocked.
    /// @param self   this
    /// @param error  `operation_aborted` if the wait was cancelled
    virtual void Resume(std::unique_ptr<Waiter> self, boost::system::error_code error) = 0;

   private:
    friend class Readiness;
    const boost::asio::any_io_executor executor_;
    const bool plain_;  // it is the io_context's own: no detour over it
  };

  /// A registered descriptor.
  struct Watch {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: none
  };

  explicit Readiness(boost::asio::execution_context& context);
  ~Readiness() override;

  /// Empty if the kernel refuses.
  Watch Add(int descriptor);
  /// To be called before the descriptor is closed. There must be no waiter.
  void Remove(Watch watch);

  /// At most one waiter at a time. Never resumes it before this call has returned.
  /// @param at_once  there is something left to do: it only wants others to have their turn
  void Wait(Watch watch, bool at_once, std::unique_ptr<Waiter> waiter);
  /// Resumes the waiter, if there is one, with `operation_aborted`, after this call has returned.
  void Cancel(Watch watch);
  /// The peer will send nothing any more, or the connection broke: what came before is still to be
  /// read, and nothing will tell of the end again.
  bool HasHungUp(Watch watch) const;

 private:
  struct Slot {
    std::unique_ptr<Waiter> waiter;
    std::uint32_t generation = 1;
    bool ready = false;  // told when nobody waited
    bool hung_up = false;
  };

  void shutdown() override;
  Slot* Find(Watch watch);
  void WaitForAny();
  void Poll();
  void AfterPoll();
  static void Post(std::unique_ptr<Waiter> waiter, boost::system::error_code error);

  mutable std::mutex mutex_;
  int epoll_ = -1;
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> any_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::unique_ptr<Waiter>> woken_;  // by the poll under way; of its thread
  std::size_t waiting_ = 0;
  bool polling_ = false;  // waiting for any, or resuming those that were woken
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_READINESS_H_
