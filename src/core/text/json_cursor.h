// A strict, allocation-free JSON pull parser: a codec takes the few members it needs out of each
// event and skips the rest, instead of building a tree of it.
#ifndef LLMLOAD_SRC_CORE_TEXT_JSON_CURSOR_H_
#define LLMLOAD_SRC_CORE_TEXT_JSON_CURSOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmload::text {

/// A JSON string as it stands between its quotes, already validated.
struct JsonString {
  std::string_view raw;
  /// `raw` is not the text yet: it holds escape sequences, or bytes that are not UTF-8.
  bool escaped = false;
};

/// The text of `string`, which is UTF-8: `raw` itself, or unescaped into `storage`. Half a
/// surrogate pair and bytes that are not UTF-8 become U+FFFD: services that cut an emoji between
/// two chunks send them, and their clients accept them.
inline std::string_view Text(const JsonString& string, std::string& storage);

/// Appends the text of `string` to `out`.
void AppendText(const JsonString& string, std::string& out);

std::string_view Text(const JsonString& string, std::string& storage) {
  if (!string.escaped) return string.raw;
  storage.clear();
  AppendText(string, storage);
  return storage;
}

/// Appends `text` to `out` as a JSON string with its quotes. Bytes that are not UTF-8 become
/// U+FFFD.
void AppendJsonString(std::string_view text, std::string& out);

/// Walks one JSON text (RFC 8259) from front to back. What is skipped is validated as strictly as
/// what is read: `Finished` is true exactly for a valid text whose nesting is at most `kMaxDepth`.
/// After a syntax error every operation fails; a value of an unexpected type is not an error, it
/// can still be skipped.
///
/// It accepts two things beyond the RFC that real services send and their clients accept: `NaN`,
/// `Infinity` and `-Infinity`, which count as null, and strings that are not UTF-8 (see `Text`).
///
/// The text must stay alive as long as the strings read from it. No function throws.
class JsonCursor {
 public:
  enum class Type : std::uint8_t { kObject, kArray, kString, kNumber, kBoolean, kNull, kInvalid };

  static constexpr int kMaxDepth = 255;

  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  /// Type of the value that comes next.
  Type Peek();

  /// Goes into the object that comes next; false (and consumes nothing) if it is not an object.
  bool EnterObject();
  /// Reads the next member's name; its value must then be consumed. False after the last member.
  bool NextMember(JsonString& name);

  bool EnterArray();
  /// True if there is another element, which must then be consumed. False after the last.
  bool NextElement();

  /// Each reads the value that comes next; one of another type is skipped and gives nullopt.
  std::optional<JsonString> ReadString();
  /// A number as an integer: fractions are cut, values beyond the range are clamped.
  std::optional<std::int64_t> ReadInteger();

  /// Consumes the value that comes next, whatever it is, and returns its text without the white
  /// space around it; empty after a syntax error.
  std::string_view ReadRaw();

  /// Consumes the value that comes next, whatever it is.
  void Skip();

  bool Failed() const { return failed_; }
  /// True if nothing has failed and only white space is left. Call it after the outermost value.
  bool Finished();

 private:
  // One bit for each depth.
  class DepthBits {
   public:
    bool Get(int depth) const { return (Word(depth) & Bit(depth)) != 0; }
    void Set(int depth) { words_[Index(depth)] |= Bit(depth); }
    void Clear(int depth) { words_[Index(depth)] &= ~Bit(depth); }

   private:
    static std::size_t Index(int depth) { return static_cast<std::size_t>(depth) / 64; }
    static std::uint64_t Bit(int depth) { return std::uint64_t{1} << (depth % 64); }
    std::uint64_t Word(int depth) const { return words_[Index(depth)]; }
    std::array<std::uint64_t, (kMaxDepth + 1) / 64> words_{};
  };

  void SkipSpace() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool Fail();
  bool Enter(char open);
  bool Next(char close);
  bool ScanString(JsonString& string);
  bool ScanEscape();
  bool ScanNumber(std::string_view& number);
  bool ScanLiteral(std::string_view literal);

  const char* at_;
  const char* end_;
  int depth_ = 0;
  DepthBits first_;    // set until the first member or element at that depth
  DepthBits objects_;  // set if it is an object that is open at that depth
  bool failed_ = false;
};

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_JSON_CURSOR_H_
