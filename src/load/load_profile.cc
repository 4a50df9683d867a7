#include "llmload/load/load_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string_view>

#include "llmload/core/environment.h"
#include "src/load/rate_curve.h"

namespace llmload {
namespace {

constexpr double kMaxRate = 1e7;
constexpr double kMaxExpected = 1e10;
constexpr Duration kMaxDuration = std::chrono::hours(24 * 30);
constexpr std::size_t kMaxSteps = 10'000;
constexpr std::size_t kMaxPhases = 10'000;
constexpr std::size_t kMaxCallers = 100'000;

[[noreturn]] void Reject(const std::string& field, const std::string& value,
                         std::string_view accepted) {
  throw ConfigurationError::Invalid(field, value, accepted);
}

void CheckRate(const std::string& field, double rate) {
  if (!std::isfinite(rate) || rate < 0 || rate > kMaxRate) {
    Reject(field, std::to_string(rate), "0 to 1e7 requests/s");
  }
}

void CheckTime(const std::string& field, Duration value) {
  if (value < Duration::zero() || value > kMaxDuration) {
    Reject(field, std::to_string(value.count()) + " ns", "0 to 30 days");
  }
}

void CheckPositiveTime(const std::string& field, Duration value) {
  if (value <= Duration::zero() || value > kMaxDuration) {
    Reject(field, std::to_string(value.count()) + " ns", "a time above 0, up to 30 days");
  }
}

struct ShapeCheck {
  const std::string& where;  // "LoadProfile::phases[0]"
  const LoadPhase& phase;

