#include "src/run/run_looks.h"

#include <algorithm>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/format.h"
#include "src/core/text/parse.h"

namespace llmload {
namespace {

using text::FormatDuration;

constexpr double kError = JudgingOptions{}.error;
// A run that would have to be this many times as long as it may be is given up.
constexpr double kHopelessLength = 2;

bool IsUpperBound(Comparison comparison) {
  return comparison == Comparison::kLess || comparison == Comparison::kLessOrEqual;
}

// Whether the value of a criterion can only get worse than in the best case of what is left.
bool HasBestCase(const Criterion& criterion) {
  const MetricNeeds& needs = criterion.metric().needs();
  // How many requests of a part are still to come is not known.
  if (!needs.slice.empty()) return false;
  if (needs.figure) {
    const FigureScope scope = InfoOf(*needs.figure).scope;
    return needs.rank && IsUpperBound(criterion.comparison()) &&
           (scope == FigureScope::kSuccesses || scope == FigureScope::kStreamedSuccesses);
  }
  if (!needs.states_failures) return false;
  return needs.is_share != IsUpperBound(criterion.comparison());
}

// What would have been measured if all of `planned` requests that have not ended yet succeeded at
// once.
MetricsSnapshot BestCase(MetricsSnapshot metrics, std::uint64_t planned) {
  const std::uint64_t ended =
      metrics.Completed() + metrics[Counter::kDropped] + metrics[Counter::kUnfinished];
  const std::uint64_t left = planned - std::min(planned, ended);
  metrics[Counter::kScheduled] = ended + left;
  metrics[Counter::kSent] = metrics[Counter::kScheduled] - metrics[Counter::kDropped];
  metrics[Counter::kSucceeded] += left;
  if (left == 0) return metrics;
  const Distribution at_once(Distribution::Parts{.cells = {{.index = 0, .count = left}}});
  for (const FigureInfo& row : kFigures) {
    if (row.scope == FigureScope::kSuccesses || row.scope == FigureScope::kStreamedSuccesses) {
      metrics[row.figure].Merge(at_once);
    }
  }
  metrics.cohorts = {};
  return metrics;
}

std::string NamesOf(const Judgement& judgement, Verdict verdict) {
  std::string names;
  for (const CriterionResult& result : judgement.criteria) {
    if (result.verdict == verdict) names += (names.empty() ? "" : ", ") + result.name;
  }
  return names;
}

}  // namespace

std::vector<Duration> LookTimes(const UntilConclusive& until, Duration planned) {
  std::vector<Duration> times;
  const Duration earliest = std::max(UntilConclusive::kEarliestLook, planned);
  for (Duration at = until.first_look.value_or(until.longest / 8); at < until.longest; at *= 2) {
    if (at >= earliest) times.push_back(at);
  }
  return times;
}

UntilConclusive ParseUntilConclusive(std::string_view name, std::string_view text) {
  constexpr std::string_view kAccepted =
      "TIME[,requests=N][,first-look=TIME], as in 10m or 10m,requests=20000";
  UntilConclusive until;
  bool is_first = true;
  for (const std::string_view part : text::SplitAt(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const std::string field = std::string(name) + ": " + std::string(key);
    if (is_first) {
      until.longest = text::ParsePositiveTime(name, part);
    } else if (equals != std::string_view::npos && key == "requests") {
      until.requests = text::ParseNumber<std::uint64_t>(field, part.substr(equals + 1), 1,
                                                        10'000'000'000, "a number from 1 to 1e10");
    } else if (equals != std::string_view::npos && key == "first-look") {
      until.first_look = text::ParsePositiveTime(field, part.substr(equals + 1));
    } else {
      throw ConfigurationError::Invalid(name, text, kAccepted);
    }
    is_first = false;
  }
  return until;
}

RunLooks::RunLooks(const RunPlan& plan)
    : plan_(plan),
      load_(LongestLoad(plan)),
      part_(MeasuredPartOf(plan.load)),
      decided_(plan.criteria.size()),
      certain_(plan.criteria.size()) {
  const UntilConclusive& until = *plan.until_conclusive;
  const std::vector<Duration> times =
      LookTimes(until, part_.end ? *part_.end - part_.begin : Duration::zero());
  for (const Duration at : times) entries_.push_back({.at = part_.begin + at, .judges = true});
  error_each_ = kError / static_cast<double>(times.size() + 1);
  error_left_ = kError;
  if (!part_.end) {
    planned_requests_ = plan.load.closed_loop()->requests;
    entries_.insert(entries_.begin(), {.observes = true});
  } else if (!entries_.empty() && entries_.front().at == *part_.end) {
    entries_.front().observes = true;
  } else {
    entries_.insert(entries_.begin(), {.at = *part_.end, .observes = true});
  }
  for (std::size_t i = 0; i < plan.criteria.size(); ++i) {
    if (!IsObserved(i) || !HasBestCase(plan.criteria[i])) continue;
    planned_measured_ = PlannedLoadOf(WithSeed(plan.load, plan.Seed())).measured_requests;
  }
}

bool RunLooks::IsObserved(std::size_t criterion) const {
  return plan_.criteria[criterion].as_observed() && !plan_.confidence_required;
}

LoadLooks RunLooks::times() const {
  LoadLooks looks;
  looks.requests = planned_requests_;
  for (const Entry& entry : entries_) {
    if (!entry.observes || planned_requests_ == 0) looks.at.push_back(entry.at);
  }
  return looks;
}

bool RunLooks::Observe(const RunRecord& so_far) {
  const Judgement judgement = Judge(so_far, plan_.criteria, plan_.validity,
                                    {.confidence_required = plan_.confidence_required});
  bool any = false;
  for (std::size_t i = 0; i < decided_.size(); ++i) {
    const CriterionResult& result = judgement.criteria[i];
    // What was not observed at all is no more so in a longer run.
    if (!result.as_observed && !(IsObserved(i) && !result.observed)) continue;
    decided_[i] = result;
    any = true;
  }
  return any;
}

bool RunLooks::Enough(std::size_t look, const RunRecord& so_far) {
  const Entry& entry = entries_[look];
  const bool observed = entry.observes && Observe(so_far);
  JudgingOptions options = HowToJudge();
  if (entry.judges) {
    options.error = error_each_;
    error_left_ -= error_each_;
  }
  const Judgement judgement = Judge(so_far, plan_.criteria, plan_.validity, options);
  bool is_open = false;
  bool is_violated = false;
  std::string open;
  for (std::size_t i = 0; i < decided_.size(); ++i) {
    const CriterionResult& result = judgement.criteria[i];
    const bool is_judged = decided_[i] || entry.judges;
    is_violated = is_violated || (is_judged && result.verdict == Verdict::kFail);
    if (is_judged &&
        (decided_[i] || result.verdict == Verdict::kPass || result.verdict == Verdict::kFail)) {
      continue;
    }
    is_open = true;
    open += (open.empty() ? "" : ", ") + result.name;
  }
  std::string found = is_violated ? "violated: " + NamesOf(judgement, Verdict::kFail)
                      : is_open   ? "undecided: " + open
                                  : "all criteria are decided";
  bool enough = is_violated || !is_open;
  if (!enough && entry.judges && IsHopeless(judgement, entry.at - part_.begin)) {
    enough = true;
    found += "; " + given_up_;
  }
  if (!entry.judges && !enough) found = "what goes by the planned length is decided";
  if (entry.judges || observed) {
    Note(entry, so_far, entry.judges ? error_each_ : kError, std::move(found));
  }
  ended_ = enough;
  concluded_ = enough && entry.judges;
  return enough;
}

bool RunLooks::IsHopeless(const Judgement& judgement, Duration elapsed) {
  std::string needed = LengthNeeded(judgement, elapsed);
  if (!std::exchange(was_hopeless_, !needed.empty()) || needed.empty()) return false;
  given_up_ = "given up after " + FormatDuration(elapsed) + ": " + needed;
  return true;
}

std::string RunLooks::LengthNeeded(const Judgement& judgement, Duration elapsed) const {
  double longest = 0;
  for (std::size_t i = 0; i < decided_.size(); ++i) {
    const CriterionResult& result = judgement.criteria[i];
    if (decided_[i] || result.verdict != Verdict::kInconclusive) continue;
    if (!result.observed) return "nothing was observed of " + result.name;
    longest = std::max(longest, result.longer_by.value_or(0));
  }
  const Duration limit = plan_.until_conclusive->longest;
  const double seconds = longest * ToSeconds(elapsed);
  if (!(seconds > kHopelessLength * ToSeconds(limit))) return "";
  constexpr double kLongestToName = 30 * 86400.0;
  const std::chrono::duration<double> needed(seconds);
  return "at this figure " +
         (seconds < kLongestToName
              ? "about " + FormatDuration(std::chrono::duration_cast<Duration>(needed), 2)
              : std::string("more than a month")) +
         " would do, and the limit is " + FormatDuration(limit);
}

bool RunLooks::IsCertainToFail(const MetricsSnapshot& so_far) {
  RunRecord best;
  best.metrics = BestCase(so_far, planned_measured_.value_or(0));
  const Judgement judgement = Judge(best, plan_.criteria, plan_.validity);
  std::string names;
  for (std::size_t i = 0; i < decided_.size(); ++i) {
    const CriterionResult& result = judgement.criteria[i];
    if (!IsObserved(i) || !HasBestCase(plan_.criteria[i])) continue;
    if (result.verdict != Verdict::kFail) continue;
    certain_[i] = true;
    names += (names.empty() ? "" : ", ") + result.name;
  }
  if (names.empty()) return false;
  given_up_ = "violated whatever is still to come: " + names;
  return true;
}

JudgingOptions RunLooks::HowToJudge() const {
  return {.confidence_required = plan_.confidence_required,
          .error = concluded_ ? error_each_ : error_left_,
          .decided = decided_};
}

void RunLooks::Note(const Entry& entry, const RunRecord& so_far, double error, std::string found) {
  const bool by_requests = entry.observes && planned_requests_ > 0;
  looks_.push_back(
      {.at = by_requests ? so_far.metrics.last_completion.value_or(Duration::zero()) : entry.at,
       .requests = so_far.metrics[Counter::kScheduled],
       .error = error,
       .found = std::move(found)});
}

void RunLooks::Conclude(RunRecord& record, Judgement& judgement) {
  if (!ended_) {
    const std::string open = NamesOf(judgement, Verdict::kInconclusive);
    std::string found = "the last look: " + (open.empty() ? std::string("all criteria are decided")
                                                          : "undecided: " + open);
    if (!given_up_.empty()) found = given_up_;
    looks_.push_back({.at = record.duration,
                      .requests = record.metrics[Counter::kScheduled],
                      .error = error_left_,
                      .found = std::move(found)});
  }
  record.looks = looks_;
  if (given_up_.empty()) return;
  const bool is_certain = std::find(certain_.begin(), certain_.end(), true) != certain_.end();
  judgement.verdict = Verdict::kPass;
  for (std::size_t i = 0; i < judgement.criteria.size(); ++i) {
    CriterionResult& result = judgement.criteria[i];
    if (certain_[i]) {
      result.verdict = Verdict::kFail;
      result.message += "; " + given_up_;
    } else if (is_certain && result.verdict == Verdict::kFail && result.as_observed) {
      // The run was cut short, and says nothing of counts and rates.
      result.verdict = Verdict::kInconclusive;
    }
    if (result.verdict == Verdict::kInconclusive) {
      result.remark += (result.remark.empty() ? "" : "; ") +
                       (is_certain ? std::string("the run was ended before") : given_up_);
    }
    judgement.verdict = Combine(judgement.verdict, result.verdict);
  }
  if (!judgement.invalid_reasons.empty()) judgement.verdict = Verdict::kInvalid;
}

}  // namespace llmload
