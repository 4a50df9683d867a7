#include "src/load/text_input.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ios>
#include <streambuf>

#include "llmload/core/environment.h"
#include "src/core/text/utf8.h"

namespace llmload {
namespace {

using namespace std::string_view_literals;

// How files begin that are no text that can be read, and what they are.
struct Signature {
  std::string_view bytes;
  std::string_view what;
  std::string_view accepted;
};

constexpr std::string_view kDecompress = "text: decompress the file first";
constexpr std::string_view kSaveAsUtf8 = "UTF-8 or UTF-16: save the file as UTF-8";
constexpr std::array kNotText = {
    Signature{"\xFF\xFE\0\0"sv, "text in UTF-32", kSaveAsUtf8},
    Signature{"\0\0\xFE\xFF"sv, "text in UTF-32", kSaveAsUtf8},
    Signature{"\x1F\x8B", "a gzip file", kDecompress},
    Signature{"\x28\xB5\x2F\xFD", "a Zstandard file", kDecompress},
    Signature{"PK\x03\x04", "a zip file", kDecompress},
    Signature{"PAR1", "a Parquet file", "text: write its rows as JSON, one object on each line"}};

void AppendCharacter(char32_t code, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
    return;
  }
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

}  // namespace

TextInput::TextInput(std::istream& input, std::string_view name) : input_(input), name_(name) {
  ReadBlock();
  Detect();
}

bool TextInput::ReadBlock() {
  constexpr std::size_t kBlock = std::size_t{1} << 14;
  const std::size_t kept = raw_.size();
  raw_.resize(kept + kBlock);
  std::streamsize count = 0;
  try {
    count = input_.rdbuf()->sgetn(raw_.data() + kept, kBlock);
  } catch (const std::ios_base::failure& thrown) {  // a directory, a bad disk
    throw ConfigurationError::Invalid(name_, thrown.code().message(), "a file that can be read");
  }
  raw_.resize(kept + static_cast<std::size_t>(count));
  return count > 0;
}

void TextInput::Detect() {
  for (const Signature& signature : kNotText) {
    if (raw_.starts_with(signature.bytes)) {
      throw ConfigurationError::Invalid(name_, signature.what, signature.accepted);
    }
  }
  if (raw_.starts_with("\xEF\xBB\xBF")) {
    raw_.erase(0, 3);
  } else if (raw_.starts_with("\xFF\xFE")) {
    encoding_ = Encoding::kUtf16LittleEndian;
    raw_.erase(0, 2);
  } else if (raw_.starts_with("\xFE\xFF")) {
    encoding_ = Encoding::kUtf16BigEndian;
    raw_.erase(0, 2);
  } else if (raw_.size() >= 2 && (raw_[0] == 0) != (raw_[1] == 0)) {
    // Without a mark: what these files begin with is ASCII, and no text has a NUL.
    encoding_ = raw_[0] == 0 ? Encoding::kUtf16BigEndian : Encoding::kUtf16LittleEndian;
  }
}

void TextInput::Fill() {
  at_ = 0;
  text_.clear();
  // The first block is there already. One of a single carriage return or of half a character gives
  // nothing yet.
  for (bool more = true; text_.empty() && more;) {
    if (raw_.size() < 2) more = ReadBlock();
    if (encoding_ == Encoding::kUtf8) {
      text_.swap(raw_);
      raw_.clear();
    } else {
      DecodeUtf16(!more);
    }
    UnifyLineEnds();
  }
}

void TextInput::DecodeUtf16(bool last) {
  const bool little = encoding_ == Encoding::kUtf16LittleEndian;
  const auto byte = [&](std::size_t i) { return char32_t{static_cast<unsigned char>(raw_[i])}; };
  std::size_t at = 0;
  for (; at + 2 <= raw_.size(); at += 2) {
    const char32_t unit = little ? byte(at) | byte(at + 1) << 8 : byte(at) << 8 | byte(at + 1);
    const bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high_ != 0 && is_low) {
      AppendCharacter(0x10000 + ((high_ - 0xD800) << 10) + (unit - 0xDC00), text_);
      high_ = 0;
      continue;
    }
    if (high_ != 0) text_ += text::kReplacement;
    high_ = unit >= 0xD800 && unit <= 0xDBFF ? unit : 0;
    if (high_ == 0) AppendCharacter(is_low ? 0xFFFD : unit, text_);
  }
  raw_.erase(0, at);
  if (last && (high_ != 0 || !raw_.empty())) {
    text_ += text::kReplacement;
    high_ = 0;
    raw_.clear();
  }
}

void TextInput::UnifyLineEnds() {
  if (!after_cr_ && text_.find('\r') == std::string::npos) return;
  std::size_t kept = 0;
  for (const char c : text_) {
    const bool ends_cr_lf = c == '\n' && after_cr_;
    after_cr_ = c == '\r';
    if (!ends_cr_lf) text_[kept++] = after_cr_ ? '\n' : c;
  }
  text_.resize(kept);
}

void TextInput::Take(std::size_t count) {
  const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(at_);
  const auto lines = std::count(begin, begin + static_cast<std::ptrdiff_t>(count), '\n');
  line_ += static_cast<std::uint64_t>(lines);
  at_ += count;
}

int TextInput::PeekPastSpace() {
  for (std::string_view ahead = Ahead(); !ahead.empty(); ahead = Ahead()) {
    const std::size_t blanks = std::min(ahead.find_first_not_of(" \t\n"), ahead.size());
    Take(blanks);
    if (blanks < ahead.size()) return static_cast<unsigned char>(ahead[blanks]);
  }
  return kEnd;
}

bool TextInput::ReadLine(std::string& line, std::size_t max_bytes) {
  line.clear();
  if (Ahead().empty()) return false;
  while (line.size() <= max_bytes) {
    const std::string_view ahead = Ahead().substr(0, max_bytes + 1 - line.size());
    const std::size_t end = ahead.find('\n');
    line.append(ahead.substr(0, end));
    Take(std::min(end, ahead.size() - 1) + 1);
    if (end != std::string_view::npos || Ahead().empty()) break;
  }
  return true;
}

}  // namespace llmload
