#include "llmload/judge/judgement.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "llmload/record/record_slice.h"
#include "src/core/text/format.h"
#include "src/judge/failures.h"
#include "src/judge/groups.h"
#include "src/judge/lateness.h"

namespace llmload {
namespace {

using text::FormatDuration;
using text::FormatNumber;

// Fewer say nothing: a single hiccup of the machine would be a tenth of them.
constexpr std::uint64_t kMinLoopTicks = 100;
constexpr std::uint64_t kMinWindows = 5;

struct Finding {
  std::string reason;
  std::string recommendation;
};

class GeneratorCheck {
 public:
  GeneratorCheck(const RunRecord& record, const ValidityLimits& limits)
      : record_(record), limits_(limits) {}

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
    for (const std::string& fault : record_.faults) Add(fault, "");
    if (!record_.drained) {
      Add("a provider call did not end even when it was cancelled",
          "mend the provider: its calls have to end when they are cancelled");
    }
    if (!record_.stopped_because.empty()) {
      Add("a stop rule ended the run: " + record_.stopped_because, "let the run come to its end");
    } else if (record_.interrupted) {
      Add("the run was interrupted before its end", "");
    }
    if (auto violation = CheckAccounting(record_.metrics)) {
      Add(*std::move(violation),
          "this is a defect of llmload or of a custom provider: report it with the seed");
    }
  }

  void CheckSchedule() {
    const MetricsSnapshot& metrics = record_.metrics;
    const Duration lag = metrics[Figure::kScheduleLag].ValueAtQuantile(0.99);
    if (lag > limits_.max_schedule_lag_p99) {
      Add("the generator was late: p99 schedule lag " + FormatDuration(lag) + ", allowed " +
              FormatDuration(limits_.max_schedule_lag_p99),
          "lower the rate, use more workers, or keep other work off the generator's machine");
    }
    if (metrics[Counter::kDropped] > limits_.max_dropped) {
      Add("the generator dropped " + std::to_string(metrics[Counter::kDropped]) +
              " arrivals because too many requests were in flight, allowed " +
              std::to_string(limits_.max_dropped),
          "raise max_in_flight above rate x latency" + LittlesLaw() + ", or lower the rate");
    }
  }

  // What the schedule needs in flight, as far as the run shows it.
  std::string LittlesLaw() const {
    const MetricsSnapshot& metrics = record_.metrics;
    const auto rate = record_.OfferedRate();
    const Distribution& service = metrics[Figure::kServiceLatency];
    if (!rate || service.empty()) return "";
    return " (here up to " + FormatNumber(*rate * ToSeconds(service.max()), 3) + ")";
  }

  void CheckEventLoops() {
    const GeneratorHealth& health = record_.health;
    const Duration delay = health.loop_delay.ValueAtQuantile(0.99);
    if (health.loop_delay.count() >= kMinLoopTicks && delay > limits_.max_loop_delay_p99) {
      Add("the generator's event loops were busy or starved: p99 event-loop delay " +
              FormatDuration(delay) + ", allowed " + FormatDuration(limits_.max_loop_delay_p99),
          "keep observers and providers from blocking or computing at length, and other work off "
          "the generator's machine");
    }
    if (!limits_.max_saturated_share || record_.configuration.closed_loop) return;
    std::optional<double> worst;
    for (const WorkerHealth& worker : health.workers) {
      if (worker.windows < kMinWindows) continue;
      worst = std::max(worst.value_or(0), worker.SaturatedShare().value_or(0));
    }
    if (worst && *worst > *limits_.max_saturated_share) {
      Add("the generator's CPU was saturated: a worker was so in " + text::FormatPercent(*worst) +
              " of the time, allowed " + text::FormatPercent(*limits_.max_saturated_share),
          "use more workers or more generator machines, or lower the rate");
    }
  }

