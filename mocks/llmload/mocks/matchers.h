// Matchers on answers that say what they saw.
#ifndef LLMLOAD_MOCKS_MATCHERS_H_
#define LLMLOAD_MOCKS_MATCHERS_H_

#include <gmock/gmock.h>

#include <ostream>
#include <string>
#include <utility>

#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"

namespace llmload {

// How GoogleTest shows these types in messages.
inline void PrintTo(ErrorKind kind, std::ostream* out) { *out << ToString(kind); }
inline void PrintTo(const Error& error, std::ostream* out) { *out << Describe(error); }
inline void PrintTo(const Completion& completion, std::ostream* out) {
  *out << "completion by " << (completion.provider.empty() ? "?" : completion.provider) << ", "
       << ::testing::PrintToString(completion.text) << ", " << completion.attempts.size()
       << " attempts";
}
inline void PrintTo(const CompletionRequest& request, std::ostream* out) {
  *out << "request for model " << request.model << (request.stream ? ", streaming" : "");
}
inline void PrintTo(const Result<Completion>& result, std::ostream* out) {
  if (result) {
    PrintTo(result.value(), out);
  } else {
    *out << "error " << Describe(result.error());
  }
}

namespace mocks {

/// A successful result whose completion matches.
MATCHER_P(Succeeds, completion,
          "succeeds with a completion that " +
              ::testing::DescribeMatcher<const Completion&>(completion, negation)) {
  if (!arg) {
    *result_listener << "which failed: " << Describe(arg.error());
    return false;
  }
  return ::testing::ExplainMatchResult(completion, arg.value(), result_listener);
}

/// A successful result from the provider of this name.
MATCHER_P(AnsweredBy, provider,
          std::string(negation ? "is not" : "is") + " answered by " + std::string(provider)) {
  if (!arg) {
    *result_listener << "which failed: " << Describe(arg.error());
    return false;
  }
  *result_listener << "which was answered by " << arg->provider;
  return arg->provider == provider;
}

/// A failed result of this kind.
MATCHER_P(FailsWith, kind,
          std::string(negation ? "does not fail" : "fails") + " with " +
              std::string(ToString(kind))) {
  if (arg) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "which failed: " << Describe(arg.error());
  return arg.error().kind == kind;
}

/// A result, failed or not, whose number of attempts matches.
MATCHER_P(HasAttempts, count,
          "has a number of attempts that " +
              ::testing::DescribeMatcher<std::size_t>(count, negation)) {
  const auto& attempts = arg ? arg->attempts : arg.error().attempts;
  *result_listener << "which has " << attempts.size() << " attempts (";
  for (const Attempt& attempt : attempts) {
    *result_listener << " " << attempt.provider << ":"
                     << (attempt.error ? ToString(*attempt.error) : "ok");
  }
  *result_listener << " ) ";
  return ::testing::ExplainMatchResult(count, attempts.size(), result_listener);
}

/// A request for this model: for EXPECT_CALL(provider, Complete(RequestFor("gpt-4o"), _)).
MATCHER_P(RequestFor, model,
          std::string(negation ? "is not" : "is") + " a request for model " + std::string(model)) {
  *result_listener << "which asks for " << arg.model;
  return arg.model == model;
}

}  // namespace mocks
}  // namespace llmload

#endif  // LLMLOAD_MOCKS_MATCHERS_H_
