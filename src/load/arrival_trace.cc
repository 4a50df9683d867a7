#include "llmload/load/arrival_trace.h"

#include <cmath>
#include <fstream>
#include <string>
#include <utility>

#include "llmload/core/environment.h"
#include "src/load/jsonl.h"

namespace llmload {
namespace {

constexpr std::uint32_t kMaxTokens = 10'000'000;
constexpr std::string_view kInstants = "a number of seconds, 0 to 30 days";

ArrivalTrace::Entry ReadEntry(const JsonlLine& line, const nlohmann::json& object) {
  line.CheckMembers(object, "", {"at_seconds", "input_tokens", "output_tokens"});
  const auto instant = object.find("at_seconds");
  if (instant == object.end()) line.Reject("at_seconds", "", kInstants);
  const double max = ToSeconds(ArrivalTrace::kMaxOffset);
  const double seconds = line.ReadNumber(*instant, "at_seconds", 0, max, kInstants);
  const auto tokens = [&](const char* field) -> std::optional<std::uint32_t> {
    const auto value = object.find(field);
    if (value == object.end()) return std::nullopt;
    return line.ReadInteger(*value, field, 1, kMaxTokens);
  };
  return {.at = Duration(std::llround(seconds * 1e9)),
          .input_tokens = tokens("input_tokens"),
          .output_tokens = tokens("output_tokens")};
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

ArrivalTrace ArrivalTrace::Parse(std::istream& input, std::string_view name) {
  std::vector<Entry> entries;
  const JsonlBounds bounds{.max_line_bytes = kMaxLineBytes, .max_lines = kMaxEntries};
  ReadJsonl(input, name, bounds, [&](const JsonlLine& line, const nlohmann::json& object) {
    const Entry entry = ReadEntry(line, object);
    if (!entries.empty() && entry.at < entries.back().at) {
      line.Reject("at_seconds", std::to_string(ToSeconds(entry.at)),
                  "an instant that is not before that of the line before");
    }
    entries.push_back(entry);
  });
  if (entries.empty()) {
    throw ConfigurationError::Invalid(name, "", "at least one line with an arrival");
  }
  return ArrivalTrace(std::move(entries));
}

ArrivalTrace ArrivalTrace::Load(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ConfigurationError::Invalid("trace", path.string(), "a file that can be read");
  return Parse(file, path.string());
}

}  // namespace llmload
