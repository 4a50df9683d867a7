#include "llmload/load/arrival_schedule.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/load/rate_curve.h"

namespace llmload {

namespace {

// What floating point may be off when one phase's share of arrivals is carried into the next.
constexpr double kCarryTolerance = 1e-6;

}  // namespace

struct ArrivalSequence::Plan {
  struct Phase {
    Duration begin{};
    Duration end{};
    std::vector<RateSegment> segments;          // empty for a trace
    std::shared_ptr<const ArrivalTrace> trace;  // or null
    double speed = 1;
    double expected = 0;
    ArrivalPattern pattern = ArrivalPattern::kConstant;
    bool measured = true;

    // Even arrivals keep their distance across the border between such phases.
    bool IsEven() const { return !trace && pattern == ArrivalPattern::kConstant; }
  };
  std::vector<Phase> phases;
  std::uint64_t seed = kDefaultSeed;
  std::uint64_t max_arrivals = 0;
};

ArrivalSequence::ArrivalSequence(const LoadProfile& profile)
    : random_(profile.seed.value_or(kDefaultSeed)) {
  Validate(profile);
  auto plan = std::make_shared<Plan>();
  plan->seed = profile.seed.value_or(kDefaultSeed);
  plan->max_arrivals = profile.max_arrivals;
  Duration begin{};
  for (const LoadPhase& phase : profile.phases) {
    Plan::Phase& planned = plan->phases.emplace_back();
    planned.begin = begin;
    planned.end = begin += DurationOf(phase);
    planned.segments = MakeSegments(phase);
    for (const RateSegment& segment : planned.segments) planned.expected += segment.expected;
    if (const auto* replay = std::get_if<TraceReplay>(&phase.shape)) {
      planned.trace = replay->trace;
      planned.speed = replay->speed;
    }
    planned.pattern = phase.pattern;
    planned.measured = phase.measured;
  }
  plan_ = std::move(plan);
  EnterPhase();
}

void ArrivalSequence::EnterPhase() {
  const Plan::Phase& phase = plan_->phases[phase_];
  segment_ = 0;
  if (phase.pattern == ArrivalPattern::kPoisson) {
    count_ = 0;
    random_ = Random::Stream(plan_->seed, phase_);
    level_ = random_.Exponential(1);
    return;
  }
  const bool carries = phase_ > 0 && phase.IsEven() && plan_->phases[phase_ - 1].IsEven();
  if (carries) {
    const Plan::Phase& previous = plan_->phases[phase_ - 1];
    level_ += static_cast<double>(count_) - previous.expected;
    if (level_ < kCarryTolerance) level_ = 0;
  } else {
    level_ = 0;
  }
  count_ = 0;
}

std::optional<Arrival> ArrivalSequence::Next() {
  if (index_ >= plan_->max_arrivals) return std::nullopt;
  while (phase_ < plan_->phases.size()) {
    const Plan::Phase& phase = plan_->phases[phase_];
    Duration at = phase.end;
    if (phase.trace) {
      const auto& entries = phase.trace->entries();
      if (count_ < entries.size()) {
        const auto offset = static_cast<double>(entries[count_].at.count());
        at = phase.begin + Duration(std::llround(offset / phase.speed));
      }
    } else {
      // Even arrivals from their number, not by adding up gaps: rounding errors must not add up to
      // a lost arrival.
      const double target = level_ + static_cast<double>(count_);
      for (; segment_ < phase.segments.size(); ++segment_) {
        const RateSegment& segment = phase.segments[segment_];
        const double seconds = segment.TimeOf(target);
        if (seconds >= segment.begin + segment.length) continue;
        at = phase.begin + Duration(std::llround(seconds * 1e9));
        break;
      }
    }
    if (at < phase.end) {
      last_ = std::max(last_, at);
      const Arrival arrival{index_++, last_, phase_, phase.measured};
      if (phase.trace || phase.pattern == ArrivalPattern::kConstant) {
        ++count_;
      } else {
        level_ += random_.Exponential(1);
      }
      return arrival;
    }
    if (++phase_ < plan_->phases.size()) EnterPhase();
  }
  return std::nullopt;
}

Duration ArrivalSequence::duration() const noexcept { return plan_->phases.back().end; }

Duration ArrivalSequence::measured_duration() const noexcept {
  Duration sum{};
  for (const Plan::Phase& phase : plan_->phases) {
    if (phase.measured) sum += phase.end - phase.begin;
  }
  return sum;
}

std::vector<std::uint64_t> CountArrivalsByPhase(const LoadProfile& profile) {
  ArrivalSequence sequence(profile);
  std::vector<std::uint64_t> counts(profile.phases.size());
  while (const auto arrival = sequence.Next()) ++counts[arrival->phase];
  return counts;
}

std::uint64_t CountArrivals(const LoadProfile& profile) {
  ArrivalSequence sequence(profile);
  while (sequence.Next()) {
  }
  return sequence.index();
}

}  // namespace llmload
