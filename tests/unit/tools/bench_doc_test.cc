// docs/bench.md and --help must not drift apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "tools/bench_help.h"

namespace llmload::tools {
namespace {

std::set<std::string> OptionsIn(const std::string& text) {
  std::set<std::string> options;
  const std::regex option("--[a-z][a-z-]+");
  for (std::sregex_iterator it(text.begin(), text.end(), option), end; it != end; ++it) {
    options.insert(it->str());
  }
  return options;
}

std::string Page() {
  std::ifstream file(LLMLOAD_SOURCE_DIR "/docs/bench.md");
  std::ostringstream page;
  page << file.rdbuf();
  return page.str();
}

constexpr const char* kComparison = "\n## Coming from another load generator\n";

TEST(BenchDoc, NamesTheOptionsThatThereAre) {
  const std::string page = Page();
  const std::set<std::string> real = OptionsIn(BenchHelp());
  // After it stand the options of others.
  const std::size_t comparison = page.find(kComparison);
  ASSERT_NE(comparison, std::string::npos);
  for (const std::string& named : OptionsIn(page.substr(0, comparison))) {
    const bool of_the_fake_server = named == "--clear-text" || named == "--port";
    EXPECT_TRUE(real.count(named) > 0 || of_the_fake_server) << named;
  }
  for (const char* shape :
       {"constant:", "ramp:", "stairs:", "spike:", "sine:", "steps:", "trace:"}) {
    EXPECT_THAT(page, ::testing::HasSubstr("`" + std::string(shape))) << shape;
  }
}

TEST(BenchDoc, ComparesOptionsThatThereAreWithThoseOfFivePeers) {
  const std::string page = Page();
  const std::set<std::string> real = OptionsIn(BenchHelp());
  std::istringstream rows(page.substr(page.find(kComparison)));
  int compared = 0;
  for (std::string row; std::getline(rows, row);) {
    if (!row.starts_with("| `")) continue;
    ++compared;
    EXPECT_EQ(std::count(row.begin(), row.end(), '|'), 7) << row;
    const std::string ours = row.substr(0, row.find('|', 1));
    const std::set<std::string> named = OptionsIn(ours);
    EXPECT_EQ(named.size(), 1u) << ours;
    for (const std::string& option : named) EXPECT_EQ(real.count(option), 1u) << option;
  }
  EXPECT_GE(compared, 20);
}

}  // namespace
}  // namespace llmload::tools
