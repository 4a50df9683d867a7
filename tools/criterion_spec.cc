#include "tools/criterion_spec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "llmload/core/environment.h"
#include "llmload/provider/error.h"
#include "src/core/text/ascii.h"
#include "src/core/text/parse.h"

namespace llmload::tools {
namespace {

// What can be said of a distribution beside its percentiles.
struct StatisticName {
  std::string_view name;
  Metric (*make)(Figure figure);
};
constexpr std::array<StatisticName, 2> kStatistics = {{{"mean", Mean}, {"max", Max}}};

enum class ValueKind { kShare, kRate, kCount, kTokenRate, kRatio };

// Metrics that are one number.
struct NumberName {
  std::string_view name;
  Metric (*make)();
  ValueKind value;
  std::string_view help;
};

Metric WorstIncrease() { return MemoryIncrease(); }
Metric WorstPeak() { return PeakMemoryRatio(); }
Metric WorstGrowth() { return MemoryGrowth(); }

constexpr std::array<NumberName, 13> kNumbers = {{
    {"success", SuccessRate, ValueKind::kShare, "succeeded / attempted; 0.95 or 95%"},
    {"throughput", Throughput, ValueKind::kRate, "successful requests per time; 90/s or 5400/min"},
    {"completed-throughput", CompletedThroughput, ValueKind::kRate, "the same, failures included"},
    {"goodput", Goodput, ValueKind::kRate, "requests per time that meet all of --good"},
    {"good", GoodFraction, ValueKind::kShare, "requests that meet all of --good / attempted"},
    {"completed", CompletedRequests, ValueKind::kCount, "succeeded + failed"},
    {"succeeded", SuccessfulRequests, ValueKind::kCount, "successful requests"},
    {"failed", FailedRequests, ValueKind::kCount, "failed requests"},
    {"tokens/s", TokensPerSecond, ValueKind::kTokenRate, "output tokens of successes per second"},
    {"attempts", AttemptsPerRequest, ValueKind::kRatio, "provider calls per request"},
    {"rss-increase", WorstIncrease, ValueKind::kRatio, "memory: (final - initial) / initial"},
    {"rss-peak", WorstPeak, ValueKind::kRatio, "memory: peak / initial"},
    {"rss-growth", WorstGrowth, ValueKind::kRatio, "memory: last third over first third - 1"},
}};

template <class Table>
std::string Names(const Table& table) {
  std::string names;
  for (const auto& entry : table) names.append(names.empty() ? "" : ", ").append(entry.name);
  return names;
}

template <class Table>
const typename Table::value_type* Find(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

// The failed requests of one kind: errors:rate_limited.
constexpr std::string_view kErrors = "errors";
constexpr std::string_view kErrorsOfKind = "errors:KIND";
constexpr std::string_view kErrorsHelp = "failed requests of one kind of error";

struct Spec {
  std::string_view metric;
  std::string_view slice;  // what is in braces
  std::optional<std::string_view> statistic;
  Comparison comparison = Comparison::kLess;
  std::string_view value;
};

constexpr std::string_view kSliceAccepted =
    "{phase=NAME}, {model=NAME}, {TAG=VALUE} or several of them with commas between";

Spec TakeApart(std::string_view text) {
  constexpr std::string_view kAccepted =
      "METRIC[:STATISTIC][{NAME=VALUE,...}], one of <, <=, >, >=, ==, and a value, as in "
      "ttft:p95<500ms";
  Spec spec;
  std::size_t begin = text.find_first_of("<>={");
  const std::string_view what = text.substr(0, begin);
  if (begin != std::string_view::npos && text[begin] == '{') {
    const std::size_t end = text.find('}', begin);
    if (end == std::string_view::npos) {
      throw ConfigurationError::Invalid("criterion", text, "a } for the {");
    }
    spec.slice = text.substr(begin + 1, end - begin - 1);
    begin = text.find_first_not_of(' ', end + 1);
    if (begin != std::string_view::npos && text.find_first_of("<>=", begin) != begin) {
      throw ConfigurationError::Invalid("criterion", text, kAccepted);
    }
    if (spec.slice.empty()) throw ConfigurationError::Invalid("part", "{}", kSliceAccepted);
  }
  if (begin == std::string_view::npos) {
    throw ConfigurationError::Invalid("criterion", text, kAccepted);
  }
  std::size_t length = 2;
  const std::string_view two = text.substr(begin, 2);
  if (two == "<=") {
    spec.comparison = Comparison::kLessOrEqual;
  } else if (two == ">=") {
    spec.comparison = Comparison::kGreaterOrEqual;
  } else if (two == "==") {
    spec.comparison = Comparison::kEqual;
  } else {
    length = 1;
    if (two[0] == '=')
      throw ConfigurationError::Invalid("operator", "=", "one of: <, <=, >, >=, ==");
    spec.comparison = two[0] == '<' ? Comparison::kLess : Comparison::kGreater;
  }
  spec.value = text::Trim(text.substr(begin + length));
  const std::size_t colon = what.find(':');
  spec.metric = text::Trim(what.substr(0, colon));
  if (colon != std::string_view::npos) spec.statistic = text::Trim(what.substr(colon + 1));
  return spec;
}

template <class Bound>
Criterion Compare(const Metric& metric, Comparison comparison, Bound bound) {
  switch (comparison) {
    case Comparison::kLess:
      return metric < bound;
    case Comparison::kLessOrEqual:
      return metric <= bound;
    case Comparison::kGreater:
      return metric > bound;
    case Comparison::kGreaterOrEqual:
      return metric >= bound;
    case Comparison::kEqual:
      break;
  }
  throw ConfigurationError::Invalid("operator", "==", "one of: <, <=, >, >= (== is for counts)");
}

// "phase=burst,tenant=a".
Metric Narrow(Metric metric, std::string_view slice) {
  if (slice.empty()) return metric;
  for (const std::string_view part : text::SplitAt(slice, ',')) {
    const std::size_t equals = part.find('=');
    const std::string name(text::Trim(part.substr(0, equals)));
    const std::string value(equals == std::string_view::npos ? ""
                                                             : text::Trim(part.substr(equals + 1)));
    if (name.empty() || value.empty()) {
      throw ConfigurationError::Invalid("part", part, kSliceAccepted);
    }
    metric = name == "phase"   ? metric.OfPhase(value)
             : name == "model" ? metric.OfModel(value)
                               : metric.WithTag(name, value);
  }
  return metric;
}

Criterion CompareNumber(ValueKind kind, const Metric& metric, const Spec& spec) {
  switch (kind) {
    case ValueKind::kShare:
      return Compare(metric, spec.comparison, text::ParseShare("value", spec.value));
    case ValueKind::kRate:
      return Compare(metric, spec.comparison, text::ParseRate("value", spec.value));
    case ValueKind::kCount: {
      // Whole numbers that a double holds exactly.
      const auto count = static_cast<double>(text::ParseNumber<std::uint64_t>(
          "value", spec.value, 0, std::uint64_t{1} << 53, "a whole number"));
      if (spec.comparison == Comparison::kEqual) return metric == count;
      return Compare(metric, spec.comparison, count);
    }
    case ValueKind::kTokenRate:
    case ValueKind::kRatio:
      break;
  }
  return Compare(metric, spec.comparison,
                 text::ParseNumber<double>("value", spec.value, -1e9, 1e9, "a number"));
}

std::string FigureNames() {
  std::string names = Names(kFigures);
  for (const FigureInfo& row : kFigures) {
    if (!row.alias.empty()) names.append(", ").append(row.alias);
  }
  return names;
}

std::string StatisticNames() { return Names(kQuantiles) + ", " + Names(kStatistics); }

Metric StatisticOf(const Spec& spec, Figure figure) {
  const std::string_view name = spec.statistic.value_or("");
  if (const NamedQuantile* row = Find(kQuantiles, name)) return Percentile(row->quantile, figure);
  if (const StatisticName* statistic = Find(kStatistics, name)) return statistic->make(figure);
  throw ConfigurationError::Invalid(
      "statistic", name, std::string(spec.metric) + ":STATISTIC with one of: " + StatisticNames());
}

std::string ErrorKindNames() {
  std::string names;
  for (std::size_t i = 0; i < kErrorKindCount; ++i) {
    names.append(names.empty() ? "" : ", ").append(ToString(static_cast<ErrorKind>(i)));
  }
  return names;
}

Metric ErrorsNamed(std::string_view name) {
  for (std::size_t i = 0; i < kErrorKindCount; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    if (ToString(kind) == name) return ErrorCount(kind);
  }
  throw ConfigurationError::Invalid(
      "kind of error", name, std::string(kErrorsOfKind) + " with one of: " + ErrorKindNames());
}

Criterion Parse(const Spec& spec) {
  if (spec.metric == kErrors) {
    const Metric metric = Narrow(ErrorsNamed(spec.statistic.value_or("")), spec.slice);
    return CompareNumber(ValueKind::kCount, metric, spec);
  }
  if (const NumberName* number = Find(kNumbers, spec.metric)) {
    if (spec.statistic) {
      throw ConfigurationError::Invalid("statistic", *spec.statistic,
                                        "none: " + std::string(spec.metric) + " is one number");
    }
    return CompareNumber(number->value, Narrow(number->make(), spec.slice), spec);
  }
  const std::optional<Figure> figure = FigureOfName(spec.metric);
  if (!figure) {
    throw ConfigurationError::Invalid(
        "metric", spec.metric, "one of: " + FigureNames() + ", " + Names(kNumbers) + ", errors");
  }
  const Metric metric = Narrow(StatisticOf(spec, *figure), spec.slice);
  if (InfoOf(*figure).unit == FigureUnit::kTokens) {
    return Compare(metric, spec.comparison,
                   text::ParseNumber<double>("value", spec.value, 0, 1e9, "a number of tokens"));
  }
  return Compare(metric, spec.comparison, text::ParseTime("value", spec.value));
}

void AddLine(std::string& help, std::string_view name, std::string_view text) {
  std::string line = "  " + std::string(name);
  line.append(line.size() < 24 ? 24 - line.size() : 1, ' ').append(text);
  help += line + "\n";
}

}  // namespace

Criterion ParseCriterion(std::string_view spec) {
  try {
    return Parse(TakeApart(text::Trim(spec)));
  } catch (const ConfigurationError& error) {
    throw ConfigurationError("--slo \"" + std::string(spec) + "\": " + error.what());
  }
}

RequestObjectives ParseObjectives(std::string_view spec) {
  struct Bound {
    std::string_view name;  // for messages
    Figure figure;
    std::optional<Duration> RequestObjectives::*bound;
  };
  constexpr std::array<Bound, 6> kBounds = {
      {{"latency", Figure::kScheduledLatency, &RequestObjectives::scheduled_latency},
       {"service", Figure::kServiceLatency, &RequestObjectives::service_latency},
       {"ttft", Figure::kTtft, &RequestObjectives::ttft},
       {"ttfo", Figure::kTtfo, &RequestObjectives::ttfo},
       {"tpot", Figure::kTpot, &RequestObjectives::tpot},
       {"chunk_gap", Figure::kChunkGap, &RequestObjectives::chunk_gap}}};
  RequestObjectives objectives;
  try {
    for (std::string_view left = spec; !left.empty();) {
      const std::size_t comma = std::min(left.find(','), left.size());
      const std::string_view part = text::Trim(left.substr(0, comma));
      left.remove_prefix(std::min(comma + 1, left.size()));
      const std::size_t at = part.find("<=");
      const auto figure = FigureOfName(text::Trim(part.substr(0, at)));
      const auto bound = std::find_if(kBounds.begin(), kBounds.end(),
                                      [&](const Bound& entry) { return entry.figure == figure; });
      if (at == std::string_view::npos || bound == kBounds.end()) {
        throw ConfigurationError::Invalid(
            "bound", part, "METRIC<=TIME, as in ttft<=500ms, with one of: " + Names(kBounds));
      }
      if (objectives.*bound->bound) {
        throw ConfigurationError::Invalid("bound", part, "each metric once");
      }
      objectives.*bound->bound = text::ParseTime("value", text::Trim(part.substr(at + 2)));
    }
    if (objectives.empty()) {
      throw ConfigurationError::Invalid("bound", "", "METRIC<=TIME, as in ttft<=500ms");
    }
  } catch (const ConfigurationError& error) {
    throw ConfigurationError("--good \"" + std::string(spec) + "\": " + error.what());
  }
  return objectives;
}

std::vector<NumberMetric> NumberMetrics() {
  const auto unit = [](ValueKind kind) -> std::string_view {
    switch (kind) {
      case ValueKind::kShare:
        return "share";
      case ValueKind::kRate:
        return "requests/s";
      case ValueKind::kCount:
        return "requests";
      case ValueKind::kTokenRate:
        return "tokens/s";
      case ValueKind::kRatio:
        break;
    }
    return "ratio";
  };
  std::vector<NumberMetric> metrics;
  for (const NumberName& entry : kNumbers) {
    metrics.push_back(
        {.name = entry.name, .unit = unit(entry.value), .meaning = std::string(entry.help)});
  }
  metrics.push_back({.name = kErrorsOfKind,
                     .unit = unit(ValueKind::kCount),
                     .meaning = std::string(kErrorsHelp) + "; KIND is one of " + ErrorKindNames()});
  return metrics;
}

std::string CriterionSpecHelp() {
  std::string help = "METRIC:STATISTIC OPERATOR VALUE, with STATISTIC one of " + StatisticNames() +
                     ",\nor METRIC OPERATOR VALUE. OPERATOR is <, <=, > or >=; for counts also ==. "
                     "Quote it: < is the "
                     "shell's.\n";
  for (const FigureInfo& row : kFigures) {
    const std::string name(row.alias.empty() ? row.name : row.alias);
    AddLine(help, name + ":STATISTIC",
            std::string(row.title) + (NeedsStreaming(row.figure) ? " (streaming)" : "") + ": " +
                std::string(row.span));
  }
  for (const NumberName& entry : kNumbers) AddLine(help, entry.name, entry.help);
  AddLine(help, kErrorsOfKind, std::string(kErrorsHelp) + ", as errors:rate_limited==0");
  help +=
      "A metric in braces is of some of the requests: {phase=burst}, {model=gpt-4o}, {TAG=VALUE},\n"
      "or several of them: ttft:p95{phase=burst,tenant=a}<500ms.\n";
  return help;
}

}  // namespace llmload::tools
