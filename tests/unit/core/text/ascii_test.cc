#include "src/core/text/ascii.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace llmload::text {
namespace {

// All characters, so that a bound that is off by one shows.
std::string All(bool (*is)(char)) {
  std::string those;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (is(c)) those.push_back(c);
  }
  return those;
}

TEST(AsciiText, KnowsItsKindsOfCharacters) {
  EXPECT_EQ(All([](char c) { return IsDigit(c); }), "0123456789");
  EXPECT_EQ(All([](char c) { return IsLetterOrDigit(c); }),
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(All([](char c) { return HexValue(c) >= 0; }), "0123456789ABCDEFabcdef");
  EXPECT_EQ(All([](char c) { return IsControl(c); }).size(), 33u);
  EXPECT_TRUE(IsControl('\0') && IsControl('\x1F') && IsControl('\x7F'));
}

TEST(AsciiText, ReadsHexadecimalDigits) {
  EXPECT_EQ(HexValue('0'), 0);
  EXPECT_EQ(HexValue('9'), 9);
  EXPECT_EQ(HexValue('a'), 10);
  EXPECT_EQ(HexValue('F'), 15);
  EXPECT_EQ(HexValue('g'), -1);
}

TEST(AsciiText, LowersAsciiLettersOnly) {
  EXPECT_EQ(Lower("Content-TYPE @[`{ 09"), "content-type @[`{ 09");
  EXPECT_EQ(Lower("\xC3\x84Z"), "\xC3\x84z") << "UTF-8 is left as it is";
  EXPECT_EQ(Lower('Q'), 'q');
}

TEST(AsciiText, TrimsSpacesTabsAndCarriageReturns) {
  EXPECT_EQ(Trim(" \ta b\t \r"), "a b");
  EXPECT_EQ(Trim("a"), "a");
  EXPECT_EQ(Trim(" \t\r"), "");
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim("\na\n"), "\na\n") << "a line feed is not a blank";
}

TEST(AsciiText, FindsAPhraseInEitherCase) {
  EXPECT_EQ(FindIgnoringCase("Please Retry AFTER 2 s", "retry after"), 7u);
  EXPECT_EQ(FindIgnoringCase("abab", "AB"), 0u) << "the first one";
  EXPECT_EQ(FindIgnoringCase("retry", "retry after"), std::string_view::npos);
  EXPECT_EQ(FindIgnoringCase("", "a"), std::string_view::npos);
  EXPECT_EQ(FindIgnoringCase("", ""), 0u);
}

}  // namespace
}  // namespace llmload::text
