// The fault campaign in virtual time: for each fault, many seeds, bounds on everything that
// matters.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "llmload/testing/deliver.h"
#include "llmload/testing/load_test_environment.h"
#include "tests/support/sanitized.h"
#include "tests/support/virtual_campaign.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeeds = test_support::kSanitized ? 2 : 20;

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const FaultScenario& scenario : FaultScenarios(LongestVirtualTiming())) {
    names.push_back(scenario.name);
  }
  return names;
}

// What happened around a violation: the run once more, with its log.
std::string TimeLine(const std::string& scenario, std::uint64_t seed, TimePoint at) {
  std::string lines;
  RunVirtually(scenario, seed,
               [&](const simulation::EventLog& log) { lines = log.Around(at, 250ms, 750ms); });
  return lines;
}

class FaultCampaign : public ::testing::TestWithParam<std::string> {};

TEST_P(FaultCampaign, StaysWithinItsBounds) {
  const LoadTestEnvironment environment = LoadTestEnvironment::Read();
  std::vector<CampaignRun> runs;
  for (std::uint64_t seed = environment.seed; seed < environment.seed + kSeeds; ++seed) {
    const CampaignTiming timing = VirtualTiming(seed);
    const FaultScenario scenario = FindScenario(GetParam(), timing);
    runs.push_back(RunVirtually(GetParam(), seed));
    const std::vector<Violation> violations = CheckRun(scenario, timing, runs.back());
    for (const Violation& violation : violations) ADD_FAILURE() << violation.what;
    // The time line of the first violation is enough to read.
    if (violations.empty()) continue;
    ADD_FAILURE() << "LLMLOAD_SEED=" << seed << " gives this run. Around the first violation:\n"
                  << TimeLine(GetParam(), seed, violations.front().at);
    break;
  }
  const CampaignTiming timing = LongestVirtualTiming();
  const RunReport report =
      ReportCampaign(NameOfCurrentTest(), FindScenario(GetParam(), timing), timing, runs);
  DeliverReport(report, OpenOutputs(environment.outputs));
  EXPECT_TRUE(report.judgement.verdict == Verdict::kPass) << Explain(report.judgement);
}

std::string Log(const std::string& scenario, std::uint64_t seed) {
  std::string text;
  RunVirtually(scenario, seed, [&](const simulation::EventLog& log) { text = log.Text(); });
  return text;
}

TEST_P(FaultCampaign, OneSeedGivesOneLogAndAnotherSeedAnother) {
  if (test_support::kSanitized) GTEST_SKIP() << "the campaign itself runs in StaysWithinItsBounds";
  const std::uint64_t seed = LoadTestEnvironment::Read().seed;
  const std::string first = Log(GetParam(), seed);
  EXPECT_GT(first.size(), 100'000u);
  EXPECT_TRUE(first == Log(GetParam(), seed)) << "LLMLOAD_SEED=" << seed;
  EXPECT_FALSE(first == Log(GetParam(), seed + 1)) << "LLMLOAD_SEED=" << seed;
}

INSTANTIATE_TEST_SUITE_P(, FaultCampaign, ::testing::ValuesIn(Names()),
                         [](const auto& fault) { return fault.param; });

}  // namespace
}  // namespace llmload
