#include "src/core/text/format.h"

#include <gtest/gtest.h>

#include <limits>

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

}  // namespace
}  // namespace llmload::text
