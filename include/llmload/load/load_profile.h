// The load that a run puts on a provider: rates over time (open loop), phases of them, or a fixed
// number of callers (closed loop). Plain options; arrival_schedule.h turns them into instants.
#ifndef LLMLOAD_LOAD_LOAD_PROFILE_H_
#define LLMLOAD_LOAD_LOAD_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/load/arrival_trace.h"

namespace llmload {

/// How arrivals follow a rate r(t). Both invert the cumulative rate L(t) = integral of r from 0 to
/// t.
enum class ArrivalPattern : std::uint8_t {
  kConstant,  ///< evenly: arrival k at the t where L(t) = k; at a constant rate, every 1/rate
  kPoisson,   ///< independently: a Poisson process of rate r(t), from the seed. L(t) of arrival k
              ///< is a sum of k+1 exponential gaps with mean 1
};

/// The same rate for the whole phase.
struct ConstantRate {
  double per_second = 1;
};

/// A rate that changes in a straight line over the whole phase.
struct LinearRamp {
  double from_per_second = 0;
  double to_per_second = 1;
};

/// A rate that changes in `steps` stairs of equal length and height. The first stair is at
/// `from_per_second`, the last at `to_per_second`.
struct StairRamp {
  double from_per_second = 1;
  double to_per_second = 2;
  std::size_t steps = 2;  ///< 2 to 10000
};

/// Base rate, a rise to the peak, the peak, a fall back, and the base rate again until the phase
/// ends. The last part shows whether the system recovers.
struct Spike {
  double base_per_second = 1;
  double peak_per_second = 10;
  Duration before = std::chrono::seconds(30);  ///< at the base rate, until the rise begins
  Duration rise = Duration::zero();            ///< in a straight line; zero: at once
  Duration hold = std::chrono::seconds(10);    ///< at the peak
  Duration fall = Duration::zero();            ///< in a straight line; zero: at once
};

/// Rates that follow each other. Their durations must add up to that of the phase; a phase of
/// duration zero takes their sum.
struct RateSteps {
  /// One rate and how long it lasts.
  struct Step {
    double per_second = 1;
    Duration duration = std::chrono::seconds(10);
  };
  std::vector<Step> steps;
};

/// mean + amplitude * sin(2 pi t / period + offset): a load that rises and falls periodically.
struct SineRate {
  double mean_per_second = 2;
  double amplitude_per_second = 1;  ///< 0 to the mean
  Duration period = std::chrono::seconds(60);
  double offset_radians = 0;
};

/// Arrivals at the instants of a trace, counted from the start of the phase. The phase's pattern is
/// not used.
struct TraceReplay {
  std::shared_ptr<const ArrivalTrace> trace;
  double speed = 1;  ///< 2 replays in half the time
};

using RateShape =
    std::variant<ConstantRate, LinearRamp, StairRamp, Spike, RateSteps, SineRate, TraceReplay>;

/// A part of a profile.
struct LoadPhase {
  std::string name;  ///< for reports ("warm-up", "peak")
  /// Zero only where the shape has a length of its own: `RateSteps`, and `TraceReplay`, which ends
  /// right after its last arrival.
  Duration duration = std::chrono::seconds(60);
  RateShape shape;
  ArrivalPattern pattern = ArrivalPattern::kConstant;
  /// False for a warm-up or cool-down: its requests are sent, but kept out of the metrics, however
  /// late they are answered.
  bool measured = true;
};

/// The seed of a run by default, and of an `ArrivalSequence` whose profile has no seed.
inline constexpr std::uint64_t kDefaultSeed = 1;

/// Open loop: arrivals are due at instants fixed in advance, however slowly the system answers.
/// Real users behave like this, and it is the only kind of load whose latencies are free of
/// coordinated omission.
struct LoadProfile {
  std::vector<LoadPhase> phases;  ///< in order, without gaps
  /// Seeds Poisson arrivals. Empty: the seed of the run (`WithSeed`) does.
  std::optional<std::uint64_t> seed = std::nullopt;
  /// Requests in flight over all workers and shares. An arrival beyond it is dropped and counted,
  /// never delayed.
  std::size_t max_in_flight = 10'000;
  /// No arrival comes after so many, over all phases.
  std::uint64_t max_arrivals = ~std::uint64_t{0};
};

/// Open loop of one measured phase at one rate.
struct OpenLoop {
  double rate_per_second = 1.0;
  Duration duration = std::chrono::seconds(60);
  ArrivalPattern pattern = ArrivalPattern::kConstant;
  std::optional<std::uint64_t> seed = std::nullopt;  ///< as in `LoadProfile`
  std::size_t max_in_flight = 10'000;                ///< as in `LoadProfile`
};

/// Closed loop: `concurrency` callers. Each sends its next request when the last one is answered
/// and its think time is over. For memory and capacity tests; its latencies do not tell what users
/// at a given rate would see.
struct ClosedLoop {
  /// A value of `requests` that means as many as the duration allows.
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

