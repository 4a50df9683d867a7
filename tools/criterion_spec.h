// What a run and its requests have to meet, as text: "ttft:p95<500ms", "success>=0.95".
#ifndef LLMLOAD_TOOLS_CRITERION_SPEC_H_
#define LLMLOAD_TOOLS_CRITERION_SPEC_H_

#include <string>
#include <string_view>
#include <vector>

#include "llmload/judge/criterion.h"
#include "llmload/metrics/metrics_snapshot.h"

namespace llmload::tools {

/// Parses a criterion of a run: `METRIC[:STATISTIC]OPERATOR VALUE`; `CriterionSpecHelp` lists the
/// metrics. Throws `ConfigurationError` that names the criterion, the part, its value and what is
/// accepted.
Criterion ParseCriterion(std::string_view spec);

/// Parses what makes a single request good: `METRIC<=TIME{,METRIC<=TIME}` ("ttft<=500ms,gap<=1s"),
/// with the names of the catalogue of figures for `scheduled_latency`, `service_latency`, `ttft`,
/// `ttfo`, `tpot` and `chunk_gap` (the longest of a request). Throws likewise.
RequestObjectives ParseObjectives(std::string_view spec);

/// A metric of a criterion that is one number.
struct NumberMetric {
  std::string_view name;  ///< in `--slo`
  std::string_view unit;  ///< of its bound, in words
  std::string meaning;
};
std::vector<NumberMetric> NumberMetrics();

/// The metrics with their units, for `--help`.
std::string CriterionSpecHelp();

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_CRITERION_SPEC_H_
