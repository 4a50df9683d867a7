// The table of faults, and the bounds that follow from each.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "tests/support/fault_campaign.h"

namespace llmload {

using simulation::Fault;
using simulation::FaultKind;

Duration CampaignTiming::interval() const {
  return Duration(static_cast<Duration::rep>(1e9 / rate_per_second));
}

std::uint64_t CampaignTiming::ArrivalsIn(Duration duration) const {
  return static_cast<std::uint64_t>(duration / interval()) + 1;
}

namespace {

constexpr std::uint32_t kThreshold = 5;      // consecutive failures
constexpr std::uint32_t kProbesToClose = 2;  // successes, one after the other
constexpr double kFlakiness = 0.05;          // of a primary that warms up
constexpr std::uint32_t kGrowth = 2;         // of the waiting time of the fail-back scenario
constexpr std::uint32_t kGrowthCap = 4;      // in waiting times

// Of the load, when everything has to be back as it was.
constexpr Duration kAfterwards = std::chrono::seconds(2);

// What the caller of a failing primary sees of one call.
struct Symptom {
  Duration soonest{};  // the call fails at the earliest
  Duration latest{};
  bool loses = false;  // output has begun, so the request fails with it
};

CircuitBreakerOptions Breaker(const CampaignTiming& timing) {
  CircuitBreakerOptions options;
  options.consecutive_failures = kThreshold;
  options.open = {.base = timing.open, .factor = 1, .jitter = timing.open_jitter};
  options.half_open = {.max_concurrent_probes = 1,
                       .close = CloseOnSuccesses{.successes = kProbesToClose},
                       .probe_deadline = 5 * timing.first_token_deadline};
  return options;
}

Duration Scaled(Duration duration, double factor) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor));
}

Duration ShortestOpen(const CampaignTiming& timing) {
  return Scaled(timing.open, 1 - timing.open_jitter);
}
Duration LongestOpen(const CampaignTiming& timing) {
  return Scaled(timing.open, 1 + timing.open_jitter);
}

// How often a breaker can be found half open in `outage` if each waiting time is at least `wait`
// and each failing probe takes at least `probe`.
std::uint64_t Episodes(Duration outage, Duration wait, Duration probe) {
  return static_cast<std::uint64_t>(outage / (wait + probe)) + 1;
}

// Bounds of a fault that every call meets from onset to heal, on a breaker that waits between
// `wait_min` and `wait_max`.
FaultBounds BoundsOf(const CampaignTiming& t, const FaultScenario& scenario, const Symptom& symptom,
                     Duration wait_min, Duration wait_max) {
  const Duration outage = scenario.heal - scenario.onset + t.slack;
  const Duration interval = t.interval();
  FaultBounds bounds;
  // Calls that began before the onset go on to succeed, and each success ends the streak, until the
  // slowest of them has ended; unless no failure is known before that anyway. Then the failures of
  // calls that begin `interval` apart make the streak.
  const Duration undisturbed =
      symptom.soonest >= t.longest_service ? Duration::zero() : t.longest_service;
  bounds.detection = undisturbed + symptom.latest + (kThreshold + 1) * interval + t.slack;
  // The failures known by then are of calls that began early enough.
  bounds.failures_spent = t.ArrivalsIn(*bounds.detection - symptom.soonest);
  // A call is at the primary as long as it takes to fail, or to succeed.
  bounds.outstanding_at_trip = t.ArrivalsIn(std::max(symptom.latest, t.longest_service) + t.slack);
  bounds.in_flight_at_trip = t.ArrivalsIn(t.link + t.slack);
  // One probe per episode fails; the last episode closes.
  const std::uint64_t failed_probes = Episodes(outage, wait_min, symptom.soonest);
  const auto& close = std::get<CloseOnSuccesses>(scenario.primary_breaker.half_open.close);
  bounds.probes = failed_probes + close.successes;
  bounds.openings = 1 + failed_probes;
  bounds.primary_failures = t.ArrivalsIn(*bounds.detection) + failed_probes;
  bounds.extra_attempts = bounds.primary_failures;
  bounds.lost_requests = symptom.loses ? bounds.primary_failures : 0;
  // The first request that meets the fault: fails over when that is known, or is lost; then it is
  // up to the breaker.
  bounds.failover =
      (symptom.loses ? *bounds.detection : symptom.latest) + t.longest_service + interval + t.slack;
  // The last loss is of a call that was handed over just before the trip.
  bounds.success_restored = symptom.loses ? *bounds.detection + symptom.latest + t.slack : t.slack;
  // The worst moment to heal is just after a probe was sent: it fails, the breaker waits once more,
  // and then one request after the other has to succeed.
  bounds.closed = symptom.latest + wait_max + close.successes * (interval + t.longest_service) +
                  interval + t.slack;
  // Requests that the fallback has when the breaker closes are answered by it.
  bounds.recovery = bounds.closed + t.longest_service + interval + t.slack;
  return bounds;
}

