// What a headline says about failed requests.
#ifndef LLMLOAD_SRC_JUDGE_FAILURES_H_
#define LLMLOAD_SRC_JUDGE_FAILURES_H_

#include <string>

#include "llmload/metrics/metrics_snapshot.h"

namespace llmload::judge {

/// The share of failed requests from which they explain a bad verdict whatever was asked.
inline constexpr double kNotableFailures = 0.05;

/// "38 of 40 requests failed: malformed_response (the answer is HTML: "Sign in")": the kind of
/// nearly all failures, or else the two most frequent ones with their counts, each with its most
/// frequent message, cut to fit a headline. Empty without a failed request.
std::string SumUpFailures(const MetricsSnapshot& metrics);

}  // namespace llmload::judge

#endif  // LLMLOAD_SRC_JUDGE_FAILURES_H_
