#include "llmload/resilience/failover_metrics.h"

#include <gtest/gtest.h>

#include <chrono>

namespace llmload {
namespace {

using namespace std::chrono_literals;

TimePoint At(Duration since_start) { return TimePoint(1h) + since_start; }

Attempt Primary(Duration started, Duration finished, bool failed) {
  return {.provider = "primary",
          .error = failed ? std::optional(ErrorKind::kServerError) : std::nullopt,
          .started = At(started),
          .finished = At(finished)};
}
Attempt Fallback(Duration started, Duration finished, bool failed = false) {
  Attempt attempt = Primary(started, finished, failed);
  attempt.provider = "fallback";
  return attempt;
}
RequestRecord Request(Duration scheduled, std::vector<Attempt> attempts) {
  RequestRecord record{.scheduled = At(scheduled), .attempts = std::move(attempts)};
  record.completed = record.attempts.back().finished;
  record.succeeded = !record.attempts.back().error;
  return record;
}
StateChange Change(BreakerState from, BreakerState to, Duration at) {
  return {.from = from, .to = to, .at = At(at)};
}

constexpr auto kClosed = BreakerState::kClosed;
constexpr auto kOpen = BreakerState::kOpen;
constexpr auto kHalfOpen = BreakerState::kHalfOpen;

TEST(FailoverMetrics, AnEmptyRunHasNoFigures) {
  const FailoverMetrics metrics = MeasureFailover({.primary = "primary"});
  EXPECT_EQ(metrics.requests, 0u);
  EXPECT_EQ(metrics.attempts_per_request(), 0);
  EXPECT_FALSE(metrics.failover_time);
  EXPECT_FALSE(metrics.detection_time);
}

TEST(FailoverMetrics, OverheadAndAddedLatencyPerRequest) {
  FailoverObservation seen{.primary = "primary"};
  // Scheduled at 0, dispatched at 5: 50 ms wasted on the primary, 1 ms until the fallback gets it,
  // which takes 20 ms.
  seen.requests.push_back(Request(0ms, {Primary(5ms, 55ms, true), Fallback(56ms, 76ms)}));
  // The primary is retried first: its retry is not the failover's overhead.
  seen.requests.push_back(
      Request(0ms, {Primary(0ms, 10ms, true), Primary(20ms, 30ms, true), Fallback(33ms, 43ms)}));
  seen.requests.push_back(Request(0ms, {Primary(0ms, 10ms, false)}));
  // Lost: counts in the overhead, and is not a failover.
  seen.requests.push_back(Request(0ms, {Primary(0ms, 1ms, true), Fallback(6ms, 7ms, true)}));
  const FailoverMetrics metrics = MeasureFailover(seen);
  EXPECT_EQ(metrics.failover_overhead, (std::vector<Duration>{1ms, 3ms, 5ms}));
  EXPECT_EQ(metrics.added_latency, (std::vector<Duration>{33ms, 56ms}));
  EXPECT_EQ(metrics.requests, 4u);
  EXPECT_EQ(metrics.failed_over, 2u);
  EXPECT_EQ(metrics.lost_requests, 1u);
  EXPECT_EQ(metrics.attempts, 8u);
  EXPECT_EQ(metrics.attempts_per_request(), 2.0);
}

TEST(FailoverMetrics, DetectionRunsFromTheOnsetToTheOpenBreaker) {
  FailoverObservation seen{.primary = "primary", .fault_onset = At(100ms)};
  seen.requests.push_back(Request(0ms, {Primary(10ms, 60ms, true)}));  // before the onset
  seen.requests.push_back(Request(0ms, {Primary(90ms, 160ms, true)}));
  seen.requests.push_back(Request(0ms, {Primary(120ms, 170ms, true)}));  // this one trips
  seen.requests.push_back(Request(0ms, {Primary(130ms, 180ms, true)}));  // too late to be needed
  seen.breaker = {Change(kClosed, kOpen, 20ms), Change(kOpen, kClosed, 50ms),
                  Change(kClosed, kOpen, 170ms)};
  const FailoverMetrics metrics = MeasureFailover(seen);
  EXPECT_EQ(metrics.detection_time, Duration(70ms));
  EXPECT_EQ(metrics.failures_spent, 2u);
}

TEST(FailoverMetrics, FailoverTimeRunsFromTheFirstFailedAttemptToTheFirstSuccessOnTheFallback) {
  FailoverObservation seen{.primary = "primary", .fault_onset = At(100ms)};
  seen.requests.push_back(Request(0ms, {Fallback(0ms, 5ms)}));  // a success before the failure
  seen.requests.push_back(
      Request(100ms, {Primary(100ms, 150ms, true), Fallback(150ms, 151ms, true)}));
  seen.requests.push_back(Request(120ms, {Primary(120ms, 170ms, true), Fallback(171ms, 191ms)}));
  const FailoverMetrics metrics = MeasureFailover(seen);
  EXPECT_EQ(metrics.failover_time, Duration(91ms));
}

TEST(FailoverMetrics, SuccessIsRestoredAtTheBeginOfTheFirstGoodWindow) {
  FailoverObservation seen{.primary = "primary", .fault_onset = At(1s)};
  for (int i = 0; i < 500; ++i) {
    const Duration at = i * 10ms;
    const bool lost = i >= 100 && i < 130;       // 1.00 s to 1.29 s
    const bool also_lost = i == 160;             // one of a hundred: 99 % of its window
    const bool too_many = i == 180 || i == 181;  // two within a window
    seen.requests.push_back(lost || also_lost || too_many ? Request(at, {Primary(at, at, true)})
                                                          : Request(at, {Fallback(at, at)}));
  }
  const FailoverMetrics metrics = MeasureFailover(seen);
  // The window that starts after 1.80 s still holds one failure, of 100 requests.
  EXPECT_EQ(metrics.success_restored_time, Duration(800ms));
}

TEST(FailoverMetrics, SuccessIsNotRestoredBeforeTheFirstLossIsKnown) {
  FailoverObservation seen{.primary = "primary", .fault_onset = At(1s)};
  for (int i = 0; i < 500; ++i) {
    const Duration at = i * 10ms;
    // Requests that start between 1.00 s and 1.29 s stall, and fail 1.5 s later.
    const bool lost = i >= 100 && i < 130;
    seen.requests.push_back(lost ? Request(at, {Primary(at, at + 1500ms, true)})
                                 : Request(at, {Fallback(at, at)}));
  }
  EXPECT_EQ(MeasureFailover(seen).success_restored_time, Duration(1780ms));
}

TEST(FailoverMetrics, AWindowThatWasNotSeenToItsEndRestoresNothing) {
  FailoverObservation seen{.primary = "primary", .fault_onset = At(0s)};
  seen.requests.push_back(Request(0s, {Primary(0s, 1s, true)}));
  seen.requests.push_back(Request(0s, {Fallback(1s, 1900ms)}));
  EXPECT_FALSE(MeasureFailover(seen).success_restored_time);
  seen.requests.push_back(Request(0s, {Fallback(1s, 2s)}));
  EXPECT_EQ(MeasureFailover(seen).success_restored_time, Duration(1s));
}

TEST(FailoverMetrics, LeakIsCountedByThePrimaryAndSplit) {
  FailoverObservation seen{.primary = "primary"};
  const auto call = [&](Duration started, Duration arrived) {
    seen.requests.push_back(Request(started, {Primary(started, arrived + 5ms, true)}));
    seen.primary_arrivals.push_back(At(arrived));
  };
  call(0ms, 10ms);
  call(90ms, 100ms);   // arrives as the breaker opens
  call(95ms, 105ms);   // in flight
  call(99ms, 109ms);   // in flight
  call(500ms, 500ms);  // the probe that made it half open
  call(501ms, 505ms);  // another probe
  call(700ms, 710ms);  // closed again: normal traffic
  seen.breaker = {Change(kClosed, kOpen, 100ms), Change(kOpen, kHalfOpen, 500ms),
                  Change(kHalfOpen, kClosed, 600ms)};
  LeakMetrics leak = MeasureFailover(seen).leak;
  EXPECT_EQ(leak.in_flight_at_trip, 2u);
  EXPECT_EQ(leak.probes, 2u);
  EXPECT_EQ(leak.admitted_after_trip, 0u);

  call(200ms, 210ms);                          // a breaker that leaks
  seen.primary_arrivals.push_back(At(300ms));  // and a call that bypassed it
  leak = MeasureFailover(seen).leak;
  EXPECT_EQ(leak.in_flight_at_trip, 2u);
  EXPECT_EQ(leak.admitted_after_trip, 2u);
}

TEST(FailoverMetrics, RecoveryRunsFromHealthToClosedAndToTrafficRestored) {
  FailoverObservation seen{
      .primary = "primary", .fault_onset = At(0s), .fault_healed = At(10s), .window = 2s};
  seen.breaker = {Change(kClosed, kOpen, 1s), Change(kOpen, kHalfOpen, 6s),
                  Change(kHalfOpen, kOpen, 7s), Change(kOpen, kHalfOpen, 12s),
                  Change(kHalfOpen, kClosed, 12500ms)};
  for (int i = 0; i < 200; ++i) {
    const Duration at = i * 100ms;
    // One request is still on its way back from the fallback when the breaker has closed.
    const bool primary = i > 125 && i != 130;
    seen.requests.push_back(Request(at, {primary ? Primary(at, at, false) : Fallback(at, at)}));
  }
  const FailoverMetrics metrics = MeasureFailover(seen);
  EXPECT_EQ(metrics.closed_time, Duration(2500ms));
  EXPECT_EQ(metrics.traffic_restored_time, Duration(3s));
}

TEST(FailoverMetrics, ABreakerThatNeverClosedHasNotRecovered) {
  FailoverObservation seen{.primary = "primary", .fault_healed = At(10s)};
  seen.breaker = {Change(kClosed, kOpen, 1s)};
  EXPECT_FALSE(MeasureFailover(seen).closed_time);
  seen.breaker.clear();
  EXPECT_EQ(MeasureFailover(seen).closed_time, Duration(0)) << "it had not opened at all";
}

}  // namespace
}  // namespace llmload
