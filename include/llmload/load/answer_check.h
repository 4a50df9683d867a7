// Whether an answer is a right one. A service can answer quickly, and wrongly.
#ifndef LLMLOAD_LOAD_ANSWER_CHECK_H_
#define LLMLOAD_LOAD_ANSWER_CHECK_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/provider/completion.h"

namespace llmload {

/// A check of every answer that a run gets. A request whose answer fails it has failed, with
/// `ErrorKind::kWrongAnswer`. The check comes after retries, failover and circuit breakers, so that
/// none of them sees a wrong answer as a failure. Cheap to copy.
class AnswerCheck {
 public:
  /// Says in one sentence why `answer` is a wrong answer to `request`, or nullopt for a right one.
  /// Called on the thread of the request, from several threads at once; must not block. Answers
  /// that are wrong for the same reason should get the same sentence, since a report has room for a
  /// few. What it throws makes the request fail with `ErrorKind::kInternal`.
  using Judge = std::function<std::optional<std::string>(const CompletionRequest& request,
                                                         const Completion& answer)>;

  /// @param description  what a right answer is, for reports: "is JSON"
  AnswerCheck(std::string description, Judge judge);

  const std::string& description() const noexcept { return description_; }
  /// True if each prompt has to end with a code of its own (`AnswerEchoes`).
  bool needs_codes() const noexcept { return needs_codes_; }

  std::optional<std::string> WhatIsWrong(const CompletionRequest& request,
                                         const Completion& answer) const {
    return judge_(request, answer);
  }

 private:
  friend AnswerCheck AnswerEchoes();

  std::string description_;
  Judge judge_;
  bool needs_codes_ = false;
};

/// Some part of the text matches `pattern`, a regular expression in Perl's syntax ("^" and "$" are
/// the ends of the text). Throws `ConfigurationError` for a pattern that is none.
AnswerCheck AnswerMatches(const std::string& pattern);

/// The whole text is one JSON object or array.
AnswerCheck AnswerIsJson();

/// The text holds the code that the run puts at the end of each prompt, in a sentence that asks the
/// model to begin its answer with it. It finds answers that belong to another request: gateways and
/// caches mix them up under load. Each code follows from the seed and the request's number. A bound
/// of output tokens has to leave room for it (10 tokens).
AnswerCheck AnswerEchoes();

/// "regex:PATTERN", "json" or "echo". Throws `ConfigurationError` that names `name`, the text and
/// what is accepted.
AnswerCheck ParseAnswerCheck(std::string_view name, std::string_view text);

/// "is JSON; repeats the code at the end of its prompt"; empty without a check.
std::string Describe(const std::vector<AnswerCheck>& checks);

}  // namespace llmload

#endif  // LLMLOAD_LOAD_ANSWER_CHECK_H_
