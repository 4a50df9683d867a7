#include "llmload/record/failover_figures.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace llmload {
namespace {

template <class Count>
double Largest(std::span<const FailoverMetrics> runs, Count count) {
  double largest = 0;
  for (const FailoverMetrics& run : runs) {
    largest = std::max(largest, static_cast<double>(count(run)));
  }
  return largest;
}

template <class Count>
double Total(std::span<const FailoverMetrics> runs, Count count) {
  double total = 0;
  for (const FailoverMetrics& run : runs) total += static_cast<double>(count(run));
  return total;
}

}  // namespace

void AddFailoverFigures(RunRecord& record, std::span<const FailoverMetrics> runs) {
  using Time = std::optional<Duration> FailoverMetrics::*;
  constexpr std::pair<std::string_view, Time> kTimes[] = {
      {"detection time", &FailoverMetrics::detection_time},
      {"failover time", &FailoverMetrics::failover_time},
      {"success restored time", &FailoverMetrics::success_restored_time},
      {"breaker closed time", &FailoverMetrics::closed_time},
      {"recovery time", &FailoverMetrics::traffic_restored_time},
  };
  for (const auto& [name, time] : kTimes) {
    Distribution values;
    for (const FailoverMetrics& run : runs) {
      if (run.*time) values.Record(*(run.*time));
    }
    record.SetDistribution(name, std::move(values));
  }
  using Samples = std::vector<Duration> FailoverMetrics::*;
  constexpr std::pair<std::string_view, Samples> kSamples[] = {
      {"failover overhead", &FailoverMetrics::failover_overhead},
      {"added latency", &FailoverMetrics::added_latency},
  };
  for (const auto& [name, samples] : kSamples) {
    Distribution values;
    for (const FailoverMetrics& run : runs) {
      for (const Duration value : run.*samples) values.Record(value);
    }
    record.SetDistribution(name, std::move(values));
  }

  using Run = const FailoverMetrics&;
  const auto lost = [](Run run) { return run.lost_requests; };
  const auto probes = [](Run run) { return run.leak.probes; };
  const auto in_flight = [](Run run) { return run.leak.in_flight_at_trip; };
  record.SetMeasurement("fault runs", static_cast<double>(runs.size()));
  record.SetMeasurement("failures spent max",
                        Largest(runs, [](Run run) { return run.failures_spent; }));
  record.SetMeasurement("leak in flight at trip max", Largest(runs, in_flight));
  record.SetMeasurement("leak probes max", Largest(runs, probes));
  record.SetMeasurement("leak admitted after trip",
                        Total(runs, [](Run run) { return run.leak.admitted_after_trip; }));
  record.SetMeasurement("failover requests", Total(runs, [](Run run) { return run.requests; }));
  record.SetMeasurement("failed over requests",
                        Total(runs, [](Run run) { return run.failed_over; }));
  record.SetMeasurement("lost requests", Total(runs, lost));
  record.SetMeasurement("lost requests max", Largest(runs, lost));
  record.SetMeasurement("attempts per request max",
                        Largest(runs, [](Run run) { return run.attempts_per_request(); }));
}

}  // namespace llmload
