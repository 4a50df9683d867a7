#include "tools/profile_spec.h"

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/core/text/parse.h"

namespace llmload::tools {
namespace {

constexpr std::string_view kHelp =
    R"(Phases follow each other without gaps, split by ";". Requests are due at the instants they say,
however slowly the target answers. RATE is requests per second (10, 2.5/s, 1000/min); in A..B a unit
after B is that of A too. A TIME has a unit (us, ms, s, m, h).
  constant:RATE,TIME              one rate
  ramp:RATE..RATE,TIME            a straight line
  stairs:RATE..RATE,N,TIME        N stairs of equal length and height, the last at the second rate
  spike:BASE..PEAK,T1+T2+T3       T1 at the base rate, T2 at the peak, T3 at the base rate again;
                                  rise=TIME and fall=TIME: in a straight line, not at once
  sine:LOW..HIGH,PERIOD,TIME      begins in the middle, going up
  steps:RATE:TIME[,RATE:TIME]...  rates that follow each other
  trace:FILE                      recorded arrivals: JSON objects (at_seconds, input_tokens,
                                  output_tokens) or a CSV of Azure's LLM inference traces (--format);
                                  speed=N: so many times faster (default 1)
Keys of every shape:
  unmeasured                      a warm-up or cool-down: sent, but kept out of the metrics
  arrivals=constant|poisson       default: --arrivals
  name=TEXT                       for the report
)";

constexpr std::string_view kShapes =
    "one of: constant, ramp, stairs, spike, sine, steps, trace; then \":\" and its parts";

// What a phase consists of, taken apart at the commas.
struct Parts {
  std::vector<std::string_view> values;
  std::vector<std::pair<std::string_view, std::string_view>> keys;
  bool unmeasured = false;
  TraceFormat format = TraceFormat::kDetect;  // of its file, in the phase of a trace

  // Takes the key out, so that what is left over is unknown.
  std::optional<std::string_view> Take(std::string_view key) {
    for (auto it = keys.begin(); it != keys.end(); ++it) {
      if (it->first != key) continue;
      const std::string_view value = it->second;
      keys.erase(it);
      return value;
    }
    return std::nullopt;
  }
};

Parts TakePhaseApart(std::string_view text) {
  Parts parts;
  for (const std::string_view part : text::SplitAt(text, ',')) {
    const std::size_t equals = part.find('=');
    if (part == "unmeasured") {
      parts.unmeasured = true;
    } else if (equals != std::string_view::npos) {
      parts.keys.emplace_back(part.substr(0, equals), part.substr(equals + 1));
    } else {
      parts.values.push_back(part);
    }
  }
  return parts;
}

void ExpectParts(const Parts& parts, std::size_t count, std::string_view form) {
  if (parts.values.size() == count) return;
  throw ConfigurationError::Invalid("parts", std::to_string(parts.values.size()), form);
}

struct RateRange {
  double from = 0;
  double to = 0;
};

RateRange ParseRates(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) {
    throw ConfigurationError::Invalid("rates", text, "RATE..RATE, as in 10..100/s");
  }
  std::string from(text.substr(0, dots));
  const std::string_view to = text.substr(dots + 2);
  const std::size_t unit = to.find('/');
  if (unit != std::string_view::npos && from.find('/') == std::string::npos) {
    from += to.substr(unit);
  }
  return {.from = text::ParseRate("first rate", from), .to = text::ParseRate("second rate", to)};
}

void ParseConstant(Parts& parts, LoadPhase& phase) {
  ExpectParts(parts, 2, "constant:RATE,TIME");
  phase.shape = ConstantRate{.per_second = text::ParseRate("rate", parts.values[0])};
  phase.duration = text::ParsePositiveTime("time", parts.values[1]);
}

void ParseRamp(Parts& parts, LoadPhase& phase) {
  ExpectParts(parts, 2, "ramp:RATE..RATE,TIME");
  const RateRange rates = ParseRates(parts.values[0]);
  phase.shape = LinearRamp{.from_per_second = rates.from, .to_per_second = rates.to};
  phase.duration = text::ParsePositiveTime("time", parts.values[1]);
}

void ParseStairs(Parts& parts, LoadPhase& phase) {
  ExpectParts(parts, 3, "stairs:RATE..RATE,N,TIME");
  const RateRange rates = ParseRates(parts.values[0]);
  phase.shape =
      StairRamp{.from_per_second = rates.from,
                .to_per_second = rates.to,
                .steps = text::ParseNumber<std::size_t>("stairs", parts.values[1], 2, 10'000,
                                                        "a whole number from 2 to 10000")};
  phase.duration = text::ParsePositiveTime("time", parts.values[2]);
}

