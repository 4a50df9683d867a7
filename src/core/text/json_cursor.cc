#include "src/core/text/json_cursor.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

#include "src/core/text/ascii.h"
#include "src/core/text/utf8.h"

namespace llmload::text {
namespace {

// Value of the four hex digits at `at`, which are known to be there.
unsigned int Hex4(const char* at) {
  unsigned int value = 0;
  for (int i = 0; i < 4; ++i) value = value * 16 + static_cast<unsigned int>(HexValue(at[i]));
  return value;
}

// What stands for no value, by its first character.
std::string_view NullLiteral(char first) {
  switch (first) {
    case 'N':
      return "NaN";
    case 'I':
      return "Infinity";
    case '-':
      return "-Infinity";
    default:
      return "null";
  }
}

// First byte of [at, end) that a JSON string cannot hold as it stands, or that is not ASCII.
const char* FindSpecial(const char* at, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t backslash = word ^ (kOnes * '\\');
    const std::uint64_t hits = ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
                               (word - kOnes * 0x20) | word;
    if ((hits & kHighs) == 0) {
      at += 8;
      continue;
    }
    if constexpr (std::endian::native != std::endian::little) break;
    // A byte that is no hit is marked only if a borrow came from a hit before it, so that the first
    // mark is right.
    return at + std::countr_zero(hits & kHighs) / 8;
  }
  while (at < end && static_cast<unsigned char>(*at) >= 0x20 &&
         static_cast<unsigned char>(*at) < 0x80 && *at != '"' && *at != '\\') {
    ++at;
  }
  return at;
}

// Appends the character at `at`, or U+FFFD for a byte that is not UTF-8, and returns where the next
// one begins.
const char* AppendCharacter(const char* at, const char* end, std::string& out) {
  const int length = Utf8Length(at, end);
  if (length == 0) {
    out.append(kReplacement);
    return at + 1;
  }
  out.append(at, static_cast<std::size_t>(length));
  return at + length;
}

// Appends `text`, in which bytes that are not UTF-8 are replaced.
void AppendAsUtf8(std::string_view text, std::string& out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) at = AppendCharacter(at, end, out);
}

bool IsHighSurrogate(unsigned int code) { return code >= 0xD800 && code <= 0xDBFF; }
bool IsLowSurrogate(unsigned int code) { return code >= 0xDC00 && code <= 0xDFFF; }

// Appends the character whose escape sequence, known to be valid, starts with the four digits at
// the front of `rest`, and removes what it used.
void AppendUnicodeEscape(std::string_view& rest, std::string& out) {
  unsigned int code = Hex4(rest.data());
  rest.remove_prefix(4);
  if (IsHighSurrogate(code) && rest.starts_with("\\u")) {
    const unsigned int low = Hex4(rest.data() + 2);
    if (IsLowSurrogate(low)) {
      rest.remove_prefix(6);
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
  }
  if (IsHighSurrogate(code) || IsLowSurrogate(code)) {
    out.append(kReplacement);
  } else {
    AppendUtf8(code, out);
  }
}

}  // namespace

void AppendText(const JsonString& string, std::string& out) {
  std::string_view rest = string.raw;
  if (!string.escaped) {
    out.append(rest);
    return;
  }
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('\\'), rest.size());
    AppendAsUtf8(rest.substr(0, plain), out);
    rest.remove_prefix(plain);
    if (rest.empty()) return;
    const char kind = rest[1];
    rest.remove_prefix(2);
    switch (kind) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u':
        AppendUnicodeEscape(rest, out);
        break;
      default:
        out.push_back(kind);
        break;  // quote, backslash, slash
    }
  }
}

void AppendJsonString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const char* const special = FindSpecial(at, end);
    out.append(at, special);
    at = special;
    if (at == end) break;
    const auto byte = static_cast<unsigned char>(*at);
    if (byte >= 0x80) {
      at = AppendCharacter(at, end, out);
      continue;
    }
    switch (*at) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default:
        out.append("\\u00");
        out.push_back(kHex[byte >> 4]);
        out.push_back(kHex[byte & 15]);
    }
    ++at;
  }
  out.push_back('"');
}

bool JsonCursor::Fail() {
  failed_ = true;
  at_ = end_;
  return false;
}

JsonCursor::Type JsonCursor::Peek() {
  SkipSpace();
  if (failed_ || at_ == end_) return Type::kInvalid;
  switch (*at_) {
    case '{':
      return Type::kObject;
    case '[':
      return Type::kArray;
    case '"':
      return Type::kString;
    case 't':
    case 'f':
      return Type::kBoolean;
    case 'n':
    case 'N':
    case 'I':
      return Type::kNull;
    case '-':
      return end_ - at_ > 1 && at_[1] == 'I' ? Type::kNull : Type::kNumber;
    default:
      return IsDigit(*at_) ? Type::kNumber : Type::kInvalid;
  }
}

bool JsonCursor::Enter(char open) {
  SkipSpace();
  if (failed_ || at_ == end_ || *at_ != open) return false;
  if (depth_ >= kMaxDepth) return Fail();
  ++at_;
  ++depth_;
  first_.Set(depth_);
  return true;
}

bool JsonCursor::EnterObject() { return Enter('{'); }
bool JsonCursor::EnterArray() { return Enter('['); }

