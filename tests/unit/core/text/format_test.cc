#include "src/core/text/format.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>
#include <vector>

namespace llmload::text {
namespace {

using namespace std::chrono_literals;

TEST(FormatDuration, PicksTheUnitThatFits) {
  EXPECT_EQ(FormatDuration(0ns), "0 s");
  EXPECT_EQ(FormatDuration(17ns), "17 ns");
  EXPECT_EQ(FormatDuration(34'120ns), "34.1 µs");
  EXPECT_EQ(FormatDuration(812ms), "812 ms");
  EXPECT_EQ(FormatDuration(1254ms), "1.25 s");
  EXPECT_EQ(FormatDuration(5min), "300 s");
  EXPECT_EQ(FormatDuration(-20ms), "-20.0 ms");
}

TEST(FormatDuration, RoundsUpIntoTheNextUnitInsteadOfPrintingAThousand) {
  EXPECT_EQ(FormatDuration(999'600us), "1.00 s");
  EXPECT_EQ(FormatDuration(9'996us), "10.0 ms");
}

TEST(FormatNumber, LeavesWholeNumbersWholeAndDropsTrailingZeros) {
  EXPECT_EQ(FormatNumber(1'234'567), "1234567");
  EXPECT_EQ(FormatNumber(0.95), "0.95");
  EXPECT_EQ(FormatNumber(16.6667), "16.67");
  EXPECT_EQ(FormatNumber(123456.7), "123457");
  EXPECT_EQ(FormatNumber(2e20), "2.000e+20");
  EXPECT_EQ(FormatNumber(std::numeric_limits<double>::infinity()), "infinite");
}

TEST(FormatQuantity, SpeaksTheUnit) {
  EXPECT_EQ(FormatQuantity(10, "s"), "10 s");
  EXPECT_EQ(FormatQuantity(0.02, "s"), "20 ms");
  EXPECT_EQ(FormatQuantity(9.9996, "s"), "10 s");
  EXPECT_EQ(FormatQuantity(31'200'000, "bytes"), "31.2 MB");
  EXPECT_EQ(FormatQuantity(13.3, "requests/s"), "13.3 requests/s");
  EXPECT_EQ(FormatQuantity(900, ""), "900");
}

TEST(FormatInterval, SaysWhichSideIsUnknown) {
  EXPECT_EQ(FormatInterval(4.71, 5.2, "s"), "4.71 s to 5.2 s");
  EXPECT_EQ(FormatInterval(4.71, std::nullopt, "s"), "4.71 s or more");
  EXPECT_EQ(FormatInterval(std::nullopt, 0.25, ""), "0.25 or less");
  EXPECT_EQ(FormatInterval(std::nullopt, std::nullopt, "s"), "-");
}

TEST(CleanLine, MakesTextFromAServerHarmless) {
  EXPECT_EQ(CleanLine("two\r\n lines\t\033[31mred"), "two lines [31mred");
  EXPECT_EQ(CleanLine("<CTestMeasurement name=\"x\">"), "< CTestMeasurement name=\"x\">");
  EXPECT_EQ(CleanLine("[  SKIPPED ]"), "[ SKIPPED ]") << "CTest's skip pattern has two spaces";
  EXPECT_EQ(CleanLine("<DartMeasurement><CTestX"), "< DartMeasurement>< CTestX");
  EXPECT_EQ(CleanLine("[[[PROPERTY|verdict=PASS]]"), "[[ [PROPERTY|verdict=PASS]]");
}

TEST(Table, AlignsByColumnsOnTheScreenNotByBytes) {
  Table table;
  table.Add({"name", "34.1 µs"});
  table.Add({"a longer name", "1.20 s"});
  std::string out;
  table.Print(out);
  EXPECT_EQ(out,
            "  name           34.1 µs\n"
            "  a longer name   1.20 s\n");
}

TEST(FormatCount, PutsThousandsApart) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'000), "1,000");
  EXPECT_EQ(FormatCount(60'000), "60,000");
  EXPECT_EQ(FormatCount(1'234'567'890), "1,234,567,890");
  EXPECT_EQ(Grouped("-12345.6789"), "-12,345.6789");
  EXPECT_EQ(Grouped("-123"), "-123");
  EXPECT_EQ(Grouped("infinite"), "infinite");
  EXPECT_EQ(Grouped(""), "");
}

TEST(FormatSpan, HasTwoUnitsFromAMinuteOn) {
  using namespace std::chrono_literals;
  EXPECT_EQ(FormatSpan(59'999ms), "59s");
  EXPECT_EQ(FormatSpan(60s), "1m00s");
  EXPECT_EQ(FormatSpan(725s), "12m05s");
  EXPECT_EQ(FormatSpan(3h + 20min + 59s), "3h20m");
  EXPECT_EQ(FormatSpan(52h), "2d04h");
}

TEST(WrapLines, BreaksAtSpacesAndLongWordsAnywhere) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(WrapLines("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(WrapLines("  indented text", 10), (Lines{"  indented", "text"}));
  EXPECT_EQ(WrapLines("a abcdefgh b", 4), (Lines{"a", "abcd", "efgh", "b"}));
  EXPECT_EQ(WrapLines("\u6d4b\u8bd5\u6d4b", 4), (Lines{"\u6d4b\u8bd5", "\u6d4b"}));
  EXPECT_EQ(WrapLines("/folder/file.json", 12), (Lines{"/folder/", "file.json"}));
  EXPECT_EQ(WrapLines("", 4), (Lines{""}));
  EXPECT_EQ(WrapLines("\033[1;32mPASS\033[0m ok", 7), (Lines{"\033[1;32mPASS\033[0m ok"}));
}

TEST(FitLines, GoesOnBelowTheSecondColumn) {
  const std::string words(40, 'w');
  EXPECT_EQ(FitLines("short\n\nlines\n", 40), "short\n\nlines\n");
  EXPECT_EQ(FitLines("  name  " + words + " more", 50), "  name  " + words + "\n        more");
  EXPECT_EQ(FitLines(words + " more\nx", 40), words + "\nmore\nx");
  EXPECT_EQ(FitLines(words + " more", 42, 2), words + "\n  more");
}

TEST(Table, BreaksTextsAndKeepsNumbersWhole) {
  Table table(2);
  table.Add({"name", "12345", "a remark that is too long for one line of it"});
  std::string out;
  table.Print(out, 40);
  EXPECT_EQ(out,
            "  name  12345  a remark that is too long\n"
            "               for one line of it\n");
}

TEST(Table, ColumnsThatDoNotFitFollowWithTheFirstOneOnceMore) {
  Table table;
  table.BreakBefore(2);
  table.Add({"name", "a", "b", "c"});
  table.Add({"row", "1234567890", "1234567890", "1234567890"});
  table.Add({"short row"});
  std::string out;
  table.Print(out, 40);
  EXPECT_EQ(out,
            "  name                a\n"
            "  row        1234567890\n"
            "  short row\n"
            "\n"
            "  name                b           c\n"
            "  row        1234567890  1234567890\n");
  std::string wide;
  table.Print(wide, 60);
  EXPECT_EQ(wide.find("\n\n"), std::string::npos);
}

}  // namespace
}  // namespace llmload::text
