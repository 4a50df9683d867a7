#include "src/load/jsonl.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <streambuf>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"

namespace llmload {
namespace {

constexpr std::size_t kMaxShown = 80;  // of a value in a message
constexpr int kMaxDepth = 63;          // of objects and arrays in one another

// What a file buffer throws when reading fails (a directory, a bad disk).
int NextByte(std::istream& input, std::string_view name) {
  try {
    return input.rdbuf()->sbumpc();
  } catch (const std::ios_base::failure& thrown) {
    throw ConfigurationError::Invalid(name, thrown.code().message(), "a file that can be read");
  }
}

// Reads up to and without '\n'. False at the end of the input with nothing read. A line beyond
// `max_bytes` is cut there, one byte too long, so that no more of it is kept.
bool ReadLine(std::istream& input, std::string_view name, std::string& line,
              std::size_t max_bytes) {
  line.clear();
  constexpr auto kEnd = std::streambuf::traits_type::eof();
  bool any = false;
  while (true) {
    const auto next = NextByte(input, name);
    if (next == kEnd) return any;
    any = true;
    if (next == '\n') return true;
    line.push_back(std::streambuf::traits_type::to_char_type(next));
    if (line.size() > max_bytes) return true;
  }
}

}  // namespace

nlohmann::json JsonlLine::Parse(std::string_view text) const {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    const bool starts = event == Event::object_start || event == Event::array_start;
    if (starts && depth >= kMaxDepth) Reject("line", "", "at most 63 levels of nesting");
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.back().insert(name).second) Reject(name, "", "the field once, not twice");
    }
    return true;
  };
  // The parser takes a NUL for the end of the text.
  if (text.find('\0') != std::string_view::npos) Reject("line", "", "valid JSON");
  nlohmann::json object;
  try {
    object = nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception&) {
    Reject("line", "", "valid JSON");
  }
  if (!object.is_object()) Reject("line", "", "a JSON object");
  return object;
}

void JsonlLine::CheckMembers(const nlohmann::json& object, const std::string& path,
                             std::initializer_list<std::string_view> known) const {
  for (const auto& [member, value] : object.items()) {
    if (std::find(known.begin(), known.end(), member) != known.end()) continue;
    std::string accepted;
    for (const std::string_view name : known) {
      accepted.append(accepted.empty() ? "one of: " : ", ").append(name);
    }
    Reject(path + member, "an unknown field", accepted);
  }
}

std::string JsonlLine::ReadString(const nlohmann::json& value, std::string_view field) const {
  if (!value.is_string()) Reject(field, value.dump(), "a string");
  return value.get<std::string>();
}

double JsonlLine::ReadNumber(const nlohmann::json& value, std::string_view field, double min,
                             double max, std::string_view accepted) const {
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (!(number >= min && number <= max)) Reject(field, value.dump(), accepted);
  return number;
}

std::uint32_t JsonlLine::ReadInteger(const nlohmann::json& value, std::string_view field,
                                     std::uint32_t min, std::uint32_t max) const {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number >= min && number <= max) return static_cast<std::uint32_t>(number);
  }
  Reject(field, value.dump(),
         "a whole number, " + std::to_string(min) + " to " + std::to_string(max));
}

void JsonlLine::Reject(std::string_view field, std::string_view value,
                       std::string_view accepted) const {
  const std::string where =
      std::string(name_) + ":" + std::to_string(number_) + ": " + std::string(field);
  throw ConfigurationError::Invalid(where, value.substr(0, kMaxShown), accepted);
}

void ReadJsonl(std::istream& input, std::string_view name, const JsonlBounds& bounds,
               const std::function<void(const JsonlLine&, const nlohmann::json&)>& on_line) {
  std::string text;
  std::uint64_t number = 0;
  std::size_t bytes = 0;
  std::size_t lines = 0;
  const std::string whole(name);
  while (ReadLine(input, name, text, bounds.max_line_bytes)) {
    ++number;
    const JsonlLine line(name, number);
    if (text.size() > bounds.max_line_bytes) {
      line.Reject("line", "", "at most " + std::to_string(bounds.max_line_bytes) + " bytes");
    }
    bytes += text.size();
    if (bytes > bounds.max_bytes) {
      throw ConfigurationError::Invalid(whole, "",
                                        "at most " + std::to_string(bounds.max_bytes) + " bytes");
    }
    if (text::Trim(text).empty()) continue;
    if (++lines > bounds.max_lines) {
      throw ConfigurationError::Invalid(whole, "",
                                        "at most " + std::to_string(bounds.max_lines) + " lines");
    }
    on_line(line, line.Parse(text));
  }
}

}  // namespace llmload
