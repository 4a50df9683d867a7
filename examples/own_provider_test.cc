// A provider of your own: an inference engine in your process, with no HTTP in sight. The
// conformance kit proves that it keeps the promises of `Provider`, and a load test of its own runs
// in virtual time.
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "llmload/core/deadline.h"
#include "llmload/testing/open_loop_test.h"
#include "llmload/testing/provider_conformance.h"

namespace {

using namespace llmload;
using namespace std::chrono_literals;
namespace asio = boost::asio;

// Your client library: how the engine's work ends, in its own words.
enum class EngineStatus { kDone, kBusy, kBadPrompt, kWorkerLost };

// Your engine. This one only says what it will do.
struct Engine {
  Duration first_word = 50ms;
  Duration next_word = 5ms;
  int words = 4;
  EngineStatus status = EngineStatus::kDone;
  bool silent = false;  ///< after the words: it never ends
};

//! [own provider]
class EngineProvider final : public Provider {
 public:
  EngineProvider(Engine engine, Clock& clock) : engine_(engine), clock_(clock) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }

  asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                               StreamObserver* observer) override {
    Attempt attempt{.provider = identity_.name, .model = request.model, .started = clock_.Now()};
    Completion answer;  // as far as it came, whatever ends the call
    auto words = Generate(request, observer, answer);
    std::optional<EngineStatus> status;
    if (request.deadline) {
      status = co_await RunUntilDeadline(clock_, *request.deadline, std::move(words));
    } else {
      status = co_await std::move(words);
    }
    attempt.finished = clock_.Now();
    attempt.output_tokens = answer.usage.output;
    if (status == EngineStatus::kDone) {
      answer.attempts.push_back(std::move(attempt));
      co_return answer;
    }
    Error error{.kind = KindOf(status), .message = "the engine did not finish"};
    error.provider = identity_.name;
    error.after_first_token = answer.token_events > 0;
    error.partial_text = request.stream ? answer.text : "";
    error.partial_tokens = answer.token_events;
    attempt.error = error.kind;
    error.attempts.push_back(std::move(attempt));
    co_return error;
  }

 private:
  // Callers decide by the kind: another provider for an engine that is busy, none for a bad prompt.
  static ErrorKind KindOf(std::optional<EngineStatus> status) {
    if (!status) return ErrorKind::kTotalTimeout;
    if (*status == EngineStatus::kBusy) return ErrorKind::kOverloaded;
    if (*status == EngineStatus::kBadPrompt) return ErrorKind::kInvalidRequest;
    return ErrorKind::kConnectionReset;
  }

  // All waiting is on the clock: then cancellation and virtual time work by themselves.
  asio::awaitable<EngineStatus> Generate(const CompletionRequest& request, StreamObserver* observer,
                                         Completion& answer) {
    answer.provider = identity_.name;
    answer.model = request.model;
    answer.finish_reason = "stop";
    co_await clock_.SleepFor(engine_.first_word);
    for (int i = 0; i < engine_.words; ++i) {
      if (i > 0) co_await clock_.SleepFor(engine_.next_word);
      const std::string word = "word" + std::to_string(i) + " ";
      answer.text += word;
      ++answer.usage.output;
      if (!request.stream) continue;
      ++answer.token_events;
      const TimePoint now = clock_.Now();
      if (i == 0) answer.timings.first_token = answer.timings.first_output_token = now;
      answer.timings.last_token = now;
      if (observer != nullptr) observer->OnToken({.text = word, .at = now});
    }
    if (engine_.silent) co_await clock_.SleepUntil(TimePoint::max());
    answer.timings.completed = clock_.Now();
    co_return engine_.status;
  }

  const Engine engine_;
  Clock& clock_;
  const ProviderIdentity identity_{.name = "engine", .region = {}, .credential = {}};
};
//! [own provider]

//! [conformance]
ConformanceFactory That(Engine does) {
  return [does](Clock& clock) {
    return ConformanceTarget{.provider = std::make_shared<EngineProvider>(does, clock)};
  };
}

ConformanceSubject EngineSubject() {
  ConformanceSubject subject;
  subject.virtual_time = true;
  subject.healthy = That({});
  subject.slow = That({.first_word = 200ms});
  subject.hanging = That({.words = 0, .silent = true});
  subject.stalling = That({.words = 2, .silent = true});
  subject.breaking = That({.words = 2, .status = EngineStatus::kWorkerLost});
  subject.failures = {ErrorKind::kOverloaded, ErrorKind::kInvalidRequest};
  subject.failing = [](Clock& clock, ErrorKind kind) {
    const bool busy = kind == ErrorKind::kOverloaded;
    return That({.words = 0, .status = busy ? EngineStatus::kBusy : EngineStatus::kBadPrompt})(
        clock);
  };
  subject.waived = {{"KeepsItsSecret", "the engine takes no credential"}};
  return subject;
}

LLMLOAD_PROVIDER_CONFORMANCE(EngineConformance, EngineSubject);
//! [conformance]

//! [own load test]
class EngineUnderLoad : public SustainedLoadTest {
  World MakeWorld() override {
    return VirtualWorld([](Clock& clock) {
      return Lane{.target = {.provider = std::make_shared<EngineProvider>(Engine{}, clock),
                             .url = "the engine in this process"}};
    });
  }
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load = OpenLoop{.rate_per_second = 20, .duration = 60s};
    plan.criteria = {SuccessRate() >= 0.99, P95() < 200ms};
    return plan;
  }
};
TEST_F(EngineUnderLoad, HoldsTwentyPerSecond) { RunAndJudge(); }
//! [own load test]

}  // namespace
