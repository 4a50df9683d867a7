#include "src/testing/test_timeout.h"

#include <algorithm>
#include <string>

#include "llmload/core/environment.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

// For the question to the target, a provider that does not end when it is cancelled, and the
// report.
constexpr Duration kBesides = std::chrono::seconds(10);

constexpr Duration kLeastUsualDrain = std::chrono::seconds(30);

}  // namespace

void FitIntoTestTimeout(RunPlan& plan, Duration timeout) {
  const LoadShape load = LongestLoad(plan);
  const PlannedLoad size = PlannedLoadOf(load);
  const bool ends_by_requests = load.closed_loop() != nullptr
                                    ? size.requests.has_value()
                                    : size.requests >= load.profile()->max_arrivals;
  const auto planned = size.duration;
  if (!planned || ends_by_requests || plan.stop.enough) {
    // How long that takes nothing tells: the last answers get no more than they usually need.
    if (!plan.stop.drain_timeout) {
      plan.stop.drain_timeout = std::min(DrainTimeout(plan), kLeastUsualDrain);
    }
    return;
  }
  // Without a word of the plan, answers may take what is left, but not less than this.
  const Duration drain =
      plan.stop.drain_timeout.value_or(std::min(DrainTimeout(plan), kLeastUsualDrain));
  const auto needed = std::chrono::ceil<std::chrono::seconds>(*planned + drain + kBesides);
  if (needed <= timeout) {
    if (!plan.stop.drain_timeout) {
      plan.stop.drain_timeout = std::min(DrainTimeout(plan), timeout - *planned - kBesides);
    }
    return;
  }
  const auto seconds = [](Duration value) {
    return text::FormatNumber(ToSeconds(value), 6) + " s";
  };
  throw ConfigurationError(
      "TIMEOUT of llmload_add_load_tests: got " + seconds(timeout) + ", expected " +
      std::to_string(needed.count()) + " s or more, because the plan " +
      (plan.until_conclusive ? "may send for " : "sends for ") + seconds(*planned) +
      ", then waits up to " + seconds(drain) + " for answers (stop.drain_timeout), and needs " +
      seconds(kBesides) + " besides: raise TIMEOUT, or shorten the plan");
}

}  // namespace llmload
