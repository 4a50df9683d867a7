// Does a provider keep the promises of `Provider`? A suite of tests that any implementation can
// run: deadlines, cancellation, the order of streams, errors and their kinds, secrecy.
//
//   ConformanceSubject Gateway() {
//     ConformanceSubject subject;
//     subject.healthy = [](Clock& clock) { return ConformanceTarget{MakeGateway(clock)}; };
//     ...
//     return subject;
//   }
//   LLMLOAD_PROVIDER_CONFORMANCE(GatewayConformance, Gateway);
#ifndef LLMLOAD_TESTING_PROVIDER_CONFORMANCE_H_
#define LLMLOAD_TESTING_PROVIDER_CONFORMANCE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// A provider in the state that was asked for.
struct ConformanceTarget {
  /// Own what it needs (a server, say) by an aliasing `std::shared_ptr`: it is all that is kept.
  std::shared_ptr<Provider> provider;
  /// How many calls the service behind the provider has seen so far. Empty: unknown.
  std::function<std::uint64_t()> calls_seen = {};
};

/// Makes a provider that keeps time with `clock`, which outlives it.
using ConformanceFactory = std::function<ConformanceTarget(Clock& clock)>;

/// A kind of provider, and how to bring one into the states that the suite needs. Only `healthy`
/// has to be there: what is not offered is skipped, and the test says so.
struct ConformanceSubject {
  /// What is asked. The suite sets `stream` and `deadline`.
  CompletionRequest request{.model = "model", .messages = {{.content = "Hello"}}};

  /// True: the suite runs in virtual time, which costs nothing and is exact. Only for providers
  /// that do all their waiting on the clock they are given.
  bool virtual_time = false;

  /// Answers each request soon, a streamed one with at least two token events.
  ConformanceFactory healthy;
  /// Answers, but takes 50 ms or longer before anything comes.
  ConformanceFactory slow;
  /// Takes the request and never answers. Its own time-outs are not below 2 s.
  ConformanceFactory hanging;
  /// Streams one or more token events and falls silent. Its own time-outs are not below 2 s.
  ConformanceFactory stalling;
  /// Streams one or more token events and then fails.
  ConformanceFactory breaking;
  /// Fails every request with this kind, before any token.
  std::function<ConformanceTarget(Clock& clock, ErrorKind kind)> failing;
  /// The kinds that `failing` is asked for.
  std::vector<ErrorKind> failures;
  /// Uses `credential`, which the service refuses; best if the service repeats it in its answer.
  std::function<ConformanceTarget(Clock& clock, const Secret& credential)> refused;

  /// `ProviderIdentity::name` of everyone who may answer: of the providers in a chain. Empty: the
  /// provider itself.
  std::vector<std::string> answered_by;

  /// Checks that do not apply, by name, and why; they are skipped with that reason.
  std::map<std::string, std::string, std::less<>> waived;

  /// How long a call may go on, on the clock: then it counts as one that never ends. A bound for
  /// what hangs, not a measurement. A call that a deadline or a cancellation ends is on time within
  /// one second, and whatever time the machine held up its thread; within 10 ms in virtual time.
  Duration patience = std::chrono::seconds(10);
};

/// One promise of the contract, and the test of it.
struct ConformanceCheck {
  std::string_view name;      ///< of the test
  std::string_view rule;      ///< what every provider does, in one sentence
  std::string_view contract;  ///< the header and the member that say so
};

/// All checks, in the order in which they run.
const std::vector<ConformanceCheck>& ConformanceChecks();

/// What came of one check.
struct ConformanceResult {
  /// Each says what is wrong, what was expected, and where the contract says so. None holds the
  /// secret of `ConformanceSubject::refused`.
  std::vector<std::string> violations;
  std::string skipped;  ///< why it was not checked; empty: it was

  bool passed() const noexcept { return violations.empty() && skipped.empty(); }
};

/// Runs the check of that name, on the calling thread (and on others, where the check is about
/// them); returns when it is done, at the latest after `patience` for each call. A provider that
/// blocks its thread for ever blocks this function too.
///
/// Throws `ConfigurationError` for an unknown check, here or in `waived`, and for a subject without
/// `healthy`. What a factory throws is a violation.
ConformanceResult CheckConformance(const ConformanceSubject& subject, std::string_view check);

/// Registers a GoogleTest suite named `suite` with one test for each check. Call it before
/// `RUN_ALL_TESTS`; `make_subject` is called in each test. `file` and `line` are where GoogleTest
/// says that the tests are. Returns true.
bool RegisterProviderConformance(const char* suite,
                                 std::function<ConformanceSubject()> make_subject, const char* file,
                                 int line);

/// Registers the suite when the program starts. What follows its name is a function without
/// parameters, or a lambda: with commas, too.
#define LLMLOAD_PROVIDER_CONFORMANCE(suite, ...)             \
  [[maybe_unused]] static const bool suite##_is_registered = \
      ::llmload::RegisterProviderConformance(#suite, __VA_ARGS__, __FILE__, __LINE__)

}  // namespace llmload

#endif  // LLMLOAD_TESTING_PROVIDER_CONFORMANCE_H_
