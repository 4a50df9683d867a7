// docs/metrics.md has a row for each row of the catalogue.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "llmload/metrics/figures.h"

namespace llmload {
namespace {

// The line of a table whose first cell starts with `name`; empty without one.
std::string RowOf(std::string_view name) {
  std::ifstream file(LLMLOAD_SOURCE_DIR "/docs/metrics.md");
  const std::string start = "| `" + std::string(name) + "`";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(start)) return line;
  }
  return {};
}

std::string Trimmed(std::string_view text) {
  return std::string(text.substr(std::min(text.find_first_not_of(' '), text.size())));
}

TEST(CatalogueDoc, HasEveryFigureWithItsTitleAndSpan) {
  for (const FigureInfo& row : kFigures) {
    std::string names = "| `" + std::string(row.name) + "`";
    if (!row.alias.empty()) names += " (`" + std::string(row.alias) + "`)";
    const std::string expected =
        names + " | " + std::string(row.title) + " | " + std::string(row.span) + " | ";
    EXPECT_EQ(RowOf(row.name).substr(0, expected.size()), expected);
  }
}

TEST(CatalogueDoc, HasEveryCounterWithItsTitleAndMeaning) {
  for (const CounterInfo& row : kCounters) {
    EXPECT_EQ(RowOf(row.name), "| `" + std::string(row.name) + "` | " + Trimmed(row.title) + " | " +
                                   std::string(row.meaning) + " |");
  }
}

}  // namespace
}  // namespace llmload
