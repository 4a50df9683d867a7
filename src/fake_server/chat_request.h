// Requests for a completion, validated as strictly as the real service does.
#ifndef LLMLOAD_SRC_FAKE_SERVER_CHAT_REQUEST_H_
#define LLMLOAD_SRC_FAKE_SERVER_CHAT_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/fake_server/api_error.h"
#include "src/fake_server/prompt_cache.h"
#include "src/fake_server/protocol.h"

namespace llmload::fake_server {

/// A tool that the answer may call.
struct Tool {
  std::string name;
  std::string arguments;  ///< of every call: JSON that fits the tool's schema (`SampleJson`)
};

/// What of a valid request decides the answer, whatever the API.
struct ChatRequest {
  Protocol protocol = Protocol::kOpenAi;
  Operation operation = Operation::kChat;
  std::string model;
  bool stream = false;
  bool include_usage = false;
  bool include_obfuscation = true;
  int choices = 1;                         ///< `n`
  std::optional<std::int64_t> max_tokens;  ///< under either name
  std::int64_t prompt_tokens = 0;          ///< ceil(bytes of message text / 4)

  /// Those that the choice of tools leaves: none if it forbids calls, one if it names one.
  std::vector<Tool> tools;
  bool must_call = false;           ///< the choice of tools demands a call
  bool parallel_calls = true;       ///< one answer may call several tools
  bool after_tool_result = false;   ///< the conversation ends with what a tool returned
  std::vector<std::string> stop;    ///< sequences that end the answer; none is empty
  std::optional<std::string> json;  ///< the text to answer if JSON is wanted (`SampleJson`)
  std::string code;                 ///< that the text has to begin with (`text::LastEchoCode`)
  /// For an answer that repeats what the request has set: members of a JSON object.
  std::string echo;

  /// The prompt up to the end of each of its blocks, if any of it is to be kept; else empty.
  std::vector<PromptPrefix> prefixes;
  CacheUse cache;  ///< of `prompt_tokens`; set when the request is admitted

  /// The prompt's tokens that the cache had no part in.
  std::int64_t fresh_tokens() const { return prompt_tokens - cache.read - cache.written; }

  /// Converse: the answer has to repeat the model's own `stop_sequence`.
  bool repeats_stop_sequence = false;

  /// Ollama: nothing is to be answered, as the request only loads the model or unloads it; the
  /// reason that the answer gives for its end. Empty for all others.
  std::string_view loads;
};

/// What the strings of a sample consist of.
std::string_view SampleText(const FakeLlmServerOptions& options);

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
