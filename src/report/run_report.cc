#include "llmload/report/run_report.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "src/report/format.h"

namespace llmload {
namespace {

using report::FormatDuration;
using report::FormatNumber;

// Fewer say nothing: a single hiccup of the machine would be a tenth of them.
constexpr std::uint64_t kMinLoopTicks = 100;
constexpr std::uint64_t kMinWindows = 5;

struct Finding {
  std::string reason;
  std::string recommendation;
};

std::string Percent(double ratio) { return FormatNumber(ratio * 100, 3) + " %"; }

class GeneratorCheck {
 public:
  GeneratorCheck(const RunReport& report, const ValidityLimits& limits)
      : report_(report), limits_(limits) {}

  std::vector<Finding> Run() {
    CheckRun();
    CheckSchedule();
    CheckEventLoops();
    CheckProcess();
    CheckMachine();
    return std::move(findings_);
  }

 private:
  void Add(std::string reason, std::string recommendation) {
    findings_.push_back({std::move(reason), std::move(recommendation)});
  }

  void CheckRun() {
    if (report_.interrupted) {
      Add("the run was interrupted before its end", "let the run come to its end");
    }
    if (auto violation = CheckAccounting(report_.metrics)) {
      Add(*std::move(violation),
          "this is a defect of llmload or of a custom provider: report it with the seed");
    }
  }

  void CheckSchedule() {
    const MetricsSummary& metrics = report_.metrics;
    const LatencySummary& lag = metrics.schedule_lag;
    if (lag.count > 0 && lag.p99.value > limits_.max_schedule_lag_p99) {
      Add("the generator was late: p99 schedule lag " + FormatDuration(lag.p99.value) +
              ", allowed " + FormatDuration(limits_.max_schedule_lag_p99),
          "lower the rate, use more workers, or keep other work off the generator's machine");
    }
    if (metrics.dropped > limits_.max_dropped) {
      Add("the generator dropped " + std::to_string(metrics.dropped) +
              " arrivals because too many requests were in flight, allowed " +
              std::to_string(limits_.max_dropped),
          "raise max_in_flight above rate x latency" + LittlesLaw() + ", or lower the rate");
    }
  }

  // What the schedule needs in flight, as far as the run shows it.
  std::string LittlesLaw() const {
    const MetricsSummary& metrics = report_.metrics;
    if (!metrics.offered_rate_per_second || metrics.service_latency.count == 0) return "";
    const double latency = ToSeconds(metrics.service_latency.max);
    return " (here up to " + FormatNumber(*metrics.offered_rate_per_second * latency, 3) + ")";
  }

  void CheckEventLoops() {
    const GeneratorHealth& health = report_.health;
    const LatencySummary& delay = health.loop_delay;
    if (delay.count >= kMinLoopTicks && delay.p99.value > limits_.max_loop_delay_p99) {
      Add("the generator's event loops were busy or starved: p99 event-loop delay " +
              FormatDuration(delay.p99.value) + ", allowed " +
              FormatDuration(limits_.max_loop_delay_p99),
          "keep observers and providers from blocking or computing at length, and other work off "
          "the generator's machine");
    }
    if (!limits_.max_saturated_share) return;
    std::optional<double> worst;
    for (const WorkerHealth& worker : health.workers) {
      if (worker.windows < kMinWindows) continue;
      worst = std::max(worst.value_or(0), worker.SaturatedShare().value_or(0));
    }
    if (worst && *worst > *limits_.max_saturated_share) {
      Add("the generator's CPU was saturated: a worker was so in " + Percent(*worst) +
              " of the time, allowed " + Percent(*limits_.max_saturated_share),
          "use more workers or more generator machines, or lower the rate");
    }
  }

  void CheckProcess() {
    if (!limits_.max_generator_cpu_percent) return;
    for (const ResourceSummary& resource : report_.resources) {
      if (resource.label != limits_.generator_process || !resource.cpu_mean_percent) continue;
      if (*resource.cpu_mean_percent <= *limits_.max_generator_cpu_percent) continue;
      Add("the generator's CPU was saturated: mean " + FormatNumber(*resource.cpu_mean_percent, 3) +
              " %, allowed " + FormatNumber(*limits_.max_generator_cpu_percent, 3) + " %",
          "use more generator machines, or lower the rate");
    }
  }

