#include "llmload/core/clock.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace llmload {

SystemClock& SystemClock::Instance() {
  static SystemClock instance;
  return instance;
}

boost::asio::awaitable<void> SystemClock::SleepUntil(TimePoint deadline) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, deadline);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

bool SystemClock::Run(boost::asio::io_context& context) {
  context.run();
  return true;
}

}  // namespace llmload
