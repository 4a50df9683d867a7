// When a run is hopeless, and ends as FAIL.
#ifndef LLMLOAD_RUN_ABORT_RULE_H_
#define LLMLOAD_RUN_ABORT_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload {

/// A run is hopeless when more than `share` of the requests that ended in the last `window` failed,
/// or, with `slower_than`, took longer than that from the instant they were due. Requests that have
/// been in flight for longer count as slow, too. Asked once a second.
struct AbortRule {
  double share = 0.5;                                  ///< above 0, below 1
  std::optional<Duration> slower_than = std::nullopt;  ///< empty: the share is of failures
  Duration window = std::chrono::seconds(10);
  std::uint64_t fewest_requests = 20;  ///< in the window; fewer say nothing

  friend bool operator==(const AbortRule&, const AbortRule&) = default;
};

/// "failures > 50 % over 10 s", "more than 5 % of the latencies > 30 s over 10 s".
std::string Describe(const AbortRule& rule);

/// "failures>50%", "latency:p95>30s", each with " over 30s" for another window than 10 s. Throws
/// `ConfigurationError` that names `name`, the text and what is accepted.
AbortRule ParseAbortRule(std::string_view name, std::string_view text);

}  // namespace llmload

#endif  // LLMLOAD_RUN_ABORT_RULE_H_