  void CheckMachine() {
    const GeneratorHealth& health = report_.health;
    if (health.descriptor_failures > limits_.max_local_failures) {
      std::string limit;
      if (health.descriptor_limit) limit = ", now " + std::to_string(*health.descriptor_limit);
      Add("the generator ran out of descriptors: " + std::to_string(health.descriptor_failures) +
              " requests failed for want of one, allowed " +
              std::to_string(limits_.max_local_failures),
          "raise the limit of open files (ulimit -n" + limit + "), or lower max_in_flight");
    }
    if (health.port_failures > limits_.max_local_failures) {
      std::string ports;
      if (health.ephemeral_ports) ports = ", now " + std::to_string(*health.ephemeral_ports);
      Add("the generator ran out of ephemeral ports: " + std::to_string(health.port_failures) +
              " requests failed for want of one, allowed " +
              std::to_string(limits_.max_local_failures),
          "keep connections open for reuse, widen the port range (net.ipv4.ip_local_port_range" +
              ports + "), or use more generator machines");
    }
  }

  const RunReport& report_;
  const ValidityLimits& limits_;
  std::vector<Finding> findings_;
};

// The messages of all criteria with this verdict, joined.
std::string Messages(const RunReport& report, Verdict verdict, std::size_t& count) {
  std::string joined;
  count = 0;
  for (const CriterionResult& result : report.criteria) {
    if (result.verdict != verdict) continue;
    if (count++ > 0) joined += "; ";
    joined += result.message;
  }
  return joined;
}

std::string CountOf(std::size_t count, std::size_t total) {
  return std::to_string(count) + " of " + std::to_string(total) +
         (total == 1 ? " criterion" : " criteria");
}

}  // namespace

std::string Describe(const LatencyObjectives& objectives) {
  std::string text;
  const auto add = [&text](LatencyKind kind, const std::optional<Duration>& bound,
                           std::string_view prefix = {}) {
    if (!bound) return;
    if (!text.empty()) text += ", ";
    text.append(prefix).append(ToString(kind)).append(" <= ").append(FormatDuration(*bound));
  };
  add(LatencyKind::kScheduled, objectives.scheduled_latency);
  add(LatencyKind::kService, objectives.service_latency);
  add(LatencyKind::kTtft, objectives.ttft);
  add(LatencyKind::kTtfo, objectives.ttfo);
  add(LatencyKind::kTpot, objectives.tpot);
  add(LatencyKind::kChunkGap, objectives.chunk_gap, "longest ");
  return text;
}

void Judge(RunReport& report, std::span<const Criterion> criteria, const ValidityLimits& limits) {
  report.recommendations.clear();
  for (Finding& finding : GeneratorCheck(report, limits).Run()) {
    auto& known = report.invalid_reasons;
    if (std::find(known.begin(), known.end(), finding.reason) == known.end()) {
      known.push_back(std::move(finding.reason));
    }
    report.recommendations.push_back(std::move(finding.recommendation));
  }

  report.criteria.clear();
  Verdict verdict = criteria.empty() ? Verdict::kInconclusive : Verdict::kPass;
  for (const Criterion& criterion : criteria) {
    report.criteria.push_back(criterion.Evaluate(report));
    verdict = Combine(verdict, report.criteria.back().verdict);
  }
  if (!report.invalid_reasons.empty()) verdict = Verdict::kInvalid;
  report.verdict = verdict;
}

std::string Explain(const RunReport& report) {
  const std::size_t total = report.criteria.size();
  std::size_t failed = 0;
  std::size_t open = 0;
  std::size_t unreadable = 0;
  const std::string violations = Messages(report, Verdict::kFail, failed);
  const std::string doubts = Messages(report, Verdict::kInconclusive, open);
  const std::string faults = Messages(report, Verdict::kInvalid, unreadable);
  const std::string violated =
      CountOf(failed, total) + (failed == 1 ? " is violated: " : " are violated: ") + violations;

  switch (report.verdict) {
    case Verdict::kPass:
      return total == 1 ? "The criterion holds."
                        : "All " + std::to_string(total) + " criteria hold.";
    case Verdict::kFail:
      return violated + ".";
    case Verdict::kInconclusive:
      if (total == 0) return "No criterion was given: nothing was asked of this run.";
      return CountOf(open, total) + " cannot be judged: " + doubts + ".";
    case Verdict::kInvalid:
      break;
  }
  std::string text = "The measurement cannot be trusted: ";
  for (std::size_t i = 0; i < report.invalid_reasons.size(); ++i) {
    if (i > 0) text += "; ";
    text += report.invalid_reasons[i];
  }
  if (unreadable > 0) text += (report.invalid_reasons.empty() ? "" : "; ") + faults;
  text += ".";
  if (!report.recommendations.empty()) text += " Recommended:";
  for (std::size_t i = 0; i < report.recommendations.size(); ++i) {
    text += (i > 0 ? "; " : " ") + report.recommendations[i];
  }
  if (!report.recommendations.empty()) text += ".";
  if (failed > 0) text += " As measured, " + violated + ".";
  return text;
}

}  // namespace llmload
