#include "tools/bench_load.h"

#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "src/core/text/parse.h"
#include "tools/profile_spec.h"

namespace llmload::tools {
namespace {

constexpr Duration kUsualDuration = std::chrono::seconds(60);
constexpr Duration kMaxDuration = std::chrono::hours(720);

[[noreturn]] void RefuseCoolDown() {
  throw ConfigurationError(
      "--cool-down: needs --duration, for --requests alone have no end that is known in advance");
}

constexpr std::uint64_t kMostRequests = 10'000'000'000;
// Of an open loop, all of whose arrivals are gone through before the run.
constexpr std::uint64_t kMostArrivals = 1'000'000'000;

// The length of the last phase of `profile`, at a constant rate, with which the whole profile has
// exactly `requests` arrivals.
Duration LengthFor(LoadProfile profile, std::uint64_t requests, double rate, std::uint64_t seed) {
  LoadPhase& last = profile.phases.back();
  Duration before{};
  for (const LoadPhase& phase : profile.phases)
    before += &phase == &last ? Duration() : phase.duration;
  // Independent arrivals may take longer than their mean says: by ten standard deviations, never.
  const auto mean = static_cast<double>(requests + 1) / rate;
  const double longest = mean + 10 * std::sqrt(mean / rate) + 1;
  if (longest > ToSeconds(kMaxDuration)) {
    throw ConfigurationError("--requests: so many take longer than 720h at --rate");
  }
  if (profile.phases.size() == 1 && last.pattern == ArrivalPattern::kConstant) {
    // As `ArrivalSequence` places the first one that is not to come.
    return Duration(std::llround(static_cast<double>(requests) / rate * 1e9));
  }
  last.duration = Duration(std::llround(longest * 1e9));
  profile.seed = seed;
  ArrivalSequence arrivals(profile);
  while (const auto arrival = arrivals.Next()) {
    if (arrival->index < requests) continue;
    // The first one that is not to come.
    if (arrival->at > before) return arrival->at - before;
    break;
  }
  throw ConfigurationError("--requests: all of them come before --warm-up is over");
}

LoadShape ReadRate(const Given& given, std::uint64_t seed) {
  const double rate = text::ParseRate("--rate", given.Text("rate"));
  if (rate <= 0) throw ConfigurationError::Invalid("--rate", given.Text("rate"), "a rate above 0");
  const ArrivalPattern pattern = given.Has("arrivals")
                                     ? ParsePattern("--arrivals", given.Text("arrivals"))
                                     : ArrivalPattern::kConstant;
  LoadProfile profile;
  profile.max_in_flight =
      given.Whole<std::size_t>("max-in-flight", 1, 10'000'000, profile.max_in_flight);
  const auto add = [&](const char* name, Duration duration, bool measured) {
    if (duration == Duration::zero()) return;
    profile.phases.push_back({.name = name,
                              .duration = duration,
                              .shape = ConstantRate{.per_second = rate},
                              .pattern = pattern,
                              .measured = measured});
  };
  const bool counted = given.Has("requests") && !given.Has("duration");
  add("warm-up", given.Time("warm-up", {}), false);
  add("",
      given.Has("duration") ? text::ParsePositiveTime("--duration", given.Text("duration"))
                            : kUsualDuration,
      true);
  if (counted) {
    if (given.Has("cool-down")) RefuseCoolDown();
    profile.phases.back().duration =
        LengthFor(profile, given.Whole<std::uint64_t>("requests", 1, kMostArrivals, 1), rate, seed);
  } else {
    add("cool-down", given.Time("cool-down", {}), false);
    profile.max_arrivals =
        given.Whole<std::uint64_t>("requests", 1, kMostArrivals, profile.max_arrivals);
  }
  try {
    static_cast<void>(ScheduleDuration(profile));
  } catch (const ConfigurationError& error) {
    throw ConfigurationError(std::string("--rate and --duration: ") + error.what());
  }
  return profile;
}

LoadShape ReadConcurrency(const Given& given) {
  ClosedLoop load;
  load.concurrency = given.Whole<std::size_t>("concurrency", 1, 100'000, 1);
  load.requests = given.Whole<std::uint64_t>("requests", 1, kMostRequests, ClosedLoop::kUnlimited);
  load.think_time = given.Time("think-time", {});
  load.ramp_up = given.Time("ramp-up", {});
  load.warm_up = given.Time("warm-up", {});
  load.cool_down = given.Time("cool-down", {});
  std::optional<Duration> measured;
  if (given.Has("duration")) {
    measured = text::ParsePositiveTime("--duration", given.Text("duration"));
  } else if (!given.Has("requests")) {
    measured = kUsualDuration;
  }
  if (measured) {
    load.duration = load.warm_up + *measured + load.cool_down;
    if (*load.duration > kMaxDuration) {
      throw ConfigurationError("--duration, --warm-up and --cool-down: together over 720h");
    }
  } else if (load.cool_down > Duration::zero()) {
    RefuseCoolDown();
  }
  return load;
}

LoadShape ReadProfile(const Given& given, TraceFormat format) {
  LoadProfile profile =
      ParseProfile(given.Text("profile"),
                   given.Has("arrivals") ? ParsePattern("--arrivals", given.Text("arrivals"))
                                         : ArrivalPattern::kConstant,
                   format);
  profile.max_in_flight =
      given.Whole<std::size_t>("max-in-flight", 1, 10'000'000, profile.max_in_flight);
  profile.max_arrivals =
      given.Whole<std::uint64_t>("requests", 1, kMostArrivals, profile.max_arrivals);
  return profile;
}

}  // namespace

LoadShape ReadLoad(const Given& given, TraceFormat format, std::uint64_t seed) {
  const char* const kind = given.OneOf({"rate", "concurrency", "profile"});
  if (kind == nullptr) {
    throw ConfigurationError(
        "no load: give --rate (as in 10/s), --concurrency (as in 8) or --profile");
  }
  const std::string_view name(kind);
  if (name == "concurrency") {
    given.Refuse({"arrivals", "max-in-flight"}, "with --concurrency, a closed loop");
    return ReadConcurrency(given);
  }
  given.Refuse({"think-time", "ramp-up"}, "without --concurrency");
  if (name == "rate") return ReadRate(given, seed);
  given.Refuse({"duration"}, "with --profile, whose phases have theirs");
  given.Refuse({"warm-up", "cool-down"}, "with --profile: add a phase with \",unmeasured\"");
  return ReadProfile(given, format);
}

}  // namespace llmload::tools
