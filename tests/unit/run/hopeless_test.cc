// Targets without hope: before the load, and from some instant of the run on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "tests/support/run_in.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// Answers after 100 ms, or after what `delay` says, with what `outcome` says at that instant.
class ScriptedProvider final : public Provider {
 public:
  using Outcome = std::function<Result<Completion>(Duration since_begin)>;

  ScriptedProvider(Clock& clock, Outcome outcome, Duration delay = 100ms)
      : clock_(clock), begin_(clock.Now()), outcome_(std::move(outcome)), delay_(delay) {}
  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    ++calls;
    co_await clock_.SleepFor(delay_);
    co_return outcome_(clock_.Now() - begin_);
  }

  int calls = 0;

 private:
  const ProviderIdentity identity_{.name = "scripted"};
  Clock& clock_;
  const TimePoint begin_;
  const Outcome outcome_;
  const Duration delay_;
};

Error Failure(ErrorKind kind, int status, std::string message = "said the service") {
  return {.kind = kind, .message = std::move(message), .http_status = status};
}

TargetCheck Check(VirtualClock& clock, const std::shared_ptr<ScriptedProvider>& provider,
                  const OnTargetWait& on_wait = {}) {
  return CheckTarget({.provider = provider, .url = "https://gateway.test/v1"}, {}, clock, on_wait);
}

TEST(FirstQuestion, IsAskedThreeTimesOfAServiceThatAnswersWithErrorsOnly) {
  VirtualClock clock;
  const auto provider = std::make_shared<ScriptedProvider>(
      clock, [](Duration) { return Failure(ErrorKind::kOverloaded, 503); });
  const TimePoint begin = clock.Now();
  const TargetCheck check = Check(clock, provider);
  EXPECT_EQ(check.state, TargetState::kUnavailable);
  EXPECT_THAT(check.message,
              StartsWith("target unavailable: https://gateway.test/v1 answers 503 to everything "
                         "(asked 3 times): overloaded, HTTP 503: said the service; "));
  EXPECT_EQ(provider->calls, 3);
  EXPECT_LT(clock.Now() - begin, 3s);
}

TEST(FirstQuestion, IsContentWithAServiceWhoseErrorPasses) {
  VirtualClock clock;
  const auto provider =
      std::make_shared<ScriptedProvider>(clock, [](Duration since) -> Result<Completion> {
        if (since < 1s) return Failure(ErrorKind::kServerError, 500);
        return Completion{};
      });
  EXPECT_EQ(Check(clock, provider).state, TargetState::kReady);
  EXPECT_EQ(provider->calls, 3);
}

TEST(FirstQuestion, IsAskedTwiceOfAServiceThatFailsSlowlyAndOnceOfAVerySlowOne) {
  for (const auto& [after, calls] : {std::pair(9s, 2), {10s, 1}}) {
    VirtualClock clock;
    const auto provider = std::make_shared<ScriptedProvider>(
        clock, [](Duration) { return Failure(ErrorKind::kServerError, 504); }, after);
    EXPECT_EQ(Check(clock, provider).state, TargetState::kUnavailable);
    EXPECT_EQ(provider->calls, calls);
  }
}

TEST(FirstQuestion, IsAskedOnceWhereNoRepeatHelps) {
  for (const Error& error :
       {Failure(ErrorKind::kCredential, 401), Failure(ErrorKind::kInvalidRequest, 404),
        Failure(ErrorKind::kUnexpectedRedirect, 302), Failure(ErrorKind::kQuotaExhausted, 429),
        Failure(ErrorKind::kMalformedResponse, 200, "the answer is HTML: \"Sign in\""),
        Failure(ErrorKind::kTlsFailure, 0), Failure(ErrorKind::kConnectFailure, 0),
        Failure(ErrorKind::kFirstTokenTimeout, 0)}) {
    VirtualClock clock;
    const auto provider =
        std::make_shared<ScriptedProvider>(clock, [&error](Duration) { return error; });
    const TargetCheck check = Check(clock, provider);
    EXPECT_NE(check.state, TargetState::kReady) << Describe(error);
    EXPECT_THAT(check.message, AllOf(HasSubstr(Describe(error)), Not(HasSubstr("\n"))));
    EXPECT_EQ(provider->calls, 1) << Describe(error);
  }
}

TEST(FirstQuestion, ToleratesWhatOtherRequestsNeedNotShare) {
  for (const ErrorKind kind : {ErrorKind::kRateLimited, ErrorKind::kContentFilter}) {
    VirtualClock clock;
    const auto provider =
        std::make_shared<ScriptedProvider>(clock, [kind](Duration) { return Failure(kind, 429); });
    EXPECT_EQ(Check(clock, provider).state, TargetState::kReady);
    EXPECT_EQ(provider->calls, 1);
  }
}

TEST(FirstQuestion, SaysThatItWaits) {
  VirtualClock clock;
  const auto provider = std::make_shared<ScriptedProvider>(
      clock, [](Duration) { return Completion{}; }, 9s);
  std::vector<Duration> signs;
  Check(clock, provider, [&](const TargetWait& wait) {
    EXPECT_EQ(wait.url, "https://gateway.test/v1");
    EXPECT_GE(wait.limit, 9s);
    signs.push_back(wait.so_far);
  });
  EXPECT_THAT(signs, ElementsAre(2s, 4s, 8s));
  signs.clear();
  const auto quick = std::make_shared<ScriptedProvider>(
      clock, [](Duration) { return Completion{}; }, 1s);
  Check(clock, quick, [&](const TargetWait& wait) { signs.push_back(wait.so_far); });
  EXPECT_THAT(signs, IsEmpty());
}

TEST(FirstQuestion, TellsObserversThatItWaits) {
  struct Waiting final : RunObserver {
    void OnWait(const TargetWait& wait) override { signs.push_back(wait.so_far); }
    std::vector<Duration> signs;
  };
  VirtualClock clock;
  Waiting waiting;
  Runner runner(clock);
  runner.AddObserver(waiting);
  RunPlan plan;
  plan.lanes = {{.target = {.provider = std::make_shared<ScriptedProvider>(
                                clock, [](Duration) { return Completion{}; }, 3s)}}};
  runner.CheckTargets(plan);
  EXPECT_THAT(waiting.signs, ElementsAre(2s));
}

TEST(HopelessRun, EndsByItsAbortRuleAndNamesTheCause) {
  const World world = VirtualWorld([](Clock& clock) {
    return Lane{.target = {.provider = std::make_shared<ScriptedProvider>(
                               clock, [](Duration since) -> Result<Completion> {
                                 if (since < 10s) return Completion{};
                                 return Failure(ErrorKind::kMalformedResponse, 200,
                                                "the answer is HTML: \"Down for maintenance\"");
                               })}};
  });
  RunPlan plan;
  plan.name = "plan";
  plan.load = OpenLoop{.rate_per_second = 20, .duration = 60s};
  plan.criteria = {SuccessRate() >= 0.99};
  plan.stop.abort_when = {ParseAbortRule("--abort-when", "failures>50% over 5s")};
  const RunReport report = RunIn(world, plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kFail);
  EXPECT_GT(report.record.duration, 10s);
  EXPECT_LE(report.record.duration, 15s);
  EXPECT_THAT(Explain(report.judgement),
              AllOf(StartsWith("The run was hopeless and was ended: "),
                    HasSubstr("requests failed: malformed_response (the answer is HTML: \"Down for "
                              "maintenance\"). ")));
}

}  // namespace
}  // namespace llmload
