#include "src/load/rate_curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <variant>

namespace llmload {
namespace {

// Bisection alone would be done after so many halvings of any bracket a double can hold.
constexpr int kMaxIterations = 100;
constexpr double kTimeTolerance = 1e-11;  // seconds; instants have 1e-9

class SegmentList {
 public:
  void Line(double length, double from, double to) {
    Add({.length = length, .from = from, .to = to});
  }
  void Add(RateSegment segment) {
    if (segment.length <= 0) return;
    segment.begin = begin_;
    segment.level = level_;
    segment.expected = segment.Cumulative(segment.length);
    begin_ += segment.length;
    level_ += segment.expected;
    segments_.push_back(segment);
  }
  double begin() const { return begin_; }
  std::vector<RateSegment> Take() { return std::move(segments_); }

 private:
  std::vector<RateSegment> segments_;
  double begin_ = 0;
  double level_ = 0;
};

struct SegmentMaker {
  double duration = 0;
  SegmentList list;

  void operator()(const ConstantRate& rate) {
    list.Line(duration, rate.per_second, rate.per_second);
  }
  void operator()(const LinearRamp& ramp) {
    list.Line(duration, ramp.from_per_second, ramp.to_per_second);
  }
  void operator()(const StairRamp& ramp) {
    const auto stairs = static_cast<double>(ramp.steps);
    for (std::size_t i = 0; i < ramp.steps; ++i) {
      const double share = static_cast<double>(i) / (stairs - 1);
      const double rate =
          ramp.from_per_second + (ramp.to_per_second - ramp.from_per_second) * share;
      // From the index: equal lengths must add up to the duration.
      list.Line(duration * static_cast<double>(i + 1) / stairs - list.begin(), rate, rate);
    }
  }
  void operator()(const Spike& spike) {
    const double base = spike.base_per_second;
    const double peak = spike.peak_per_second;
    list.Line(ToSeconds(spike.before), base, base);
    list.Line(ToSeconds(spike.rise), base, peak);
    list.Line(ToSeconds(spike.hold), peak, peak);
    list.Line(ToSeconds(spike.fall), peak, base);
    list.Line(duration - list.begin(), base, base);
  }
  void operator()(const RateSteps& steps) {
    for (const auto& step : steps.steps) {
      list.Line(ToSeconds(step.duration), step.per_second, step.per_second);
    }
  }
  void operator()(const SineRate& sine) {
    list.Add({.length = duration,
              .from = sine.mean_per_second,
              .to = sine.mean_per_second,
              .amplitude = sine.amplitude_per_second,
              .omega = 2 * std::numbers::pi / ToSeconds(sine.period),
              .offset = sine.offset_radians});
  }
  void operator()(const TraceReplay&) {}
};

}  // namespace

double RateSegment::Cumulative(double t) const {
  if (omega > 0) {
    return from * t + amplitude / omega * (std::cos(offset) - std::cos(omega * t + offset));
  }
  return from * t + (to - from) / (2 * length) * t * t;
}

double RateSegment::TimeOf(double target) const {
  const double wanted = std::max(0.0, target - level);
  if (omega == 0 && from == to) {
    return from > 0 ? begin + wanted / from : begin + length;
  }
  if (wanted >= expected) return begin + length;
  if (omega == 0) {
    // The root of Cumulative(t) = wanted in the form that does not subtract near-equal numbers.
    const double slope = (to - from) / length;
    const double root = std::sqrt(std::max(0.0, from * from + 2 * slope * wanted));
    const double divisor = from + root;
    return begin + (divisor > 0 ? std::min(length, 2 * wanted / divisor) : 0);
  }
  // The sine adds at most 2 amplitude / omega to the straight line of the mean, and takes away as
  // much: Newton within that bracket, halving it where the tangent leads out of it.
  const double swing = 2 * amplitude / omega;
  double low = std::max(0.0, (wanted - swing) / from);
  double high = std::min(length, (wanted + swing) / from);
  double t = std::clamp(wanted / from, low, high);
  for (int i = 0; i < kMaxIterations && high - low > kTimeTolerance; ++i) {
    const double excess = Cumulative(t) - wanted;
    (excess > 0 ? high : low) = t;
    const double rate = from + amplitude * std::sin(omega * t + offset);
    const double next = rate > 0 ? t - excess / rate : low;
    const bool inside = next > low && next < high;
    const double moved = inside ? next : (low + high) / 2;
    if (std::abs(moved - t) < kTimeTolerance) return begin + moved;
    t = moved;
  }
  return begin + t;
}

std::vector<RateSegment> MakeSegments(const LoadPhase& phase) {
  SegmentMaker maker{.duration = ToSeconds(DurationOf(phase)), .list = {}};
  std::visit(maker, phase.shape);
  return maker.list.Take();
}

Duration DurationOf(const LoadPhase& phase) {
  if (phase.duration != Duration::zero()) return phase.duration;
  if (const auto* steps = std::get_if<RateSteps>(&phase.shape)) {
    Duration sum{};
    for (const auto& step : steps->steps) sum += step.duration;
    return sum;
  }
  if (const auto* replay = std::get_if<TraceReplay>(&phase.shape)) {
    const double last = static_cast<double>(replay->trace->entries().back().at.count());
    return Duration(std::llround(last / replay->speed) + 1);
  }
  return phase.duration;
}

}  // namespace llmload
