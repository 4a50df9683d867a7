// A breaker on a clock that the test moves, and helpers to drive it.
#ifndef LLMLOAD_TESTS_UNIT_RESILIENCE_BREAKER_TEST_SUPPORT_H_
#define LLMLOAD_TESTS_UNIT_RESILIENCE_BREAKER_TEST_SUPPORT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/resilience/circuit_breaker.h"

namespace llmload {

inline void PrintTo(BreakerState state, std::ostream* out) { *out << ToString(state); }
inline void PrintTo(BreakerCause cause, std::ostream* out) { *out << ToString(cause); }
inline void PrintTo(Outcome outcome, std::ostream* out) { *out << ToString(outcome); }

/// Writes events down: "closed>open(consecutive_failures)", "success", "late failure", "rejected",
/// "would(...)".
class EventLog : public BreakerObserver {
 public:
  void OnStateChange(std::string_view, const StateChange& event) override {
    Add(std::string(ToString(event.from)) + '>' + std::string(ToString(event.to)) + '(' +
        std::string(ToString(event.cause)) + ')');
  }
  void OnCallRecorded(std::string_view, const CallRecorded& event) override {
    Add(std::string(ToString(event.outcome)));
    durations.push_back(event.duration.value_or(Duration(-1)));
  }
  void OnCallRejected(std::string_view, const CallRejected&) override { Add("rejected"); }
  void OnLateResult(std::string_view, const LateResult& event) override {
    Add("late " + std::string(ToString(event.outcome)));
  }
  void OnThresholdWouldTrip(std::string_view, const ThresholdWouldTrip& event) override {
    Add("would(" + std::string(ToString(event.cause)) + ')');
  }

  std::vector<std::string> events;
  std::vector<Duration> durations;

 protected:
  virtual void Add(std::string event) { events.push_back(std::move(event)); }
};

class BreakerTest : public ::testing::Test {
 protected:
  CircuitBreaker& Make(CircuitBreakerOptions options) {
    breaker_ = std::make_unique<CircuitBreaker>("test", std::move(options), clock_);
    return *breaker_;
  }
  CircuitBreaker& breaker() { return *breaker_; }

  /// One call each, at this instant: S success, F failure, N neutral, O must be rejected.
  void Do(const std::string& calls) {
    for (const char call : calls) {
      Admission admission = breaker_->Admit();
      EXPECT_EQ(admission.admitted(), call != 'O') << call << " of " << calls;
      if (!admission) continue;
      if (call == 'S') admission.permit().Settle(Outcome::kSuccess);
      if (call == 'F') admission.permit().Settle(Outcome::kFailure, ErrorKind::kServerError);
      if (call == 'N') admission.permit().Settle(Outcome::kNeutral);
    }
  }

  /// A call that takes `duration`.
  void DoSlowly(Duration duration, Outcome outcome) {
    Admission admission = breaker_->Admit();
    ASSERT_TRUE(admission);
    Wait(duration);
    admission.permit().Settle(outcome);
  }

  Permit MustAdmit() {
    Admission admission = breaker_->Admit();
    EXPECT_TRUE(admission);
    return std::move(admission).permit();
  }
  Rejection MustReject() {
    const Admission admission = breaker_->Admit();
    EXPECT_FALSE(admission);
    return admission.rejection();
  }

  StateChange LastChange() {
    const std::vector<StateChange> history = breaker_->History();
    EXPECT_FALSE(history.empty()) << "no state change";
    return history.empty() ? StateChange{} : history.back();
  }

  void Wait(Duration duration) { clock_.AdvanceBy(duration); }
  BreakerState state() const { return breaker_->state(); }

  /// Permits are neither lost nor made.
  void TearDown() override {
    if (breaker_ == nullptr) return;
    const BreakerSnapshot end = breaker_->Snapshot();
    EXPECT_EQ(end.in_flight, 0u);
    EXPECT_EQ(end.admitted, end.successes + end.failures + end.neutrals + end.late);
  }

  VirtualClock clock_;
  std::unique_ptr<CircuitBreaker> breaker_;
};

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_RESILIENCE_BREAKER_TEST_SUPPORT_H_
