#include "llmload/load/arrival_trace.h"

#include <cmath>
#include <fstream>
#include <string>
#include <utility>

#include "llmload/core/environment.h"
#include "src/load/azure_trace.h"
#include "src/load/jsonl.h"
#include "src/load/text_input.h"

namespace llmload {
namespace {

constexpr std::string_view kInstants = "a number of seconds, 0 to 30 days";

ArrivalTrace::Entry ReadEntry(const JsonlLine& line, const nlohmann::json& object) {
  line.CheckMembers(object, "", {"at_seconds", "input_tokens", "output_tokens"});
  const double seconds =
      line.ReadNumber(line.Member(object, "", "at_seconds", kInstants), "at_seconds", 0,
                      ToSeconds(ArrivalTrace::kMaxOffset), kInstants);
  const auto tokens = [&](const char* field) -> std::optional<std::uint32_t> {
    const auto value = object.find(field);
    if (value == object.end()) return std::nullopt;
    return line.ReadInteger(*value, field, 1, ArrivalTrace::kMaxTokens);
  };
  return {.at = Duration(std::llround(seconds * 1e9)),
          .input_tokens = tokens("input_tokens"),
          .output_tokens = tokens("output_tokens")};
}

std::vector<ArrivalTrace::Entry> ReadArrivals(TextInput& input, std::string_view name) {
  std::vector<ArrivalTrace::Entry> entries;
  const JsonlBounds bounds{.max_line_bytes = ArrivalTrace::kMaxLineBytes,
                           .max_lines = ArrivalTrace::kMaxEntries};
  ReadJsonl(input, name, bounds, [&](const JsonlLine& line, const nlohmann::json& object) {
    const ArrivalTrace::Entry entry = ReadEntry(line, object);
    if (!entries.empty() && entry.at < entries.back().at) {
      line.Reject("at_seconds", std::to_string(ToSeconds(entry.at)),
                  "an instant that is not before that of the line before");
    }
    entries.push_back(entry);
  });
  if (entries.empty()) {
    throw ConfigurationError::Invalid(name, "", "at least one line with an arrival");
  }
  return entries;
}

}  // namespace

ArrivalTrace::ArrivalTrace(std::vector<Entry> entries) : entries_(std::move(entries)) {
  if (entries_.empty()) throw ConfigurationError::Invalid("trace", "", "at least one arrival");
  Duration last{};
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].at < last || entries_[i].at > kMaxOffset) {
      throw ConfigurationError::Invalid("trace: entry " + std::to_string(i),
                                        std::to_string(entries_[i].at.count()) + " ns",
                                        "0 to 30 days, and not before the entry before it");
    }
    last = entries_[i].at;
  }
}

ArrivalTrace ArrivalTrace::Parse(std::istream& input, std::string_view name, TraceFormat format) {
  TextInput text(input, name);
  const int first = text.PeekPastSpace();
  const bool is_json = first == '{' || first == '[' || first == TextInput::kEnd;
  if (format == TraceFormat::kArrivals || (format == TraceFormat::kDetect && is_json)) {
    return ArrivalTrace(ReadArrivals(text, name));
  }
  return ArrivalTrace(
      ReadAzureTrace(text, name,
                     format == TraceFormat::kDetect
                         ? "a JSON object with at_seconds on each line, or an array of them"
                         : ""));
}

ArrivalTrace ArrivalTrace::Load(const std::filesystem::path& path, TraceFormat format) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ConfigurationError::Invalid("trace", path.string(), "a file that can be read");
  return Parse(file, path.string(), format);
}

}  // namespace llmload
