// Requests for a completion, validated as strictly as the real service does.
#ifndef LLMLOAD_SRC_FAKE_SERVER_CHAT_REQUEST_H_
#define LLMLOAD_SRC_FAKE_SERVER_CHAT_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/fake_server/api_error.h"
#include "src/fake_server/protocol.h"

namespace llmload::fake_server {

/// What of a valid request decides the answer.
struct ChatRequest {
  Protocol protocol = Protocol::kOpenAi;
  std::string model;
  bool stream = false;
  bool include_usage = false;
  bool include_obfuscation = true;
  int choices = 1;                         ///< `n`
  std::optional<std::int64_t> max_tokens;  ///< under either name
  std::int64_t prompt_tokens = 0;          ///< ceil(bytes of message text / 4)
};

/// Never throws for anything in `body`.
/// @param route  for an API whose path names the model, the model
std::variant<ChatRequest, ApiError> ParseRequest(std::string_view body, const Route& route,
                                                 const FakeLlmServerOptions& options);

// The parsers of each API.
std::variant<ChatRequest, ApiError> ParseOpenAiRequest(std::string_view text, const Route& route,
                                                       const FakeLlmServerOptions& options);
std::variant<ChatRequest, ApiError> ParseAnthropicRequest(std::string_view text, const Route& route,
                                                          const FakeLlmServerOptions& options);
std::variant<ChatRequest, ApiError> ParseConverseRequest(std::string_view text, const Route& route,
                                                         const FakeLlmServerOptions& options);
std::variant<ChatRequest, ApiError> ParseTitanRequest(std::string_view text, const Route& route,
                                                      const FakeLlmServerOptions& options);
std::variant<ChatRequest, ApiError> ParseOllamaRequest(std::string_view text, const Route& route,
                                                       const FakeLlmServerOptions& options);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_CHAT_REQUEST_H_