void ParseSpike(Parts& parts, LoadPhase& phase) {
  constexpr std::string_view kForm = "spike:BASE..PEAK,T1+T2+T3";
  ExpectParts(parts, 2, kForm);
  const RateRange rates = ParseRates(parts.values[0]);
  const std::vector<std::string_view> times = text::SplitAt(parts.values[1], '+');
  if (times.size() != 3) {
    throw ConfigurationError::Invalid("times", parts.values[1],
                                      "T1+T2+T3: before, at and after the peak");
  }
  Spike spike{.base_per_second = rates.from,
              .peak_per_second = rates.to,
              .before = text::ParseTime("time before the peak", times[0]),
              .hold = text::ParsePositiveTime("time at the peak", times[1])};
  const Duration after = text::ParseTime("time after the peak", times[2]);
  if (const auto rise = parts.Take("rise")) spike.rise = text::ParseTime("rise", *rise);
  if (const auto fall = parts.Take("fall")) spike.fall = text::ParseTime("fall", *fall);
  phase.duration = spike.before + spike.rise + spike.hold + spike.fall + after;
  phase.shape = spike;
}

void ParseSine(Parts& parts, LoadPhase& phase) {
  ExpectParts(parts, 3, "sine:LOW..HIGH,PERIOD,TIME");
  const RateRange rates = ParseRates(parts.values[0]);
  if (rates.to < rates.from) {
    throw ConfigurationError::Invalid("rates", parts.values[0], "LOW..HIGH, the lower one first");
  }
  phase.shape = SineRate{.mean_per_second = (rates.from + rates.to) / 2,
                         .amplitude_per_second = (rates.to - rates.from) / 2,
                         .period = text::ParsePositiveTime("period", parts.values[1])};
  phase.duration = text::ParsePositiveTime("time", parts.values[2]);
}

void ParseSteps(Parts& parts, LoadPhase& phase) {
  RateSteps steps;
  for (const std::string_view part : parts.values) {
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) {
      throw ConfigurationError::Invalid("step", part, "RATE:TIME, as in 10/s:30s");
    }
    steps.steps.push_back({.per_second = text::ParseRate("rate", part.substr(0, colon)),
                           .duration = text::ParsePositiveTime("time", part.substr(colon + 1))});
  }
  phase.shape = std::move(steps);
  phase.duration = Duration::zero();  // their sum
}

void ParseTrace(Parts& parts, LoadPhase& phase) {
  ExpectParts(parts, 1, "trace:FILE");
  TraceReplay replay;
  const std::filesystem::path path(parts.values[0]);
  replay.trace = std::make_shared<const ArrivalTrace>(ArrivalTrace::Load(path, parts.format));
  if (const auto speed = parts.Take("speed")) {
    replay.speed =
        text::ParseNumber<double>("speed", *speed, 1e-3, 1e6, "a number from 0.001 to 1e6");
  }
  phase.shape = std::move(replay);
  phase.duration = Duration::zero();  // that of the trace
}

struct ShapeName {
  std::string_view name;
  void (*parse)(Parts& parts, LoadPhase& phase);
};

constexpr std::array<ShapeName, 7> kShapeNames = {{{"constant", ParseConstant},
                                                   {"ramp", ParseRamp},
                                                   {"stairs", ParseStairs},
                                                   {"spike", ParseSpike},
                                                   {"sine", ParseSine},
                                                   {"steps", ParseSteps},
                                                   {"trace", ParseTrace}}};

LoadPhase ParsePhase(std::string_view text, ArrivalPattern pattern, TraceFormat format) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const ShapeName& shape : kShapeNames) {
    if (shape.name != name || colon == std::string_view::npos) continue;
    Parts parts = TakePhaseApart(text.substr(colon + 1));
    parts.format = format;
    LoadPhase phase{.pattern = pattern, .measured = !parts.unmeasured};
    if (const auto own = parts.Take("arrivals")) phase.pattern = ParsePattern("arrivals", *own);
    if (const auto given = parts.Take("name")) phase.name = *given;
    shape.parse(parts, phase);
    if (!parts.keys.empty()) {
      throw ConfigurationError::Invalid("key", parts.keys.front().first,
                                        "one that " + std::string(name) + " has (see --help)");
    }
    return phase;
  }
  throw ConfigurationError::Invalid("shape", name, kShapes);
}

}  // namespace

ArrivalPattern ParsePattern(std::string_view name, std::string_view text) {
  if (text == "constant") return ArrivalPattern::kConstant;
  if (text == "poisson") return ArrivalPattern::kPoisson;
  throw ConfigurationError::Invalid(name, text, "one of: constant, poisson");
}

LoadProfile ParseProfile(std::string_view spec, ArrivalPattern pattern, TraceFormat format) {
  LoadProfile profile;
  for (const std::string_view part : text::SplitAt(spec, ';')) {
    const std::string_view text = text::Trim(part);
    try {
      profile.phases.push_back(ParsePhase(text, pattern, format));
    } catch (const ConfigurationError& error) {
      throw ConfigurationError("--profile phase " + std::to_string(profile.phases.size() + 1) +
                               " \"" + std::string(text) + "\": " + error.what());
    }
  }
  try {
    static_cast<void>(ScheduleDuration(profile));
  } catch (const ConfigurationError& error) {
    throw ConfigurationError("--profile \"" + std::string(spec) + "\": " + error.what());
  }
  return profile;
}

std::string_view ProfileSpecHelp() noexcept { return kHelp; }

}  // namespace llmload::tools
