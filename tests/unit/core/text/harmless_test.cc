#include "src/core/text/harmless.h"

#include <gtest/gtest.h>

#include <random>

#include "src/core/text/format.h"
#include "src/core/text/utf8.h"

namespace llmload::text {
namespace {

std::string Utf8(char32_t code) {
  std::string out;
  AppendUtf8(code, out);
  return out;
}

bool IsUtf8(const std::string& text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const int length = Utf8Length(at, end);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

TEST(NextCharacter, DecodesEveryCharacterAndTakesAllOfIt) {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    const std::string text = Utf8(code) + "x";
    std::string_view rest = text;
    ASSERT_EQ(NextCharacter(rest), code);
    ASSERT_EQ(rest, "x") << std::hex << static_cast<unsigned>(code);
  }
}

TEST(Harmless, LeavesWhatPeopleWriteAsItIs) {
  for (const char* text :
       {"", "plain text", "Überlänge, naïve, ½ µs", "日本語のエラー", "مرحبا بالعالم", "שלום",
        "नमस्ते", "می\u200Cخواهم", "👍🏽 👩\u200D💻 ❤\uFE0F 🇩🇪", "<b>&amp;\"'\\"}) {
    EXPECT_EQ(Harmless(text), text);
  }
}

TEST(Harmless, PutsASpaceForEachControlOfATerminalOrOfTheDirectionOfWriting) {
  for (const auto& [first, last] : {std::pair<char32_t, char32_t>{0x00, 0x1F},
                                    {0x7F, 0x9F},
                                    {0x061C, 0x061C},
                                    {0x200E, 0x200F},
                                    {0x2028, 0x202E},
                                    {0x2066, 0x2069},
                                    {0x200B, 0x200B},
                                    {0x2060, 0x2064},
                                    {0xFEFF, 0xFEFF},
                                    {0x00AD, 0x00AD},
                                    {0xE0000, 0xE007F}}) {
    for (char32_t code = first; code <= last; ++code) {
      EXPECT_EQ(Harmless("a" + Utf8(code) + "b"), "a b") << std::hex << static_cast<unsigned>(code);
    }
  }
}

TEST(Harmless, ReplacesWhatIsNotUtf8OncePerCharacter) {
  EXPECT_EQ(Harmless("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(Harmless("caf\xE9 \x9B"
                     "31m"),
            "caf\uFFFD \uFFFD31m")
      << "Latin-1, and a bare CSI";
  EXPECT_EQ(Harmless("\xF0\x9F\x91 cut"), "\uFFFD cut") << "an emoji without its last byte";
  EXPECT_EQ(Harmless("\xC0\xAF \xED\xA0\x80 \xF4\x90\x80\x80"), "\uFFFD \uFFFD \uFFFD")
      << "overlong, a surrogate, beyond the last character";
  EXPECT_EQ(Harmless("\uFFFE\uFFFF\U0001FFFF"), "\uFFFD\uFFFD\uFFFD") << "not allowed in XML";
}

TEST(Harmless, HoldsForAnyBytes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t below) { return random() % below; };
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (std::size_t i = pick(24); i > 0; --i) {
      switch (pick(4)) {
        case 0:
          text.push_back(static_cast<char>(pick(256)));
          break;
        case 1:
          text += Utf8(static_cast<char32_t>(pick(0xA0)));
          break;
        case 2:
          text += Utf8(static_cast<char32_t>(0x2000 + pick(0x70)));
          break;
        default:
          text += Utf8(static_cast<char32_t>(pick(0xD800)));
      }
    }
    const std::string shown = Harmless(text);
    ASSERT_TRUE(IsUtf8(shown)) << testing::PrintToString(text);
    ASSERT_EQ(Harmless(shown), shown) << testing::PrintToString(text);
    for (std::string_view rest = shown; !rest.empty();) {
      const char32_t code = NextCharacter(rest);
      const bool harmful = code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C ||
                           code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
                           (code >= 0x2066 && code <= 0x2069);
      ASSERT_FALSE(harmful) << std::hex << static_cast<unsigned>(code);
    }
    const std::size_t max = pick(40);
    const std::string excerpt = Excerpt(text, max);
    ASSERT_TRUE(IsUtf8(excerpt));
    if (excerpt == shown) continue;
    ASSERT_TRUE(excerpt.ends_with("..."));
    ASSERT_LE(excerpt.size(), max + 3);
    ASSERT_TRUE(shown.starts_with(excerpt.substr(0, excerpt.size() - 3)));
  }
}

TEST(Excerpt, CutsAtACharacterAndSaysSo) {
  EXPECT_EQ(Excerpt("abcdef", 6), "abcdef");
  EXPECT_EQ(Excerpt("abcdefg", 6), "abcdef...");
  EXPECT_EQ(Excerpt("ab日本", 7), "ab日...");
  EXPECT_EQ(Excerpt("ab日本", 8), "ab日本");
  EXPECT_EQ(Excerpt("\x1B[31m", 3), " [3...");
  EXPECT_EQ(Excerpt("x", 0), "...");
  EXPECT_EQ(Excerpt("", 0), "");
}

TEST(CleanLine, ShowsNothingThatIsHiddenInALine) {
  EXPECT_EQ(CleanLine("\uFEFFuser\u202Etxt.exe\u2028next\u0085\x9B"
                      "2J"),
            "user txt.exe next \uFFFD2J");
  EXPECT_EQ(CleanLine("<CT\u200Best"), "<CT est");
}

TEST(DisplayWidth, CountsColumnsOfWideAndCombiningCharacters) {
  EXPECT_EQ(DisplayWidth("34.1 µs"), 7u);
  EXPECT_EQ(DisplayWidth("日本語"), 6u);
  EXPECT_EQ(DisplayWidth("한국어"), 6u);
  EXPECT_EQ(DisplayWidth("ｆｕｌｌ"), 8u);
  EXPECT_EQ(DisplayWidth("👍"), 2u);
  EXPECT_EQ(DisplayWidth("🇩🇪"), 2u) << "two letters of one column each";
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("a\u200Db\uFE0F"), 2u);
  EXPECT_EQ(DisplayWidth("नमस्ते"), 4u) << "a vowel sign and a virama take no column";
  EXPECT_EQ(DisplayWidth("a\xFF\x80z"), 3u) << "shown as U+FFFD";
}

TEST(HarmlessLines, KeepsTheEndsOfLinesAlone) {
  EXPECT_EQ(HarmlessLines("a\x1B[1m\nb\u0085\n"), "a [1m\nb \n");
  EXPECT_EQ(HarmlessLines("a\r\nb"), "a \nb");
  EXPECT_EQ(HarmlessLines(""), "");
}

}  // namespace
}  // namespace llmload::text
