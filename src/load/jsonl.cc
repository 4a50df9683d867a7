#include "src/load/jsonl.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/core/text/harmless.h"
#include "src/core/text/utf8.h"

namespace llmload {
namespace {

constexpr std::size_t kMaxShown = 80;  // of a value in a message
constexpr int kMaxDepth = 63;          // of objects and arrays in one another
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The unit of UTF-16 that an escape \uXXXX at `at` stands for; -1 if there is none.
int EscapedUnit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const int digit = text::HexValue(c);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

// Replaces each escape that is half a surrogate pair by that of U+FFFD. False if there was none.
bool MendSurrogates(std::string& text) {
  bool mended = false;
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const int unit = EscapedUnit(text, at);
    if (unit >= 0xD800 && unit <= 0xDFFF) {
      const int next = EscapedUnit(text, at + 6);
      if (unit <= 0xDBFF && next >= 0xDC00 && next <= 0xDFFF) {
        at += 12;
        continue;
      }
      text.replace(at, 6, "\\ufffd");
      mended = true;
    }
    at += 2;
  }
  return mended;
}

// Position of the first byte that does not belong to UTF-8; npos if there is none.
std::size_t FindNotUtf8(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    const int length = text::Utf8Length(at, end);
    if (length == 0) return static_cast<std::size_t>(at - text.data());
    at += length;
  }
  return std::string_view::npos;
}

std::string HexOf(char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

// One pass over a file.
class JsonlPass {
 public:
  JsonlPass(TextInput& input, std::string_view name, const JsonlBounds& bounds,
            const std::function<void(const JsonlLine&, const nlohmann::json&)>& on_record)
      : input_(input), name_(name), bounds_(bounds), on_record_(on_record) {}

  void ReadLines() {
    for (std::uint64_t number = input_.line(); input_.ReadLine(text_, bounds_.max_line_bytes);
         number = input_.line()) {
      // There is one in the middle of a file that was put together of several.
      if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
      Pass(JsonlLine(name_, number), "lines");
    }
  }

  void ReadArray() {
    input_.Take(1);
    bool ended = false;
    for (std::uint64_t element = 1; !ended; ++element) {
      int next = input_.PeekPastSpace();
      if (next == ']' && element == 1) break;
      const JsonlLine line(name_, input_.line(), element);
      ReadElement();
      if (text_.empty()) RejectNext(line, next);
      Pass(line, "elements");
      next = input_.PeekPastSpace();
      ended = next == ']';
      if (!ended && next != ',') RejectNext(JsonlLine(name_, input_.line(), element + 1), next);
      if (!ended) input_.Take(1);
    }
    input_.Take(1);
    if (input_.PeekPastSpace() == TextInput::kEnd) return;
    const JsonlLine line(name_, input_.line());
    input_.ReadLine(text_, bounds_.max_line_bytes);
    line.RejectText(text_, "nothing after the array: one array, or one object on each line");
  }

 private:
  [[noreturn]] static void RejectNext(const JsonlLine& line, int next) {
    line.Reject("", next == TextInput::kEnd ? "the end" : std::string(1, static_cast<char>(next)),
                "a JSON object, or \"]\" behind the last one");
  }

  // Takes what is before the next comma or bracket that belongs to the array. A line that ends
  // within a string ends the element, so that the message names this line: it is not valid JSON.
  void ReadElement() {
    text_.clear();
    int depth = 0;
    bool in_string = false;
    bool escaped = false;
    const auto matters = [&](char c) {
      if (in_string) return c == '"' || c == '\\' || c == '\n';
      return c == '"' || c == '{' || c == '}' || c == '[' || c == ']' || c == ',';
    };
    while (text_.size() <= bounds_.max_line_bytes) {
      const std::string_view ahead =
          input_.Ahead().substr(0, bounds_.max_line_bytes + 1 - text_.size());
      if (ahead.empty()) return;
      const auto plain =
          escaped ? 0 : std::find_if(ahead.begin(), ahead.end(), matters) - ahead.begin();
      if (plain > 0) {
        Keep(ahead.substr(0, static_cast<std::size_t>(plain)));
        continue;
      }
      const char next = ahead.front();
      if (in_string && next == '\n') return;
      if (!in_string && depth <= 0 && (next == ',' || next == ']')) return;
      Keep(ahead.substr(0, 1));
      if (in_string) {
        in_string = escaped || next != '"';
        escaped = !escaped && next == '\\';
      } else if (next == '"') {
        in_string = true;
      } else if (next == '{' || next == '[') {
        ++depth;
      } else if (next == '}' || next == ']') {
        --depth;
      }
    }
  }

  void Keep(std::string_view ahead) {
    text_.append(ahead);
    input_.Take(ahead.size());
  }

  // Checks the bounds, then hands on what `text_` holds.
  void Pass(const JsonlLine& line, const char* records) {
    if (text_.size() > bounds_.max_line_bytes) {
      line.RejectText(text_, "at most " + std::to_string(bounds_.max_line_bytes) + " bytes");
    }
    bytes_ += text_.size();
    if (bytes_ > bounds_.max_bytes) RejectMore(bounds_.max_bytes, "bytes");
    if (text::Trim(text_).empty()) return;
    if (++count_ > bounds_.max_lines) RejectMore(bounds_.max_lines, records);
    on_record_(line, line.Parse(text_));
  }

  [[noreturn]] void RejectMore(std::size_t bound, const char* what) const {
    throw ConfigurationError::Invalid(name_, "more",
                                      "at most " + std::to_string(bound) + " " + what);
  }

  TextInput& input_;
  const std::string_view name_;
  const JsonlBounds& bounds_;
  const std::function<void(const JsonlLine&, const nlohmann::json&)>& on_record_;
  std::string text_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

std::optional<nlohmann::json> JsonlLine::TryParse(std::string_view text,
                                                  std::size_t& broken_at) const {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    const bool starts = event == Event::object_start || event == Event::array_start;
    if (starts && depth >= kMaxDepth) RejectText(text, "at most 63 levels of nesting");
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.back().insert(name).second) {
        Reject(name, "a second one", "the field once, not twice");
      }
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::parse_error& error) {
    broken_at = error.byte > 0 ? error.byte - 1 : 0;
  } catch (const nlohmann::json::exception&) {  // a number beyond all bounds
    broken_at = std::string_view::npos;
  }
  return std::nullopt;
}

