// Which answers are taken for wrong ones, and what becomes of their requests.
#include "llmload/load/answer_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/resilience/circuit_breaker_provider.h"
#include "llmload/run/documented_plans.h"
#include "llmload/run/runner.h"
#include "llmload/world/world.h"
#include "src/core/text/echo_code.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kRight = "(right)";

std::string Fault(const AnswerCheck& check, const std::string& text,
                  const std::string& finish_reason = "stop") {
  Completion answer;
  answer.text = text;
  answer.finish_reason = finish_reason;
  return check.WhatIsWrong({}, answer).value_or(kRight);
}

TEST(AnswerCheck, APatternMayMatchAnyPartOfTheText) {
  EXPECT_EQ(Fault(AnswerMatches("b+c"), "a\nbbc d"), kRight);
  EXPECT_EQ(Fault(AnswerMatches("^[0-9]+$"), "42"), kRight);
  EXPECT_EQ(Fault(AnswerMatches("^[0-9]+$"), "42\n43"), "the answer does not match the pattern");
  EXPECT_EQ(Fault(AnswerMatches("."), ""), "the answer is empty, and does not match the pattern");
}

TEST(AnswerCheck, APatternThatIsNoneIsRefusedWithItsPlace) {
  try {
    ParseAnswerCheck("--expect-answer", "regex:a(b");
    FAIL() << "accepted";
  } catch (const ConfigurationError& refused) {
    EXPECT_THAT(refused.what(),
                AllOf(HasSubstr("--expect-answer"), HasSubstr("a(b"), HasSubstr("at character 4")));
  }
}

TEST(AnswerCheck, APatternThatTakesForEverEndsAsAFaultOfItsOwn) {
  const std::string text(60, 'a');
  EXPECT_THAT(Fault(AnswerMatches("^(a+)+(a+)+(a+)+$"), text + "b"),
              ::testing::AnyOf(HasSubstr("too complex"), HasSubstr("does not match")));
}

