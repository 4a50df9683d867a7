// A bound of the connections of one client, over all its io_contexts.
#ifndef LLMLOAD_NET_CONNECTION_LIMIT_H_
#define LLMLOAD_NET_CONNECTION_LIMIT_H_

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

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
    Turn(std::shared_ptr<ConnectionLimit> limit, const void* context)
        : limit_(std::move(limit)), context_(context) {}
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (limit_) limit_->EndTurn(context_);
    }

   private:
    std::shared_ptr<ConnectionLimit> limit_;
    const void* context_;
  };

  /// Waits for a turn. A turn that ends goes to the longest wait in the same io_context, because
  /// the connection that has become free belongs to it; and to the longest wait of all if there is
  /// none there, or if that one has been passed over `kMaxPassedOver` times in a row. Nullopt if
  /// there is no turn until `deadline` on the steady clock. Throws only if the coroutine is
  /// cancelled, which gives up its place.
  static boost::asio::awaitable<std::optional<Turn>> WaitForTurn(
      std::shared_ptr<ConnectionLimit> limit, TimePoint deadline);

  /// Counts a connection as open for as long as the result lives. Null, and nothing is counted, if
  /// all slots are taken, unless `even_beyond`.
  static std::shared_ptr<void> TakeSlot(const std::shared_ptr<ConnectionLimit>& limit,
                                        bool even_beyond);

  std::size_t max() const { return max_; }

 private:
  class Place;

  void EndTurn(const void* context);

  static constexpr int kMaxPassedOver = 8;
  const std::size_t max_;
  mutable std::mutex mutex_;
  std::size_t turns_ = 0;
  std::size_t slots_ = 0;
  std::uint64_t calls_ = 0;
  int passed_over_ = 0;  // times in a row that a turn did not go to the longest wait of all
  // The waits of each io_context that has any, the longest one first.
  std::unordered_map<const void*, std::list<Place*>> waiting_;
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_CONNECTION_LIMIT_H_
