#include "src/core/text/harmless.h"

#include <algorithm>
#include <array>

#include "src/core/text/utf8.h"

namespace llmload::text {
namespace {

struct Interval {
  char32_t first;
  char32_t last;
};

// In ascending order, beyond ASCII: C1 controls, separators of lines and paragraphs, bidirectional
// controls, and Default_Ignorable_Code_Point of Unicode 15 without those that stay.
constexpr std::array kUnseen = {
    Interval{0x0080, 0x009F},   Interval{0x00AD, 0x00AD},   Interval{0x034F, 0x034F},
    Interval{0x061C, 0x061C},   Interval{0x115F, 0x1160},   Interval{0x17B4, 0x17B5},
    Interval{0x180B, 0x180F},   Interval{0x200B, 0x200B},   Interval{0x200E, 0x200F},
    Interval{0x2028, 0x202E},   Interval{0x2060, 0x206F},   Interval{0x3164, 0x3164},
    Interval{0xFEFF, 0xFEFF},   Interval{0xFFA0, 0xFFA0},   Interval{0xFFF0, 0xFFFB},
    Interval{0x1BCA0, 0x1BCA3}, Interval{0x1D173, 0x1D17A}, Interval{0xE0000, 0xE0FFF}};

bool IsUnseen(char32_t code) {
  if (code < 0x80) return code < 0x20 || code == 0x7F;
  const auto range = std::find_if(kUnseen.begin(), kUnseen.end(),
                                  [code](const Interval& each) { return code <= each.last; });
  return range != kUnseen.end() && code >= range->first;
}

}  // namespace

std::string Excerpt(std::string_view text, std::size_t max_bytes) {
  // Nearly all texts, which need no look at their characters one by one.
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (text.size() <= max_bytes && std::all_of(text.begin(), text.end(), plain)) {
    return std::string(text);
  }
  std::string shown;
  shown.reserve(std::min(text.size(), max_bytes) + 3);
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t code = NextCharacter(text);
    std::string_view piece = before.substr(0, before.size() - text.size());
    if (IsUnseen(code)) {
      piece = " ";
    } else if (code == 0xFFFD || (code & 0xFFFE) == 0xFFFE) {
      piece = kReplacement;
    }
    if (piece.size() > max_bytes - shown.size()) return shown += "...";
    shown += piece;
  }
  return shown;
}

std::string Harmless(std::string_view text) { return Excerpt(text, std::string_view::npos); }

std::string HarmlessLines(std::string_view text) {
  std::string lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.append(Harmless(text.substr(0, end))) += '\n';
    text.remove_prefix(end + 1);
  }
  return lines += Harmless(text);
}

}  // namespace llmload::text
