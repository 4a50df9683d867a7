#include "llmload/testing/provider_conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <utility>

#include "llmload/core/environment.h"
#include "src/testing/conformance_checks.h"

namespace llmload {

namespace {

constexpr std::string_view kComplete = "llmload/provider/provider.h, Provider::Complete";
constexpr std::string_view kObserver = "llmload/provider/completion.h, StreamObserver::OnToken";

struct Entry {
  ConformanceCheck check;
  void (*function)(conformance::CheckRun& run) = nullptr;
};

// One table, so that no check lacks a test, a rule or a place in the contract. A constant: suites
// are registered before anything else is initialised.
constexpr Entry kEntries[] = {
    {{"IsTheSameOverItsLife", "Has a name, and the same identity before and after calls.",
      "llmload/provider/provider.h, Provider::Identity"},
     conformance::CheckIdentity},
    {{"AnswersWhatIsAsked", "Answers unary and streamed requests with a text and a finish reason.",
      "llmload/provider/completion.h, Completion"},
     conformance::CheckAnswers},
    {{"StreamsEachTokenOnceAndInOrder", "The tokens that the observer sees make up the text.",
      kObserver},
     conformance::CheckTokenOrder},
    {{"StreamsNoEmptyTokens", "Each token event carries a token, and all are counted.",
      "llmload/provider/completion.h, TokenEvent and Completion::token_events"},
     conformance::CheckEmptyTokens},
    {{"StreamsNothingAfterTheEnd", "The observer is called before `Complete` returns only.",
      kObserver},
     conformance::CheckLateTokens},
    {{"StreamsWithoutAnObserver", "The observer of a streamed request may be null.", kComplete},
     conformance::CheckWithoutObserver},
    {{"LeavesTheObserverOfAUnaryCallAlone", "Tokens go to the observer of streamed requests only.",
      kComplete},
     conformance::CheckUnaryObserver},
    {{"StampsInstantsInOrder", "Instants are on the clock of the caller and in order.",
      "llmload/provider/completion.h, Timings"},
     conformance::CheckInstants},
    {{"CountsUsageConsistently", "Usage is not negative, and no part is larger than the whole.",
      "llmload/provider/completion.h, Usage"},
     conformance::CheckUsage},
    {{"NamesWhoWasAsked", "Answers and attempts name the provider that was asked, and when.",
      "llmload/provider/error.h, Attempt"},
     conformance::CheckAttempts},
    {{"RecordsEveryCall", "There is an attempt for every call of the service, retries included.",
      "llmload/provider/completion.h, Completion::attempts, and Error::attempts"},
     conformance::CheckCallsSeen},
    {{"KeepsCallsApart", "Calls under way at the same time do not mix.",
      "llmload/provider/provider.h, Provider"},
     conformance::CheckCallsAtOnce},
    {{"StaysOnTheThreadOfTheCall", "Calls stay on their executor, on any number of threads.",
      "llmload/provider/provider.h, Provider"},
     conformance::CheckThread},
    {{"LeavesItsThreadToOthers", "A call that waits suspends its coroutine.", kComplete},
     conformance::CheckBlocking},
    {{"EndsAtTheDeadline", "A request without an answer ends at its deadline, as total_timeout.",
      "llmload/provider/completion.h, CompletionRequest::deadline"},
     conformance::CheckDeadline},
    {{"AnswersNothingAfterTheDeadline", "A request whose deadline has passed is a total_timeout.",
      "llmload/provider/completion.h, CompletionRequest::deadline"},
     conformance::CheckPassedDeadline},
    {{"EndsAStalledStreamAtTheDeadline", "A stream that falls silent ends at the deadline.",
      "llmload/provider/completion.h, CompletionRequest::deadline"},
     conformance::CheckStalledStream},
    {{"EndsWhenCancelled", "A cancelled call ends promptly, by operation_aborted.", kComplete},
     conformance::CheckCancellation},
    {{"AnswersAfterACancelledCall", "A cancelled call does no harm to later ones.", kComplete},
     conformance::CheckAfterCancellation},
    {{"FailsWithAnErrorOfTheRightKind", "What goes wrong is a value, of the kind that it is.",
      "llmload/provider/provider.h, Provider::Complete, and llmload/provider/error.h, ErrorKind"},
     conformance::CheckFailures},
    {{"KeepsWhatABrokenStreamSent", "An error after the first token says so and holds the output.",
      "llmload/provider/error.h, Error::after_first_token"},
     conformance::CheckBrokenStream},
    {{"KeepsItsSecret", "No answer, error or identity holds a credential.",
      "llmload/provider/error.h, Error::message, and llmload/core/secret.h"},
     conformance::CheckSecret},
};

const Entry* Find(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kEntries), std::end(kEntries),
                                         [&](const Entry& e) { return e.check.name == name; });
  return found == std::end(kEntries) ? nullptr : found;
}

void Validate(const ConformanceSubject& subject) {
  for (const auto& [name, reason] : subject.waived) {
    if (Find(name) == nullptr) {
      throw ConfigurationError::Invalid("ConformanceSubject::waived", name, "a check's name");
    }
  }
  if (!subject.healthy) {
    throw ConfigurationError::Invalid("ConformanceSubject::healthy", "nothing", "a factory");
  }
}

// One check as a GoogleTest test.
class ConformanceTest : public ::testing::Test {
 public:
  ConformanceTest(const std::function<ConformanceSubject()>& make_subject, std::string_view check)
      : make_subject_(make_subject), check_(check) {}

  void TestBody() override {
    const ConformanceResult result = CheckConformance(make_subject_(), check_);
    for (const std::string& violation : result.violations) ADD_FAILURE() << violation;
    if (!result.skipped.empty()) GTEST_SKIP() << "not checked: " << result.skipped;
  }

 private:
  const std::function<ConformanceSubject()>& make_subject_;
  const std::string_view check_;
};

}  // namespace

const std::vector<ConformanceCheck>& ConformanceChecks() {
  static const std::vector<ConformanceCheck> kChecks = [] {
    std::vector<ConformanceCheck> all;
    for (const Entry& entry : kEntries) all.push_back(entry.check);
    return all;
  }();
  return kChecks;
}

ConformanceResult CheckConformance(const ConformanceSubject& subject, std::string_view check) {
  const Entry* const entry = Find(check);
  if (entry == nullptr) {
    throw ConfigurationError::Invalid("check", check, "one of ConformanceChecks()");
  }
  Validate(subject);
  if (const auto waived = subject.waived.find(check); waived != subject.waived.end()) {
    return {.violations = {}, .skipped = "waived: " + waived->second};
  }
  conformance::CheckRun run(subject, entry->check);
  try {
    entry->function(run);
  } catch (const conformance::NotOffered& missing) {
    // What was found before counts.
    if (run.result().violations.empty()) run.result().skipped = missing.reason;
  } catch (const std::exception& exception) {
    run.Violation("an exception left the provider or its factory: " + std::string(exception.what()),
                  "none");
  }
  return std::move(run.result());
}

bool RegisterProviderConformance(const char* suite,
                                 std::function<ConformanceSubject()> make_subject, const char* file,
                                 int line) {
  static std::deque<std::function<ConformanceSubject()>> subjects;  // the tests refer to them
  const auto& subject = subjects.emplace_back(std::move(make_subject));
  for (const Entry& entry : kEntries) {
    ::testing::RegisterTest(suite, std::string(entry.check.name).c_str(), nullptr, nullptr, file,
                            line, [&subject, name = entry.check.name]() -> ConformanceTest* {
                              return new ConformanceTest(subject, name);
                            });
  }
  return true;
}

}  // namespace llmload
