// Simulated and mocked providers, and the layers of resilience over them.
#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "llmload/mocks/mock_provider.h"
#include "llmload/resilience/circuit_breaker_provider.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/hedging_provider.h"
#include "llmload/resilience/recording_provider.h"
#include "llmload/simulation/simulated_provider.h"
#include "tests/conformance/kit_subjects.h"

namespace llmload::test_support {

namespace {

using simulation::Fault;
using simulation::FaultKind;
using simulation::SimulatedProvider;
using simulation::SimulationOptions;
using namespace std::chrono_literals;

// What a simulation does.
struct Behaviour {
  Duration ttft = 5ms;
  std::vector<Fault> faults;
};

std::shared_ptr<SimulatedProvider> Simulate(Clock& clock, const Behaviour& behaviour,
                                            const char* name = "simulated") {
  SimulationOptions options;
  options.identity.name = name;
  options.latency = {.ttft_median = behaviour.ttft,
                     .ttft_sigma = 0,
                     .gap_median = 1ms,
                     .tokens_min = 4,
                     .tokens_max = 8};
  options.faults = behaviour.faults;
  return std::make_shared<SimulatedProvider>(std::move(options), clock);
}

int StatusOf(ErrorKind kind) {
  if (kind == ErrorKind::kInvalidRequest) return 400;
  if (kind == ErrorKind::kCredential) return 401;
  if (kind == ErrorKind::kModelUnavailable) return 404;
  if (kind == ErrorKind::kRateLimited) return 429;
  return kind == ErrorKind::kOverloaded ? 503 : 500;
}

// A subject of what `make` makes over simulations.
template <class Make>
ConformanceSubject Subject(Make make) {
  const auto with = [make](const Behaviour& behaviour) {
    return [=](Clock& clock) { return make(clock, behaviour); };
  };
  ConformanceSubject subject;
  subject.virtual_time = true;
  subject.healthy = with({});
  subject.slow = with({.ttft = 100ms, .faults = {}});
  subject.hanging = with({.faults = {{.kind = FaultKind::kHang}}});
  subject.stalling = with({.faults = {{.kind = FaultKind::kStall, .after_tokens = 3}}});
  subject.breaking = with({.faults = {{.kind = FaultKind::kCut, .after_tokens = 3}}});
  subject.failing = [make](Clock& clock, ErrorKind kind) {
    return make(clock,
                Behaviour{.faults = {{.kind = FaultKind::kHttpError, .status = StatusOf(kind)}}});
  };
  subject.failures = {ErrorKind::kInvalidRequest,   ErrorKind::kCredential,
                      ErrorKind::kModelUnavailable, ErrorKind::kRateLimited,
                      ErrorKind::kServerError,      ErrorKind::kOverloaded};
  return subject;
}

}  // namespace

ConformanceSubject SimulatedSubject() {
  return Subject([](Clock& clock, const Behaviour& behaviour) {
    const auto simulated = Simulate(clock, behaviour);
    return ConformanceTarget{.provider = simulated,
                             .calls_seen = [simulated] { return simulated->arrivals().size(); }};
  });
}

ConformanceSubject RecordingSubject() {
  return Subject([](Clock& clock, const Behaviour& behaviour) {
    const auto recording = std::make_shared<RecordingProvider>(Simulate(clock, behaviour), clock);
    return ConformanceTarget{.provider = recording,
                             .calls_seen = [recording] { return recording->Calls().size(); }};
  });
}

ConformanceSubject CircuitBreakerSubject() {
  return Subject([](Clock& clock, const Behaviour& behaviour) {
    const auto simulated = Simulate(clock, behaviour);
    auto breaker = std::make_shared<CircuitBreaker>("breaker", CircuitBreakerOptions{}, clock);
    return ConformanceTarget{
        .provider = std::make_shared<CircuitBreakerProvider>(simulated, std::move(breaker)),
        .calls_seen = [simulated] { return simulated->arrivals().size(); }};
  });
}

// Both targets behave alike, so that a failure of the first is one of the chain.
ConformanceSubject FailoverSubject() {
  ConformanceSubject subject = Subject([](Clock& clock, const Behaviour& behaviour) {
    const auto first = Simulate(clock, behaviour, "first");
    const auto second = Simulate(clock, behaviour, "second");
    return ConformanceTarget{
        .provider = std::make_shared<FailoverProvider>(
            std::vector<FailoverTarget>{{.provider = first}, {.provider = second}},
            FailoverOptions{.retries_per_target = 1}, clock),
        .calls_seen = [=] { return first->arrivals().size() + second->arrivals().size(); }};
  });
  subject.answered_by = {"first", "second"};
  return subject;
}

// The delay is below the time to first token: every call is hedged.
ConformanceSubject HedgingSubject() {
  ConformanceSubject subject = Subject([](Clock& clock, const Behaviour& behaviour) {
    const auto first = Simulate(clock, behaviour, "first");
    const auto second = Simulate(clock, behaviour, "second");
    return ConformanceTarget{
        .provider =
            std::make_shared<HedgingProvider>(first, second, HedgingOptions{.delay = 1ms}, clock),
        .calls_seen = [=] { return first->arrivals().size() + second->arrivals().size(); }};
  });
  subject.answered_by = {"first", "second"};
  return subject;
}

ConformanceSubject MockSubject() {
  const auto mock = [](auto action) {
    const auto provider = std::make_shared<::testing::NiceMock<mocks::MockProvider>>();
    ON_CALL(*provider, Complete).WillByDefault(std::move(action));
    return ConformanceTarget{.provider = provider};
  };
  const std::vector<std::string> tokens = {"one ", "two ", "three"};
  ConformanceSubject subject;
  subject.virtual_time = true;
  subject.healthy = [=](Clock& clock) {
    return mock(mocks::StreamTokens(clock, tokens, 5ms, 1ms));
  };
  subject.slow = [=](Clock& clock) { return mock(mocks::StreamTokens(clock, tokens, 100ms, 1ms)); };
  subject.hanging = [=](Clock& clock) { return mock(mocks::Hang(clock)); };
  subject.stalling = [=](Clock& clock) {
    return mock(mocks::StallAfterTokens(clock, tokens, 5ms, 1ms));
  };
  subject.breaking = [=](Clock& clock) {
    return mock(mocks::CutAfterTokens(clock, tokens, 5ms, 1ms));
  };
  subject.failing = [=](Clock& clock, ErrorKind kind) {
    return mock(mocks::FailAfter(clock, 5ms, kind));
  };
  subject.failures = {ErrorKind::kRateLimited, ErrorKind::kContentFilter};
  const std::string scripted = "a script says when it ends, not the deadline";
  subject.waived = {{"EndsAtTheDeadline", scripted},
                    {"AnswersNothingAfterTheDeadline", scripted},
                    {"EndsAStalledStreamAtTheDeadline", scripted},
                    {"NamesWhoWasAsked", "an action does not know whose it is"}};
  return subject;
}

}  // namespace llmload::test_support
