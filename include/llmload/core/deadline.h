// A deadline around any awaitable, in real or virtual time.
#ifndef LLMLOAD_CORE_DEADLINE_H_
#define LLMLOAD_CORE_DEADLINE_H_

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <optional>
#include <utility>

#include "llmload/core/clock.h"

namespace llmload {

/// Runs `operation` until `deadline`. Returns its value, or nothing if the deadline came first;
/// then the operation has been cancelled (terminal) and has ended. An exception from `operation` is
/// rethrown.
template <class T>
boost::asio::awaitable<std::optional<T>> RunUntilDeadline(Clock& clock, TimePoint deadline,
                                                          boost::asio::awaitable<T> operation) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto outcome = co_await (std::move(operation) || clock.SleepUntil(deadline));
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  co_return std::nullopt;
}

}  // namespace llmload

#endif  // LLMLOAD_CORE_DEADLINE_H_
