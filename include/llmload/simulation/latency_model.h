// How long a fake or simulated model takes, drawn from a seed.
#ifndef LLMLOAD_SIMULATION_LATENCY_MODEL_H_
#define LLMLOAD_SIMULATION_LATENCY_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <optional>

#include "llmload/core/random.h"
#include "llmload/core/time.h"

namespace llmload::simulation {

/// Log-normal time to first token and gaps between tokens, a uniform number of tokens per answer.
/// The defaults resemble a small hosted model under moderate load.
struct LatencyModel {
  Duration ttft_median = std::chrono::milliseconds(250);
  double ttft_sigma = 0.35;  ///< of the underlying normal; 0: always the median
  Duration gap_median = std::chrono::milliseconds(20);
  double gap_sigma = 0.3;
  int tokens_min = 16;
  int tokens_max = 32;
};

/// One answer of a `LatencyModel`. It depends on the seed and the arrival's number only, so that a
/// run can be reproduced whatever its timing.
class AnswerPlan {
 public:
  /// @param max_tokens  cuts the answer, as a real model's limit does
  AnswerPlan(const LatencyModel& model, std::uint64_t seed, std::uint64_t arrival,
             std::optional<int> max_tokens)
      : model_(model), random_(Random::Stream(seed, arrival)) {
    ttft_ = random_.LogNormal(model.ttft_median, model.ttft_sigma);
    const auto span =
        static_cast<std::uint64_t>(std::max(0, model.tokens_max - model.tokens_min)) + 1;
    tokens_ = model.tokens_min + static_cast<int>(random_.Below(span));
    cut_ = max_tokens && tokens_ > *max_tokens;
    if (cut_) tokens_ = *max_tokens;
  }

  Duration ttft() const noexcept { return ttft_; }
  int tokens() const noexcept { return tokens_; }
  /// True if `max_tokens` ended the answer: its finish reason is "length".
  bool cut() const noexcept { return cut_; }

  /// The pause before the next token but the first.
  Duration NextGap() noexcept { return random_.LogNormal(model_.gap_median, model_.gap_sigma); }

 private:
  LatencyModel model_;
  Random random_;
  Duration ttft_{};
  int tokens_ = 0;
  bool cut_ = false;
};

}  // namespace llmload::simulation

#endif  // LLMLOAD_SIMULATION_LATENCY_MODEL_H_
