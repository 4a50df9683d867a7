// Observers, exceptions, configuration, lost permits: behaviours 32 to 38 of
// docs/resilience-behaviours.md.
#include <chrono>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "llmload/core/environment.h"
#include "tests/unit/resilience/breaker_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

class BreakerEvents : public BreakerTest {};

TEST_F(BreakerEvents, B32_ObserversHearEverythingInOrder) {
  const auto log = std::make_shared<EventLog>();
  Make({.consecutive_failures = 2, .open = {.base = 1s}});
  breaker().AddObserver(log);
  Do("SNFFO");
  Wait(1s);
  Do("SF");
  const std::vector<std::string> expected = {"success",
                                             "neutral",
                                             "failure",
                                             "failure",
                                             "closed>open(consecutive_failures)",
                                             "rejected",
                                             "open>half_open(open_elapsed)",
                                             "success",
                                             "half_open>closed(probes_succeeded)",
                                             "failure"};
  EXPECT_EQ(log->events, expected);
}

TEST_F(BreakerEvents, B32_RecordedCallsHaveTheirDuration) {
  const auto log = std::make_shared<EventLog>();
  Make({});
  breaker().AddObserver(log);
  DoSlowly(3s, Outcome::kSuccess);
  DoSlowly(5ms, Outcome::kFailure);
  EXPECT_EQ(log->durations, (std::vector<Duration>{3s, 5ms}));
}

TEST_F(BreakerEvents, B32_AThrowingObserverIsContainedAndTheOthersStillHear) {
  class Thrower : public EventLog {
    void Add(std::string event) override {
      EventLog::Add(std::move(event));
      throw std::runtime_error("observer");
    }
  };
  const auto thrower = std::make_shared<Thrower>();
  const auto log = std::make_shared<EventLog>();
  Make({.consecutive_failures = 2});
  breaker().AddObserver(thrower);
  breaker().AddObserver(log);
  EXPECT_NO_THROW(Do("FFO"));
  EXPECT_EQ(thrower->events, log->events);
  EXPECT_EQ(log->events.size(), 4u);
  EXPECT_EQ(breaker().Snapshot().observer_errors, 4u);
}

TEST_F(BreakerEvents, B32_AnObserverMayUseTheBreakerAndItsEventsComeAfter) {
  class Meddler : public EventLog {
   public:
    CircuitBreaker* breaker = nullptr;

   private:
    void Add(std::string event) override {
      EventLog::Add(event + " begins");
      if (event == "closed>open(consecutive_failures)") {
        EXPECT_EQ(breaker->state(), BreakerState::kOpen);
        breaker->Reset();
        EXPECT_EQ(breaker->state(), BreakerState::kClosed);
      }
      EventLog::Add(event + " ends");
    }
  };
  const auto meddler = std::make_shared<Meddler>();
  meddler->breaker = &Make({.consecutive_failures = 1});
  breaker().AddObserver(meddler, ObservedEvents::kStateChanges);
  Do("F");
  const std::vector<std::string> expected = {
      "closed>open(consecutive_failures) begins", "closed>open(consecutive_failures) ends",
      "open>closed(manual) begins", "open>closed(manual) ends"};
  EXPECT_EQ(meddler->events, expected);
}

TEST_F(BreakerEvents, B32_ARemovedObserverHearsNoMore) {
  const auto log = std::make_shared<EventLog>();
  Make({});
  breaker().AddObserver(log);
  Do("S");
  breaker().RemoveObserver(log.get());
  Do("SSF");
  EXPECT_EQ(log->events.size(), 1u);
  EXPECT_THROW(breaker().AddObserver(nullptr), std::invalid_argument);
}

TEST_F(BreakerEvents, B33_AnExceptionInTheCallCountsAsFailureAndIsRethrown) {
  Make({.consecutive_failures = 1});
  const auto bug = []() -> int { throw std::out_of_range("a bug"); };
  EXPECT_THROW((void)breaker().Call(bug), std::out_of_range);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(breaker().Snapshot().failures, 1u);
}

