#include "src/run/abort_rules.h"

#include <algorithm>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/core/text/format.h"
#include "src/core/text/parse.h"

namespace llmload {

AbortRules::AbortRules(std::vector<AbortRule> rules) : rules_(std::move(rules)) {
  for (const AbortRule& rule : rules_) {
    longest_ = std::max({longest_, rule.window, rule.slower_than.value_or(Duration::zero())});
  }
  points_.push_back({.counts = std::vector<Counts>(rules_.size())});
}

std::optional<std::string> AbortRules::Ask(const LiveCounters& counters, Duration elapsed,
                                           const std::function<MetricsSnapshot()>& measured) {
  Point now{.at = elapsed, .counts = {}};
  std::optional<MetricsSnapshot> snapshot;
  for (const AbortRule& rule : rules_) {
    if (!rule.slower_than) {
      const std::uint64_t failed = counters.failed + counters.dropped + counters.unfinished;
      now.counts.push_back(
          {.scheduled = counters.scheduled, .all = counters.succeeded + failed, .bad = failed});
      continue;
    }
    if (!snapshot) snapshot = measured();
    const MetricsSnapshot& m = *snapshot;
    Counts counts{.scheduled = m[Counter::kScheduled],
                  .all = m.Completed() + m[Counter::kDropped] + m[Counter::kUnfinished],
                  .bad = m[Figure::kScheduledLatency].CountAbove(*rule.slower_than) +
                         m[Figure::kFailedLatency].CountAbove(*rule.slower_than)};
    // At least so many have been in flight for longer: of those that were due by then, the others
    // had their answers even if all answers were theirs.
    const std::uint64_t due =
        PointBefore(elapsed - *rule.slower_than).counts[now.counts.size()].scheduled;
    counts.stuck = due > counts.all ? due - counts.all : 0;
    now.counts.push_back(counts);
  }
  std::optional<std::string> reason;
  for (std::size_t rule = 0; rule < rules_.size() && !reason; ++rule) reason = Judge(rule, now);
  points_.push_back(std::move(now));
  // One that is older than any rule asks for stays, as the latest before.
  while (points_.size() > 2 && points_[1].at <= elapsed - longest_) points_.pop_front();
  return reason;
}

const AbortRules::Point& AbortRules::PointBefore(Duration at) const {
  const Point* found = &points_.front();
  for (const Point& point : points_) {
    if (point.at <= at) found = &point;
  }
  return *found;
}

std::optional<std::string> AbortRules::Judge(std::size_t rule, const Point& now) const {
  const AbortRule& asked = rules_[rule];
  if (now.at < asked.window) return std::nullopt;
  const Counts& counts = now.counts[rule];
  const Counts& before = PointBefore(now.at - asked.window).counts[rule];
  const std::uint64_t stuck = counts.stuck - std::min(counts.stuck, before.stuck);
  const std::uint64_t all = counts.all - before.all + stuck;
  const std::uint64_t bad = counts.bad - before.bad + stuck;
  if (all < std::max<std::uint64_t>(asked.fewest_requests, 1)) return std::nullopt;
  const double share = static_cast<double>(bad) / static_cast<double>(all);
  if (share <= asked.share) return std::nullopt;
  return text::FormatPercent(share) + " of the last " + std::to_string(all) + " requests " +
         (asked.slower_than ? "took longer than " + text::FormatDuration(*asked.slower_than)
                            : "failed") +
         " (" + Describe(asked) + ")";
}

std::string Describe(const AbortRule& rule) {
  const std::string what = rule.slower_than ? "more than " + text::FormatPercent(rule.share) +
                                                  " of the latencies > " +
                                                  text::FormatDuration(*rule.slower_than)
                                            : "failures > " + text::FormatPercent(rule.share);
  return what + " over " + text::FormatDuration(rule.window);
}

AbortRule ParseAbortRule(std::string_view name, std::string_view text) {
  constexpr std::string_view kAccepted =
      "failures>SHARE or latency:PERCENTILE>TIME, either with \" over TIME\", as in "
      "\"failures>50% over 10s\" or \"latency:p95>30s\"";
  const auto refuse = [&] { return ConfigurationError::Invalid(name, text, kAccepted); };
  AbortRule rule;
  std::string_view condition = text;
  if (const std::size_t over = text.find(" over "); over != std::string_view::npos) {
    condition = text.substr(0, over);
    rule.window =
        text::ParsePositiveTime(std::string(name) + ": window", text::Trim(text.substr(over + 6)));
  }
  const std::size_t greater = condition.find('>');
  if (greater == std::string_view::npos) throw refuse();
  const std::string_view what = text::Trim(condition.substr(0, greater));
  const std::string_view value = text::Trim(condition.substr(greater + 1));
  if (what == "failures") {
    rule.share = text::ParseShare(std::string(name) + ": share", value);
    if (rule.share <= 0 || rule.share >= 1) throw refuse();
    return rule;
  }
  if (what.substr(0, 9) != "latency:p") throw refuse();
  const double percentile = text::ParseNumber<double>(
      std::string(name) + ": percentile", what.substr(9), 1, 99.9, "a number from 1 to 99.9");
  rule.share = 1 - percentile / 100;
  rule.slower_than = text::ParsePositiveTime(std::string(name) + ": latency", value);
  return rule;
}

}  // namespace llmload
