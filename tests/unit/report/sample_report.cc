#include "tests/unit/report/sample_report.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "llmload/metrics/load_test_metrics.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using test_support::kStart;
using namespace std::chrono_literals;

constexpr RequestObjectives kObjectives{.scheduled_latency = 3s, .ttft = 500ms};

// A minute of two halves, each with requests of a tenant of its own.
void AddMetrics(RunRecord& run) {
  LoadTestMetrics metrics(
      {.objectives = kObjectives, .start = kStart, .with_series = true, .cohorts_by_cell = true});
  MetricsShard& root = metrics.AddShard();
  for (int i = 0; i < 1000; ++i) {
    MetricsShard& shard = root.Cell(i < 500 ? 0 : 1);
    const TimePoint scheduled = kStart + i * 60ms;
    const TimePoint dispatched = scheduled + 200us;
    const Duration service = 400ms + (i * 37 % 50) * 60ms;
    StreamTimes stream;
    for (int token = 0; token < 4; ++token) {
      stream.Event(dispatched + service / 4 + token * (service / 16));
    }
    const RequestInstants instants{scheduled, dispatched, dispatched + service, &stream};
    shard.Scheduled();
    shard.Dispatched(scheduled, dispatched, true);
    if (i % 67 == 0) {
      Error error{.kind = i % 2 == 0 ? ErrorKind::kRateLimited : ErrorKind::kServerError,
                  .message = "please slow down",
                  .http_status = i % 2 == 0 ? 429 : 500,
                  .provider = "openai"};
      shard.Failed(instants, error);
      continue;
    }
    Completion completion;
    completion.provider = i % 100 == 50 ? "local" : "openai";
    completion.finish_reason = i % 10 == 0 ? "length" : "stop";
    completion.usage = {.input = 20, .cached_input = 5, .output = 16, .reasoning = 2};
    completion.timings.first_token = dispatched + service / 4;
    completion.timings.first_output_token = dispatched + service / 3;
    completion.timings.last_token = dispatched + service;
    if (completion.provider == "local") {
      completion.attempts = {{.provider = "openai",
                              .model = "gpt-4o",
                              .error = ErrorKind::kOverloaded,
                              .started = dispatched,
                              .finished = dispatched + 100ms},
                             {.provider = "local",
                              .model = "llama",
                              .started = dispatched + 102ms,
                              .finished = dispatched + service,
                              .output_tokens = 16}};
    } else {
      completion.attempts = {{.provider = "openai",
                              .region = "eastus",
                              .model = "gpt-4o",
                              .started = dispatched,
                              .finished = dispatched + service,
                              .output_tokens = 16}};
    }
    for (int token = 0; token < 4; ++token) {
      shard.TokenEvent(dispatched + service / 4 + token * (service / 16));
    }
    shard.Succeeded(instants, completion);
  }
  run.metrics = metrics.Snapshot();
  const std::vector<MetricsSnapshot> figures = metrics.Cells();
  run.SetCells(
      {{.key = {.phase = 0, .model = "gpt-4o", .tags = {{"tenant", "a"}}}, .figures = figures[0]},
       {.key = {.phase = 1, .step = 0, .model = "gpt-4o", .tags = {{"tenant", "b"}}},
        .figures = figures[1]}});
}

class RampProbe final : public ResourceProbe {
 public:
  std::string Label() const override { return "test process"; }
  std::optional<pid_t> Pid() const override { return 4711; }
  std::optional<RawUsage> Read() override {
    const auto i = static_cast<std::uint64_t>(readings_++);
    return RawUsage{.rss_bytes = 30'000'000 + i * 100'000,
                    .cpu_time = i * 120ms,
                    .threads = 3,
                    .descriptors = static_cast<std::uint32_t>(12 + i % 4)};
  }

 private:
  int readings_ = 0;
};