TEST_F(BreakerEvents, B35_InvalidConfigurationIsRejectedWithTheFieldsName) {
  using Break = std::function<void(CircuitBreakerOptions&)>;
  const std::vector<std::pair<std::string, Break>> cases = {
      {"consecutive_failures", [](auto& o) { o.consecutive_failures = 0; }},
      {"consecutive_failures", [](auto& o) { o.consecutive_failures = 1'000'001; }},
      {"failure_ratio_over_count.window.size",
       [](auto& o) { o.failure_ratio_over_count = {.window = {.size = 0}}; }},
      {"failure_ratio_over_count.window.minimum_calls",
       [](auto& o) { o.failure_ratio_over_count = {.window = {.size = 5, .minimum_calls = 6}}; }},
      {"failure_ratio_over_count.threshold",
       [](auto& o) { o.failure_ratio_over_count = {.threshold = 0}; }},
      {"failure_ratio_over_count.threshold",
       [](auto& o) { o.failure_ratio_over_count = {.threshold = std::nan("")}; }},
      {"failure_ratio_over_time.window.span",
       [](auto& o) { o.failure_ratio_over_time = {.window = {.span = 0s}}; }},
      {"failure_ratio_over_time.window.slices",
       [](auto& o) { o.failure_ratio_over_time = {.window = {.slices = 1001}}; }},
      {"failure_ratio_over_time.window.minimum_calls",
       [](auto& o) { o.failure_ratio_over_time = {.window = {.minimum_calls = 0}}; }},
      {"failure_ratio_over_time.threshold",
       [](auto& o) { o.failure_ratio_over_time = {.threshold = 1.01}; }},
      {"slow_call_ratio.slow_after",
       [](auto& o) { o.slow_call_ratio = SlowCallRatio{.slow_after = 0s, .window = {}}; }},
      {"slow_call_ratio.threshold",
       [](auto& o) { o.slow_call_ratio = SlowCallRatio{.threshold = -1, .window = {}}; }},
      {"slow_call_ratio.window.slices",
       [](auto& o) { o.slow_call_ratio = SlowCallRatio{.window = TimeWindow{.slices = 0}}; }},
      {"open.base", [](auto& o) { o.open.base = 0s; }},
      {"open.factor", [](auto& o) { o.open.factor = 0.5; }},
      {"open.cap", [](auto& o) { o.open.cap = 1s; }},
      {"open.jitter", [](auto& o) { o.open.jitter = 1; }},
      {"open.retry_after_cap", [](auto& o) { o.open.retry_after_cap = -1s; }},
      {"half_open.max_concurrent_probes", [](auto& o) { o.half_open.max_concurrent_probes = 0; }},
      {"half_open.probe_deadline", [](auto& o) { o.half_open.probe_deadline = 0s; }},
      {"half_open.close.successes",
       [](auto& o) { o.half_open.close = CloseOnSuccesses{.successes = 0}; }},
      {"half_open.close.results", [](auto& o) { o.half_open.close = CloseOnRatio{.results = 0}; }},
      {"half_open.close.threshold",
       [](auto& o) { o.half_open.close = CloseOnRatio{.threshold = 2}; }},
  };
  for (const auto& [field, spoil] : cases) {
    CircuitBreakerOptions options;
    spoil(options);
    try {
      CircuitBreaker breaker("test", options, clock_);
      ADD_FAILURE() << field << " was accepted";
    } catch (const ConfigurationError& error) {
      EXPECT_NE(std::string(error.what()).find("CircuitBreakerOptions." + field + ":"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST_F(BreakerEvents, B36_AHungProbeCannotWedge) {
  Make({.open = {.base = 30s}, .half_open = {.probe_deadline = 10s}});
  Do("FFFFF");
  std::vector<Permit> hung;
  for (int i = 0; i < 100; ++i) {
    Wait(40s);
    hung.push_back(MustAdmit());  // never settled: another one is let through all the same
    MustReject();
  }
  Wait(40s);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
  hung.clear();
  EXPECT_EQ(breaker().Snapshot().late, 100u);
}

TEST_F(BreakerEvents, B36_ALongSilenceCountsFromTheProbeDeadline) {
  Make({.open = {.base = 30s}, .half_open = {.probe_deadline = 10s}});
  Do("FFFFF");
  Wait(30s);
  const Permit hung = MustAdmit();
  Wait(1h);
  // As if a timer had fired: open again at 10 s, due again at 40 s, so this call is a probe.
  EXPECT_TRUE(MustAdmit().probe());
  const std::vector<StateChange> history = breaker().History();
  ASSERT_EQ(history.size(), 4u);
  EXPECT_EQ(history[2].cause, BreakerCause::kProbeDeadline);
  EXPECT_EQ(history[2].at, history[1].at + 10s);
  EXPECT_EQ(history[3].to, BreakerState::kHalfOpen);
  breaker().Reset();
}

TEST_F(BreakerEvents, B37_ADroppedPermitCannotLeak) {
  Make({.half_open = {.max_concurrent_probes = 2}});
  Do("FFFFF");
  Wait(30s);
  for (int i = 0; i < 100; ++i) {
    const Permit dropped = MustAdmit();
    const Admission also_dropped = breaker().Admit();
    EXPECT_TRUE(also_dropped);
    MustReject();
  }
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker().Snapshot().probes_in_flight, 0u);
  EXPECT_EQ(breaker().Snapshot().neutrals, 200u);
}

TEST_F(BreakerEvents, B38_AFloodOfCallerFaultsMovesNothing) {
  CircuitBreakerOptions options{.consecutive_failures = 2};
  options.failure_ratio_over_count = {.window = {.size = 10, .minimum_calls = 10},
                                      .threshold = 0.5};
  Make(options);
  Do("F");
  const std::uint64_t epoch = breaker().Snapshot().epoch;
  for (int i = 0; i < 10000; ++i) {
    MustAdmit().Settle(Error{.kind = ErrorKind::kInvalidRequest, .http_status = 400});
  }
  EXPECT_EQ(breaker().Snapshot().epoch, epoch);
  EXPECT_EQ(breaker().Snapshot().consecutive_failures, 1u);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
  Wait(30s);
  for (int i = 0; i < 100; ++i) MustAdmit().Settle(Error{.kind = ErrorKind::kContentFilter});
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "neither closed nor opened by them";
  Do("S");
}

}  // namespace
}  // namespace llmload
