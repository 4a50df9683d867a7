// The list of names is whole, and fits.
#include "tools/figures_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include "llmload/metrics/figures.h"
#include "llmload/record/failover_figures.h"
#include "src/core/text/format.h"
#include "tools/bench_help.h"
#include "tools/criterion_spec.h"

namespace llmload::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

void ExpectToFit(const std::string& text, std::size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(text::DisplayWidth(line), width) << line;
  }
}

TEST(FiguresCommand, ListsEveryNameThatACriterionTakes) {
  const std::string text = FiguresText(100);
  for (const FigureInfo& row : kFigures) {
    EXPECT_THAT(text, HasSubstr("\n  " + std::string(row.name)));
  }
  for (const CounterInfo& row : kCounters) {
    EXPECT_THAT(text, HasSubstr("\n  " + std::string(row.name) + " "));
  }
  for (const NumberMetric& row : NumberMetrics()) {
    EXPECT_THAT(text, HasSubstr("\n  " + std::string(row.name) + " "));
  }
  for (const FailoverFigureInfo& row : kFailoverFigures) {
    EXPECT_THAT(text, HasSubstr("\n  " + std::string(row.name) + " "));
  }
}

TEST(FiguresCommand, NamesTheUnits) {
  const std::string text = FiguresText(100);
  const std::size_t lengths = text.find("\nLengths (tokens)");
  const std::size_t numbers = text.find("\nSingle numbers");
  for (const FigureInfo& row : kFigures) {
    const std::size_t at = text.find("\n  " + std::string(row.name));
    EXPECT_EQ(at > lengths, UnitOf(row.figure) == "tokens") << row.name;
    EXPECT_LT(at, numbers) << row.name;
  }
  EXPECT_THAT(text, ContainsRegex("\n  tokens/s +tokens/s "));
  EXPECT_THAT(text, ContainsRegex("\n  errors:KIND +requests "));
  EXPECT_THAT(text, HasSubstr("wrong_answer"));
  EXPECT_THAT(text, ContainsRegex("\n  answers_without_usage +requests "));
}

TEST(FiguresCommand, FailoverFiguresAreThoseOfARecord) {
  RunRecord record;
  AddFailoverFigures(record, {});
  for (const NamedValue& value : record.measurements) {
    EXPECT_TRUE(std::any_of(kFailoverFigures.begin(), kFailoverFigures.end(), [&](const auto& row) {
      return row.name == value.name && !row.is_distribution;
    })) << value.name;
  }
  for (const NamedDistribution& distribution : record.distributions) {
    EXPECT_TRUE(std::any_of(kFailoverFigures.begin(), kFailoverFigures.end(), [&](const auto& row) {
      return row.name == distribution.name && row.is_distribution;
    })) << distribution.name;
  }
}

TEST(FiguresCommand, TextsFitTheScreen) {
  for (const std::size_t width : {40u, 80u, 100u}) {
    ExpectToFit(FiguresText(width), width);
    if (width >= 80) ExpectToFit(BenchHelp(width), width);
  }
}

}  // namespace
}  // namespace llmload::tools
