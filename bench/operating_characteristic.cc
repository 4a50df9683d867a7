// How often the verdicts are right, as the table of docs/verdicts.md: for systems whose truth is
// known, the share of runs that PASS, FAIL and are INCONCLUSIVE.
//
//   llmload_operating_characteristic [runs per case, default 2000] [seed, default 1]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "llmload/judge/criterion.h"
#include "tests/support/verdict_simulation.h"

namespace llmload {
namespace {

struct Settings {
  std::uint64_t runs = 2000;
  std::uint64_t seed = 1;
};

void Print(const std::string& system, const std::string& criterion, std::uint64_t requests,
           const VerdictShares& verdicts) {
  std::printf("| %s | %s | %llu | %.2f | %.2f | %.2f |\n", system.c_str(), criterion.c_str(),
              static_cast<unsigned long long>(requests), verdicts.Percent(verdicts.pass),
              verdicts.Percent(verdicts.fail), verdicts.Percent(verdicts.inconclusive));
  std::fflush(stdout);
}

// "10 % over", "at", "20 % under".
std::string Against(double ratio) {
  if (ratio == 1) return "at";
  return std::to_string(std::llround(std::abs(ratio - 1) * 100)) +
         (ratio > 1 ? " % over" : " % under");
}

void PrintLatencies(const Settings& settings) {
  const struct {
    double quantile;
    LatencyShape shape;
    std::vector<double> ratios;
    std::vector<std::uint64_t> lengths;
  } cases[] = {
      {0.95, LatencyShape::kLogNormal, {1.3, 0.7}, {1000, 1200}},
      {0.95, LatencyShape::kLogNormal, {1.1, 0.9}, {1000, 1200, 10'000, 100'000}},
      {0.95, LatencyShape::kLogNormal, {1}, {1000, 10'000}},
      {0.95, LatencyShape::kTwoModes, {1.1, 0.9}, {1000, 10'000}},
      {0.99, LatencyShape::kLogNormal, {1.1, 0.9}, {1200, 10'000}},
  };
  for (const auto& [quantile, shape, ratios, lengths] : cases) {
    const std::string name = quantile < 0.97 ? "p95" : "p99";
    for (const double ratio : ratios) {
      for (const std::uint64_t requests : lengths) {
        Print(name + " " + Against(ratio) + " its bound" +
                  (shape == LatencyShape::kTwoModes ? ", two modes" : ""),
              name + " < bound", requests,
              SimulateLatency(quantile, ratio, shape, requests, settings.runs, settings.seed));
      }
    }
  }
}

void PrintSuccessRates(const Settings& settings) {
  const struct {
    std::vector<double> ratios;
    std::vector<std::uint64_t> lengths;
  } cases[] = {
      {{1.6, 0.4}, {1000, 1200}},
      {{1.1, 0.9}, {1000, 1200, 10'000, 100'000}},
      {{1}, {1000, 10'000}},
  };
  for (const auto& [ratios, lengths] : cases) {
    for (const double ratio : ratios) {
      for (const std::uint64_t requests : lengths) {
        Print("failures " + Against(ratio) + " the allowed 5 %", "success rate >= 0.95", requests,
              SimulateSuccessRate(0.95, 0.05 * ratio, requests, settings.runs, settings.seed));
      }
    }
  }
}

void PrintMemory(const Settings& settings) {
  const auto print = [&settings](double leak, MemoryNoise noise, std::uint64_t requests) {
    const std::string kilobytes = std::to_string(std::llround(leak / 1000));
    Print((leak > 0 ? "leak of " + kilobytes + " kB per request, " : "no leak, ") + Describe(noise),
          "memory left per request < 5 kB", requests,
          SimulateMemory(leak, noise, requests, settings.runs, settings.seed));
  };
  static_assert(kMaxLeakBytesPerRequest == 5000);
  for (const double leak : {20e3, 0.0}) {
    for (const MemoryNoise noise :
         {MemoryNoise::kAutocorrelated, MemoryNoise::kSawtooth, MemoryNoise::kExponential,
          MemoryNoise::kExponentialFromFar, MemoryNoise::kOneOffSteps, MemoryNoise::kChunks,
          MemoryNoise::kAll}) {
      for (const std::uint64_t requests : {500U, 5000U}) print(leak, noise, requests);
    }
  }
  for (const double leak : {10e3, 5e3, 2e3}) {
    for (const std::uint64_t requests : {500U, 5000U}) {
      print(leak, MemoryNoise::kAutocorrelated, requests);
    }
  }
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
  std::printf("| system | criterion | requests | PASS %% | FAIL %% | INCONCLUSIVE %% |\n");
  std::printf("| --- | --- | ---: | ---: | ---: | ---: |\n");
  llmload::PrintLatencies(settings);
  llmload::PrintSuccessRates(settings);
  llmload::PrintMemory(settings);
}