  std::size_t concurrency = 1;  ///< 1 to 100000
  /// In total, those that are not measured included; `kUnlimited` only with a duration.
  std::uint64_t requests = 1;
  /// The first requests, by index: they are sent, but kept out of the metrics. Less than
  /// `requests`.
  std::uint64_t warm_up_requests = 0;
  /// No request begins later than this after the start of the run, whatever `requests` says. Empty:
  /// `requests` alone end the run.
  std::optional<Duration> duration = std::nullopt;
  Duration think_time = Duration::zero();  ///< between an answer and the caller's next request
  /// `kConstant`: always `think_time`; `kPoisson`: exponential with that mean, from the seed.
  ArrivalPattern think_pattern = ArrivalPattern::kConstant;
  /// Seeds think times: caller k draws them, in order, from `Random::Stream(seed, k)`. Empty: the
  /// seed of the run (`WithSeed`) does.
  std::optional<std::uint64_t> seed = std::nullopt;
  /// The callers begin evenly spread over this time instead of all at once.
  Duration ramp_up = Duration::zero();
  /// Requests that begin in the first `warm_up`, or in the last `cool_down` of `duration`, are kept
  /// out of the metrics.
  Duration warm_up = Duration::zero();
  Duration cool_down = Duration::zero();
};

/// The profile of one phase that `load` stands for.
LoadProfile ToProfile(const OpenLoop& load);

/// The load of a run: a profile or a closed loop. An `OpenLoop` converts to its profile. By default
/// a profile without phases, which no run accepts.
class LoadShape : public std::variant<LoadProfile, ClosedLoop> {
 public:
  LoadShape() = default;
  // NOLINTBEGIN(google-explicit-constructor): a shape is one of these.
  LoadShape(LoadProfile profile) : variant(std::move(profile)) {}
  LoadShape(const ClosedLoop& load) : variant(load) {}
  LoadShape(const OpenLoop& load) : variant(ToProfile(load)) {}
  // NOLINTEND(google-explicit-constructor)

  /// Null for a closed loop.
  const LoadProfile* profile() const noexcept { return std::get_if<LoadProfile>(this); }
  /// Null for a profile.
  const ClosedLoop* closed_loop() const noexcept { return std::get_if<ClosedLoop>(this); }
};

/// The part of a load that is measured, from the start of the run on.
struct MeasuredPart {
  Duration begin{};
  std::optional<Duration> end;  ///< empty: the number of requests alone ends it
};
/// Precondition: a shape that makes sense.
MeasuredPart MeasuredPartOf(const LoadShape& shape);

/// The load that goes on as `shape` ends, until its measured part has lasted for `longest` or
/// `max_requests` have been sent, those that are not measured included. Throws `ConfigurationError`
/// for a load that has no way to go on: its last measured phase has no constant rate.
LoadShape Prolonged(const LoadShape& shape, Duration longest,
                    std::optional<std::uint64_t> max_requests);

/// `shape` with `seed` in place of a seed that is not set: the one place where a run's seed reaches
/// its load. Arrivals, think times and prompts (`MakePromptSource`) each take their own streams of
/// a seed, so one seed serves all of them.
LoadShape WithSeed(LoadShape shape, std::uint64_t seed);

/// Throws `ConfigurationError` that names the field for a closed loop that makes no sense.
void Validate(const ClosedLoop& load);

/// How long the arrivals of `profile` take: the sum of its phases. Throws `ConfigurationError` for
/// a profile that makes no sense.
Duration ScheduleDuration(const LoadProfile& profile);

/// The rate at which requests are due `at` after the start, per second. Empty for a closed loop, in
/// a trace and after the end. Precondition: a shape that makes sense.
std::optional<double> RateAt(const LoadShape& shape, Duration at);

/// One line for reports: "open loop, 16.67 requests/s for 60 s, constant arrivals". Precondition: a
/// shape that makes sense.
std::string Describe(const LoadShape& shape);

}  // namespace llmload

#endif  // LLMLOAD_LOAD_LOAD_PROFILE_H_