  void operator()(const ConstantRate& rate) const {
    CheckRate(where + ".ConstantRate::per_second", rate.per_second);
  }
  void operator()(const LinearRamp& ramp) const {
    CheckRate(where + ".LinearRamp::from_per_second", ramp.from_per_second);
    CheckRate(where + ".LinearRamp::to_per_second", ramp.to_per_second);
  }
  void operator()(const StairRamp& ramp) const {
    CheckRate(where + ".StairRamp::from_per_second", ramp.from_per_second);
    CheckRate(where + ".StairRamp::to_per_second", ramp.to_per_second);
    if (ramp.steps < 2 || ramp.steps > kMaxSteps) {
      Reject(where + ".StairRamp::steps", std::to_string(ramp.steps), "2 to 10000");
    }
  }
  void operator()(const Spike& spike) const {
    CheckRate(where + ".Spike::base_per_second", spike.base_per_second);
    CheckRate(where + ".Spike::peak_per_second", spike.peak_per_second);
    CheckTime(where + ".Spike::before", spike.before);
    CheckTime(where + ".Spike::rise", spike.rise);
    CheckPositiveTime(where + ".Spike::hold", spike.hold);
    CheckTime(where + ".Spike::fall", spike.fall);
    const Duration used = spike.before + spike.rise + spike.hold + spike.fall;
    if (used > phase.duration) {
      Reject(where + ".duration", std::to_string(phase.duration.count()) + " ns",
             "at least before + rise + hold + fall of the spike");
    }
  }
  void operator()(const RateSteps& steps) const {
    if (steps.steps.empty() || steps.steps.size() > kMaxSteps) {
      Reject(where + ".RateSteps::steps", std::to_string(steps.steps.size()), "1 to 10000 steps");
    }
    Duration sum{};
    for (std::size_t i = 0; i < steps.steps.size(); ++i) {
      const std::string field = where + ".RateSteps::steps[" + std::to_string(i) + "]";
      CheckRate(field + ".per_second", steps.steps[i].per_second);
      CheckPositiveTime(field + ".duration", steps.steps[i].duration);
      sum += steps.steps[i].duration;
      CheckTime(where + ".RateSteps::steps", sum);
    }
    if (phase.duration != Duration::zero() && phase.duration != sum) {
      Reject(where + ".duration", std::to_string(phase.duration.count()) + " ns",
             "0, or the sum of its steps");
    }
  }
  void operator()(const SineRate& sine) const {
    CheckRate(where + ".SineRate::mean_per_second", sine.mean_per_second);
    CheckRate(where + ".SineRate::amplitude_per_second", sine.amplitude_per_second);
    if (sine.amplitude_per_second > sine.mean_per_second) {
      Reject(where + ".SineRate::amplitude_per_second", std::to_string(sine.amplitude_per_second),
             "at most the mean: a rate is never negative");
    }
    CheckPositiveTime(where + ".SineRate::period", sine.period);
    if (!std::isfinite(sine.offset_radians)) {
      Reject(where + ".SineRate::offset_radians", std::to_string(sine.offset_radians),
             "a finite number");
    }
  }
  void operator()(const TraceReplay& replay) const {
    if (!replay.trace) Reject(where + ".TraceReplay::trace", "", "a trace");
    if (!std::isfinite(replay.speed) || replay.speed < 1e-3 || replay.speed > 1e6) {
      Reject(where + ".TraceReplay::speed", std::to_string(replay.speed), "0.001 to 1e6");
    }
  }
};

double ExpectedArrivals(const LoadPhase& phase) {
  if (const auto* replay = std::get_if<TraceReplay>(&phase.shape)) {
    return static_cast<double>(replay->trace->entries().size());
  }
  double expected = 0;
  for (const RateSegment& segment : MakeSegments(phase)) expected += segment.expected;
  return expected;
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string Seconds(Duration value) { return Number(ToSeconds(value)) + " s"; }

struct ShapeText {
  std::string operator()(const ConstantRate& rate) const {
    return Number(rate.per_second) + " requests/s";
  }
  std::string operator()(const LinearRamp& ramp) const {
    return "ramp " + Number(ramp.from_per_second) + " to " + Number(ramp.to_per_second) +
           " requests/s";
  }
  std::string operator()(const StairRamp& ramp) const {
    return std::to_string(ramp.steps) + " stairs " + Number(ramp.from_per_second) + " to " +
           Number(ramp.to_per_second) + " requests/s";
  }
  std::string operator()(const Spike& spike) const {
    return "spike " + Number(spike.base_per_second) + " to " + Number(spike.peak_per_second) +
           " requests/s";
  }
  std::string operator()(const RateSteps& steps) const {
    std::string text = "steps of ";
    for (std::size_t i = 0; i < steps.steps.size(); ++i) {
      if (i == 5) return text + ", ... requests/s";
      text += (i > 0 ? ", " : "") + Number(steps.steps[i].per_second);
    }
    return text + " requests/s";
  }
  std::string operator()(const SineRate& sine) const {
    return "sine " + Number(sine.mean_per_second) + " +- " + Number(sine.amplitude_per_second) +
           " requests/s every " + Seconds(sine.period);
  }
  std::string operator()(const TraceReplay& replay) const {
    return "replay of " + std::to_string(replay.trace->entries().size()) + " arrivals at " +
           Number(replay.speed) + " x";
  }
};

std::string DescribePhase(const LoadPhase& phase) {
  std::string text = phase.name.empty() ? "" : phase.name + ": ";
  text += std::visit(ShapeText{}, phase.shape) + " for " + Seconds(DurationOf(phase));
  if (!std::holds_alternative<TraceReplay>(phase.shape)) {
    text +=
        phase.pattern == ArrivalPattern::kConstant ? ", constant arrivals" : ", Poisson arrivals";
  }
  return text + (phase.measured ? "" : " (not measured)");
}

std::string DescribeClosed(const ClosedLoop& load) {
  std::string text = "closed loop, " + std::to_string(load.concurrency) + " callers";
  if (load.requests != ClosedLoop::kUnlimited) {
    text += ", " + std::to_string(load.requests) + " requests";
    if (load.warm_up_requests > 0) {
      text += " of which " + std::to_string(load.warm_up_requests) + " to warm up";
    }
    if (load.duration) text += " or " + Seconds(*load.duration);
  } else if (load.duration) {
    text += " for " + Seconds(*load.duration);
  }
  if (load.think_time > Duration::zero()) {
    text += ", think time " + Seconds(load.think_time) +
            (load.think_pattern == ArrivalPattern::kPoisson ? " (exponential)" : "");
  }
  return text;
}

}  // namespace

LoadProfile ToProfile(const OpenLoop& load) {
  LoadProfile profile{.seed = load.seed, .max_in_flight = load.max_in_flight};
  profile.phases.push_back({.duration = load.duration,
                            .shape = ConstantRate{.per_second = load.rate_per_second},
                            .pattern = load.pattern});
  return profile;
}

Duration ScheduleDuration(const LoadProfile& profile) {
  Validate(profile);
  return std::accumulate(
      profile.phases.begin(), profile.phases.end(), Duration::zero(),
      [](Duration sum, const LoadPhase& phase) { return sum + DurationOf(phase); });
}

LoadShape WithSeed(LoadShape shape, std::uint64_t seed) {
  std::visit([seed](auto& load) { load.seed = load.seed.value_or(seed); },
             static_cast<std::variant<LoadProfile, ClosedLoop>&>(shape));
  return shape;
}

MeasuredPart MeasuredPartOf(const LoadShape& shape) {
  if (const ClosedLoop* const closed = shape.closed_loop()) {
    MeasuredPart part{.begin = closed->warm_up, .end = {}};
    if (closed->duration) part.end = *closed->duration - closed->cool_down;
    return part;
  }
  std::optional<Duration> begin;
  Duration end{};
  Duration at{};
  for (const LoadPhase& phase : shape.profile()->phases) {
    const Duration next = at + DurationOf(phase);
    if (phase.measured) {
      begin = begin.value_or(at);
      end = next;
    }
    at = next;
  }
  return {.begin = begin.value_or(at), .end = begin ? end : at};
}

LoadShape Prolonged(const LoadShape& shape, Duration longest,
                    std::optional<std::uint64_t> max_requests) {
  const MeasuredPart part = MeasuredPartOf(shape);
  if (const ClosedLoop* const closed = shape.closed_loop()) {
    ClosedLoop load = *closed;
    load.duration = part.begin + longest + load.cool_down;
    load.requests = max_requests.value_or(ClosedLoop::kUnlimited);
    return load;
  }
  LoadProfile profile = *shape.profile();
  if (max_requests) profile.max_arrivals = *max_requests;
  const auto last = std::find_if(profile.phases.rbegin(), profile.phases.rend(),
                                 [](const LoadPhase& phase) { return phase.measured; });
  if (last == profile.phases.rend() || !std::holds_alternative<ConstantRate>(last->shape)) {
    throw ConfigurationError(
        "LoadProfile::phases: this load cannot go on beyond its end, since its last measured phase "
        "has no constant rate");
  }
  last->duration += part.begin + longest - *part.end;
  return profile;
}

std::optional<double> RateAt(const LoadShape& shape, Duration at) {
  const LoadProfile* const profile = shape.profile();
  if (profile == nullptr) return std::nullopt;
  for (const LoadPhase& phase : profile->phases) {
    const Duration length = DurationOf(phase);
    if (at >= length) {
      at -= length;
      continue;
    }
    const double time = ToSeconds(at);
    for (const RateSegment& segment : MakeSegments(phase)) {
      const double since = time - segment.begin;
      if (since < 0 || since >= segment.length) continue;
      // The slope of the expected arrivals, whatever the segment's form.
      const double step = std::min(1e-3, segment.length - since);
      return (segment.Cumulative(since + step) - segment.Cumulative(since)) / step;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

std::string Describe(const LoadShape& shape) {
  if (const ClosedLoop* const closed = shape.closed_loop()) return DescribeClosed(*closed);
  const LoadProfile& profile = *shape.profile();
  std::string text = "open loop, ";
  for (std::size_t i = 0; i < profile.phases.size(); ++i) {
    text += (i > 0 ? "; " : "") + DescribePhase(profile.phases[i]);
  }
  if (profile.max_arrivals != LoadProfile().max_arrivals) {
    text += "; at most " + std::to_string(profile.max_arrivals) + " requests";
  }
  return text;
}

void Validate(const LoadProfile& profile) {
  if (profile.phases.empty() || profile.phases.size() > kMaxPhases) {
    Reject("LoadProfile::phases", std::to_string(profile.phases.size()), "1 to 10000 phases");
  }
  Duration total{};
  double expected = 0;
  for (std::size_t i = 0; i < profile.phases.size(); ++i) {
    const LoadPhase& phase = profile.phases[i];
    const std::string where = "LoadProfile::phases[" + std::to_string(i) + "]";
    const bool own_length = std::holds_alternative<RateSteps>(phase.shape) ||
                            std::holds_alternative<TraceReplay>(phase.shape);
    if (own_length) {
      CheckTime(where + ".duration", phase.duration);
    } else {
      CheckPositiveTime(where + ".duration", phase.duration);
    }
    std::visit(ShapeCheck{where, phase}, phase.shape);
    total += DurationOf(phase);
    CheckPositiveTime("LoadProfile::phases: sum of durations", total);
    expected += ExpectedArrivals(phase);
  }
  if (expected <= 0) Reject("LoadProfile::phases", "a rate of 0", "a rate above 0 in some phase");
  if (expected > kMaxExpected) {
    Reject("LoadProfile::phases", Number(expected) + " arrivals", "at most 1e10 arrivals");
  }
  if (profile.max_in_flight == 0) {
    Reject("LoadProfile::max_in_flight", "0", "a number above 0");
  }
}

void Validate(const ClosedLoop& load) {
  if (load.concurrency == 0 || load.concurrency > kMaxCallers) {
    Reject("ClosedLoop::concurrency", std::to_string(load.concurrency), "1 to 100000");
  }
  if (load.requests == 0) Reject("ClosedLoop::requests", "0", "a number above 0");
  if (load.requests == ClosedLoop::kUnlimited && !load.duration) {
    Reject("ClosedLoop::requests", "kUnlimited", "a number, where there is no duration");
  }
  if (load.warm_up_requests >= load.requests) {
    Reject("ClosedLoop::warm_up_requests", std::to_string(load.warm_up_requests),
           "less than requests");
  }
  if (load.duration) CheckPositiveTime("ClosedLoop::duration", *load.duration);
  CheckTime("ClosedLoop::think_time", load.think_time);
  CheckTime("ClosedLoop::ramp_up", load.ramp_up);
  CheckTime("ClosedLoop::warm_up", load.warm_up);
  CheckTime("ClosedLoop::cool_down", load.cool_down);
  if (load.cool_down > Duration::zero() && !load.duration) {
    Reject("ClosedLoop::cool_down", Seconds(load.cool_down), "0 without a duration");
  }
  if (load.duration && load.warm_up + load.cool_down >= *load.duration) {
    Reject("ClosedLoop::warm_up", Seconds(load.warm_up),
           "less than the duration, together with cool_down");
  }
}

}  // namespace llmload