  void CheckProcess() {
    if (!limits_.max_generator_cpu_percent) return;
    for (const ResourceSummary& resource : record_.resources) {
      if (resource.label != limits_.generator_process || !resource.cpu_mean_percent) continue;
      if (*resource.cpu_mean_percent <= *limits_.max_generator_cpu_percent) continue;
      Add("the generator's CPU was saturated: mean " + FormatNumber(*resource.cpu_mean_percent, 3) +
              " %, allowed " + FormatNumber(*limits_.max_generator_cpu_percent, 3) + " %",
          "use more generator machines, or lower the rate");
    }
  }

  void CheckMachine() {
    const GeneratorHealth& health = record_.health;
    if (health.descriptor_failures > limits_.max_local_failures) {
      std::string limit;
      if (health.descriptor_limit) limit = ", now " + std::to_string(*health.descriptor_limit);
      Add("the generator ran out of descriptors: " + std::to_string(health.descriptor_failures) +
              " requests failed because none was left, allowed " +
              std::to_string(limits_.max_local_failures),
          "raise the limit of open files (ulimit -n" + limit + "), or lower max_in_flight");
    }
    if (health.port_failures > limits_.max_local_failures) {
      std::string ports;
      if (health.ephemeral_ports) ports = ", now " + std::to_string(*health.ephemeral_ports);
      Add("the generator ran out of ephemeral ports: " + std::to_string(health.port_failures) +
              " requests failed because none was left, allowed " +
              std::to_string(limits_.max_local_failures),
          "keep connections open for reuse, widen the port range (net.ipv4.ip_local_port_range" +
              ports + "), or use more generator machines");
    }
  }

  const RunRecord& record_;
  const ValidityLimits& limits_;
  std::vector<Finding> findings_;
};

// The messages of all criteria with this verdict, joined.
std::string Messages(const Judgement& judgement, Verdict verdict, std::size_t& count) {
  std::string joined;
  count = 0;
  for (const CriterionResult& result : judgement.criteria) {
    if (result.verdict != verdict) continue;
    if (count++ > 0) joined += "; ";
    joined += result.message;
  }
  return joined;
}

// Whether failed requests are why the verdict is not PASS.
bool FailuresExplain(const RunRecord& record, std::span<const Criterion> criteria,
                     const Judgement& judgement) {
  const MetricsSnapshot& metrics = record.metrics;
  const auto failed = static_cast<double>(metrics[Counter::kFailed]);
  if (judgement.verdict == Verdict::kPass || failed == 0) return false;
  if (failed >= judge::kNotableFailures * static_cast<double>(metrics.Completed())) return true;
  for (std::size_t i = 0; i < criteria.size(); ++i) {
    const CriterionResult& result = judgement.criteria[i];
    // A percentile is infinite where too many failed.
    const bool about_failures = criteria[i].metric().needs().states_failures ||
                                (result.observed && std::isinf(*result.observed));
    if (about_failures && result.verdict != Verdict::kPass) return true;
  }
  return false;
}

std::string CountOf(std::size_t count, std::size_t total) {
  return std::to_string(count) + " of " + std::to_string(total) +
         (total == 1 ? " criterion" : " criteria");
}

}  // namespace

std::string Describe(const RequestObjectives& objectives) {
  std::string text;
  const auto add = [&text](Figure figure, const std::optional<Duration>& bound,
                           std::string_view prefix = {}) {
    if (!bound) return;
    if (!text.empty()) text += ", ";
    text.append(prefix).append(InfoOf(figure).title).append(" <= ").append(FormatDuration(*bound));
  };
  add(Figure::kScheduledLatency, objectives.scheduled_latency);
  add(Figure::kServiceLatency, objectives.service_latency);
  add(Figure::kTtft, objectives.ttft);
  add(Figure::kTtfo, objectives.ttfo);
  add(Figure::kTpot, objectives.tpot);
  add(Figure::kChunkGap, objectives.chunk_gap, "longest ");
  return text;
}

