#include "llmload/fake_server/fault_spec.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload::mocks {
namespace {

constexpr std::string_view kHelp =
    R"(A fault is KIND[=VALUE][,KEY=VALUE]... Of the faults that hit one request the first in order wins;
latency, connection-close and leak add to the others.
  status=N              HTTP error 400..599 with the body the real service sends;
                        code=TEXT (insufficient_quota, context_length_exceeded ...), retry-after=DURATION
  hang                  read the request, never answer
  tls-hang              accept the connection, never speak (drawn per connection)
  drip[=BYTES]          the answer dribbles, 8 bytes every 100ms; every=DURATION
  slow-first-token=DURATION  header at once, first token so much later
  stall[=TOKENS]        silence after so many tokens; for=DURATION (default: for ever)
  reset                 TCP reset in place of an answer
  cut[=TOKENS]          end the connection after so many tokens; close=abrupt|notify|reset
  malformed[=TOKENS]    broken JSON: the body, or one chunk after so many tokens
  error-event[=TOKENS]  an error object inside a 200 answer, after so many tokens;
                        code=TEXT (overloaded_error, throttlingException ...)
  no-done               a stream that ends without [DONE]
  no-finish             a stream that ends without finish chunk and [DONE]
  garbage               bytes that are not HTTP
  big-header[=SIZE]     oversized header field (256KB)
  big-event[=SIZE]      oversized stream event (2MB); after=TOKENS
  big-body[=SIZE]       oversized body (32MB)
  wrong-length[=N]      Content-Length off by N (64); negative: too small
  redirect              307 to another path
  latency=DURATION      so much later than usual
  connection-close      answer, then close the connection
  leak=SIZE             keep so much memory per request
Keys of every kind:
  p=NUMBER              probability per request, 0..1 (default 1)
  from=DURATION, until=DURATION   only in this window, counted from the start
  first=N               only the first N requests
  arrivals=N-M          only requests N to M, counted from 1
)";

// The number at the front of `text`, and what follows it.
std::optional<double> LeadingNumber(std::string_view text, std::string_view& rest) {
  double value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || !std::isfinite(value)) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(stop - text.data()));
  return value;
}

std::int64_t ParseWhole(std::string_view name, std::string_view text, std::int64_t min,
                        std::int64_t max) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end || value < min || value > max) {
    throw ConfigurationError::Invalid(
        name, text, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

double ParseProbability(std::string_view text) {
  std::string_view rest;
  const auto value = LeadingNumber(text, rest);
  if (!value || !rest.empty() || *value < 0 || *value > 1) {
    throw ConfigurationError::Invalid("fault p", text, "a number from 0 to 1");
  }
  return *value;
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
  for (std::size_t begin = 0; begin <= spec.size();) {
    const std::size_t end = std::min(spec.find(',', begin), spec.size());
    const std::string_view part = spec.substr(begin, end - begin);
    const std::size_t equals = part.find('=');
    Setting setting{part.substr(0, equals), std::nullopt};
    if (equals != std::string_view::npos) setting.value = part.substr(equals + 1);
    settings.push_back(setting);
    begin = end + 1;
  }
  return settings;
}

FaultKind ParseKind(std::string_view name) {
  std::string accepted = "one of: ";
  for (int i = 0; i < kFaultKindCount; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    if (ToString(kind) == name) return kind;
    accepted.append(i == 0 ? "" : ", ").append(ToString(kind));
  }
  throw ConfigurationError::Invalid("fault kind", name, accepted);
}

enum class ValueType { kNone, kStatus, kDuration, kTokens, kSize, kSigned };

struct ValueRule {
  ValueType type;
  bool required;
};

ValueRule RuleOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kHttpError:
      return {ValueType::kStatus, true};
    case FaultKind::kSlowFirstToken:
    case FaultKind::kExtraLatency:
      return {ValueType::kDuration, true};
    case FaultKind::kLeak:
      return {ValueType::kSize, true};
    case FaultKind::kStall:
    case FaultKind::kCut:
    case FaultKind::kMalformedJson:
    case FaultKind::kErrorEvent:
      return {ValueType::kTokens, false};
    case FaultKind::kSlowDrip:
    case FaultKind::kOversizedHeader:
    case FaultKind::kOversizedEvent:
    case FaultKind::kOversizedBody:
      return {ValueType::kSize, false};
    case FaultKind::kWrongContentLength:
      return {ValueType::kSigned, false};
    default:
      return {ValueType::kNone, false};
  }
}

