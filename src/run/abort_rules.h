// Watches a run for the rules that end it as hopeless.
#ifndef LLMLOAD_SRC_RUN_ABORT_RULES_H_
#define LLMLOAD_SRC_RUN_ABORT_RULES_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "llmload/metrics/load_test_metrics.h"
#include "llmload/run/abort_rule.h"

namespace llmload {

class AbortRules {
 public:
  explicit AbortRules(std::vector<AbortRule> rules);

  bool empty() const noexcept { return rules_.empty(); }

  /// Asked with ascending times. The reason to end the run, with the first rule that gives one.
  std::optional<std::string> Ask(const LiveCounters& counters, Duration elapsed,
                                 const std::function<MetricsSnapshot()>& measured);

 private:
  // What a rule counts, from the start of the run on.
  struct Counts {
    std::uint64_t scheduled = 0;
    std::uint64_t all = 0;    // that ended
    std::uint64_t bad = 0;    // of these
    std::uint64_t stuck = 0;  // in flight for longer than the rule allows
  };
  struct Point {
    Duration at{};
    std::vector<Counts> counts;  // for each rule
  };

  std::optional<std::string> Judge(std::size_t rule, const Point& now) const;
  // The latest point that is at least this old; the start of the run before there is one.
  const Point& PointBefore(Duration at) const;

  std::vector<AbortRule> rules_;
  Duration longest_{};  // that one of them looks back
  std::deque<Point> points_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_RUN_ABORT_RULES_H_
