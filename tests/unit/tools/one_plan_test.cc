// One plan gives one record and one verdict, whether `llmload bench` runs it or a fixture.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/report/report_json.h"
#include "llmload/service/openai_provider.h"
#include "llmload/testing/load_test.h"
#include "tools/bench_command.h"
#include "tools/bench_options.h"
#include "tools/exit_status.h"

namespace llmload::tools {
namespace {

using namespace std::chrono_literals;

fake_server::FakeLlmServer& Server() {
  static fake_server::FakeLlmServer server({.latency = {.ttft_median = 2ms,
                                                        .ttft_sigma = 0,
                                                        .gap_median = 1ms,
                                                        .gap_sigma = 0,
                                                        .tokens_min = 4,
                                                        .tokens_max = 4}});
  return server;
}

class OnePlan : public LoadTest {
 protected:
  OnePlan()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("llmload_one_plan_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "ca.pem") << Server().ca_pem();
  }
  ~OnePlan() override { std::filesystem::remove_all(folder_); }

  bool IsGated() const override { return false; }
  void Enforce(const RunReport&) override {}
  World MakeWorld() override {
    OpenAiOptions options;
    options.base_url = Server().base_url();
    options.http.ca_pem = Server().ca_pem();
    return RealWorld(
        {.provider = std::make_shared<OpenAiProvider>(options), .url = options.base_url});
  }
  RunPlan Plan() override { return ParseBenchOptions(Arguments())->plan; }

  std::vector<std::string> Arguments() const {
    return {"--url",
            Server().base_url(),
            "--ca-file",
            (folder_ / "ca.pem").string(),
            "--concurrency",
            "4",
            "--requests",
            "160",
            "--prompt-tokens",
            "20..60",
            "--think-time",
            "2ms",
            "--workers",
            "1",
            "--seed",
            "7",
            "--slo",
            "success>=0.95",
            "--slo",
            "latency:p95<60s",
            "--slo",
            "ttft:p95<60s",
            "--slo",
            "latency:p50<1us",
            "--good",
            "ttft<=60s",
            "--quiet",
            "--json",
            ReportFile().string()};
  }
  std::filesystem::path ReportFile() const { return folder_ / "report.json"; }

  // What must be equal: everything but times, and what they follow from.
  static RunRecord WithoutTimes(RunRecord record) {
    record.name.clear();  // of a command and of a test
    record.run_id.clear();
    record.started_at = {};
    record.duration = {};
    record.health = {};
    record.resources.clear();
    for (MetricsSnapshot* metrics : {&record.metrics, &record.unmeasured}) {
      metrics->first_dispatch.reset();
      metrics->last_completion.reset();
      metrics->series = {};
      metrics->cohorts = {};
      for (Distribution& values : metrics->distributions) values = CountOf(values);
      // How the tokens of a stream fall into reads.
      for (const Figure figure : {Figure::kTpot, Figure::kChunkGap, Figure::kBurstDistance}) {
        (*metrics)[figure] = {};
      }
      for (const Counter counter :
           {Counter::kStreamsInOnePiece, Counter::kShortStreamsInOnePiece}) {
        (*metrics)[counter] = 0;
      }
      for (ProviderUsage& usage : metrics->providers) {
        usage.attempt_latency = CountOf(usage.attempt_latency);
        usage.attempt_ttft = CountOf(usage.attempt_ttft);
      }
    }
    return record;
  }
  // As many values, none of which says anything.
  static Distribution CountOf(const Distribution& values) {
    Distribution counted;
    for (std::uint64_t i = 0; i < values.count(); ++i) counted.Record(Duration::zero());
    return counted;
  }

  const std::filesystem::path folder_;
};

TEST_F(OnePlan, GivesEqualRecordsAndVerdictsThroughBenchAndThroughAFixture) {
  EXPECT_EQ(RunBench(Arguments()), kExitFail);
  const RunReport bench = ReadReportFile(ReportFile());
  RunAndJudge();
  const RunReport& fixture = Report();

  EXPECT_EQ(WithoutTimes(bench.record), WithoutTimes(fixture.record));
  EXPECT_EQ(bench.record.metrics[Counter::kSucceeded], 160u);
  EXPECT_EQ(bench.judgement.verdict, Verdict::kFail);
  EXPECT_EQ(bench.judgement.verdict, fixture.judgement.verdict);
  ASSERT_EQ(bench.judgement.criteria.size(), fixture.judgement.criteria.size());
  for (std::size_t i = 0; i < bench.judgement.criteria.size(); ++i) {
    const CriterionResult& one = bench.judgement.criteria[i];
    const CriterionResult& other = fixture.judgement.criteria[i];
    EXPECT_EQ(one.name, other.name);
    EXPECT_EQ(one.bound, other.bound);
    EXPECT_EQ(one.samples, other.samples);
    EXPECT_EQ(one.verdict, other.verdict) << one.message << " / " << other.message;
  }
}

}  // namespace
}  // namespace llmload::tools
