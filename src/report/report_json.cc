#include "llmload/report/report_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/harmless.h"
#include "src/record/json_archive.h"
#include "src/record/record_json.h"

namespace llmload {

using record::IsOf;
using record::Json;
using record::JsonReader;
using record::JsonWriter;

namespace {

constexpr std::size_t kMaxTestNameLength = 180;
// Deeper than any report, and not deep enough to exhaust the stack.
constexpr int kMaxDepth = 24;

// The value of an enumeration whose `ToString` is `text`.
template <class Enum, std::size_t Count>
void ReadName(const Json& json, const std::string& place, Enum& value,
              const std::array<Enum, Count>& all) {
  std::string accepted;
  for (const Enum candidate : all) {
    if (json.is_string() && json.get<std::string>() == ToString(candidate)) {
      value = candidate;
      return;
    }
    accepted += (accepted.empty() ? "" : ", ") + std::string(ToString(candidate));
  }
  JsonReader::Refuse(place, json, "one of " + accepted);
}

// Checks what the parser takes for granted: that members have names of their own, and that arrays
// and objects are not nested without end.
class StructureCheck {
 public:
  explicit StructureCheck(const std::string& name) : name_(name) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxDepth) {
      throw ConfigurationError(name_ + ": got arrays and objects nested more than " +
                               std::to_string(kMaxDepth) + " deep, expected a report");
    }
    if (event == Json::parse_event_t::object_start) {
      members_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      members_.pop_back();
    } else if (event == Json::parse_event_t::key && !members_.back().insert(parsed).second) {
      throw ConfigurationError(name_ + ": got two members " + parsed.dump() +
                               " in one object, expected one");
    }
    return true;
  }

 private:
  const std::string& name_;
  std::vector<std::set<std::string>> members_;  // of the objects that are open
};

Json Parse(std::string_view text, const std::string& name) {
  try {
    return Json::parse(text, [check = StructureCheck(name)](int depth, Json::parse_event_t event,
                                                            const Json& parsed) mutable {
      return check(depth, event, parsed);
    });
  } catch (const Json::exception& malformed) {
    throw ConfigurationError(name + ": not JSON: " + malformed.what());
  }
}

bool HoldsObjects(const Json& json) {
  if (!json.is_array()) return json.is_object();
  return std::any_of(json.begin(), json.end(), HoldsObjects);
}

// Reports are also printed on terminals: what must not reach one, and all else beyond ASCII in the
// same value, is escaped.
std::string Dump(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text::Harmless(text) != text) text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text;
}

// A line for each member and each object of a list; numbers of a list share their line.
void Print(const Json& json, std::size_t indent, std::string& text) {
  if (!HoldsObjects(json)) {
    text += Dump(json);
    return;
  }
  const char* separator = "\n";
  text += json.is_object() ? '{' : '[';
  for (const auto& [name, value] : json.items()) {
    text.append(separator).append(indent + 1, ' ');
    if (json.is_object()) text += Dump(Json(name)) + ": ";
    Print(value, indent + 1, text);
    separator = ",\n";
  }
  if (!json.empty()) text.append("\n").append(indent, ' ');
  text += json.is_object() ? '}' : ']';
}

}  // namespace

static Json WriteForm(const Verdict& verdict) { return ToString(verdict); }
static Json WriteForm(const Comparison& comparison) { return ToString(comparison); }
static void ReadForm(const Json& json, const std::string& place, Verdict& verdict) {
  ReadName(json, place, verdict,
           std::array{Verdict::kPass, Verdict::kInconclusive, Verdict::kFail, Verdict::kInvalid});
}
static void ReadForm(const Json& json, const std::string& place, Comparison& comparison) {
  ReadName(json, place, comparison,
           std::array{Comparison::kLess, Comparison::kLessOrEqual, Comparison::kGreater,
                      Comparison::kGreaterOrEqual, Comparison::kEqual});
}

// JSON has no number for it.
template <class Archive, class Value>
static void FieldThatMayBeInfinite(Archive& archive, std::string_view name, Value& value) {
  constexpr std::string_view kInfinite = "infinite";
  if constexpr (Archive::kReads) {
    if (archive.At(name) == kInfinite) {
      value = std::numeric_limits<double>::infinity();
      return;
    }
  } else if (value && std::isinf(*value)) {
    archive.Field(name, kInfinite);
    return;
  }
  archive.Field(name, value);
}

