#include "llmload/load/answer_check.h"

#include <algorithm>
#include <boost/regex.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "src/core/text/echo_code.h"
#include "src/load/echo_prompts.h"

namespace llmload {
namespace {

// Separates the codes from whatever else is drawn from the seed.
constexpr std::uint64_t kCodeSalt = 0x65'63'68'6f;

std::string FirstSentence(std::string_view text) {
  return std::string(text.substr(0, text.find('.')));
}

std::optional<std::string> MatchFault(const boost::regex& pattern, const Completion& answer) {
  try {
    if (boost::regex_search(answer.text, pattern)) return std::nullopt;
  } catch (const std::runtime_error&) {  // the search took too long
    return "the pattern could not be searched for in the answer: it is too complex";
  }
  if (answer.text.empty()) return "the answer is empty, and does not match the pattern";
  return "the answer does not match the pattern";
}

std::optional<std::string> JsonFault(const Completion& answer) {
  if (answer.text.empty()) return "the answer is empty, and not JSON";
  const std::size_t first = answer.text.find_first_not_of(" \t\r\n");
  const char begin = first == std::string::npos ? ' ' : answer.text[first];
  const bool is_text = begin != '{' && begin != '[';
  if (!is_text && nlohmann::json::accept(answer.text)) return std::nullopt;
  if (begin == '`') return "the answer is not JSON, it begins with a backquote";
  if (is_text) return "the answer is not a JSON object or array";
  if (answer.finish_reason == "length" || answer.finish_reason == "max_tokens") {
    return "the JSON of the answer is cut: it reached the limit of output tokens";
  }
  return "the JSON of the answer is malformed";
}

// The words of the last user, to which a code is added.
template <class Messages>
auto LastOfUser(Messages& messages) {
  return std::find_if(messages.rbegin(), messages.rend(),
                      [](const Message& message) { return message.role == Role::kUser; });
}

std::optional<std::string> EchoFault(const CompletionRequest& request, const Completion& answer) {
  const auto prompt = LastOfUser(request.messages);
  const std::string_view code =
      prompt == request.messages.rend() ? std::string_view() : text::EchoCodeAtEnd(prompt->content);
  if (code.empty()) return "the prompt has no code at its end, so that no answer can repeat it";
  if (answer.text.find(code) != std::string::npos) return std::nullopt;
  if (answer.text.empty()) return "the answer is empty, and does not repeat its prompt's code";
  if (text::HasSomeEchoCode(answer.text)) return "the answer has the code of another request";
  return "the answer does not repeat its prompt's code";
}

class EchoPrompts final : public PromptSource {
 public:
  EchoPrompts(std::shared_ptr<const PromptSource> prompts, std::uint64_t seed)
      : prompts_(std::move(prompts)), seed_(seed) {}

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    CompletionRequest request = prompts_->MakeRequest(index);
    auto prompt = LastOfUser(request.messages);
    if (prompt == request.messages.rend()) {
      request.messages.push_back({.role = Role::kUser});
      prompt = request.messages.rbegin();
    }
    text::AppendEchoRequest(prompt->content,
                            text::EchoCode(Random::Stream(seed_ ^ kCodeSalt, index).Next()));
    return request;
  }
  std::string Describe() const override {
    return prompts_->Describe() + ", each with a code at its end";
  }

 private:
  const std::shared_ptr<const PromptSource> prompts_;
  const std::uint64_t seed_;
};

}  // namespace

AnswerCheck::AnswerCheck(std::string description, Judge judge)
    : description_(std::move(description)), judge_(std::move(judge)) {
  if (!judge_) throw ConfigurationError::Invalid("AnswerCheck", "no function", "a function");
}

AnswerCheck AnswerMatches(const std::string& pattern) {
  try {
    boost::regex compiled(pattern, boost::regex::perl | boost::regex::no_mod_m);
    return {"matches " + pattern, [compiled](const CompletionRequest&, const Completion& answer) {
              return MatchFault(compiled, answer);
            }};
  } catch (const boost::regex_error& error) {
    throw ConfigurationError::Invalid("pattern", pattern,
                                      "a regular expression in Perl's syntax; at character " +
                                          std::to_string(error.position() + 1) + ": " +
                                          FirstSentence(error.what()));
  }
}

AnswerCheck AnswerIsJson() {
  return {"is JSON",
          [](const CompletionRequest&, const Completion& answer) { return JsonFault(answer); }};
}

AnswerCheck AnswerEchoes() {
  AnswerCheck check("repeats the code at the end of its prompt", EchoFault);
  check.needs_codes_ = true;
  return check;
}

AnswerCheck ParseAnswerCheck(std::string_view name, std::string_view text) {
  constexpr std::string_view kRegex = "regex:";
  if (text == "json") return AnswerIsJson();
  if (text == "echo") return AnswerEchoes();
  if (text.substr(0, kRegex.size()) == kRegex && text.size() > kRegex.size()) {
    try {
      return AnswerMatches(std::string(text.substr(kRegex.size())));
    } catch (const ConfigurationError& error) {
      throw ConfigurationError(std::string(name) + ": " + error.what());
    }
  }
  throw ConfigurationError::Invalid(name, text, "json, echo or regex:PATTERN");
}

std::string Describe(const std::vector<AnswerCheck>& checks) {
  std::string all;
  for (const AnswerCheck& check : checks) all += (all.empty() ? "" : "; ") + check.description();
  return all;
}

std::shared_ptr<const PromptSource> WithCodesFor(const std::vector<AnswerCheck>& checks,
                                                 std::shared_ptr<const PromptSource> prompts,
                                                 std::uint64_t seed) {
  const bool needed = std::any_of(checks.begin(), checks.end(),
                                  [](const AnswerCheck& check) { return check.needs_codes(); });
  if (!needed || !prompts) return prompts;
  return std::make_shared<EchoPrompts>(std::move(prompts), seed);
}

}  // namespace llmload
