// The first of two coroutines to end, with the other cancelled and awaited.
#ifndef LLMLOAD_CORE_RACE_H_
#define LLMLOAD_CORE_RACE_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/cancellation_condition.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace llmload {

namespace detail {
// Asio wants the result of a coroutine in a group to be default-constructible.
template <class T>
boost::asio::awaitable<std::optional<T>> AsOptional(boost::asio::awaitable<T> task) {
  co_return co_await std::move(task);
}
}  // namespace detail

/// Runs both on the caller's executor, which must be serial. Returns the result of the one that
/// ends first, or rethrows what it threw; by then the other one has been cancelled (terminal) and
/// has ended. Unlike Asio's
/// `operator||`, an exception ends the race, and a cancelled race throws what the coroutines threw.
template <class T, class U>
boost::asio::awaitable<std::variant<T, U>> Race(boost::asio::awaitable<T> left,
                                                boost::asio::awaitable<U> right) {
  namespace asio = boost::asio;
  const auto executor = co_await asio::this_coro::executor;
  auto [order, left_thrown, left_value, right_thrown, right_value] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, detail::AsOptional(std::move(left)), asio::deferred),
          asio::co_spawn(executor, detail::AsOptional(std::move(right)), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(asio::cancellation_type::terminal),
                      asio::use_awaitable);
  using Winner = std::variant<T, U>;
  if (order[0] == 0) {
    if (left_thrown) std::rethrow_exception(left_thrown);
    co_return Winner(std::in_place_index<0>, std::move(*left_value));
  }
  if (right_thrown) std::rethrow_exception(right_thrown);
  co_return Winner(std::in_place_index<1>, std::move(*right_value));
}

}  // namespace llmload

#endif  // LLMLOAD_CORE_RACE_H_
