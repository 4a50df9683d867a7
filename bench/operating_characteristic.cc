// How often the verdicts are right, as the tables of docs/verdicts.md: for systems whose truth is
// known, the share of runs that PASS and FAIL. The others are INCONCLUSIVE.
//
//   llmload_operating_characteristic [runs per case, default 2000] [seed, default 1]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "llmload/judge/criterion.h"
#include "tests/support/verdict_simulation.h"

namespace llmload {
namespace {

struct Settings {
  std::uint64_t runs = 2000;
  std::uint64_t seed = 1;
};

// A row of shares "PASS / FAIL" in per cent, one for each length.
class Row {
 public:
  explicit Row(std::string system) : text_("| " + std::move(system) + " |") {}
  void Add(const VerdictShares& verdicts) {
    char cell[64];
    std::snprintf(cell, sizeof cell, " %.2f / %.2f |", verdicts.Percent(verdicts.pass),
                  verdicts.Percent(verdicts.fail));
    text_ += cell;
  }
  ~Row() {
    std::printf("%s\n", text_.c_str());
    std::fflush(stdout);
  }

 private:
  std::string text_;
};

// "10 % over", "at", "20 % under".
std::string Against(double ratio) {
  if (ratio == 1) return "at";
  return std::to_string(std::llround(std::abs(ratio - 1) * 100)) +
         (ratio > 1 ? " % over" : " % under");
}

constexpr RunLength kLengths[] = {{.requests = 1000, .seconds = 60},
                                  {.requests = 1200, .seconds = 120},
                                  {.requests = 10'000, .seconds = 600},
                                  {.requests = 36'000, .seconds = 2160}};

// ", N 6 / 12 / 60 / 216": how many phases runs of these lengths are expected to hold.
std::string WithPhases(const Phases& phases) {
  std::string text;
  for (const RunLength& length : kLengths) {
    const auto expected = ExpectedPhases(phases, length);
    if (!expected) return "";
    text += (text.empty() ? ", N " : " / ") + std::to_string(std::llround(*expected));
  }
  return text;
}

void PrintLatencies(const Settings& settings, double quantile,
                    const std::vector<LatencySystem>& systems) {
  const std::string name = "p" + std::to_string(std::llround(quantile * 100));
  for (const LatencySystem& system : systems) {
    for (const double ratio : {1.0, 1.1, 0.9, 0.7}) {
      Row row(name + " " + Against(ratio) + " its bound, " + system.name + WithPhases(system.slow));
      for (const RunLength& length : kLengths) {
        row.Add(SimulateLatency(quantile, ratio, system, length, settings.runs, settings.seed));
      }
    }
  }
}

void PrintSuccessRates(const Settings& settings) {
  for (const FailureSystem& system : {IndependentFailures(), FailingPhases(1), FailingPhases(6)}) {
    for (const double ratio : {1.0, 1.1, 0.9, 1.6, 0.4}) {
      Row row("failures " + Against(ratio) + " the allowed 5 %, " + system.name +
              WithPhases(system.failing));
      for (const RunLength& length : kLengths) {
        row.Add(
            SimulateSuccessRate(0.95, 0.05 * ratio, system, length, settings.runs, settings.seed));
      }
    }
  }
}

// The second table: runs of at most 16 minutes that go on until they are conclusive.
void PrintLooks(const Settings& settings) {
  std::printf(
      "\n| system | PASS %% | FAIL %% | given up %% | median s | decided within 240 s %% | all "
      "decided "
      "%% |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  const UntilConclusive until{.longest = std::chrono::minutes(16)};
  for (const LatencySystem& system : {IndependentLatencies(), Correlated(0.5), Correlated(0.9),
                                      Correlated(0.97), SlowPhases(1), SlowPhases(6)}) {
    for (const double ratio : {1.0, 1.1, 0.9, 0.7}) {
      const LookShares shares =
          SimulateLooks(0.95, ratio, system, until, settings.runs, settings.seed);
      const VerdictShares& verdicts = shares.verdicts;
      std::printf("| p95 %s its bound, %s | %.2f | %.2f | %.2f | %.0f | %.2f | %.2f |\n",
                  Against(ratio).c_str(), system.name.c_str(), verdicts.Percent(verdicts.pass),
                  verdicts.Percent(verdicts.fail), verdicts.Percent(shares.given_up),
                  shares.seconds[shares.seconds.size() / 2], shares.DecidedWithin(240),
                  verdicts.Percent(shares.decided_seconds.size()));
      std::fflush(stdout);
    }
  }
}

void PrintMemory(const Settings& settings) {
  std::printf(
      "\n| memory left per request < 5 kB | 500 requests | 5000 |\n| --- | ---: | ---: |\n");
  const auto print = [&settings](double leak, MemoryNoise noise) {
    const std::string kilobytes = std::to_string(std::llround(leak / 1000));
    Row row((leak > 0 ? "leak of " + kilobytes + " kB per request, " : "no leak, ") +
            Describe(noise));
    for (const std::uint64_t requests : {500U, 5000U}) {
      row.Add(SimulateMemory(leak, noise, requests, settings.runs, settings.seed));
    }
  };
  static_assert(kMaxLeakBytesPerRequest == 5000);
  for (const double leak : {20e3, 0.0}) {
    for (const MemoryNoise noise :
         {MemoryNoise::kAutocorrelated, MemoryNoise::kSawtooth, MemoryNoise::kExponential,
          MemoryNoise::kExponentialFromFar, MemoryNoise::kOneOffSteps, MemoryNoise::kChunks,
          MemoryNoise::kAll}) {
      print(leak, noise);
    }
  }
  for (const double leak : {10e3, 5e3, 2e3}) print(leak, MemoryNoise::kAutocorrelated);
}

}  // namespace
}  // namespace llmload

int main(int argc, char** argv) {
  llmload::Settings settings;
  if (argc > 1) settings.runs = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2) settings.seed = std::strtoull(argv[2], nullptr, 10);
  if (settings.runs == 0 || argc > 3) {
    std::fprintf(stderr, "usage: %s [RUNS [SEED]]\n", argv[0]);
    return 2;
  }
  std::printf(
      "| PASS / FAIL %% | 1000 in 60 s | 1200 in 120 s | 10 000 in 600 s | 36 000 in 2160 s |\n");
  std::printf("| --- | ---: | ---: | ---: | ---: |\n");
  using namespace llmload;
  PrintLatencies(settings, 0.95,
                 {IndependentLatencies(), TwoModes(), Correlated(0.5), Correlated(0.9),
                  Correlated(0.97), SlowPhases(1), SlowPhases(6)});
  PrintLatencies(settings, 0.99, {IndependentLatencies()});
  PrintSuccessRates(settings);
  PrintMemory(settings);
  PrintLooks(settings);
}