FaultScenario Named(std::string name, const CampaignTiming& timing) {
  FaultScenario scenario;
  scenario.name = std::move(name);
  scenario.onset = timing.onset;
  scenario.heal = timing.heal;
  scenario.primary_breaker = Breaker(timing);
  scenario.fallback_breaker = Breaker(timing);
  return scenario;
}

// `fault`, from onset to heal.
Fault Outage(const FaultScenario& scenario, Fault fault) {
  fault.from = scenario.onset;
  fault.until = scenario.heal;
  return fault;
}

FaultScenario WithBounds(const CampaignTiming& timing, FaultScenario scenario,
                         const Symptom& symptom) {
  scenario.bounds = BoundsOf(timing, scenario, symptom, ShortestOpen(timing), LongestOpen(timing));
  return scenario;
}

FaultScenario FastStatus(std::string name, const CampaignTiming& timing, int status) {
  FaultScenario scenario = Named(std::move(name), timing);
  scenario.kinds = {status == 429 ? ErrorKind::kRateLimited : ErrorKind::kOverloaded};
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kHttpError, .status = status})};
  return WithBounds(timing, std::move(scenario), {.latest = timing.fast_failure});
}

// A reset on a pooled connection that nothing was answered on looks as if the connection had been
// closed before. It says nothing about the primary, and is tried once more. There is a connection
// for each request that was in flight at once.
void ExpectStaleConnections(const CampaignTiming& timing, FaultScenario& scenario) {
  const std::uint64_t pooled = timing.ArrivalsIn(timing.longest_service + timing.slack);
  scenario.kinds.push_back(ErrorKind::kStaleConnection);
  scenario.bounds.primary_failures += pooled;
  scenario.bounds.failures_spent += pooled;
  scenario.bounds.extra_attempts += pooled;
}

FaultScenario ConnectionRefused(const CampaignTiming& timing) {
  FaultScenario scenario = Named("ConnectionRefused", timing);
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kConnectionRefused})};
  scenario.kinds = {ErrorKind::kConnectFailure};
  scenario = WithBounds(timing, std::move(scenario), {.latest = timing.fast_failure});
  if (!timing.sockets) return scenario;
  ExpectStaleConnections(timing, scenario);
  // The server's end breaks the streams in flight.
  scenario.kinds.insert(scenario.kinds.end(),
                        {ErrorKind::kConnectionReset, ErrorKind::kTruncatedStream});
  scenario.bounds.lost_requests = timing.ArrivalsIn(timing.longest_service + timing.slack);
  scenario.bounds.success_restored = timing.longest_service + timing.slack;
  return scenario;
}

FaultScenario ConnectionReset(const CampaignTiming& timing) {
  FaultScenario scenario = Named("ConnectionReset", timing);
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kReset})};
  scenario.kinds = {ErrorKind::kConnectionReset};
  scenario = WithBounds(timing, std::move(scenario), {.latest = timing.fast_failure});
  if (timing.sockets) ExpectStaleConnections(timing, scenario);
  return scenario;
}

// The waiting time is the service's, not the breaker's own: far fewer probes.
FaultScenario RateLimitedWithRetryAfter(const CampaignTiming& timing) {
  FaultScenario scenario = Named("RateLimitedWithRetryAfter", timing);
  scenario.faults = {Outage(
      scenario, {.kind = FaultKind::kHttpError, .status = 429, .retry_after = timing.retry_after})};
  scenario.kinds = {ErrorKind::kRateLimited};
  scenario.bounds = BoundsOf(timing, scenario, {.latest = timing.fast_failure}, timing.retry_after,
                             timing.retry_after);
  return scenario;
}

FaultScenario BlackHole(const CampaignTiming& timing) {
  FaultScenario scenario = Named("BlackHole", timing);
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kHang})};
  scenario.kinds = {ErrorKind::kFirstTokenTimeout};
  return WithBounds(timing, std::move(scenario),
                    {.soonest = timing.first_token_deadline,
                     .latest = timing.first_token_deadline + 2 * timing.link});
}

