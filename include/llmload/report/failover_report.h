// How failover went, over the runs of one kind of fault, as part of a report.
#ifndef LLMLOAD_REPORT_FAILOVER_REPORT_H_
#define LLMLOAD_REPORT_FAILOVER_REPORT_H_

#include <span>
#include <string>

#include "llmload/judge/criterion.h"
#include "llmload/report/run_report.h"
#include "llmload/resilience/failover_metrics.h"

namespace llmload {

/// Adds what `runs` measured to `report`, so that table, JSON and CTest measurements show it. The
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
void AddFailoverMetrics(RunReport& report, std::span<const FailoverMetrics> runs);

/// The largest value of one of `RunReport::distributions`, in its unit, as a metric for criteria:
/// `MaxOf("detection time") <= 200ms`. INCONCLUSIVE if the run has no such distribution or the
/// distribution has no sample.
Metric MaxOf(std::string distribution);
/// The mean of one of `RunReport::distributions`, likewise.
Metric MeanOf(std::string distribution);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_FAILOVER_REPORT_H_
