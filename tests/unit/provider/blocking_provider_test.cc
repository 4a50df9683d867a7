#include "llmload/provider/blocking_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>

#include "llmload/core/environment.h"
#include "tests/support/provider_caller.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::ProviderCaller;
using test_support::RealTimeIn;
using test_support::RecordingObserver;
using test_support::Stopwatch;
using test_support::TestRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Completion Text(std::string text) {
  Completion completion;
  completion.text = std::move(text);
  return completion;
}

class BlockingProviderTest : public ::testing::Test {
 protected:
  static Error ErrorOf(Result<Completion> result) {
    if (result.has_error()) return std::move(result).error();
    ADD_FAILURE() << "expected an error, got \"" << result->text << "\"";
    return {};
  }
  static Completion ValueOf(Result<Completion> result) {
    if (result.has_value()) return std::move(result).value();
    ADD_FAILURE() << Describe(result.error());
    return {};
  }

  ProviderCaller caller_;
};

TEST_F(BlockingProviderTest, AnswersOnAThreadOfItsOwn) {
  std::thread::id thread;
  BlockingProvider provider(
      [&](const CompletionRequest& request, BlockingCall&) -> Result<Completion> {
        thread = std::this_thread::get_id();
        return Text("re: " + request.messages.at(0).content);
      },
      {.identity = {.name = "mine", .region = "here"}});
  const Completion answer = ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_NE(thread, std::this_thread::get_id());
  EXPECT_EQ(answer.text, "re: Hello");
  EXPECT_EQ(answer.provider, "mine");
  ASSERT_EQ(answer.attempts.size(), 1u);
  EXPECT_EQ(answer.attempts[0].region, "here");
  EXPECT_TRUE(answer.timings.connection_wait && answer.timings.completed && answer.timings.sent);
  EXPECT_FALSE(answer.timings.first_token);
}

TEST_F(BlockingProviderTest, DeliversTokensOnTheCallersThreadBeforeItReturns) {
  BlockingProvider provider([](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
    call.OnToken("hm", TokenKind::kReasoning);
    call.OnToken("");
    std::this_thread::sleep_for(20ms);
    call.OnToken("a");
    call.OnToken("b");
    return Completion{};
  });
  RecordingObserver observer;
  const Completion answer = ValueOf(caller_.Call(provider, TestRequest(true), &observer));
  EXPECT_THAT(observer.texts, ElementsAre("hm", "a", "b"));
  EXPECT_EQ(answer.text, "ab");
  EXPECT_EQ(answer.token_events, 3);
  EXPECT_EQ(answer.usage.output, 3);
  EXPECT_EQ(answer.token_source, TokenSource::kCountedEvents);
  EXPECT_EQ(answer.timings.first_token, observer.instants.front());
  EXPECT_GE(*answer.timings.first_output_token - *answer.timings.first_token, 20ms);
  EXPECT_EQ(answer.timings.last_token, observer.instants.back());

  observer.texts.clear();
  EXPECT_EQ(ValueOf(caller_.Call(provider, TestRequest(false), &observer)).text, "");
  EXPECT_TRUE(observer.texts.empty());
}

TEST_F(BlockingProviderTest, MakesAnExceptionAnInternalError) {
  BlockingProvider provider(
      [](const CompletionRequest& request, BlockingCall& call) -> Result<Completion> {
        call.OnToken("a");
        if (request.stream) throw std::runtime_error("broken client");
        throw 7;
      });
  const Error error = ErrorOf(caller_.Call(provider, TestRequest(true)));
  EXPECT_EQ(error.kind, ErrorKind::kInternal);
  EXPECT_THAT(error.message, HasSubstr("broken client"));
  EXPECT_TRUE(error.after_first_token);
  EXPECT_EQ(error.partial_text, "a");
  ASSERT_EQ(error.attempts.size(), 1u);
  EXPECT_EQ(error.attempts[0].error, ErrorKind::kInternal);
  EXPECT_EQ(ErrorOf(caller_.Call(provider, TestRequest(false))).kind, ErrorKind::kInternal);
}

TEST_F(BlockingProviderTest, EndsACallAtItsDeadlineAlthoughTheThreadIsBlocked) {
  std::latch release(1);
  std::atomic<int> ended{0};
  BlockingProvider provider(
      [&](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
        EXPECT_TRUE(call.Deadline());
        release.wait();
        call.OnToken("too late");
        ++ended;
        return Text("too late");
      });
  CompletionRequest request = TestRequest(true);
  request.deadline = RealTimeIn(50ms);
  RecordingObserver observer;
  const Error error = ErrorOf(caller_.Call(provider, request, &observer));
  EXPECT_EQ(error.kind, ErrorKind::kTotalTimeout);
  EXPECT_EQ(ended, 0);
  release.count_down();
  test_support::WaitUntil([&] { return ended == 1; });
  EXPECT_TRUE(observer.texts.empty());
}