// Nothing fails, everything is late: only the slow-call rule sees it, and no request fails over
// before the breaker has opened.
FaultScenario SlowFirstToken(const CampaignTiming& timing) {
  FaultScenario scenario = Named("SlowFirstToken", timing);
  scenario.faults = {
      Outage(scenario, {.kind = FaultKind::kSlowFirstToken, .delay = timing.slow_by})};
  const TimeWindow window{.span = timing.slow_window, .slices = 10, .minimum_calls = 20};
  scenario.primary_breaker.slow_call_ratio =
      SlowCallRatio{.slow_after = timing.slow_after, .threshold = 0.5, .window = window};
  scenario.opens_on_streak_only = false;
  const Symptom symptom{.soonest = timing.slow_by,
                        .latest = timing.slow_by + timing.longest_service};
  scenario.bounds = BoundsOf(timing, scenario, symptom, ShortestOpen(timing), LongestOpen(timing));
  FaultBounds& bounds = scenario.bounds;
  // Let x be the time since the onset. Once the calls from before have ended (x > longest), the
  // window holds at most rate * (longest + span - x) fast ones and at least rate * (x - latest)
  // slow ones. The rule needs as many slow as fast calls, and its minimum.
  const Duration half = (symptom.latest + timing.longest_service + window.span) / 2;
  const Duration minimum = symptom.latest + window.minimum_calls * timing.interval();
  bounds.detection =
      std::max(half, minimum) + window.span / window.slices + timing.interval() + timing.slack;
  bounds.failover = bounds.success_restored = std::nullopt;
  bounds.failures_spent = bounds.primary_failures = 0;
  bounds.extra_attempts = 0;
  return scenario;
}

// After three tokens: the request is lost, unless a silent switch were allowed.
FaultScenario MidStreamStall(const CampaignTiming& timing) {
  FaultScenario scenario = Named("MidStreamStall", timing);
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kStall, .after_tokens = 3})};
  scenario.kinds = {ErrorKind::kIdleTimeout};
  scenario = WithBounds(timing, std::move(scenario),
                        {.soonest = timing.idle_deadline,
                         .latest = timing.idle_deadline + timing.longest_service,
                         .loses = true});
  scenario.bounds.least_lost_requests = kThreshold;  // or the breaker would not have opened
  return scenario;
}

// After two tokens, on a chain that may continue a stream once: the fallback takes over.
FaultScenario InBandError(const CampaignTiming& timing) {
  FaultScenario scenario = Named("InBandError", timing);
  scenario.failover.streaming = StreamingPolicy::kContinueOnce;
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kErrorEvent, .after_tokens = 2})};
  scenario.kinds = {ErrorKind::kStreamError};
  return WithBounds(timing, std::move(scenario), {.latest = timing.longest_service});
}

FaultScenario MalformedAnswer(const CampaignTiming& timing) {
  FaultScenario scenario = Named("MalformedAnswer", timing);
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kMalformedJson})};
  scenario.kinds = {ErrorKind::kMalformedResponse};
  return WithBounds(timing, std::move(scenario), {.latest = timing.longest_service});
}

// Well and ill in turns: every ill phase is detected by itself.
FaultScenario Flapping(const CampaignTiming& timing) {
  FaultScenario scenario = Named("Flapping", timing);
  scenario.faults = {Outage(scenario, {.kind = FaultKind::kHttpError,
                                       .status = 503,
                                       .period = timing.flap_period,
                                       .active = timing.flap_active})};
  scenario.kinds = {ErrorKind::kOverloaded};
  const Duration outage = scenario.heal - scenario.onset;
  const auto phases = static_cast<std::uint64_t>((outage - Duration(1)) / timing.flap_period) + 1;
  scenario = WithBounds(timing, std::move(scenario), {.latest = timing.fast_failure});
  FaultBounds& bounds = scenario.bounds;
  // Any half-open episode may succeed, fail, or close and be followed by a new trip.
  const std::uint64_t episodes = Episodes(outage, ShortestOpen(timing), Duration::zero()) + 1;
  bounds.probes = episodes * kProbesToClose;
  bounds.openings = phases + episodes;
  bounds.primary_failures = phases * timing.ArrivalsIn(*bounds.detection) + episodes;
  bounds.extra_attempts = bounds.primary_failures;
  return scenario;
}

