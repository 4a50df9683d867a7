// A deadline around any awaitable, in real or virtual time.
#ifndef LLMLOAD_CORE_DEADLINE_H_
#define LLMLOAD_CORE_DEADLINE_H_

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <utility>
#include <variant>

#include "llmload/core/clock.h"
#include "llmload/core/race.h"

namespace llmload {

/// Runs `operation` until `deadline`. Returns its value, or nullopt if the deadline came
/// first; then the operation has been cancelled (terminal) and has ended. What `operation` throws
/// is rethrown at once, and cancellation from outside reaches it. The executor must be serial.
template <class T>
boost::asio::awaitable<std::optional<T>> RunUntilDeadline(Clock& clock, TimePoint deadline,
                                                          boost::asio::awaitable<T> operation) {
  auto alarm = [](Clock& on, TimePoint at) -> boost::asio::awaitable<std::monostate> {
    co_await on.SleepUntil(at);
    co_return std::monostate();
  };
  auto outcome = co_await Race(std::move(operation), alarm(clock, deadline));
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  co_return std::nullopt;
}

}  // namespace llmload

#endif  // LLMLOAD_CORE_DEADLINE_H_