Judgement Judge(const RunRecord& record, std::span<const Criterion> criteria,
                const ValidityLimits& limits, const JudgingOptions& options) {
  Judgement judgement;
  for (Finding& finding : GeneratorCheck(record, limits).Run()) {
    judgement.invalid_reasons.push_back(std::move(finding.reason));
    if (!finding.recommendation.empty()) {
      judgement.recommendations.push_back(std::move(finding.recommendation));
    }
  }
  const Judging judging{.failures_are_slow = std::none_of(
                            criteria.begin(), criteria.end(),
                            [](const Criterion& c) { return c.metric().needs().states_failures; }),
                        .confidence_required = options.confidence_required,
                        .error = options.error};
  judgement.verdict = criteria.empty() ? Verdict::kInconclusive : Verdict::kPass;
  for (std::size_t i = 0; i < criteria.size(); ++i) {
    const Criterion& criterion = criteria[i];
    const bool is_decided = i < options.decided.size() && options.decided[i];
    CriterionResult& result = judgement.criteria.emplace_back(
        is_decided ? *options.decided[i] : criterion.Evaluate(record, judging));
    const Slice& slice = criterion.metric().needs().slice;
    const std::optional<RunRecord> part = slice.empty() ? std::nullopt : SliceOf(record, slice);
    if (!is_decided &&
        judge::AccountForLateness(part ? *part : record, criterion, judging, result)) {
      judgement.recommendations.emplace_back(
          "keep other work off the generator's machine, or use more workers");
    }
    judgement.verdict = Combine(judgement.verdict, result.verdict);
  }
  judgement.groups = judge::JudgeGroups(record, criteria, judging);
  judgement.ramps = judge::JudgeRamps(record, criteria, judging);
  judgement.aborted_because = record.aborted_because;
  if (!record.aborted_because.empty()) judgement.verdict = Verdict::kFail;
  if (!judgement.invalid_reasons.empty()) judgement.verdict = Verdict::kInvalid;
  if (record.interrupted && record.stopped_because.empty()) judgement.recommendations.clear();
  if (FailuresExplain(record, criteria, judgement)) {
    judgement.failed_because = judge::SumUpFailures(record.metrics);
  }
  return judgement;
}

namespace {

std::string ReasonFor(const Judgement& judgement) {
  const std::size_t total = judgement.criteria.size();
  std::size_t failed = 0;
  std::size_t open = 0;
  std::size_t unreadable = 0;
  const std::string violations = Messages(judgement, Verdict::kFail, failed);
  const std::string doubts = Messages(judgement, Verdict::kInconclusive, open);
  const std::string faults = Messages(judgement, Verdict::kInvalid, unreadable);
  const std::string violated =
      CountOf(failed, total) + (failed == 1 ? " is violated: " : " are violated: ") + violations;

  std::string causes;
  if (!judgement.aborted_because.empty()) {
    causes = "The run was hopeless and was ended: " + judgement.aborted_because + ". ";
  }
  if (!judgement.failed_because.empty()) causes += judgement.failed_because + ". ";

  switch (judgement.verdict) {
    case Verdict::kPass:
      return total == 1 ? "The criterion holds."
                        : "All " + std::to_string(total) + " criteria hold.";
    case Verdict::kFail:
      return causes + (failed == 0 ? "" : violated + ".");
    case Verdict::kInconclusive:
      if (total == 0) return causes + "No criterion was given, so there is nothing to judge.";
      return causes + CountOf(open, total) + " cannot be judged: " + doubts + ".";
    case Verdict::kInvalid:
      break;
  }
  std::string text = "The measurement cannot be trusted: ";
  for (std::size_t i = 0; i < judgement.invalid_reasons.size(); ++i) {
    if (i > 0) text += "; ";
    text += judgement.invalid_reasons[i];
  }
  if (unreadable > 0) text += (judgement.invalid_reasons.empty() ? "" : "; ") + faults;
  text += ".";
  if (!judgement.recommendations.empty()) text += " Recommended:";
  for (std::size_t i = 0; i < judgement.recommendations.size(); ++i) {
    text += (i > 0 ? "; " : " ") + judgement.recommendations[i];
  }
  if (!judgement.recommendations.empty()) text += ".";
  if (!causes.empty()) text += " " + causes;
  if (failed > 0) text += " As measured, " + violated + ".";
  return text;
}

}  // namespace

// Messages of services and names of users are in it.
std::string Explain(const Judgement& judgement) { return text::CleanLine(ReasonFor(judgement)); }

}  // namespace llmload
