// Tests in virtual time: run a coroutine to its end in no time at all.
#ifndef LLMLOAD_MOCKS_VIRTUAL_TIME_H_
#define LLMLOAD_MOCKS_VIRTUAL_TIME_H_

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "llmload/core/virtual_clock.h"
#include "llmload/provider/provider.h"

namespace llmload::mocks {

/// Runs `task` under `clock` until everything it started has ended, and returns its value. Fails
/// the current test if a coroutine is left over that waits for something no timer will bring.
template <class T>
T RunInVirtualTime(VirtualClock& clock, boost::asio::awaitable<T> task) {
  boost::asio::io_context context(1);
  std::exception_ptr failure;
  std::optional<T> value;
  boost::asio::co_spawn(context, std::move(task),
                        [&](std::exception_ptr thrown, std::optional<T> result) {
                          failure = thrown;
                          value = std::move(result);
                        });
  EXPECT_TRUE(clock.Run(context)) << "a coroutine is left over: it waits for something other than "
                                     "the clock";
  if (failure) std::rethrow_exception(failure);
  if (!value) throw std::logic_error("the task did not end");
  return std::move(*value);
}

inline void RunInVirtualTime(VirtualClock& clock, boost::asio::awaitable<void> task) {
  auto with_value = [](boost::asio::awaitable<void> inner) -> boost::asio::awaitable<bool> {
    co_await std::move(inner);
    co_return true;
  };
  RunInVirtualTime(clock, with_value(std::move(task)));
}

/// A fixture with a virtual clock:
///
///   TEST_F(VirtualTimeTest, AnswersFromTheFallback) {
///     ...
///     const auto answer = Ask(failover, request);
///     EXPECT_THAT(answer, AnsweredBy("local"));
///   }
class VirtualTimeTest : public ::testing::Test {
 protected:
  VirtualClock& clock() { return clock_; }
  /// Time since the test began.
  Duration elapsed() const { return clock_.Now() - start_; }

  template <class T>
  auto Run(boost::asio::awaitable<T> task) {
    return RunInVirtualTime(clock_, std::move(task));
  }

  /// Asks `provider` and waits for the answer in virtual time.
  Result<Completion> Ask(Provider& provider, const CompletionRequest& request,
                         StreamObserver* observer = nullptr) {
    return Run(provider.Complete(request, observer));
  }

 private:
  VirtualClock clock_;
  const TimePoint start_ = clock_.Now();
};

}  // namespace llmload::mocks

#endif  // LLMLOAD_MOCKS_VIRTUAL_TIME_H_
