// What a run has to meet, as text: "ttft:p95<500ms", "success>=0.95".
#ifndef LLMLOAD_TOOLS_OBJECTIVE_SPEC_H_
#define LLMLOAD_TOOLS_OBJECTIVE_SPEC_H_

#include <string>
#include <string_view>

#include "llmload/judge/criterion.h"
#include "llmload/metrics/metrics_summary.h"

namespace llmload::tools {

/// Parses `METRIC[:STATISTIC]OPERATOR VALUE`; `ObjectiveSpecHelp` lists the metrics. Throws
/// `ConfigurationError` that names the objective, the part, its value and what is accepted.
Criterion ParseObjective(std::string_view spec);

/// Parses what makes a single request good: `METRIC<=TIME{,METRIC<=TIME}` ("ttft<=500ms,gap<=1s"),
/// with `latency`, `service`, `ttft`, `ttfo`, `tpot` and `gap` (the longest of a request). Throws
/// likewise.
LatencyObjectives ParseGoodRequest(std::string_view spec);

/// The metrics with their units, for `--help`.
std::string ObjectiveSpecHelp();

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_OBJECTIVE_SPEC_H_
