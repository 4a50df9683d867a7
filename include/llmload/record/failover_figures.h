// How failover went, over the runs of one kind of fault, as part of a record.
#ifndef LLMLOAD_RECORD_FAILOVER_FIGURES_H_
#define LLMLOAD_RECORD_FAILOVER_FIGURES_H_

#include <span>

#include "llmload/record/run_record.h"
#include "llmload/resilience/failover_metrics.h"

namespace llmload {

/// Adds what `runs` measured to `record`, so that table, JSON and CTest measurements show it. The
/// runs are those of one kind of fault; each is one sample of the times of the outage.
///
/// Distributions, in seconds:
///  - one sample per run in which it happened: "detection time", "failover time", "success restored
///    time", "breaker closed time", "recovery time" (breaker closed and traffic back at the
///    primary)
///  - one sample per request that failed over: "failover overhead", "added latency"
///
/// Measurements: "fault runs", "failures spent max", "leak in flight at trip max", "leak probes
/// max", "leak admitted after trip", "failover requests", "failed over requests", "lost requests",
/// "lost requests max", "attempts per request max". Those with "max" are the worst run's, the
/// others sums over the runs.
///
/// Definitions: `FailoverMetrics`; the names: docs/report.md. Entries of these names that are there
/// already are replaced.
void AddFailoverFigures(RunRecord& record, std::span<const FailoverMetrics> runs);

}  // namespace llmload

#endif  // LLMLOAD_RECORD_FAILOVER_FIGURES_H_
