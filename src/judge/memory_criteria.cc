// The metrics that judge memory.
#include <algorithm>
#include <utility>

#include "llmload/judge/criterion.h"
#include "llmload/record/run_record.h"

namespace llmload {
namespace {

Metric MemoryMetric(std::string name, std::string process,
                    std::optional<double> ResourceSummary::*figure) {
  if (!process.empty()) name += " of " + process;
  const auto observe = [process = std::move(process), figure](const RunRecord& record,
                                                              const Judging&) {
    Observation observation;
    observation.remark = process.empty() ? "no process was sampled" : "the process was not sampled";
    std::string worst;
    for (const ResourceSummary& resource : record.resources) {
      if (!process.empty() && resource.label != process) continue;
      const std::optional<double>& value = resource.*figure;
      if (value && (!observation.value || *value > *observation.value)) {
        observation.value = value;
        observation.samples = resource.samples;
        worst = resource.label;
      } else if (!value && !observation.value) {
        observation.samples = resource.samples;
        observation.remark = "too few samples of " + resource.label;
      }
      if (!resource.lost_reason.empty()) {
        observation.partial = true;
        observation.remark = resource.label + ": " + resource.lost_reason;
      }
    }
    if (observation.value && !observation.partial) {
      observation.remark = process.empty() && record.resources.size() > 1 ? "the " + worst : "";
    }
    return observation;
  };
  return Metric(std::move(name), "", observe, {.memory = true});
}

// One process's part in an observation of the worst of all.
void Add(const ResourceSummary& resource, Observation& observation, std::string& worst) {
  const SustainedSlope& slope = *resource.slope_bytes_per_request;
  ConfidenceInterval& interval = *observation.interval;
  if (!observation.value || slope.slope > *observation.value) {
    observation.value = slope.slope;
    observation.samples = resource.samples;
    worst = resource.label + (slope.settling ? ", whose growth was slowing down" : "");
  }
  interval.upper = std::max(interval.upper.value_or(slope.upper), slope.upper);
  // Growth that slows down has no known lower end.
  if (!slope.settling) interval.lower = std::max(interval.lower.value_or(slope.lower), slope.lower);
}

Observation ObserveLeak(const std::string& process, const RunRecord& record) {
  Observation observation;
  observation.interval.emplace();
  observation.longer_by = [](double) { return std::nullopt; };
  observation.remark = process.empty() ? "no process was sampled" : "the process was not sampled";
  std::string worst;
  std::string doubt;
  for (const ResourceSummary& resource : record.resources) {
    if (!process.empty() && resource.label != process) continue;
    if (resource.slope_bytes_per_request) {
      Add(resource, observation, worst);
    } else {
      doubt = "too few samples of " + resource.label + ", or its requests were not counted";
      if (!observation.value) observation.samples = resource.samples;
    }
    if (!resource.lost_reason.empty()) doubt = resource.label + ": " + resource.lost_reason;
  }
  observation.partial = !doubt.empty();
  if (!observation.value) {
    if (!doubt.empty()) observation.remark = doubt;
  } else {
    observation.remark = "the " + worst + (doubt.empty() ? "" : "; " + doubt);
  }
  return observation;
}

}  // namespace

Metric MemoryIncrease(std::string process) {
  return MemoryMetric("memory increase", std::move(process), &ResourceSummary::increase);
}

Metric PeakMemoryRatio(std::string process) {
  return MemoryMetric("peak / initial memory", std::move(process), &ResourceSummary::peak_ratio);
}

Metric MemoryGrowth(std::string process) {
  return MemoryMetric("memory growth", std::move(process), &ResourceSummary::growth);
}

Metric MemoryLeakPerRequest(std::string process) {
  std::string name = "memory left per request";
  if (!process.empty()) name += " of " + process;
  const auto observe = [process = std::move(process)](const RunRecord& record, const Judging&) {
    return ObserveLeak(process, record);
  };
  return Metric(std::move(name), "bytes", observe, {.memory = true});
}

}  // namespace llmload
