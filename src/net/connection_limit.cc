#include "src/net/connection_limit.h"

#include <algorithm>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

namespace llmload::net {

// A place in the queue. Leaves it in whichever way the wait ends: also with the coroutine's frame,
// when the io_context is destroyed.
class ConnectionLimit::Place {
 public:
  Place(ConnectionLimit& limit, const void* context, Wakeup::Notifier wake)
      : limit_(limit), context_(context), wake_(std::move(wake)) {
    const std::lock_guard lock(limit_.mutex_);
    if (limit_.turns_ < limit_.max_) {
      ++limit_.turns_;
      state_ = State::kTurn;
    } else {
      number_ = limit_.calls_++;
      std::list<Place*>& queue = limit_.waiting_[context_];
      at_ = queue.insert(queue.end(), this);
    }
  }
  ~Place() {
    if (Leave()) limit_.EndTurn(context_);
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
    if (state_ == State::kWaiting) Dequeue();
    return std::exchange(state_, State::kLeft) == State::kTurn;
  }
  // Both are called with the lock.
  std::uint64_t number() const { return number_; }
  void GiveTurn() {
    Dequeue();
    state_ = State::kTurn;
    wake_();
  }

 private:
  enum class State : std::uint8_t { kWaiting, kTurn, kLeft };

  void Dequeue() {
    const auto queue = limit_.waiting_.find(context_);
    queue->second.erase(at_);
    if (queue->second.empty()) limit_.waiting_.erase(queue);
  }

  ConnectionLimit& limit_;
  const void* const context_;
  const Wakeup::Notifier wake_;
  State state_ = State::kWaiting;
  std::uint64_t number_ = 0;  // in order of the calls
  std::list<Place*>::iterator at_;
};

boost::asio::awaitable<std::optional<ConnectionLimit::Turn>> ConnectionLimit::WaitForTurn(
    std::shared_ptr<ConnectionLimit> limit, TimePoint deadline) {
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  const void* const context = &boost::asio::query(executor, boost::asio::execution::context);
  Wakeup wakeup(executor);
  Place place(*limit, context, wakeup.notifier());
  if (!place.HasTurn()) co_await wakeup.WaitUntil(deadline);
  if (!place.Leave()) co_return std::nullopt;
  co_return Turn(std::move(limit), context);
}

void ConnectionLimit::EndTurn(const void* context) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --turns_;
    return;
  }
  const auto longest =
      std::min_element(waiting_.begin(), waiting_.end(), [](const auto& a, const auto& b) {
        return a.second.front()->number() < b.second.front()->number();
      });
  auto next = waiting_.find(context);
  if (next == waiting_.end() || passed_over_ >= kMaxPassedOver) next = longest;
  passed_over_ = next == longest ? 0 : passed_over_ + 1;
  next->second.front()->GiveTurn();
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
