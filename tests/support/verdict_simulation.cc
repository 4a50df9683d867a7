#include "tests/support/verdict_simulation.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/judge/judgement.h"
#include "llmload/metrics/histogram.h"
#include "llmload/metrics/resource_monitor.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

double Between(Random& random, double low, double high) {
  return low + (high - low) * random.Uniform();
}

RunRecord RecordOf(std::uint64_t succeeded, std::uint64_t failed) {
  RunRecord record;
  record.metrics[Counter::kScheduled] = record.metrics[Counter::kSent] = succeeded + failed;
  record.metrics[Counter::kSucceeded] = succeeded;
  record.metrics[Counter::kFailed] = failed;
  return record;
}

// The documented memory test: closed loop, non-streamed answers of the fake server's latency.
constexpr std::size_t kCallers = 50;
constexpr Duration kSampleInterval = 50ms;

Duration AnswerTime(Random& random) { return random.LogNormal(250ms, 0.35) + 16 * 20ms; }

// When the requests of a closed loop are answered, in ascending order.
std::vector<Duration> Completions(std::uint64_t requests, Random& random) {
  std::vector<Duration> completions;
  std::priority_queue<Duration, std::vector<Duration>, std::greater<>> in_flight;
  for (std::uint64_t i = 0; i < requests; ++i) {
    Duration start{};
    if (in_flight.size() == kCallers) {
      start = in_flight.top();
      completions.push_back(start);
      in_flight.pop();
    }
    in_flight.push(start + AnswerTime(random));
  }
  for (; !in_flight.empty(); in_flight.pop()) completions.push_back(in_flight.top());
  return completions;
}

// Resident memory of a process, without its leak, as a function of the share of the run that is
// over. Called with ascending shares at regular intervals.
class MemoryModel {
 public:
  MemoryModel(MemoryNoise noise, std::size_t samples, Random& random) : random_(random) {
    const bool all = noise == MemoryNoise::kAll;
    const double size = all ? 0.5 : 1;
    if (all || noise == MemoryNoise::kAutocorrelated) {
      deviation_ = 300e3 * size;
      correlation_ = std::exp(-10.0 / static_cast<double>(samples));
      drift_ = deviation_ * random_.Normal();
    } else {
      deviation_ = 20e3;  // nothing is quite still
    }
    if (all || noise == MemoryNoise::kSawtooth) {
      tooth_height_ = Between(random_, 0.5e6, 1.5e6) * size;
      tooth_length_ = Between(random_, 1.0 / 20, 1.0 / 4);
      tooth_phase_ = random_.Uniform();
    }
    const bool far = noise == MemoryNoise::kExponentialFromFar;
    if (all || far || noise == MemoryNoise::kExponential) {
      approach_ = (far ? Between(random_, 5e6, 15e6) : Between(random_, 1e6, 5e6)) * size;
      time_constant_ = Between(random_, 1.0 / 20, 1.0 / 2);
    }
    if (all || noise == MemoryNoise::kOneOffSteps) {
      for (std::uint64_t i = 0, steps = 1 + random_.Below(2); i < steps; ++i) {
        steps_.emplace_back(random_.Uniform(), Between(random_, 0.5e6, 4e6) * size);
      }
    }
  }

  double At(double share) {
    drift_ = correlation_ * drift_ +
             deviation_ * std::sqrt(1 - correlation_ * correlation_) * random_.Normal();
    double bytes = 30e6 + drift_ - approach_ * std::exp(-share / time_constant_);
    const double tooth = share / tooth_length_ + tooth_phase_;
    bytes += tooth_height_ * (tooth - std::floor(tooth));
    for (const auto& [when, height] : steps_) {
      if (share >= when) bytes += height;
    }
    return bytes;
  }

 private:
  Random& random_;
  double deviation_ = 0;
  double correlation_ = 0;
  double drift_ = 0;
  double tooth_height_ = 0;
  double tooth_length_ = 1;
  double tooth_phase_ = 0;
  double approach_ = 0;
  double time_constant_ = 1;
  std::vector<std::pair<double, double>> steps_;
};

class ScriptedProbe final : public ResourceProbe {
 public:
  // Memory is taken from the system in pieces of `chunk` bytes.
  ScriptedProbe(const double& bytes, double chunk) : bytes_(bytes), chunk_(chunk) {}
  std::string Label() const override { return "local server"; }
  std::optional<RawUsage> Read() override {
    return RawUsage{.rss_bytes = static_cast<std::uint64_t>(std::ceil(bytes_ / chunk_) * chunk_)};
  }

 private:
  const double& bytes_;
  double chunk_;
};

Verdict JudgeMemory(double leak_bytes, MemoryNoise noise, std::uint64_t requests, Random random) {
  const std::vector<Duration> completions = Completions(requests, random);
  const auto samples = static_cast<std::size_t>(completions.back() / kSampleInterval) + 1;
  MemoryModel model(noise, samples, random);
  VirtualClock clock;
  double bytes = 0;
  std::uint64_t completed = 0;
  ResourceMonitor monitor;
  monitor.AddProbe(
      std::make_unique<ScriptedProbe>(bytes, noise == MemoryNoise::kChunks ? 1e6 : 4096));
  // As in the test: what is counted is what was sent.
  monitor.CountRequests([&] { return std::min<std::uint64_t>(requests, completed + kCallers); });
  for (std::size_t i = 0; i < samples; ++i, clock.AdvanceBy(kSampleInterval)) {
    const Duration elapsed = kSampleInterval * static_cast<Duration::rep>(i);
    while (completed < requests && completions[completed] <= elapsed) ++completed;
    bytes = model.At(static_cast<double>(i) / static_cast<double>(samples)) +
            leak_bytes * static_cast<double>(completed);
    monitor.SampleNow(clock.Now());
  }
  RunRecord record = RecordOf(requests, 0);
  record.resources = monitor.Summarise();
  const std::vector<Criterion> criteria = {MemoryLeakPerRequest() < kMaxLeakBytesPerRequest};
  return Judge(record, criteria).verdict;
}

}  // namespace

VerdictShares JudgeRuns(std::uint64_t runs,
                        const std::function<Verdict(std::uint64_t run)>& judge) {
  VerdictShares shares{.runs = runs};
  for (std::uint64_t run = 0; run < runs; ++run) {
    switch (judge(run)) {
      case Verdict::kPass:
        ++shares.pass;
        break;
      case Verdict::kFail:
        ++shares.fail;
        break;
      case Verdict::kInconclusive:
        ++shares.inconclusive;
        break;
      case Verdict::kInvalid:
        ++shares.invalid;
        break;
    }
  }
  return shares;
}

std::string Describe(MemoryNoise noise) {
  switch (noise) {
    case MemoryNoise::kAutocorrelated:
      return "autocorrelated noise";
    case MemoryNoise::kSawtooth:
      return "sawtooth of an allocator";
    case MemoryNoise::kExponential:
      return "plateau approached exponentially";
    case MemoryNoise::kExponentialFromFar:
      return "plateau approached from half its height";
    case MemoryNoise::kOneOffSteps:
      return "one or two steps";
    case MemoryNoise::kChunks:
      return "memory taken in chunks of 1 MB";
    case MemoryNoise::kAll:
      return "all of these at half size";
  }
  return "?";
}

VerdictShares SimulateMemory(double leak_bytes, MemoryNoise noise, std::uint64_t requests,
                             std::uint64_t runs, std::uint64_t seed) {
  return JudgeRuns(runs, [&](std::uint64_t run) {
    return JudgeMemory(leak_bytes, noise, requests, Random::Stream(seed, run));
  });
}

}  // namespace llmload
