// Many threads on one breaker: behaviour 40, and counts that must not be lost.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "llmload/core/random.h"
#include "tests/support/real_time.h"
#include "tests/unit/resilience/breaker_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

constexpr int kThreads = 16;

std::chrono::seconds SoakTime() {
  const char* text = std::getenv("LLMLOAD_SOAK_SECONDS");
  return std::chrono::seconds(text == nullptr ? 1 : std::atoi(text));
}

// Checks, as an observer, that deliveries do not overlap and that the state changes form a chain.
class ChainCheck : public BreakerObserver {
 public:
  void OnStateChange(std::string_view, const StateChange& event) override {
    EXPECT_FALSE(inside_.exchange(true));
    EXPECT_EQ(event.from, last_);
    EXPECT_GT(event.epoch, epoch_);
    last_ = event.to;
    epoch_ = event.epoch;
    ++changes_;
    inside_ = false;
  }
  int changes() const { return changes_; }

 private:
  std::atomic<bool> inside_{false};
  BreakerState last_ = BreakerState::kClosed;
  std::uint64_t epoch_ = 0;
  int changes_ = 0;
};

void Hammer(CircuitBreakerOptions options, bool watched) {
  options.open = {.base = 2ms};
  options.half_open = {.max_concurrent_probes = 3,
                       .close = CloseOnSuccesses{.successes = 2},
                       .probe_deadline = 20ms};
  options.history = 100'000;
  CircuitBreaker breaker("hammered", options, SystemClock::Instance());
  const auto check = std::make_shared<ChainCheck>();
  if (watched) breaker.AddObserver(check, ObservedEvents::kStateChanges);

  std::atomic<bool> stop{false};
  std::atomic<bool> service_is_down{false};
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> admitted_after_open{0};
  std::atomic<std::uint64_t> dropped{0};
  auto work = [&](std::uint64_t seed) {
    Random random(seed);
    std::vector<Permit> held;
    while (!stop) {
      const BreakerSnapshot before =
          random.Chance(0.2) ? breaker.Snapshot() : BreakerSnapshot{.state = BreakerState::kClosed};
      Admission admission = breaker.Admit();
      if (!admission) {
        ++rejected;
        EXPECT_GT(admission.rejection().remaining_wait, Duration::zero());
        continue;
      }
      ++admitted;
      Permit permit = std::move(admission).permit();
      // Seen open in epoch e: a permit must come from a later epoch, that of a half-open or closed
      // breaker.
      if (before.state == BreakerState::kOpen && permit.epoch() <= before.epoch) {
        ++admitted_after_open;
      }
      const double draw = random.Uniform();
      if (draw < 0.02) {
        held.push_back(std::move(permit));  // settles late
      } else if (draw < 0.05) {
        ++dropped;
      } else {
        const bool fails = service_is_down.load() || random.Chance(0.01);
        permit.Settle(fails ? Outcome::kFailure : Outcome::kSuccess);
      }
      if (held.size() > 8) {
        held.back().Settle(random.Chance(0.5) ? Outcome::kFailure : Outcome::kSuccess);
        held.pop_back();
        ++dropped;
        held.front() = std::move(held.back());
        held.pop_back();
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, 1000 + i);
  const auto has_been_through_it = [&] {
    const BreakerSnapshot now = breaker.Snapshot();
    return now.openings > 10 && now.late > 0;
  };
  const test_support::Stopwatch soak;
  while (!soak.AtLeast(SoakTime()) || !has_been_through_it()) {
    std::this_thread::sleep_for(15ms);
    service_is_down = !service_is_down.load();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();

  const BreakerSnapshot snapshot = breaker.Snapshot();
  EXPECT_EQ(admitted_after_open, 0u);
  EXPECT_EQ(snapshot.admitted, admitted.load());
  EXPECT_EQ(snapshot.rejected, rejected.load());
  EXPECT_EQ(snapshot.in_flight, 0u);
  EXPECT_EQ(snapshot.admitted,
            snapshot.successes + snapshot.failures + snapshot.neutrals + snapshot.late);
  EXPECT_GT(snapshot.openings, 3u) << "the test must go through trips and recoveries";
  EXPECT_GT(snapshot.late, 0u);
  int recoveries = 0;
  for (const StateChange& change : breaker.History()) {
    if (change.to == BreakerState::kClosed) ++recoveries;
    EXPECT_FALSE(change.from == BreakerState::kClosed && change.to == BreakerState::kHalfOpen);
  }
  EXPECT_GT(recoveries, 3);
  if (watched) {
    EXPECT_EQ(static_cast<std::size_t>(check->changes()), breaker.History().size());
  }
}

TEST(BreakerThreads, B40_NothingIsAdmittedAfterOpenAndNoPermitIsLost) { Hammer({}, false); }

TEST(BreakerThreads, B40_TheSameWithWindowsAndAnObserver) {
  CircuitBreakerOptions options;
  options.failure_ratio_over_count = {.window = {.size = 50, .minimum_calls = 20},
                                      .threshold = 0.5};
  options.failure_ratio_over_time = {.window = {.span = 20ms, .slices = 4, .minimum_calls = 20},
                                     .threshold = 0.5};
  Hammer(options, true);
}

TEST(BreakerThreads, ManualTransitionsUnderFireLeaveAConsistentBreaker) {
  CircuitBreaker breaker("hammered", {.open = {.base = 1ms}}, SystemClock::Instance());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&breaker, &stop, i] {
      Random random(static_cast<std::uint64_t>(i));
      while (!stop) {
        Admission admission = breaker.Admit();
        if (admission && random.Chance(0.9)) {
          admission.permit().Settle(random.Chance(0.5) ? Outcome::kSuccess : Outcome::kFailure);
        }
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    breaker.ForceOpen();
    EXPECT_EQ(breaker.state(), BreakerState::kForcedOpen);
    breaker.Disable();
    EXPECT_TRUE(breaker.Admit());
    breaker.SetMetricsOnly();
    EXPECT_EQ(breaker.Snapshot().state, BreakerState::kMetricsOnly);
    breaker.Reset();
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(breaker.Snapshot().in_flight, 0u);
}

// The closed path that needs no mutex is a second implementation of the machine's rule. Both must
// agree on every sequence; so must a breaker that is observed, and therefore never takes that path.
TEST(BreakerThreads, TheFastPathFollowsTheSameRulesAsTheSlowOne) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    VirtualClock clock;
    const CircuitBreakerOptions options{.consecutive_failures = 3,
                                        .open = {.base = 5s, .factor = 2, .cap = 1min}};
    CircuitBreaker fast("fast", options, clock);
    CircuitBreaker slow("slow", options, clock);
    slow.AddObserver(std::make_shared<EventLog>());
    std::vector<std::pair<Permit, Permit>> held;
    Random random(seed);
    for (int step = 0; step < 2000; ++step) {
      if (random.Chance(0.6)) {
        Admission a = fast.Admit();
        Admission b = slow.Admit();
        ASSERT_EQ(a.admitted(), b.admitted()) << "seed " << seed << " step " << step;
        if (a) {
          held.emplace_back(std::move(a).permit(), std::move(b).permit());
        } else {
          ASSERT_EQ(a.rejection().remaining_wait, b.rejection().remaining_wait);
        }
      } else if (!held.empty()) {
        const std::size_t which = random.Below(held.size());
        const auto outcome = static_cast<Outcome>(random.Below(3));
        held[which].first.Settle(outcome);
        held[which].second.Settle(outcome);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
      }
      if (random.Chance(0.1)) clock.AdvanceBy(Duration(random.Below(4'000'000'000)));
      const BreakerSnapshot a = fast.Snapshot();
      const BreakerSnapshot b = slow.Snapshot();
      ASSERT_EQ(a.state, b.state) << "seed " << seed << " step " << step;
      ASSERT_EQ(a.epoch, b.epoch);
      ASSERT_EQ(a.consecutive_failures, b.consecutive_failures);
      ASSERT_EQ(a.late, b.late);
      ASSERT_EQ(a.failures, b.failures);
    }
  }
}

}  // namespace
}  // namespace llmload