GeneratorHealth SampleHealth() {
  GeneratorHealth health{.real_time = true};
  health.workers = {{.wall = 62s, .cpu = 1'240ms, .windows = 620, .saturated_windows = 0},
                    {.wall = 62s, .cpu = 3'100ms, .windows = 620, .saturated_windows = 31}};
  for (int i = 0; i < 1000; ++i) health.loop_delay.Record(i % 50 * 40us);
  health.descriptor_limit = 1024;
  health.descriptors_peak = 80;
  health.ephemeral_ports = 28'232;
  health.connections = {.connects = 20,
                        .tls_handshakes = 20,
                        .tls_resumptions = 18,
                        .dns_lookups = 1,
                        .reuses = 980,
                        .stale = 2,
                        .dns_time = 3ms,
                        .connect_time = 20 * 150us,
                        .tls_time = 20 * 2'500us};
  return health;
}

}  // namespace

RunReport SampleReport() {
  RunReport report;
  RunRecord& run = report.record;
  run.name = "SustainedLoad.Handles1000RequestsPerMinute";
  run.run_id = "20250615T150640Z-7f3a90c1";
  run.origin = {.version = "0.1.0", .commit = "1e6671832f2a", .host = "generator", .cpus = 2};
  run.started_at = std::chrono::sys_time<Duration>(1'750'000'000'250ms);
  run.duration = 62'125ms;
  run.configuration = {
      .targets = {{.name = "",
                   .url = "https://127.0.0.1:8443/v1",
                   .provider = {.name = "openai", .region = "eastus", .credential = "key 1"}}},
      .models = {"gpt-4o"},
      .schedule = "16.67 requests/s for 60 s, Poisson",
      .prompts = "20 words, at most 16 tokens",
      .seed = 42,
      .workers = 2,
      .planned_requests = 1000,
      .measured_arrivals = 1000,
      .measured_duration = 60s,
      .min_max_tokens = 16,
      .max_max_tokens = 16,
      .phases = {{.name = "steady",
                  .begin = 0s,
                  .duration = 30s,
                  .lowest_rate = 16.67,
                  .highest_rate = 16.67,
                  .arrivals = 500},
                 {.name = "ramp",
                  .begin = 30s,
                  .duration = 30s,
                  .lowest_rate = 16,
                  .highest_rate = 17,
                  .arrivals = 500,
                  .steps = {{.begin = 30s, .duration = 30s, .rate_per_second = 16.5}}}},
      .objectives = kObjectives,
      .details = {{"warm-up", "none"}}};
  AddMetrics(run);
  run.health = SampleHealth();
  ResourceMonitor monitor;
  monitor.AddProbe(std::make_unique<RampProbe>());
  for (int i = 0; i < 7; ++i) monitor.SampleNow(kStart + i * 10s);
  run.resources = monitor.Summarise(kStart);
  run.timeline = {{0s, "start"}, {12'345ms, "openai: closed -> open"}};
  Distribution detection;
  detection.Record(250ms);
  detection.Record(750ms);
  run.SetDistribution("detection time", std::move(detection));
  run.SetMeasurement("calls seen by the primary", 5);
  const std::vector<Criterion> criteria = {
      CompletedRequests() >= 900, SuccessRate() >= 0.7, Throughput() >= 13.3, P95() < 3s,
      MemoryIncrease() < 1.0,
  };
  report.judgement = Judge(run, criteria);
  return report;
}

void ExpectGolden(const std::string& file_name, const std::string& actual) {
  const std::string path = std::string(LLMLOAD_GOLDEN_DIR) + "/" + file_name;
  if (const char* update = std::getenv("LLMLOAD_UPDATE_GOLDEN"); update && *update == '1') {
    std::ofstream(path) << actual;
    ADD_FAILURE() << "wrote " << path << ": read it, then run again without LLMLOAD_UPDATE_GOLDEN";
    return;
  }
  std::ifstream file(path);
  const std::string expected{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
  EXPECT_EQ(actual, expected) << "LLMLOAD_UPDATE_GOLDEN=1 writes " << path;
}

}  // namespace llmload