// The fallback takes half of the load at most. What cannot be answered has to fail, but the retries
// must not make it worse, and the fallback must not be cut off for being busy.
FaultScenario OverloadedFallback(const CampaignTiming& timing) {
  FaultScenario scenario = FastStatus("OverloadedFallback", timing, 503);
  scenario.fallback_capacity = timing.fallback_capacity;
  scenario.failover.retries_per_target = 2;
  scenario.failover.backoff = {.base = timing.fast_failure + 2 * timing.interval(),
                               .cap = 10 * timing.interval()};
  scenario.budget = {.ratio = 0.1, .reserve = 10};
  scenario.fallback_breaker.consecutive_failures = std::nullopt;
  scenario.fallback_breaker.failure_ratio_over_time =
      FailureRatioOverTime{.window = {.span = timing.slow_window}, .threshold = 0.95};
  FaultBounds& bounds = scenario.bounds;
  const auto tokens = static_cast<std::uint64_t>(scenario.budget.reserve);
  const auto with_budget = [&](std::uint64_t requests) {
    return requests + tokens +
           static_cast<std::uint64_t>(static_cast<double>(requests) * scenario.budget.ratio);
  };
  // A retry on the primary takes part in the streak as any call: it only hastens the end. There are
  // as many as the budget pays for.
  bounds.failures_spent = with_budget(bounds.failures_spent);
  bounds.outstanding_at_trip += tokens;
  bounds.in_flight_at_trip += tokens;
  bounds.primary_failures = with_budget(bounds.primary_failures);
  // Who met the fault first is busy with retries; the first request after the trip is not.
  *bounds.failover += *bounds.detection;
  bounds.success_restored = std::nullopt;
  bounds.extra_attempts =
      with_budget(timing.ArrivalsIn(scenario.heal + bounds.recovery + kAfterwards)) -
      timing.ArrivalsIn(scenario.heal + bounds.recovery + kAfterwards);
  // A place that becomes free is taken by the next arrival: each serves one request in at most
  // mean_service + interval. All others may be lost, from the onset until traffic is back.
  const Duration affected = scenario.heal - scenario.onset + bounds.recovery;
  const auto served = static_cast<std::uint64_t>(
      static_cast<double>(affected.count()) * static_cast<double>(timing.fallback_capacity) /
      static_cast<double>((timing.mean_service + timing.interval()).count()));
  const std::uint64_t offered = timing.ArrivalsIn(affected);
  bounds.lost_requests = timing.ArrivalsIn(*bounds.detection) + timing.fallback_capacity +
                         (offered > served ? offered - served : 0);
  bounds.least_lost_requests = 1;
  return scenario;
}

// The primary comes back, but warms up: some calls still fail. Waiting times that grow keep the
// probes few while it is down; traffic must end up there, and stay.
FaultScenario FailBack(const CampaignTiming& timing) {
  FaultScenario scenario = Named("FailBack", timing);
  const Duration well = scenario.heal;
  scenario.heal += timing.warm_up;
  scenario.faults = {
      {.kind = FaultKind::kHttpError, .status = 503, .from = scenario.onset, .until = well},
      {.kind = FaultKind::kHttpError,
       .probability = kFlakiness,
       .status = 503,
       .from = well,
       .until = scenario.heal}};
  scenario.kinds = {ErrorKind::kOverloaded};

  OpenDuration& open = scenario.primary_breaker.open;
  open.factor = kGrowth;
  open.cap = kGrowthCap * timing.open;
  const Duration longest = open.cap;
  scenario.bounds =
      BoundsOf(timing, scenario, {.latest = timing.fast_failure}, ShortestOpen(timing), longest);
  FaultBounds& bounds = scenario.bounds;
  // Waiting times double up to the cap.
  std::uint64_t failed_probes = 0;
  Duration at{};
  for (Duration wait = timing.open; at < well - scenario.onset + timing.slack;
       wait = std::min(kGrowth * wait, longest)) {
    at += Scaled(wait, 1 - timing.open_jitter);
    ++failed_probes;
  }
  // While it warms up, one more series of probes may end with a failure, and the next one closes.
  // Five failures in a row on a closed breaker come once in 20000 warm-ups.
  bounds.probes = failed_probes + 1 + kProbesToClose;
  bounds.openings = 1 + failed_probes + 1;
  // Six standard deviations over the mean of failures in the warm-up.
  const double calls = static_cast<double>(timing.ArrivalsIn(timing.warm_up));
  const double flaky = calls * kFlakiness + 6 * std::sqrt(calls * kFlakiness * (1 - kFlakiness));
  bounds.primary_failures =
      timing.ArrivalsIn(*bounds.detection) + failed_probes + static_cast<std::uint64_t>(flaky) + 1;
  bounds.extra_attempts = bounds.primary_failures;
  return scenario;
}

}  // namespace

std::vector<FaultScenario> FaultScenarios(const CampaignTiming& timing) {
  std::vector<FaultScenario> scenarios = {
      ConnectionRefused(timing),
      ConnectionReset(timing),
      FastStatus("Fast503", timing, 503),
      RateLimitedWithRetryAfter(timing),
      FastStatus("RateLimitedWithoutRetryAfter", timing, 429),
      FastStatus("Overloaded529", timing, 529),
      BlackHole(timing),
      SlowFirstToken(timing),
      MidStreamStall(timing),
      InBandError(timing),
      MalformedAnswer(timing),
      Flapping(timing),
      OverloadedFallback(timing),
      FailBack(timing),
  };
  for (FaultScenario& scenario : scenarios) {
    scenario.length = scenario.heal + scenario.bounds.recovery + kAfterwards;
  }
  return scenarios;
}

FaultScenario FindScenario(const std::string& name, const CampaignTiming& timing) {
  for (FaultScenario& scenario : FaultScenarios(timing)) {
    if (scenario.name == name) return std::move(scenario);
  }
  throw std::out_of_range("no fault scenario " + name);
}

}  // namespace llmload
