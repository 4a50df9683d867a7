// One request before the load: does the target answer at all?
#ifndef LLMLOAD_SERVICE_TARGET_CHECK_H_
#define LLMLOAD_SERVICE_TARGET_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/completion.h"
#include "llmload/service/target.h"

namespace llmload {

enum class TargetState : std::uint8_t {
  kReady,  ///< it answered, or failed in a way that other requests need not share
  /// No server answers at the address, or it has nothing but errors or silence for every question,
  /// or no credential was found.
  kUnavailable,
  /// Wrong address, key, model, certificate or request: all other requests would fail alike.
  kMisconfigured,
};

/// The result of the one question before the load.
struct TargetCheck {
  TargetState state = TargetState::kReady;
  /// Why it is not ready, and what to check: one sentence, which holds no secret.
  std::string message;
  /// What the provider does differently since the service refused the first form of the request:
  /// one sentence each, for the report.
  std::vector<std::string> adaptations = {};
};

/// A question that has not been answered yet.
struct TargetWait {
  std::string url;    ///< `Target::url`
  Duration so_far{};  ///< since it was asked
  Duration limit{};   ///< it is given up after this time
};

/// Called while a question waits: after 2 s, and whenever the time has doubled.
using OnTargetWait = std::function<void(const TargetWait&)>;

/// Sends `request` to `target` and waits for the answer, as long as the provider's own deadlines
/// allow but for 2 min at most, or for 30 s if it has none; the deadline of `request` is replaced.
/// If the service refuses the form of the request and the provider knows another one
/// (`Provider::AdaptTo`), it is sent in that form. A failure that may pass (a 5xx, a reset, a
/// damaged answer) is asked again after a moment: three questions in all, as far as they fit into
/// 3 s, and two if the first took less than 10 s. Nothing else is ever sent.
///
/// Blocks the calling thread; `clock` is the clock with which the target was made. Throws what the
/// provider throws. Precondition: `target.provider` is not null.
/// @param on_wait  may be empty; called on the calling thread
TargetCheck CheckTarget(const Target& target, CompletionRequest request, Clock& clock,
                        const OnTargetWait& on_wait = {});

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_TARGET_CHECK_H_
