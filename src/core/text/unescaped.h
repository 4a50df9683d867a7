// Texts with the escapes of JSON, source code, URLs and HTML, as a reader of any of these sees
// them.
#ifndef LLMLOAD_SRC_CORE_TEXT_UNESCAPED_H_
#define LLMLOAD_SRC_CORE_TEXT_UNESCAPED_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace llmload::text {

/// Bytes of a text, without `end`.
struct Range {
  std::size_t begin;
  std::size_t end;
};

/// A text without its escapes, and where its bytes came from. Escapes of all kinds count at once,
/// since it is not known which kind of text it is; an invalid escape stays as it is.
class Unescaped {
 public:
  explicit Unescaped(std::string_view source);

  const std::string& text() const { return text_; }
  bool IsSameAsSource() const { return jumps_.empty(); }

  /// The bytes of the source that a part of `text` stands for.
  Range Source(const Range& part) const { return {SourceOf(part.begin), SourceOf(part.end)}; }

 private:
  struct Jump {
    std::size_t at;      // position after an escape,
    std::size_t source;  // and the one in the source
  };

  std::size_t SourceOf(std::size_t at) const;

  std::string text_;
  std::vector<Jump> jumps_;
};

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_UNESCAPED_H_
