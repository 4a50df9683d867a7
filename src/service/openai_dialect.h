// OpenAI's chat completions API, as OpenAI, Azure and compatible services speak it.
#ifndef LLMLOAD_SRC_SERVICE_OPENAI_DIALECT_H_
#define LLMLOAD_SRC_SERVICE_OPENAI_DIALECT_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "llmload/service/openai_provider.h"
#include "src/service/body_extras.h"
#include "src/service/dialect.h"

namespace llmload {

class OpenAiDialect final : public CommonHeadDialect {
 public:
  /// @param model  replaces that of each request; empty: the request's
  OpenAiDialect(Head head, const HttpOptions& options, std::string model,
                OpenAiOptions::MaxTokensField max_tokens_field, bool include_usage);

  std::optional<Error> Encode(const CompletionRequest& request, std::string& body) const override;
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(const CompletionRequest& request,
                                                   std::size_t max_event_bytes) const override;
  std::optional<std::string> AdaptTo(const Error& refusal) override;

 private:
  const BodyExtras extras_;
  const std::string model_;
  std::atomic<bool> max_completion_tokens_;
  std::atomic<bool> include_usage_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_OPENAI_DIALECT_H_
