#include "llmload/simulation/fault_spec.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/parse.h"
#include "src/simulation/fault_kinds.h"

namespace llmload::simulation {
namespace {

constexpr std::string_view kHelpOfSpec =
    R"(A fault is KIND[=VALUE][,KEY=VALUE]... Of the faults that hit one request the first in order wins;
)";
constexpr std::string_view kHelpOfKeys = R"(Keys of every kind:
  p=SHARE               probability per request, as in 0.4 or 40% (default: 100%)
  from=TIME, until=TIME
                        only in this window, counted from the start
  period=TIME, active=TIME
                        only during the first ACTIVE of every PERIOD in the window
  first=N               only the first N requests
  arrivals=N..M         only requests N to M, counted from 1
  model=NAME            only requests for this model
)";

std::int64_t ParseWhole(std::string_view name, std::string_view text, std::int64_t min,
                        std::int64_t max) {
  return text::ParseNumber<std::int64_t>(
      name, text, min, max,
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

CutMode ParseCutMode(std::string_view text) {
  if (text == "abrupt") return CutMode::kAbrupt;
  if (text == "notify") return CutMode::kCloseNotify;
  if (text == "reset") return CutMode::kReset;
  throw ConfigurationError::Invalid("fault close", text, "one of: abrupt, notify, reset");
}

struct Setting {
  std::string_view key;
  std::optional<std::string_view> value;
};

std::vector<Setting> Split(std::string_view spec) {
  std::vector<Setting> settings;
  for (const std::string_view part : text::SplitAt(spec, ',')) {
    const std::size_t equals = part.find('=');
    Setting setting{part.substr(0, equals), std::nullopt};
    if (equals != std::string_view::npos) setting.value = part.substr(equals + 1);
    settings.push_back(setting);
  }
  return settings;
}

FaultKind ParseKind(std::string_view name) {
  std::string accepted = "one of: ";
  std::string_view separator;
  for (const FaultKindRow& row : kFaultKinds) {
    if (row.name == name) return row.kind;
    accepted.append(separator).append(row.name);
    separator = ", ";
  }
  throw ConfigurationError::Invalid("fault kind", name, accepted);
}

void ApplyValue(Fault& fault, const Setting& setting) {
  const std::string name = "fault " + std::string(setting.key);
  const FaultKindRow& row = RowOf(fault.kind);
  if (!setting.value) {
    if (row.value_required) throw ConfigurationError::Invalid(name, "", "a value after \"=\"");
    return;
  }
  const std::string_view value = *setting.value;
  switch (row.value) {
    case SpecValue::kNone:
      throw ConfigurationError::Invalid(name, value, "no value");
    case SpecValue::kStatus:
      fault.status = static_cast<int>(ParseWhole(name, value, 400, 599));
      break;
    case SpecValue::kDuration:
      fault.delay = text::ParseTime(name, value);
      break;
    case SpecValue::kTokens:
      fault.after_tokens = static_cast<int>(ParseWhole(name, value, 0, 1'000'000));
      break;
    case SpecValue::kSize:
      fault.bytes = text::ParseSize(name, value);
      break;
    case SpecValue::kSigned:
      fault.length_error = ParseWhole(name, value, -1'000'000, 1'000'000'000);
      break;
  }
}

void ParseArrivals(Fault& fault, std::string_view text) {
  constexpr std::string_view kName = "fault arrivals";
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto range = text::SplitRange(text);
  if (!range) throw ConfigurationError::Invalid(kName, text, "N..M");
  fault.first_arrival = static_cast<std::uint64_t>(ParseWhole(kName, range->first, 1, kMax));
  fault.last_arrival = static_cast<std::uint64_t>(ParseWhole(kName, range->second, 1, kMax));
}

// False if `kind` has no such key.
bool ApplyOwnKey(Fault& fault, std::string_view key, std::string_view value) {
  const std::string name = "fault " + std::string(key);
  switch (fault.kind) {
    case FaultKind::kHttpError:
      if (key == "code") {
        fault.code = value;
        return true;
      }
      if (key == "retry-after") {
        fault.retry_after = text::ParseTime(name, value);
        return true;
      }
      return false;
    case FaultKind::kErrorEvent:
      if (key != "code") return false;
      fault.code = value;
      return true;
    case FaultKind::kSlowDrip:
      if (key != "every") return false;
      fault.delay = text::ParseTime(name, value);
      return true;
    case FaultKind::kStall:
      if (key != "for") return false;
      fault.delay = text::ParseTime(name, value);
      return true;
    case FaultKind::kCut:
      if (key != "close") return false;
      fault.cut_mode = ParseCutMode(value);
      return true;
    case FaultKind::kOversizedEvent:
      if (key != "after") return false;
      fault.after_tokens = static_cast<int>(ParseWhole(name, value, 0, 1'000'000));
      return true;
    default:
      return false;
  }
}

void ApplyKey(Fault& fault, const Setting& setting) {
  const std::string name = "fault " + std::string(setting.key);
  if (!setting.value) throw ConfigurationError::Invalid(name, "", "a value after \"=\"");
  const std::string_view value = *setting.value;
  if (setting.key == "p") {
    fault.probability = text::ParseShare(name, value);
  } else if (setting.key == "from") {
    fault.from = text::ParseTime(name, value);
  } else if (setting.key == "until") {
    fault.until = text::ParseTime(name, value);
  } else if (setting.key == "period") {
    fault.period = text::ParseTime(name, value);
  } else if (setting.key == "active") {
    fault.active = text::ParseTime(name, value);
  } else if (setting.key == "model") {
    fault.model = value;
  } else if (setting.key == "first") {
    fault.last_arrival = static_cast<std::uint64_t>(
        ParseWhole(name, value, 1, std::numeric_limits<std::int64_t>::max()));
  } else if (setting.key == "arrivals") {
    ParseArrivals(fault, value);
  } else if (!ApplyOwnKey(fault, setting.key, value)) {
    throw ConfigurationError::Invalid("fault key", setting.key,
                                      "a key of fault " + std::string(ToString(fault.kind)) +
                                          ", or one of: p, from, until, period, active, first, "
                                          "arrivals, model");
  }
}

}  // namespace

std::string FaultSpecHelp(FaultSide side) {
  constexpr std::size_t kColumn = 24;
  const std::string next_line = "\n" + std::string(kColumn, ' ');
  std::string help(kHelpOfSpec);
  help.append(side == FaultSide::kFakeServer ? "latency, connection-close and leak add"
                                             : "latency adds");
  help.append(" to the others.\n");
  for (const FaultKindRow& row : kFaultKinds) {
    if (!CanShow(side, row.kind)) continue;
    std::string line = "  " + std::string(row.name) + std::string(row.usage);
    line.resize(std::max(line.size() + 1, kColumn), ' ');
    for (const char c : row.help) {
      if (c == '\n') {
        line.append(next_line);
      } else {
        line.push_back(c);
      }
    }
    help.append(line).append("\n");
  }
  return help.append(kHelpOfKeys);
}

Fault ParseFault(std::string_view spec) {
  const std::vector<Setting> settings = Split(spec);
  Fault fault;
  fault.kind = ParseKind(settings.front().key);
  ApplyValue(fault, settings.front());
  for (std::size_t i = 1; i < settings.size(); ++i) ApplyKey(fault, settings[i]);
  Validate(fault);
  return fault;
}

}  // namespace llmload::simulation