TEST_F(BlockingProviderTest, CallsNothingAfterTheDeadline) {
  std::atomic<int> calls{0};
  BlockingProvider provider([&](const CompletionRequest&, BlockingCall&) -> Result<Completion> {
    ++calls;
    return Text("");
  });
  CompletionRequest request = TestRequest(false);
  request.deadline = RealTimeIn(-1ms);
  EXPECT_EQ(ErrorOf(caller_.Call(provider, request)).kind, ErrorKind::kTotalTimeout);
  EXPECT_EQ(calls, 0);
}

TEST_F(BlockingProviderTest, LetsACallBeCancelledAndAsksTheFunctionToStop) {
  std::atomic<bool> begun{false};
  std::atomic<bool> stopped{false};
  BlockingProvider provider(
      [&](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
        begun = true;
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        never.wait(lock, call.StopToken(), [] { return false; });
        stopped = true;
        return Text("");
      });
  EXPECT_TRUE(caller_.CallAndCancel(provider, TestRequest(false), [&] { return begun.load(); }));
  test_support::WaitUntil([&] { return stopped.load(); });
  begun = stopped = false;
  ProviderCaller::CallAndAbandon(provider, TestRequest(false), 30ms);
  test_support::WaitUntil([&] { return stopped.load() || !begun.load(); });
}

TEST_F(BlockingProviderTest, LetsCallsWaitForAThreadInOrder) {
  std::mutex mutex;
  int at_once = 0;
  int most = 0;
  BlockingProvider provider(
      [&](const CompletionRequest&, BlockingCall&) -> Result<Completion> {
        {
          const std::lock_guard lock(mutex);
          most = std::max(most, ++at_once);
        }
        std::this_thread::sleep_for(20ms);
        const std::lock_guard lock(mutex);
        --at_once;
        return Text("");
      },
      {.threads = 2});
  auto results = caller_.CallTogether(provider, TestRequest(false), 6);
  EXPECT_EQ(most, 2);
  EXPECT_GE(*ValueOf(results[4]).timings.connection_wait, 30ms);
}

TEST_F(BlockingProviderTest, WaitsForItsThreadsWhenItGoes) {
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  auto provider = std::make_unique<BlockingProvider>(
      [&](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
        begun = true;
        while (!call.StopToken().stop_requested()) std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(20ms);
        ended = true;
        return Text("");
      },
      BlockingOptions{.threads = 1});
  std::thread caller([&, &borrowed = *provider] {
    ProviderCaller own;
    const auto results = own.CallTogether(borrowed, TestRequest(false), 2);
    EXPECT_TRUE(results[0].has_value());
    EXPECT_EQ(results[1].has_error() ? results[1].error().kind : ErrorKind::kInternal,
              ErrorKind::kCancelled);
  });
  test_support::WaitUntil([&] { return begun.load(); });
  std::this_thread::sleep_for(20ms);  // for the second call to be in the queue
  provider.reset();
  EXPECT_TRUE(ended);
  caller.join();
}

TEST_F(BlockingProviderTest, MayBeCalledByAStopCallbackWhenItGoes) {
  std::atomic<bool> begun{false};
  std::atomic<bool> refused{false};
  BlockingProvider* self = nullptr;
  auto provider = std::make_unique<BlockingProvider>(
      [&](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
        const std::stop_callback stopped(call.StopToken(), [&] {
          refused = ProviderCaller().Call(*self, TestRequest(false)).has_error();
        });
        begun = true;
        while (!call.StopToken().stop_requested()) std::this_thread::sleep_for(1ms);
        return Text("");
      },
      BlockingOptions{.threads = 1});
  self = provider.get();
  std::thread caller([&] { ValueOf(ProviderCaller().Call(*self, TestRequest(false))); });
  test_support::WaitUntil([&] { return begun.load(); });
  provider.reset();
  EXPECT_TRUE(refused);
  caller.join();
}

TEST_F(BlockingProviderTest, RefusesOptionsThatMakeNoSense) {
  const BlockingFunction function = [](const CompletionRequest&, BlockingCall&) {
    return Result<Completion>(Text(""));
  };
  EXPECT_THROW(BlockingProvider(nullptr), ConfigurationError);
  EXPECT_THROW(BlockingProvider(function, {.threads = 0}), ConfigurationError);
  EXPECT_THROW(BlockingProvider(function, {.threads = 10'001}), ConfigurationError);
  EXPECT_THROW(BlockingProvider(function, {.identity = {.name = ""}}), ConfigurationError);
}

}  // namespace
}  // namespace llmload
