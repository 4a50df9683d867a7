#include "llmload/report/run_report.h"

#include <algorithm>

#include "src/report/format.h"

namespace llmload {
namespace {

void CheckGenerator(const RunReport& report, const ValidityLimits& limits,
                    std::vector<std::string>& reasons) {
  if (report.interrupted) reasons.push_back("the run was interrupted before its end");
  if (auto violation = CheckAccounting(report.metrics)) reasons.push_back(*std::move(violation));
  const LatencySummary& lag = report.metrics.schedule_lag;
  if (lag.count > 0 && lag.p99.value > limits.max_schedule_lag_p99) {
    reasons.push_back("the generator was late: p99 schedule lag " +
                      report::FormatDuration(lag.p99.value) + ", allowed " +
                      report::FormatDuration(limits.max_schedule_lag_p99));
  }
  if (report.metrics.dropped > limits.max_dropped) {
    reasons.push_back("the generator dropped " + std::to_string(report.metrics.dropped) +
                      " arrivals because too many requests were in flight, allowed " +
                      std::to_string(limits.max_dropped));
  }
  if (!limits.max_generator_cpu_percent) return;
  for (const ResourceSummary& resource : report.resources) {
    if (resource.label != limits.generator_process || !resource.cpu_mean_percent) continue;
    if (*resource.cpu_mean_percent > *limits.max_generator_cpu_percent) {
      reasons.push_back("the generator's CPU was saturated: mean " +
                        report::FormatNumber(*resource.cpu_mean_percent, 3) + " %, allowed " +
                        report::FormatNumber(*limits.max_generator_cpu_percent, 3) + " %");
    }
  }
}

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

void Judge(RunReport& report, std::span<const Criterion> criteria, const ValidityLimits& limits) {
  std::vector<std::string> reasons;
  CheckGenerator(report, limits, reasons);
  for (std::string& reason : reasons) {
    auto& known = report.invalid_reasons;
    if (std::find(known.begin(), known.end(), reason) == known.end()) {
      known.push_back(std::move(reason));
    }
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
  if (failed > 0) text += " As measured, " + violated + ".";
  return text;
}

}  // namespace llmload
