#include "src/net/connection_limit.h"

#include <boost/asio/this_coro.hpp>
#include <cstdint>
#include <utility>

namespace llmload::net {

// A place in the queue. Leaves it in whichever way the wait ends: also with the coroutine's frame,
// when the io_context is destroyed.
class ConnectionLimit::Place {
 public:
  Place(ConnectionLimit& limit, Wakeup::Notifier wake) : limit_(limit), wake_(std::move(wake)) {
    const std::lock_guard lock(limit_.mutex_);
    if (limit_.turns_ < limit_.max_) {
      ++limit_.turns_;
      state_ = State::kTurn;
    } else {
      at_ = limit_.waiting_.insert(limit_.waiting_.end(), this);
    }
  }
  ~Place() {
    if (Leave()) limit_.EndTurn();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  bool HasTurn() const {
    const std::lock_guard lock(limit_.mutex_);
    return state_ == State::kTurn;
  }
  // True if its turn had come, which is the caller's from now on.
  bool Leave() {
    const std::lock_guard lock(limit_.mutex_);
    if (state_ == State::kWaiting) limit_.waiting_.erase(at_);
    return std::exchange(state_, State::kLeft) == State::kTurn;
  }
  // Called with the lock, and out of the queue.
  void GiveTurn() {
    state_ = State::kTurn;
    wake_();
  }

 private:
  enum class State : std::uint8_t { kWaiting, kTurn, kLeft };

  ConnectionLimit& limit_;
  const Wakeup::Notifier wake_;
  State state_ = State::kWaiting;
  std::list<Place*>::iterator at_;
};

boost::asio::awaitable<std::optional<ConnectionLimit::Turn>> ConnectionLimit::WaitForTurn(
    std::shared_ptr<ConnectionLimit> limit, TimePoint deadline) {
  Wakeup wakeup(co_await boost::asio::this_coro::executor);
  Place place(*limit, wakeup.notifier());
  if (!place.HasTurn()) co_await wakeup.WaitUntil(deadline);
  if (!place.Leave()) co_return std::nullopt;
  co_return Turn(std::move(limit));
}

// The turn goes to the one who has waited longest.
void ConnectionLimit::EndTurn() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --turns_;
    return;
  }
  Place& next = *waiting_.front();
  waiting_.pop_front();
  next.GiveTurn();
}

std::shared_ptr<void> ConnectionLimit::TakeSlot(const std::shared_ptr<ConnectionLimit>& limit,
                                                bool even_beyond) {
  {
    const std::lock_guard lock(limit->mutex_);
    if (limit->slots_ >= limit->max_ && !even_beyond) return nullptr;
    ++limit->slots_;
  }
  return {limit.get(), [limit](void*) {
            const std::lock_guard lock(limit->mutex_);
            --limit->slots_;
          }};
}

}  // namespace llmload::net
