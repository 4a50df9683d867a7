#include "llmload/report/failover_report.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "llmload/metrics/histogram.h"

namespace llmload {
namespace {

void SetDistribution(RunReport& report, std::string_view name, const Histogram& values) {
  const auto found = std::find_if(report.distributions.begin(), report.distributions.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  NamedDistribution distribution{.name = std::string(name), .summary = Summarise(values)};
  if (found != report.distributions.end()) {
    *found = std::move(distribution);
  } else {
    report.distributions.push_back(std::move(distribution));
  }
}

void SetMeasurement(RunReport& report, std::string_view name, double value) {
  const auto found = std::find_if(report.measurements.begin(), report.measurements.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found != report.measurements.end()) {
    found->second = value;
  } else {
    report.measurements.emplace_back(name, value);
  }
}

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

Metric OfDistribution(std::string name, std::string_view which, Duration LatencySummary::*field) {
  auto observe = [name, field](const RunReport& report) -> Observation {
    for (const NamedDistribution& entry : report.distributions) {
      if (entry.name != name || entry.summary.count == 0) continue;
      return {.value = ToSeconds(entry.summary.*field), .samples = entry.summary.count};
    }
    return {.remark = "the run has no sample of it"};
  };
  return Metric(std::string(which) + " " + std::move(name), "s", std::move(observe));
}

}  // namespace

void AddFailoverMetrics(RunReport& report, std::span<const FailoverMetrics> runs) {
  using Time = std::optional<Duration> FailoverMetrics::*;
  constexpr std::pair<std::string_view, Time> kTimes[] = {
      {"detection time", &FailoverMetrics::detection_time},
      {"failover time", &FailoverMetrics::failover_time},
      {"success restored time", &FailoverMetrics::success_restored_time},
      {"breaker closed time", &FailoverMetrics::closed_time},
      {"recovery time", &FailoverMetrics::traffic_restored_time},
  };
  for (const auto& [name, time] : kTimes) {
    Histogram values;
    for (const FailoverMetrics& run : runs) {
      if (run.*time) values.Record(*(run.*time));
    }
    SetDistribution(report, name, values);
  }
  using Samples = std::vector<Duration> FailoverMetrics::*;
  constexpr std::pair<std::string_view, Samples> kSamples[] = {
      {"failover overhead", &FailoverMetrics::failover_overhead},
      {"added latency", &FailoverMetrics::added_latency},
  };
  for (const auto& [name, samples] : kSamples) {
    Histogram values;
    for (const FailoverMetrics& run : runs) {
      for (const Duration value : run.*samples) values.Record(value);
    }
    SetDistribution(report, name, values);
  }

  using Run = const FailoverMetrics&;
  const auto lost = [](Run run) { return run.lost_requests; };
  const auto probes = [](Run run) { return run.leak.probes; };
  const auto in_flight = [](Run run) { return run.leak.in_flight_at_trip; };
  SetMeasurement(report, "fault runs", static_cast<double>(runs.size()));
  SetMeasurement(report, "failures spent max",
                 Largest(runs, [](Run run) { return run.failures_spent; }));
  SetMeasurement(report, "leak in flight at trip max", Largest(runs, in_flight));
  SetMeasurement(report, "leak probes max", Largest(runs, probes));
  SetMeasurement(report, "leak admitted after trip",
                 Total(runs, [](Run run) { return run.leak.admitted_after_trip; }));
  SetMeasurement(report, "failover requests", Total(runs, [](Run run) { return run.requests; }));
  SetMeasurement(report, "failed over requests",
                 Total(runs, [](Run run) { return run.failed_over; }));
  SetMeasurement(report, "lost requests", Total(runs, lost));
  SetMeasurement(report, "lost requests max", Largest(runs, lost));
  SetMeasurement(report, "attempts per request max",
                 Largest(runs, [](Run run) { return run.attempts_per_request(); }));
}

Metric MaxOf(std::string distribution) {
  return OfDistribution(std::move(distribution), "max", &LatencySummary::max);
}

Metric MeanOf(std::string distribution) {
  return OfDistribution(std::move(distribution), "mean", &LatencySummary::mean);
}

}  // namespace llmload
