// What it costs to write a line for each request (P10): runs of the same plan in turns, without and
// with the output "records". The provider answers at once, or is a server (`--url`, without TLS).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench_support.h"
#include "llmload/report/output.h"
#include "llmload/run/runner.h"
#include "llmload/service/openai_provider.h"

namespace llmload::bench {
namespace {

// Answers at once, with what a service says.
class Immediate final : public Provider {
 public:
  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    Completion completion;
    completion.provider = identity_.name;
    completion.text = "hello";
    completion.finish_reason = "stop";
    completion.request_id = "req_0123456789abcdef0123456789abcdef";
    completion.usage = {.input = 12, .output = 3};
    co_return completion;
  }

 private:
  const ProviderIdentity identity_{.name = "immediate", .region = {}, .credential = {}};
};

// Resident memory once a second.
class Memory final : public RunObserver {
 public:
  void OnSnapshot(const RunSnapshot&) override { bytes.push_back(ResidentBytes()); }
  void OnEnd(const RunRecord&) override { bytes.push_back(ResidentBytes()); }

  std::vector<double> bytes;
};

struct Turn {
  double rate = 0;
  double cpu = 0;
  bool complete = true;
};

Turn RunOnce(const RunPlan& plan, const std::string& file, Memory& memory) {
  std::vector<OutputSpec> specs;
  if (!file.empty()) specs.push_back({.kind = "records", .where = file});
  const auto outputs = OpenOutputs(specs);
  Runner runner;
  runner.AddObserver(memory);
  for (const auto& output : outputs) runner.AddObserver(*output);
  const double before = CpuSeconds();
  const RunRecord record = runner.Measure(plan);
  Turn turn{.rate = record.metrics.Throughput().value_or(0), .cpu = CpuSeconds() - before};
  for (const auto& output : outputs) {
    if (output->Warning().empty()) continue;
    std::fprintf(stderr, "%s\n", output->Warning().c_str());
    turn.complete = false;
  }
  return turn;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string file = arguments.Text("file", "records_bench.jsonl");
  const std::string url = arguments.Text("url");
  const auto requests = static_cast<std::uint64_t>(arguments.Number("requests", 1e6));
  const int turns = arguments.Integer("turns", 5);
  const int callers = arguments.Integer("callers", 64);
  const int workers = arguments.Integer("workers", 1);
  arguments.Finish();

  RunPlan plan;
  plan.name = "records bench";
  if (url.empty()) {
    plan.lanes = {{.target = {.provider = std::make_shared<Immediate>(), .url = "immediate"}}};
  } else {
    OpenAiOptions options;
    options.base_url = url;
    plan.lanes = {{.target = {.provider = std::make_shared<OpenAiProvider>(options), .url = url}}};
  }
  plan.load = ClosedLoop{.concurrency = static_cast<std::size_t>(callers), .requests = requests};
  plan.request = {.model = "m", .max_tokens = 3};
  plan.workers = static_cast<unsigned>(workers);
  plan.checks_targets = false;

  std::vector<double> ratios;
  std::vector<double> cpu_ratios;
  Memory without_records;
  Memory with_records;
  bool complete = true;
  for (int i = 0; i < turns; ++i) {
    const bool first = i % 2 == 0;
    Turn turn[2];
    for (const bool with : {!first, first}) {
      turn[with ? 1 : 0] =
          RunOnce(plan, with ? file : std::string(), with ? with_records : without_records);
    }
    ratios.push_back(turn[1].rate / turn[0].rate);
    cpu_ratios.push_back(turn[1].cpu / turn[0].cpu);
    complete = complete && turn[1].complete;
    std::fprintf(stderr, "turn %d: %.0f/s without, %.0f/s with records\n", i, turn[0].rate,
                 turn[1].rate);
  }
  PrintFigure("P10", "llmload", "rate_ratio", Median(ratios));
  PrintFigure("P10", "llmload", "cpu_ratio", Median(cpu_ratios));
  PrintFigure("P10", "llmload", "resident_bytes_without",
              *std::max_element(without_records.bytes.begin(), without_records.bytes.end()));
  PrintFigure("P10", "llmload", "resident_bytes_first", with_records.bytes.front());
  PrintFigure("P10", "llmload", "resident_bytes_max",
              *std::max_element(with_records.bytes.begin(), with_records.bytes.end()));
  PrintFigure("P10", "llmload", "resident_bytes_last", with_records.bytes.back());
  return complete ? 0 : 1;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
