// A bound of the connections of one client, over all its io_contexts.
#ifndef LLMLOAD_NET_CONNECTION_LIMIT_H_
#define LLMLOAD_NET_CONNECTION_LIMIT_H_

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "llmload/core/time.h"
#include "llmload/core/wakeup.h"

namespace llmload::net {

/// Two bounds with one number: of exchanges under way (turns), and of connections that are open,
/// idle ones included (slots). Who has a turn and no connection may open one: if all slots are
/// taken, at least one connection is idle somewhere and can be closed for it. Thread-safe.
class ConnectionLimit {
 public:
  explicit ConnectionLimit(std::size_t max) : max_(max) {}

  /// An exchange may be under way as long as this lives.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<ConnectionLimit> limit) : limit_(std::move(limit)) {}
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (limit_) limit_->EndTurn();
    }

   private:
    std::shared_ptr<ConnectionLimit> limit_;
  };

  /// Waits for a turn, in order of the calls. Nullopt if there is none until `deadline` on the
  /// steady clock. Throws only if the coroutine is cancelled, which gives up its place.
  static boost::asio::awaitable<std::optional<Turn>> WaitForTurn(
      std::shared_ptr<ConnectionLimit> limit, TimePoint deadline);

  /// Counts a connection as open for as long as the result lives. Null, and nothing is counted, if
  /// all slots are taken, unless `even_beyond`.
  static std::shared_ptr<void> TakeSlot(const std::shared_ptr<ConnectionLimit>& limit,
                                        bool even_beyond);

  std::size_t max() const { return max_; }

 private:
  class Place;

  void EndTurn();

  const std::size_t max_;
  mutable std::mutex mutex_;
  std::size_t turns_ = 0;
  std::size_t slots_ = 0;
  std::list<Place*> waiting_;  // the longest wait first
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_CONNECTION_LIMIT_H_
