// What it costs to record one streamed request, against one reading of the clock, and whether
// memory stays flat (P8).
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "bench_support.h"
#include "llmload/core/random.h"
#include "llmload/metrics/load_test_metrics.h"

namespace llmload::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kTurns = 11;
constexpr std::uint64_t kPerTurn = 200'000;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Answers whose latencies spread over the histograms as real ones do.
std::vector<Completion> MakeAnswers() {
  Random random(1);
  std::vector<Completion> answers(1024);
  for (Completion& answer : answers) {
    answer.provider = "local";
    answer.text = "hello";
    answer.usage = {.input = 20, .output = 100};
    const auto wait = [&](double mean) {
      return Duration(static_cast<std::int64_t>(random.Exponential(mean)));
    };
    answer.timings.first_token = TimePoint(wait(3e8));
    answer.timings.first_output_token = answer.timings.first_token;
    answer.timings.last_token = *answer.timings.first_token + wait(2e9);
    answer.timings.completed = *answer.timings.last_token + 1ms;
    answer.attempts.push_back(
        {.provider = "local", .started = TimePoint(), .finished = *answer.timings.completed});
  }
  return answers;
}

void Record(MetricsShard& shard, const std::vector<Completion>& answers, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const Completion& answer = answers[i % answers.size()];
    const RequestInstants instants{.scheduled = TimePoint(),
                                   .dispatched = TimePoint() + 20us,
                                   .completed = *answer.timings.completed};
    shard.Scheduled();
    shard.Dispatched(instants.scheduled, instants.dispatched);
    shard.Succeeded(instants, answer);
  }
}

void ReadTheClock(std::uint64_t count) {
  timespec time{};
  for (std::uint64_t i = 0; i < count; ++i) {
    clock_gettime(CLOCK_MONOTONIC, &time);
    asm volatile("" : : "r"(time.tv_nsec));
  }
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const auto records = static_cast<std::uint64_t>(arguments.Number("records", 1e8));
  arguments.Finish();

  const std::vector<Completion> answers = MakeAnswers();
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  std::vector<double> recording;
  std::vector<double> clock;
  for (int turn = 0; turn < kTurns; ++turn) {
    double before = CpuSeconds();
    Record(shard, answers, kPerTurn);
    recording.push_back((CpuSeconds() - before) * 1e9 / kPerTurn);
    before = CpuSeconds();
    ReadTheClock(5 * kPerTurn);
    clock.push_back((CpuSeconds() - before) * 1e9 / (5 * kPerTurn));
  }
  // The histograms' pages have all been touched by now; so has what the reading itself needs.
  ResidentBytes();
  const double memory_before = ResidentBytes();
  Record(shard, answers, records);
  PrintFigure("P8", "llmload", "ns_per_record", Median(recording));
  PrintFigure("P8", "clock_gettime", "ns_per_call", Median(clock));
  PrintFigure("P8", "llmload", "records", static_cast<double>(records));
  PrintFigure("P8", "llmload", "rss_growth_bytes", ResidentBytes() - memory_before);
  return 0;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
