// Everything that answers a completion request is a `Provider`: real services, mocks, simulations,
// and the resilience layers around them.
#ifndef LLMLOAD_PROVIDER_PROVIDER_H_
#define LLMLOAD_PROVIDER_PROVIDER_H_

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/provider/completion.h"
#include "llmload/provider/connection_counters.h"
#include "llmload/provider/error.h"

namespace llmload {

/// Identifies a provider in circuit-breaker keys, metrics and reports. Holds no secret.
struct ProviderIdentity {
  std::string name = {};        ///< short and stable: "openai", "bedrock", "local"
  std::string region = {};      ///< empty if it has none
  std::string credential = {};  ///< `Secret::Fingerprint` of its credential; empty if it has none

  friend bool operator==(const ProviderIdentity&, const ProviderIdentity&) = default;
};

/// How a provider is set up, as far as a run and its report want to know.
struct ProviderSettings {
  /// What the provider's own deadlines allow one call at most; empty: it has none.
  std::optional<Duration> longest_call = {};
  /// What differs from the defaults, as pairs of name and value. They hold no secret.
  std::vector<std::pair<std::string, std::string>> details = {};
};

/// Answers completion requests.
///
/// The conformance kit (llmload/testing/provider_conformance.h), which any implementation can run,
/// tests what this class, completion.h and error.h promise.
///
/// Thread safety: `Complete` may be called from any number of threads and `io_context`s at once;
/// each call stays on the executor of the coroutine that awaits it, and suspends that coroutine,
/// never the thread, while it waits. (A simulation in virtual time has one thread only.)
class Provider {
 public:
  virtual ~Provider() = default;

  /// Constant over the provider's life.
  virtual const ProviderIdentity& Identity() const noexcept = 0;

  /// Sends `request` and waits for the whole answer. A fault of the server or the network is a
  /// value, an `Error`; exceptions are bugs. With `request.stream`, and only then, tokens go to
  /// `observer` as they arrive. A call that has no answer at `request.deadline` ends then, with
  /// `ErrorKind::kTotalTimeout`. Answer and error list every call made for the request.
  ///
  /// Cancelling the awaiting coroutine (terminal) ends the call promptly, with
  /// `system_error(operation_aborted)` thrown from it, and releases everything it held.
  ///
  /// @param request   must stay alive until the awaitable has finished
  /// @param observer  may be null; must stay alive until the awaitable has finished
  virtual boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                              StreamObserver* observer) = 0;

  /// What the clients of this provider have done on the network so far; take differences.
  /// Providers without a network return zeros, and a provider around others returns their sum.
  /// Thread-safe.
  virtual ConnectionCounters Connections() const { return {}; }

  /// Constant over the provider's life. Thread-safe.
  virtual ProviderSettings Settings() const { return {}; }

  /// Tells the provider that the service refused a request for its form, such as for a parameter
  /// that it does not know. If the provider can express requests in another form, it does so from
  /// now on and returns what it changed, in one sentence for reports; otherwise nullopt. Call it
  /// before a load, when no call is under way.
  virtual std::optional<std::string> AdaptTo(const Error& refusal) {
    static_cast<void>(refusal);
    return std::nullopt;
  }
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_PROVIDER_H_