void ApplyValue(Fault& fault, const Setting& setting) {
  const std::string name = "fault " + std::string(setting.key);
  const ValueRule rule = RuleOf(fault.kind);
  if (!setting.value) {
    if (rule.required) throw ConfigurationError::Invalid(name, "", "a value after \"=\"");
    return;
  }
  const std::string_view value = *setting.value;
  switch (rule.type) {
    case ValueType::kNone:
      throw ConfigurationError::Invalid(name, value, "no value");
    case ValueType::kStatus:
      fault.status = static_cast<int>(ParseWhole(name, value, 400, 599));
      break;
    case ValueType::kDuration:
      fault.delay = ParseDuration(name, value);
      break;
    case ValueType::kTokens:
      fault.after_tokens = static_cast<int>(ParseWhole(name, value, 0, 1'000'000));
      break;
    case ValueType::kSize:
      fault.bytes = ParseSize(name, value);
      break;
    case ValueType::kSigned:
      fault.length_error = ParseWhole(name, value, -1'000'000, 1'000'000'000);
      break;
  }
}

void ParseArrivals(Fault& fault, std::string_view text) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    throw ConfigurationError::Invalid("fault arrivals", text, "N-M");
  }
  fault.first_arrival =
      static_cast<std::uint64_t>(ParseWhole("fault arrivals", text.substr(0, dash), 1, kMax));
  fault.last_arrival =
      static_cast<std::uint64_t>(ParseWhole("fault arrivals", text.substr(dash + 1), 1, kMax));
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
        fault.retry_after = ParseDuration(name, value);
        return true;
      }
      return false;
    case FaultKind::kErrorEvent:
      if (key != "code") return false;
      fault.code = value;
      return true;
    case FaultKind::kSlowDrip:
      if (key != "every") return false;
      fault.delay = ParseDuration(name, value);
      return true;
    case FaultKind::kStall:
      if (key != "for") return false;
      fault.delay = ParseDuration(name, value);
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
    fault.probability = ParseProbability(value);
  } else if (setting.key == "from") {
    fault.from = ParseDuration(name, value);
  } else if (setting.key == "until") {
    fault.until = ParseDuration(name, value);
  } else if (setting.key == "first") {
    fault.last_arrival = static_cast<std::uint64_t>(
        ParseWhole(name, value, 1, std::numeric_limits<std::int64_t>::max()));
  } else if (setting.key == "arrivals") {
    ParseArrivals(fault, value);
  } else if (!ApplyOwnKey(fault, setting.key, value)) {
    throw ConfigurationError::Invalid("fault key", setting.key,
                                      "a key of fault " + std::string(ToString(fault.kind)) +
                                          ", or one of: p, from, until, first, arrivals");
  }
}

}  // namespace

std::string_view FaultSpecHelp() noexcept { return kHelp; }

Duration ParseDuration(std::string_view name, std::string_view text) {
  std::string_view unit;
  const auto value = LeadingNumber(text, unit);
  double nanoseconds = -1;
  if (value) {
    if (unit == "ms") nanoseconds = *value * 1e6;
    if (unit == "s") nanoseconds = *value * 1e9;
    if (unit == "m") nanoseconds = *value * 60e9;
  }
  constexpr double kMaxNanoseconds = 365.0 * 24 * 3600e9;
  if (nanoseconds < 0 || nanoseconds > kMaxNanoseconds) {
    throw ConfigurationError::Invalid(name, text, "a duration with its unit (250ms, 1.5s, 2m)");
  }
  return Duration(static_cast<Duration::rep>(std::llround(nanoseconds)));
}

std::uint64_t ParseSize(std::string_view name, std::string_view text) {
  std::string_view unit;
  const auto value = LeadingNumber(text, unit);
  double factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  if (unit == "KB" || unit == "KiB") factor = 1024;
  if (unit == "MB" || unit == "MiB") factor = 1024 * 1024;
  if (!value || factor == 0 || *value < 0 || *value * factor > 1e12) {
    throw ConfigurationError::Invalid(name, text, "a size (4096, 200KB, 1.5MB)");
  }
  return static_cast<std::uint64_t>(*value * factor);
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

}  // namespace llmload::mocks
