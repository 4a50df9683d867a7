// Text files, in whatever encoding and with whatever line ends they were saved.
#ifndef LLMLOAD_SRC_LOAD_TEXT_INPUT_H_
#define LLMLOAD_SRC_LOAD_TEXT_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>

namespace llmload {

/// The bytes of a text as UTF-8 with LF at the end of each line. UTF-8 with or without a byte order
/// mark and UTF-16 of either byte order are read; CR and CR LF end a line as LF does. Half a
/// surrogate pair of UTF-16 becomes U+FFFD. UTF-8 is not validated here, because the parsers behind
/// it do that.
///
/// The functions throw `ConfigurationError` for a file that cannot be read.
class TextInput {
 public:
  static constexpr int kEnd = std::char_traits<char>::eof();

  /// Reads the beginning of `input`, which must outlive this object. Also throws for what is known
  /// not to be text: compressed files, and UTF-32.
  /// @param name  of the file, for messages
  TextInput(std::istream& input, std::string_view name);

  /// The next bytes, as many as have been read; empty at the end only.
  std::string_view Ahead() {
    if (at_ == text_.size()) Fill();
    return std::string_view(text_).substr(at_);
  }
  /// Takes the first `count` bytes of `Ahead`.
  void Take(std::size_t count);
  /// Takes spaces, tabs and line ends. The byte behind them, which stays; `kEnd` at the end.
  int PeekPastSpace();

  /// Takes the rest of the line with its end, of which `line` gets all but the end. A line beyond
  /// `max_bytes` is cut one byte later, so that no more of it is kept. False at the end.
  bool ReadLine(std::string& line, std::size_t max_bytes);

  /// The line that the next byte belongs to, from 1.
  std::uint64_t line() const { return line_; }

 private:
  enum class Encoding : std::uint8_t { kUtf8, kUtf16LittleEndian, kUtf16BigEndian };

  bool ReadBlock();
  void Detect();
  void Fill();
  void DecodeUtf16(bool last);
  void UnifyLineEnds();

  std::istream& input_;
  const std::string name_;
  Encoding encoding_ = Encoding::kUtf8;
  std::string raw_;  // read and not yet decoded
  std::string text_;
  std::size_t at_ = 0;  // of the next byte, in `text_`
  std::uint64_t line_ = 1;
  char32_t high_ = 0;  // first half of a surrogate pair, which waits for the second
  bool after_cr_ = false;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_TEXT_INPUT_H_
