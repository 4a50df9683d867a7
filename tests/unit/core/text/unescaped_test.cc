#include "src/core/text/unescaped.h"

#include <gtest/gtest.h>

#include <string>

namespace llmload::text {
namespace {

std::string Text(std::string_view source) { return Unescaped(source).text(); }

TEST(Unescaped, TakesEveryKindOfEscape) {
  EXPECT_EQ(Text(R"(a\"b\\c\/d\u0065\x66\147\u{68}\-)"), "a\"b\\c/defgh-");
  EXPECT_EQ(Text("%41%7e%C3%bc"), "A~\u00FC");
  EXPECT_EQ(Text("&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#X43;&#8364;"), "<>&\"'ABC\u20AC");
  EXPECT_EQ(Text(R"(\u20ac\n)"), "\u20AC ");
}

TEST(Unescaped, LeavesWhatIsNoEscape) {
  for (const char* text : {"", "plain", "100 %", "%4", "%zz", "a & b", "&;", "&nosuch;", "&#;",
                           "&#x110000;", "&#99999999999;", "\\"}) {
    EXPECT_EQ(Text(text), text);
    EXPECT_TRUE(Unescaped(text).IsSameAsSource()) << text;
  }
}

TEST(Unescaped, KnowsWhereEachPartCameFrom) {
  const std::string source = R"(x%41y\u20acz&amp;)";
  const Unescaped plain(source);
  ASSERT_EQ(plain.text(), "xAy\u20ACz&");
  const auto from = [&](std::size_t begin, std::size_t end) {
    const Range range = plain.Source({begin, end});
    return source.substr(range.begin, range.end - range.begin);
  };
  EXPECT_EQ(from(0, 1), "x");
  EXPECT_EQ(from(1, 2), "%41");
  EXPECT_EQ(from(2, 3), "y");
  EXPECT_EQ(from(3, 6), R"(\u20ac)");
  EXPECT_EQ(from(6, 8), "z&amp;");
  EXPECT_EQ(from(0, 8), source);
}

}  // namespace
}  // namespace llmload::text