template <class Archive, class T>
requires IsOf<T, CriterionResult>
static void Visit(Archive& archive, T& result) {
  archive.Field("name", result.name);
  archive.Field("unit", result.unit);
  archive.Field("comparison", result.comparison);
  archive.Field("bound", result.bound);
  FieldThatMayBeInfinite(archive, "observed", result.observed);
  FieldThatMayBeInfinite(archive, "observed_lower", result.observed_lower);
  FieldThatMayBeInfinite(archive, "observed_upper", result.observed_upper);
  archive.Field("samples", result.samples);
  archive.Field("effective_samples", result.effective_samples);
  archive.Field("as_observed", result.as_observed);
  archive.Field("confidence", result.confidence);
  FieldThatMayBeInfinite(archive, "longer_by", result.longer_by);
  archive.Field("verdict", result.verdict);
  archive.Field("message", result.message);
  archive.Field("remark", result.remark);
}

template <class Archive, class T>
requires IsOf<T, GroupResult>
static void Visit(Archive& archive, T& result) {
  archive.Field("group", result.group);
  archive.Field("criterion", result.criterion);
  archive.Field("unit", result.unit);
  FieldThatMayBeInfinite(archive, "observed", result.observed);
  archive.Field("samples", result.samples);
  archive.Field("verdict", result.verdict);
}

template <class Archive, class T>
requires IsOf<T, RampResult>
static void Visit(Archive& archive, T& result) {
  archive.Field("phase", result.phase);
  archive.Field("criterion", result.criterion);
  archive.Field("holds_up_to_per_second", result.holds_up_to);
  archive.Field("breaks_at_per_second", result.breaks_at);
}

template <class Archive, class T>
requires IsOf<T, Judgement>
static void Visit(Archive& archive, T& judgement) {
  archive.Field("verdict", judgement.verdict);
  if constexpr (!Archive::kReads) archive.Field("reason", Explain(judgement));
  archive.Field("criteria", judgement.criteria);
  archive.Field("invalid_reasons", judgement.invalid_reasons);
  archive.Field("recommendations", judgement.recommendations);
  archive.LaterField("failed_because", judgement.failed_because);
  archive.LaterField("groups", judgement.groups);
  archive.LaterField("ramps", judgement.ramps);
}

std::string ToJson(const RunReport& report) {
  Json json;
  json["schema"] = kReportSchema;
  JsonWriter archive(json);
  Visit(archive, report.judgement);
  record::WriteRecord(report.record, json);
  std::string text;
  Print(json, 0, text);
  return text += '\n';
}

RunReport ReadReport(std::string_view text, const std::string& name) {
  if (text.size() > kMaxReportBytes) {
    throw ConfigurationError::Invalid(name, std::to_string(text.size()) + " bytes",
                                      "at most " + std::to_string(kMaxReportBytes));
  }
  const Json json = Parse(text, name);
  JsonReader archive(json, name);
  std::string schema;
  archive.Field("schema", schema);
  if (schema != kReportSchema) {
    JsonReader::Refuse(archive.Place("schema"), archive.At("schema"), kReportSchema);
  }
  RunReport report;
  Visit(archive, report.judgement);
  report.record = record::ReadRecord(json, name);
  report.judgement.aborted_because = report.record.aborted_because;
  return report;
}

RunReport ReadReportFile(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  std::string text;
  std::array<char, 65536> block{};
  // One byte too many is enough to refuse it.
  while (input && text.size() <= kMaxReportBytes) {
    input.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block.data(), static_cast<std::size_t>(input.gcount()));
  }
  if (!input.is_open() || input.bad()) {
    throw ConfigurationError::Invalid("report", file.string(), "a file that can be read");
  }
  return ReadReport(text, file.string());
}

std::string RunFileName(std::string_view test, std::string_view run_id,
                        std::string_view extension) {
  std::string name;
  for (const char c : std::string(test.substr(0, kMaxTestNameLength)) + "." + std::string(run_id)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    name.push_back(plain ? c : '_');
  }
  return name.append(extension);
}

std::string JsonFileName(std::string_view test, std::string_view run_id) {
  return RunFileName(test, run_id, ".json");
}

}  // namespace llmload
