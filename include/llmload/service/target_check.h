// One request before the load: does the target answer at all?
#ifndef LLMLOAD_SERVICE_TARGET_CHECK_H_
#define LLMLOAD_SERVICE_TARGET_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/completion.h"
#include "llmload/service/target.h"

namespace llmload {

enum class TargetState : std::uint8_t {
  kReady,        ///< it answered, or failed in a way that other requests need not share
  kUnavailable,  ///< no server answers at the address, or no credential was found
  /// Wrong key, model, certificate or request: all other requests would fail alike.
  kMisconfigured,
};

/// The result of the one request before the load.
struct TargetCheck {
  TargetState state = TargetState::kReady;
  std::string message;  ///< why it is not ready, and what to check; holds no secret
  /// What the provider does differently since the service refused the first form of the request:
  /// one sentence each, for the report.
  std::vector<std::string> adaptations = {};
};

/// Sends `request` to `target` and waits for the answer, for 30 s at most; the deadline of
/// `request` is replaced. If the service refuses the form of the request and the provider knows
/// another one (`Provider::AdaptTo`), it is sent in that form. Blocks the calling thread; `clock`
/// is the clock with which the target was made. Throws what the provider throws. Precondition:
/// `target.provider` is not null.
TargetCheck CheckTarget(const Target& target, CompletionRequest request, Clock& clock);

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_TARGET_CHECK_H_
