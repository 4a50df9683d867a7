#include "llmload/core/wakeup.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

namespace llmload {

namespace asio = boost::asio;

Wakeup::Wakeup(const asio::any_io_executor& executor) : state_(std::make_shared<State>()) {
  state_->timer.emplace(executor);
}

Wakeup::~Wakeup() {
  const std::lock_guard lock(state_->mutex);
  state_->timer.reset();
}

// Posts under the lock: as long as the timer is there, so is its io_context.
void Wakeup::Notifier::operator()() const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->timer || std::exchange(state_->notified, true) || !state_->waiting) return;
  asio::post(state_->timer->get_executor(), [state = state_] {
    const std::lock_guard again(state->mutex);
    if (state->timer && state->waiting) state->timer->cancel();
  });
}

asio::awaitable<bool> Wakeup::WaitUntil(TimePoint deadline) {
  while (true) {
    {
      const std::lock_guard lock(state_->mutex);
      state_->waiting = false;
      if (std::exchange(state_->notified, false)) co_return true;
      if (std::chrono::steady_clock::now() >= deadline) co_return false;
      state_->waiting = true;
      state_->timer->expires_at(deadline);
    }
    // A notifier's handler runs on this executor, and so after the wait has begun. One that comes
    // late ends a later wait, which then begins again.
    co_await state_->timer->async_wait(asio::as_tuple(asio::use_awaitable));
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
}

}  // namespace llmload