nlohmann::json JsonlLine::Parse(std::string_view text) const {
  // The parser takes a NUL for the end of the text.
  if (text.find('\0') != std::string_view::npos) RejectText(text, "text, which has no NUL bytes");
  std::size_t broken_at = 0;
  std::optional<nlohmann::json> parsed = TryParse(text, broken_at);
  if (!parsed) {
    std::string mended(text);
    if (MendSurrogates(mended)) parsed = TryParse(mended, broken_at);
  }
  if (!parsed) RejectJson(text, broken_at);
  if (!parsed->is_object()) {
    RejectText(text, "a JSON object: one on each line, or an array of them");
  }
  return std::move(*parsed);
}

void JsonlLine::RejectJson(std::string_view text, std::size_t broken_at) const {
  const std::size_t wrong = FindNotUtf8(text);
  const bool not_utf8 = wrong != std::string_view::npos;
  const std::size_t at = std::min(not_utf8 ? wrong : broken_at, text.size());
  // An element may have several lines.
  const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  const JsonlLine line(name_, number_ + static_cast<std::uint64_t>(lines), element_);
  if (not_utf8) {
    line.RejectText(text, "UTF-8, which byte " + std::to_string(at + 1) + " (" + HexOf(text[at]) +
                              ") is not: save the file as UTF-8, not as Latin-1 or Windows-1252");
  }
  if (broken_at == std::string_view::npos) {
    line.RejectText(text, "valid JSON: a number in it is too large");
  }
  if (at == text.size()) {
    line.RejectText(text,
                    "valid JSON, which has more to come: one whole object on each line, or an "
                    "array of them");
  }
  line.RejectText(text, "valid JSON, which it is not from byte " + std::to_string(at + 1) +
                            " on: one object on each line, or an array of them");
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

const nlohmann::json& JsonlLine::Member(const nlohmann::json& object, const std::string& path,
                                        std::string_view member, std::string_view accepted) const {
  const auto found = object.find(member);
  if (found == object.end()) Reject(path + std::string(member), kMissing, accepted);
  return *found;
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
  std::string where(name_);
  where.append(":").append(std::to_string(number_));
  if (element_ > 0) where.append(": element ").append(std::to_string(element_));
  if (!field.empty()) where.append(": ").append(text::Excerpt(field, kMaxShown));
  throw ConfigurationError::Invalid(where, text::Excerpt(value, kMaxShown), accepted);
}

void JsonlLine::RejectText(std::string_view text, std::string_view accepted) const {
  Reject(element_ > 0 ? "" : "line", text, accepted);
}

void ReadJsonl(TextInput& input, std::string_view name, const JsonlBounds& bounds,
               const std::function<void(const JsonlLine&, const nlohmann::json&)>& on_record) {
  JsonlPass pass(input, name, bounds, on_record);
  if (input.PeekPastSpace() == '[') {
    pass.ReadArray();
  } else {
    pass.ReadLines();
  }
}

}  // namespace llmload
