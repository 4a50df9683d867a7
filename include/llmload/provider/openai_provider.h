// OpenAI's chat completions API and every server that is compatible with it: vLLM, llama.cpp,
// Ollama, LM Studio, gateways.
#ifndef LLMLOAD_PROVIDER_OPENAI_PROVIDER_H_
#define LLMLOAD_PROVIDER_OPENAI_PROVIDER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// Where an OpenAI-compatible service is and how to talk to it.
struct OpenAiOptions : HttpOptions {
  /// The name by which the service limits output tokens. OpenAI's reasoning models refuse the
  /// first, most self-hosted servers do not know the second.
  enum class MaxTokensField : std::uint8_t { kMaxTokens, kMaxCompletionTokens };

  std::string name = "openai";  ///< `ProviderIdentity::name`
  /// Without "/chat/completions". https://; or http:// if the host is this machine (see
  /// `allow_clear_text`).
  std::string base_url = "https://api.openai.com/v1";
  Secret api_key;            ///< empty: no Authorization header is sent
  std::string organization;  ///< OpenAI-Organization header; empty: not sent
  std::string project;       ///< OpenAI-Project header; empty: not sent
  MaxTokensField max_tokens_field = MaxTokensField::kMaxTokens;
  bool include_usage =
      true;  ///< streaming: ask for the usage chunk; false for servers that refuse to
};

/// A provider over HTTP/1.1 with kept-alive connections, per io_context.
///
/// A call is sent once: no retry, no redirect, not even when a pooled connection turns out to be
/// closed
/// (`ErrorKind::kStaleConnection`). That is for the resilience layer to decide.
///
/// Streaming: `Completion::usage` comes from the usage chunk if there was one, else its `output`
/// counts token events (`TokenSource`). An answer without "[DONE]" is complete only if it named a
/// finish reason and the body ended in an orderly way.
///
/// Errors: every kind of the groups "network", "deadlines", "what the service said" and "protocol"
/// of `ErrorKind`. `Error::message` may quote the service, never the key.
///
/// Thread safety: as `Provider`. The executor of the calling coroutine has to be an `io_context`'s
/// or a strand on one.
class OpenAiProvider final : public Provider {
 public:
  /// Throws `ConfigurationError` if an option cannot be used. Opens no connection.
  /// @param clock  gives the instants in timings and tells how far `CompletionRequest::deadline`
  /// is; the network's own
  ///               deadlines pass in real time. Must outlive the provider and its calls.
  explicit OpenAiProvider(OpenAiOptions options, const Clock& clock = SystemClock::Instance());
  ~OpenAiProvider() override;

  OpenAiProvider(const OpenAiProvider&) = delete;
  OpenAiProvider& operator=(const OpenAiProvider&) = delete;

  const ProviderIdentity& Identity() const noexcept override;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;

 private:
  struct Impl;
  static boost::asio::awaitable<Result<Completion>> Run(std::shared_ptr<const Impl> impl,
                                                        const CompletionRequest& request,
                                                        StreamObserver* observer);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_OPENAI_PROVIDER_H_
