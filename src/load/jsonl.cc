#include "src/load/jsonl.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <streambuf>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

constexpr std::size_t kMaxShown = 80;  // of a value in a message

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

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

JsonlLine::JsonlLine(std::string_view name, std::uint64_t number, std::string_view text)
    : name_(name), number_(number), cursor_(text) {}

void JsonlLine::ForEachMember(const std::function<void(std::string_view)>& on_member) {
  if (!cursor_.EnterObject()) Reject("line", "", "a JSON object");
  Members(on_member);
  if (!cursor_.Finished()) Reject("line", "", "valid JSON");
}

void JsonlLine::ReadObject(std::string_view field,
                           const std::function<void(std::string_view)>& on_member) {
  if (!cursor_.EnterObject()) Reject(field, cursor_.ReadRaw(), "an object");
  Members(on_member);
}

void JsonlLine::Members(const std::function<void(std::string_view)>& on_member) {
  wire::JsonString member;
  std::string storage;
  std::vector<std::string> seen;
  while (cursor_.NextMember(member)) {
    const std::string name(wire::Text(member, storage));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      Reject(name, "", "the field once, not twice");
    }
    on_member(name);
    CheckSyntax();
    seen.push_back(name);
  }
  CheckSyntax();
}

void JsonlLine::ReadArray(std::string_view field, const std::function<void()>& on_element) {
  if (!cursor_.EnterArray()) Reject(field, cursor_.ReadRaw(), "an array");
  while (cursor_.NextElement()) on_element();
  CheckSyntax();
}

std::string JsonlLine::ReadString(std::string_view field) {
  if (cursor_.Peek() != wire::JsonCursor::Type::kString) {
    Reject(field, cursor_.ReadRaw(), "a string");
  }
  const auto string = cursor_.ReadString();
  CheckSyntax();
  std::string storage;
  return string ? std::string(wire::Text(*string, storage)) : std::string();
}

double JsonlLine::ReadNumber(std::string_view field, double min, double max,
                             std::string_view accepted) {
  const std::string_view raw = cursor_.ReadRaw();
  CheckSyntax();
  double value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  const bool read = error == std::errc() && end == raw.data() + raw.size();
  if (!read || !std::isfinite(value) || value < min || value > max) Reject(field, raw, accepted);
  return value;
}

std::uint32_t JsonlLine::ReadInteger(std::string_view field, std::uint32_t min, std::uint32_t max) {
  const std::string_view raw = cursor_.ReadRaw();
  CheckSyntax();
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error != std::errc() || end != raw.data() + raw.size() || value < min || value > max) {
    Reject(field, raw, "a whole number, " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

void JsonlLine::Reject(std::string_view field, std::string_view value,
                       std::string_view accepted) const {
  const std::string where =
      std::string(name_) + ":" + std::to_string(number_) + ": " + std::string(field);
  throw ConfigurationError::Invalid(where, value.substr(0, kMaxShown), accepted);
}

void JsonlLine::RejectUnknown(std::string_view field, std::string_view accepted) const {
  Reject(field, "an unknown field", accepted);
}

void JsonlLine::CheckSyntax() const {
  if (cursor_.Failed()) Reject("line", "", "valid JSON");
}

void ReadJsonl(std::istream& input, std::string_view name, const JsonlBounds& bounds,
               const std::function<void(JsonlLine&)>& on_line) {
  std::string text;
  std::uint64_t number = 0;
  std::size_t bytes = 0;
  std::size_t lines = 0;
  const std::string whole(name);
  while (ReadLine(input, name, text, bounds.max_line_bytes)) {
    ++number;
    JsonlLine line(name, number, text);
    if (text.size() > bounds.max_line_bytes) {
      line.Reject("line", "", "at most " + std::to_string(bounds.max_line_bytes) + " bytes");
    }
    bytes += text.size();
    if (bytes > bounds.max_bytes) {
      throw ConfigurationError::Invalid(whole, "",
                                        "at most " + std::to_string(bounds.max_bytes) + " bytes");
    }
    if (IsBlank(text)) continue;
    if (++lines > bounds.max_lines) {
      throw ConfigurationError::Invalid(whole, "",
                                        "at most " + std::to_string(bounds.max_lines) + " lines");
    }
    on_line(line);
  }
}

}  // namespace llmload
