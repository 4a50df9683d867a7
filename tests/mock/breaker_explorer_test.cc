#include "tests/mock/breaker_explorer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

namespace llmload {
namespace {

using namespace std::chrono_literals;

ExplorerOptions Consecutive(std::uint32_t failures, std::uint32_t probes, std::uint32_t successes) {
  ExplorerOptions options;
  options.breaker.consecutive_failures = failures;
  options.breaker.open.base = 30s;
  options.breaker.half_open = {.max_concurrent_probes = probes,
                               .close = CloseOnSuccesses{.successes = successes},
                               .probe_deadline = 10s};
  options.depth = 40;
  return options;
}

ExplorerReport Explore(const char* name, const ExplorerOptions& options) {
  const ExplorerReport report = BreakerExplorer<>(options).Run();
  std::cout << "[ explored ] " << name << ": " << report.states << " states, " << report.steps
            << " steps, to depth " << report.depth << (report.complete ? ", complete" : "") << '\n';
  EXPECT_FALSE(report.violation) << *report.violation;
  EXPECT_GE(report.depth, 12);
  return report;
}

TEST(BreakerExplorer, ConsecutiveFailures) {
  EXPECT_TRUE(Explore("consecutive failures, one probe", Consecutive(2, 1, 1)).complete);
  EXPECT_TRUE(Explore("consecutive failures, two probes", Consecutive(3, 2, 2)).complete);
  ExplorerOptions more = Consecutive(5, 3, 3);
  more.calls = 5;
  EXPECT_TRUE(Explore("consecutive failures, three probes, five calls", more).complete);
}

TEST(BreakerExplorer, FailureRatioOverCountAndCloseOnRatio) {
  ExplorerOptions options = Consecutive(1, 2, 1);
  options.breaker.consecutive_failures.reset();
  options.breaker.failure_ratio_over_count = {.window = {.size = 4, .minimum_calls = 3},
                                              .threshold = 0.5};
  options.breaker.half_open.close = CloseOnRatio{.results = 3, .threshold = 0.5};
  EXPECT_TRUE(Explore("ratio over count, close on ratio", options).complete);
  options.breaker.success_may_trip = false;
  EXPECT_TRUE(Explore("the same, success may not trip", options).complete);
}

TEST(BreakerExplorer, FailureRatioOverTimeAndGrowingOpenTime) {
  ExplorerOptions options = Consecutive(1, 1, 2);
  options.breaker.consecutive_failures.reset();
  options.breaker.failure_ratio_over_time = {
      .window = {.span = 8s, .slices = 2, .minimum_calls = 2}, .threshold = 1.0};
  options.breaker.open.factor = 2;
  options.depth = 16;
  Explore("ratio over time, growing open time", options);
}

TEST(BreakerExplorer, WithAnOperator) {
  ExplorerOptions options = Consecutive(2, 2, 2);
  options.operator_acts = true;
  EXPECT_TRUE(Explore("consecutive failures and an operator", options).complete);
}

// One line of the rules flipped at a time: the invariants must find each.
struct LateResultsCount : resilience::StandardRules {
  static constexpr bool kIgnoreLateResults = false;
};
struct NeutralKeepsItsSlot : resilience::StandardRules {
  static constexpr bool kNeutralReturnsItsSlot = false;
};
struct AnyNumberOfProbes : resilience::StandardRules {
  static constexpr bool kLimitProbes = false;
};
struct NoProbeDeadline : resilience::StandardRules {
  static constexpr bool kKeepProbeDeadline = false;
};
struct NoWaitingWhileOpen : resilience::StandardRules {
  static constexpr bool kWaitWhileOpen = false;
};
struct NeutralCloses : resilience::StandardRules {
  static constexpr bool kNeutralClosesNothing = false;
};

template <class Rules>
class BreakerExplorerFinds : public ::testing::Test {};
using Defects = ::testing::Types<LateResultsCount, NeutralKeepsItsSlot, AnyNumberOfProbes,
                                 NoProbeDeadline, NoWaitingWhileOpen, NeutralCloses>;
TYPED_TEST_SUITE(BreakerExplorerFinds, Defects);

TYPED_TEST(BreakerExplorerFinds, TheSeededBug) {
  ExplorerOptions options = Consecutive(2, 1, 1);
  options.replay = false;
  const ExplorerReport report = BreakerExplorer<TypeParam>(options).Run();
  ASSERT_TRUE(report.violation) << report.states << " states explored";
  std::cout << "[  found   ] \"" << *report.violation << "\", " << report.states << " states\n";
}

}  // namespace
}  // namespace llmload