// Steps over the comma before the next item, or over `close`.
bool JsonCursor::Next(char close) {
  SkipSpace();
  if (failed_ || at_ == end_) return Fail();
  if (*at_ == close) {
    ++at_;
    --depth_;
    return false;
  }
  if (first_.Get(depth_)) {
    first_.Clear(depth_);
    return true;
  }
  if (*at_ != ',') return Fail();
  ++at_;
  SkipSpace();
  if (at_ == end_ || *at_ == close) return Fail();
  return true;
}

bool JsonCursor::NextMember(JsonString& name) {
  if (!Next('}')) return false;
  if (!ScanString(name)) return false;
  SkipSpace();
  if (at_ == end_ || *at_ != ':') return Fail();
  ++at_;
  return true;
}

bool JsonCursor::NextElement() { return Next(']'); }

std::optional<JsonString> JsonCursor::ReadString() {
  if (Peek() != Type::kString) {
    Skip();
    return std::nullopt;
  }
  JsonString string;
  if (!ScanString(string)) return std::nullopt;
  return string;
}

std::optional<std::int64_t> JsonCursor::ReadInteger() {
  if (Peek() != Type::kNumber) {
    Skip();
    return std::nullopt;
  }
  std::string_view number;
  if (!ScanNumber(number)) return std::nullopt;
  std::int64_t integer = 0;
  const auto [stop, failure] =
      std::from_chars(number.data(), number.data() + number.size(), integer);
  if (failure == std::errc() && stop == number.data() + number.size()) return integer;
  double value = 0;
  const bool out_of_range =
      std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc();
  constexpr auto kLimits = std::numeric_limits<std::int64_t>();
  if (out_of_range) {
    // Beyond the range of double, which from_chars does not tell from below it.
    if (number.find("e-") != std::string_view::npos ||
        number.find("E-") != std::string_view::npos) {
      return 0;
    }
    return number.front() == '-' ? kLimits.min() : kLimits.max();
  }
  if (value >= 9.2e18) return kLimits.max();
  if (value <= -9.2e18) return kLimits.min();
  return static_cast<std::int64_t>(value);
}

std::string_view JsonCursor::ReadRaw() {
  SkipSpace();
  const char* const begin = at_;
  Skip();
  return failed_ ? std::string_view{}
                 : std::string_view(begin, static_cast<std::size_t>(at_ - begin));
}

void JsonCursor::Skip() {
  const int depth = depth_;
  JsonString string;
  std::string_view number;
  // One turn per value; an object or array entered here is left again at its own end.
  bool value_next = true;
  while (!failed_) {
    if (value_next) {
      switch (Peek()) {
        case Type::kObject:
          if (!EnterObject()) return;
          objects_.Set(depth_);
          break;
        case Type::kArray:
          if (!EnterArray()) return;
          objects_.Clear(depth_);
          break;
        case Type::kString:
          if (!ScanString(string)) return;
          break;
        case Type::kNumber:
          if (!ScanNumber(number)) return;
          break;
        case Type::kBoolean:
          if (!ScanLiteral(*at_ == 't' ? "true" : "false")) return;
          break;
        case Type::kNull:
          if (!ScanLiteral(NullLiteral(*at_))) return;
          break;
        case Type::kInvalid:
          Fail();
          return;
      }
    }
    if (depth_ == depth) return;
    value_next = objects_.Get(depth_) ? NextMember(string) : NextElement();
  }
}

bool JsonCursor::Finished() {
  SkipSpace();
  return !failed_ && at_ == end_ && depth_ == 0;
}

bool JsonCursor::ScanString(JsonString& string) {
  if (failed_ || at_ == end_ || *at_ != '"') return Fail();
  const char* const begin = ++at_;
  string.escaped = false;
  while (true) {
    at_ = FindSpecial(at_, end_);
    if (at_ == end_) return Fail();
    if (*at_ == '"') break;
    if (*at_ == '\\') {
      string.escaped = true;
      if (!ScanEscape()) return false;
    } else if (static_cast<unsigned char>(*at_) < 0x20) {
      return Fail();
    } else {
      const int length = Utf8Length(at_, end_);
      if (length == 0) string.escaped = true;
      at_ += std::max(length, 1);
    }
  }
  string.raw = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
  ++at_;
  return true;
}

bool JsonCursor::ScanEscape() {
  const auto hex4 = [this](const char* at) {
    return end_ - at >= 4 && std::all_of(at, at + 4, [](char c) { return HexValue(c) >= 0; });
  };
  if (end_ - at_ < 2) return Fail();
  if (at_[1] != 'u') {
    if (std::string_view("\"\\/bfnrt").find(at_[1]) == std::string_view::npos) return Fail();
    at_ += 2;
    return true;
  }
  if (!hex4(at_ + 2)) return Fail();
  at_ += 6;
  return true;
}

bool JsonCursor::ScanNumber(std::string_view& number) {
  const char* const begin = at_;
  const auto digits = [this] {
    const char* const start = at_;
    while (at_ < end_ && IsDigit(*at_)) ++at_;
    return at_ != start;
  };
  if (*at_ == '-') ++at_;
  if (at_ < end_ && *at_ == '0') {
    ++at_;
  } else if (!digits()) {
    return Fail();
  }
  if (at_ < end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return Fail();
  }
  if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!digits()) return Fail();
  }
  number = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
  return true;
}

bool JsonCursor::ScanLiteral(std::string_view literal) {
  if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, literal.size()) !=
      literal) {
    return Fail();
  }
  at_ += literal.size();
  return true;
}

}  // namespace llmload::text