TEST(AnswerCheck, JsonIsOneWholeObjectOrArray) {
  for (const char* text : {"{}", " [1, 2]\n", R"({"a": {"b": null}})"}) {
    EXPECT_EQ(Fault(AnswerIsJson(), text), kRight) << text;
  }
  EXPECT_EQ(Fault(AnswerIsJson(), ""), "the answer is empty, and not JSON");
  EXPECT_THAT(Fault(AnswerIsJson(), "```json\n{}\n```"), HasSubstr("backquote"));
  EXPECT_THAT(Fault(AnswerIsJson(), "Here you are: {}"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Fault(AnswerIsJson(), "42"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Fault(AnswerIsJson(), "{\"a\": ", "length"), HasSubstr("limit of output tokens"));
  EXPECT_THAT(Fault(AnswerIsJson(), "{\"a\": "), HasSubstr("malformed"));
  EXPECT_THAT(Fault(AnswerIsJson(), "{} {}"), HasSubstr("malformed"));
}

TEST(AnswerCheck, AnEchoHasTheCodeOfItsOwnPrompt) {
  CompletionRequest request;
  request.messages = {{.role = Role::kUser, .content = "Say something."},
                      {.role = Role::kAssistant, .content = "Go on."}};
  const std::string code = text::EchoCode(123456789);
  text::AppendEchoRequest(request.messages[0].content, code);
  const auto fault = [&](const std::string& text) {
    Completion answer;
    answer.text = text;
    return AnswerEchoes().WhatIsWrong(request, answer).value_or(kRight);
  };
  EXPECT_EQ(fault("The code is " + code + "."), kRight);
  EXPECT_EQ(fault(text::EchoCode(987654321)), "the answer has the code of another request");
  EXPECT_EQ(fault("SORRY, I CANNOT"), "the answer does not repeat its prompt's code");
  EXPECT_EQ(fault(""), "the answer is empty, and does not repeat its prompt's code");
}

TEST(EchoCode, CodesDifferAndAreFoundWhereTheyWereAskedFor) {
  std::set<std::string> codes;
  for (std::uint64_t bits = 0; bits < 1000; ++bits) {
    const std::string code = text::EchoCode(bits * 0x9e3779b97f4a7c15U);
    std::string prompt = "hello";
    text::AppendEchoRequest(prompt, code);
    EXPECT_EQ(text::EchoCodeAtEnd(prompt), code);
    EXPECT_EQ(text::LastEchoCode("{\"a\": \"" + prompt + "\"}"), code);
    EXPECT_TRUE(text::HasSomeEchoCode("so " + code + "!"));
    codes.insert(code);
  }
  EXPECT_GE(codes.size(), 999u);
  EXPECT_EQ(text::EchoCodeAtEnd("hello"), "");
  EXPECT_EQ(text::LastEchoCode("Begin your answer with the code what"), "");
  EXPECT_FALSE(text::HasSomeEchoCode("nothing of 1234567 or GATEWAY"));
}

TEST(AnswerCheck, SpecsAreReadOrRefusedWithWhatIsAccepted) {
  EXPECT_EQ(ParseAnswerCheck("x", "json").description(), "is JSON");
  EXPECT_EQ(ParseAnswerCheck("x", "regex:a").description(), "matches a");
  EXPECT_TRUE(ParseAnswerCheck("x", "echo").needs_codes());
  for (const char* text : {"", "JSON", "regex:", "regexp:a"}) {
    try {
      ParseAnswerCheck("--expect-answer", text);
      FAIL() << text << " was accepted";
    } catch (const ConfigurationError& refused) {
      EXPECT_THAT(refused.what(),
                  AllOf(HasSubstr("--expect-answer"), HasSubstr("json, echo or regex:PATTERN")));
    }
  }
}

// A gateway that mixes up some answers: each that is to be swapped takes the text of the one
// before.
class SwappingProvider final : public Provider {
 public:
  SwappingProvider(std::shared_ptr<Provider> inner, std::size_t every)
      : inner_(std::move(inner)), every_(every) {}
  const ProviderIdentity& Identity() const noexcept override { return inner_->Identity(); }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override {
    Result<Completion> answer = co_await inner_->Complete(request, observer);
    if (answer.has_error()) co_return answer;
    ++answers_;
    std::string mine = answer->text;
    if (answers_ % every_ == 0) answer->text = last_;
    last_ = std::move(mine);
    co_return answer;
  }

 private:
  const std::shared_ptr<Provider> inner_;
  const std::size_t every_;
  std::size_t answers_ = 0;
  std::string last_;
};

RunPlan PlanOfChecks(std::vector<AnswerCheck> checks) {
  RunPlan plan;
  plan.load = OpenLoop{.rate_per_second = 200, .duration = 50s};
  plan.request = {.model = "m", .max_tokens = 16, .stream = true};
  plan.criteria = {SuccessRate() >= 0.9};
  plan.answer_checks = std::move(checks);
  return plan;
}

TEST(AnswerCheck, AGatewayThatSwapsOneAnswerInAThousandIsCaught) {
  World world = VirtualWorld(simulation::SimulationOptions{});
  world.lanes[0].target.provider =
      std::make_shared<SwappingProvider>(world.lanes[0].target.provider, 1000);
  const RunReport report = Runner(world.clock()).Run(world.Furnish(PlanOfChecks({AnswerEchoes()})));
  const MetricsSnapshot& metrics = report.record.metrics;
  EXPECT_EQ(metrics[Counter::kFailed], 10u);
  EXPECT_EQ(metrics[Counter::kSucceeded], 9990u);
  EXPECT_EQ(metrics[ErrorKind::kWrongAnswer].count, 10u);
  EXPECT_EQ(CheckAccounting(metrics), std::nullopt);
  // To the provider they were answers.
  ASSERT_EQ(metrics.providers.size(), 1u);
  EXPECT_EQ(metrics.providers[0].successes, 10'000u);
  EXPECT_EQ(metrics.providers[0].failures, 0u);
}

TEST(AnswerCheck, WithoutSwapsEveryAnswerEchoes) {
  World world = VirtualWorld(simulation::SimulationOptions{});
  const RunReport report = Runner(world.clock()).Run(world.Furnish(PlanOfChecks({AnswerEchoes()})));
  EXPECT_EQ(report.record.metrics[Counter::kSucceeded], 10'000u);
  const auto& details = report.record.configuration.details;
  EXPECT_EQ(std::count(details.begin(), details.end(),
                       Detail{.name = "a right answer",
                              .value = "repeats the code at the end of its prompt"}),
            1);
}

TEST(AnswerCheck, ABreakerDoesNotCountWrongAnswers) {
  World world = VirtualWorld(simulation::SimulationOptions{});
  auto breaker = std::make_shared<CircuitBreaker>(
      "b", CircuitBreakerOptions{.consecutive_failures = 1}, world.clock());
  world.lanes[0].target.provider =
      std::make_shared<CircuitBreakerProvider>(world.lanes[0].target.provider, breaker);
  const RunReport report =
      Runner(world.clock())
          .Run(world.Furnish(PlanOfChecks({AnswerMatches("what the simulation never says")})));
  EXPECT_EQ(report.record.metrics[ErrorKind::kWrongAnswer].count, 10'000u);
  EXPECT_EQ(report.record.metrics[ErrorKind::kCircuitOpen].count, 0u);
  EXPECT_EQ(breaker->Snapshot().state, BreakerState::kClosed);
}

TEST(AnswerCheck, ACheckThatThrowsIsABugOfTheCheck) {
  World world = VirtualWorld(simulation::SimulationOptions{});
  RunPlan plan = PlanOfChecks({AnswerCheck(
      "is checked", [](const CompletionRequest&, const Completion&) -> std::optional<std::string> {
        throw std::runtime_error("no such table");
      })});
  plan.load = OpenLoop{.rate_per_second = 10, .duration = 10s};
  const RunReport report = Runner(world.clock()).Run(world.Furnish(plan));
  EXPECT_EQ(report.record.metrics[ErrorKind::kInternal].count, 100u);
}

TEST(AnswerCheck, AnEmptySentenceIsAWrongAnswerTooAndAnyExceptionIsCounted) {
  int calls = 0;
  World world = VirtualWorld(simulation::SimulationOptions{});
  RunPlan plan = PlanOfChecks({AnswerCheck(
      "is checked",
      [&calls](const CompletionRequest&, const Completion&) -> std::optional<std::string> {
        if (++calls % 2 == 0) throw 42;  // NOLINT(hicpp-exception-baseclass): what users may throw
        return "";
      })});
  plan.load = OpenLoop{.rate_per_second = 10, .duration = 10s};
  const RunReport report = Runner(world.clock()).Run(world.Furnish(plan));
  EXPECT_EQ(report.record.metrics[ErrorKind::kWrongAnswer].count, 50u);
  EXPECT_EQ(report.record.metrics[ErrorKind::kInternal].count, 50u);
  EXPECT_EQ(CheckAccounting(report.record.metrics), std::nullopt);
}

TEST(AnswerCheck, ABoundWithoutRoomForTheCodeIsRefused) {
  World world = VirtualWorld(simulation::SimulationOptions{});
  RunPlan plan = PlanOfChecks({AnswerEchoes()});
  plan.request.max_tokens = 4;
  try {
    Runner(world.clock()).Run(world.Furnish(plan));
    FAIL() << "accepted";
  } catch (const ConfigurationError& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("answer_checks: the bound of 4 output tokens"));
  }
}

}  // namespace
}  // namespace llmload
