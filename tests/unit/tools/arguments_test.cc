// What was meant by an option that does not exist.
#include "tools/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tools/bench_help.h"

namespace llmload::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> OwnOptions() {
  std::vector<std::string> names;
  const auto description = DescribeBenchOptions();
  for (const auto& option : description.options()) names.push_back(option->long_name());
  return names;
}

TEST(UnknownOption, OfANeighbourIsTranslated) {
  const auto about = [](const char* name) { return AboutUnknownOption(name, OwnOptions()); };
  EXPECT_EQ(about("--num-requests"), "--num-requests: unknown option; use --requests N");
  EXPECT_EQ(about("--vus"), "--vus: unknown option; use --concurrency N");
  EXPECT_EQ(about("--max-concurrency"),
            "--max-concurrency: unknown option; use --concurrency N, or --max-in-flight N beside "
            "--rate");
  EXPECT_EQ(about("-n"), "-n: unknown option; use --requests N");
  EXPECT_THAT(about("--api-key"), HasSubstr("from the environment only"));
}

TEST(UnknownOption, SpeltAlikeOrAbbreviatedIsRecognised) {
  const std::vector<std::string> ours = {"rate", "requests", "ramp-up", "concurrency"};
  EXPECT_EQ(AboutUnknownOption("--concurency", ours),
            "--concurency: unknown option; did you mean --concurrency?");
  EXPECT_EQ(AboutUnknownOption("--reqeusts", ours),
            "--reqeusts: unknown option; did you mean --requests?");
  EXPECT_EQ(AboutUnknownOption("--ra", ours),
            "--ra: unknown option; did you mean --rate or --ramp-up?");
  EXPECT_EQ(AboutUnknownOption("--nothing-like-it", ours), "--nothing-like-it: unknown option");
  EXPECT_EQ(AboutUnknownOption("--", ours), "--: unknown option");
}

TEST(UnknownOption, IsNotSentToAnOptionThatThereIsNot) {
  EXPECT_EQ(AboutUnknownOption("--vus", {"rate"}), "--vus: unknown option");
}

TEST(UnknownOption, EachNeighbourStandsOnceAndNamesOptionsThatThereAre) {
  const std::vector<std::string> names = OwnOptions();
  std::set<std::string> ours(names.begin(), names.end());
  // Their rows are skipped until the options are there.
  ours.insert({"header", "extra-body", "timeout", "new-connections"});
  const std::regex option("--([a-z][a-z-]+)");
  std::set<std::string_view> seen;
  for (const NeighbourOption& neighbour : NeighbourOptions()) {
    EXPECT_TRUE(seen.insert(neighbour.theirs).second) << neighbour.theirs;
    const std::string here(neighbour.here);
    for (std::sregex_iterator it(here.begin(), here.end(), option), end; it != end; ++it) {
      EXPECT_EQ(ours.count((*it)[1].str()), 1u) << neighbour.theirs << ": " << here;
    }
  }
}

}  // namespace
}  // namespace llmload::tools
