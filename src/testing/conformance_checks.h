// The conformance checks themselves, and what they are made of.
#ifndef LLMLOAD_SRC_TESTING_CONFORMANCE_CHECKS_H_
#define LLMLOAD_SRC_TESTING_CONFORMANCE_CHECKS_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/testing/provider_conformance.h"
#include "src/testing/conformance_session.h"

namespace llmload::conformance {

/// Thrown where a check cannot be made.
struct NotOffered {
  std::string reason;
};

/// One check of one subject: its time, its providers, its findings.
class CheckRun {
 public:
  CheckRun(const ConformanceSubject& subject, const ConformanceCheck& check);

  const ConformanceSubject& subject() const { return subject_; }
  Clock& clock();
  Session& session() { return session_; }

  /// A provider of `factory`; throws `NotOffered` if that is empty. `state` names it.
  const ConformanceTarget& Make(const ConformanceFactory& factory, std::string_view state);
  const ConformanceTarget& Healthy() { return Make(subject_.healthy, "healthy"); }

  CompletionRequest Request(bool stream) const;
  /// Whether this is a name that may stand in answers, errors and attempts of `provider`.
  bool MayAnswer(const Provider& provider, const std::string& name) const;
  std::string NamesOf(const Provider& provider) const;

  /// Keeps the text of `secret` out of all findings.
  void Hide(const Secret& secret) { hidden_ = secret; }

  void Violation(const std::string& what, const std::string& expected);
  /// False, with a violation, if `call` has not ended or threw.
  bool Returned(const Call& call);
  /// False, with a violation, if `call` did not return a completion.
  bool Succeeded(const Call& call);

  ConformanceResult& result() { return result_; }

 private:
  const ConformanceSubject& subject_;
  const ConformanceCheck& check_;
  Secret hidden_;
  ConformanceResult result_;
  std::optional<VirtualClock> virtual_clock_;
  std::deque<ConformanceTarget> targets_;  // outlive the calls in the session
  Session session_;
};

/// "streamed call" or "unary call": how findings begin.
std::string Describe(const Call& call);
/// Type and text of an exception.
std::string Describe(const std::exception_ptr& thrown);
std::string Milliseconds(Duration duration);

// What is promised of answers.
void CheckIdentity(CheckRun& run);
void CheckAnswers(CheckRun& run);
void CheckTokenOrder(CheckRun& run);
void CheckEmptyTokens(CheckRun& run);
void CheckLateTokens(CheckRun& run);
void CheckWithoutObserver(CheckRun& run);
void CheckUnaryObserver(CheckRun& run);
void CheckInstants(CheckRun& run);
void CheckUsage(CheckRun& run);
void CheckAttempts(CheckRun& run);
void CheckCallsSeen(CheckRun& run);
void CheckCallsAtOnce(CheckRun& run);

// What is promised of threads, deadlines, cancellation and errors.
void CheckThread(CheckRun& run);
void CheckBlocking(CheckRun& run);
void CheckDeadline(CheckRun& run);
void CheckPassedDeadline(CheckRun& run);
void CheckStalledStream(CheckRun& run);
void CheckCancellation(CheckRun& run);
void CheckAfterCancellation(CheckRun& run);
void CheckFailures(CheckRun& run);
void CheckBrokenStream(CheckRun& run);
void CheckSecret(CheckRun& run);

}  // namespace llmload::conformance

#endif  // LLMLOAD_SRC_TESTING_CONFORMANCE_CHECKS_H_
