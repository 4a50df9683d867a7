#include "src/service/openai_dialect.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/core/text/ascii.h"
#include "src/wire/openai_codec.h"

namespace llmload {
namespace {

bool Says(const Error& refusal, std::string_view phrase) {
  return text::FindIgnoringCase(refusal.message, phrase) != std::string_view::npos;
}

// The service does not take a parameter at all, whatever its value.
bool RefusesParameter(const Error& refusal) {
  static constexpr std::array<std::string_view, 12> kWords = {
      "unsupported",  "not supported", "not permitted", "not allowed",
      "unrecognized", "unrecognised",  "unknown",       "unexpected",
      "extra",        "instead",       "deprecated",    "not exist"};
  return refusal.kind == ErrorKind::kInvalidRequest &&
         std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
           return Says(refusal, word) ||
                  text::FindIgnoringCase(refusal.provider_code, word) != std::string_view::npos;
         });
}

}  // namespace

OpenAiDialect::OpenAiDialect(Head head, const HttpOptions& options, std::string model,
                             OpenAiOptions::MaxTokensField max_tokens_field, bool include_usage)
    : CommonHeadDialect(std::move(head)),
      extras_(options, wire::kOpenAiBody),
      model_(std::move(model)),
      max_completion_tokens_(max_tokens_field ==
                             OpenAiOptions::MaxTokensField::kMaxCompletionTokens),
      include_usage_(include_usage) {}

std::optional<Error> OpenAiDialect::Encode(const CompletionRequest& request,
                                           std::string& body) const {
  return extras_.Encoded(request, [&](const wire::ExtraBody* extra) {
    wire::EncodeOpenAiRequest(
        request,
        {.model = model_,
         .max_completion_tokens = max_completion_tokens_.load(std::memory_order_relaxed),
         .include_usage = include_usage_.load(std::memory_order_relaxed)},
        body, extra);
  });
}

std::unique_ptr<wire::AnswerDecoder> OpenAiDialect::MakeDecoder(const CompletionRequest&,
                                                                std::size_t max_event_bytes) const {
  return std::make_unique<wire::OpenAiAnswerDecoder>(max_event_bytes);
}

std::optional<std::string> OpenAiDialect::AdaptTo(const Error& refusal) {
  if (!RefusesParameter(refusal)) return {};
  if (include_usage_ && (Says(refusal, "stream_options") || Says(refusal, "include_usage"))) {
    include_usage_ = false;
    return "requests go without stream_options, which the service refuses: if it sends no usage, "
           "output tokens are counted by events";
  }
  // The message about one name may recommend the other.
  const bool names_new = Says(refusal, "max_completion_tokens");
  const bool names_old = Says(refusal, "max_tokens");
  if (!max_completion_tokens_ && names_old) {
    max_completion_tokens_ = true;
    return "requests limit their output by max_completion_tokens: the service refuses max_tokens";
  }
  if (max_completion_tokens_ && names_new) {
    max_completion_tokens_ = false;
    return "requests limit their output by max_tokens: the service refuses max_completion_tokens";
  }
  return {};
}

}  // namespace llmload
