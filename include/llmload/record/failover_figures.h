// How failover went, over the runs of one kind of fault, as part of a record.
#ifndef LLMLOAD_RECORD_FAILOVER_FIGURES_H_
#define LLMLOAD_RECORD_FAILOVER_FIGURES_H_

#include <array>
#include <span>
#include <string_view>

#include "llmload/record/run_record.h"
#include "llmload/resilience/failover_metrics.h"

namespace llmload {

/// A figure beyond the catalogue, which a test of failover adds to its record.
struct FailoverFigureInfo {
  std::string_view name;
  std::string_view unit;
  std::string_view meaning;
  bool is_distribution = false;  ///< for `MaxOf` and `MeanOf`; else a value, for `Measurement`
};

/// Those of the documented tests of failover, and of `AddFailoverFigures`.
inline constexpr std::array kFailoverFigures = std::to_array<FailoverFigureInfo>({
    {"breaker openings", "", "how often the primary's circuit breaker opened"},
    {"failures to open", "requests", "failed calls of the primary until its breaker opened"},
    {"primary calls", "requests", "calls that reached the primary"},
    {"fallback calls", "requests", "calls that reached the fallback"},
    {"failed over", "requests", "answered by the fallback after the primary had failed"},
    {"fault runs", "", "runs of the fault that the figures are of"},
    {"failures spent max", "requests",
     "failed calls of the primary until its breaker opened, in the worst run"},
    {"leak in flight at trip max", "requests",
     "arrivals at the primary that were on their way when its breaker opened, in the worst run"},
    {"leak probes max", "requests",
     "arrivals at the primary while its breaker was half open, in the worst run"},
    {"leak admitted after trip", "requests",
     "all other arrivals at the primary after its breaker opened, in all runs"},
    {"failover requests", "requests", "requests in all runs"},
    {"failed over requests", "requests", "answered by a fallback, in all runs"},
    {"lost requests", "requests", "failed for their caller, in all runs"},
    {"lost requests max", "requests", "failed for their caller, in the worst run"},
    {"attempts per request max", "", "calls of providers per request, in the worst run"},
    {"detection time", "time", "fault's onset - breaker open", true},
    {"failover time", "time", "first failed call of the primary - first success elsewhere", true},
    {"success restored time", "time", "fault's onset - requests succeed again", true},
    {"breaker closed time", "time", "primary well again - breaker closed", true},
    {"recovery time", "time", "primary well again - breaker closed and traffic back", true},
    {"failover overhead", "time", "primary known to have failed - fallback asked", true},
    {"added latency", "time", "latency - time of the attempt that answered", true},
});

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
