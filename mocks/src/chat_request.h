// Chat completion requests, validated as strictly as the real service does.
#ifndef LLMLOAD_MOCKS_SRC_CHAT_REQUEST_H_
#define LLMLOAD_MOCKS_SRC_CHAT_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "llmload/mocks/fake_llm_server.h"
#include "mocks/src/api_error.h"

namespace llmload::mocks {

/// What of a valid request decides the answer.
struct ChatRequest {
  std::string model;
  bool stream = false;
  bool include_usage = false;
  int choices = 1;                         ///< `n`
  std::optional<std::int64_t> max_tokens;  ///< under either name
  std::int64_t prompt_tokens = 0;          ///< ceil(bytes of message text / 4)
};

/// Never throws for anything in `body`.
std::variant<ChatRequest, ApiError> ParseChatRequest(std::string_view body,
                                                     const FakeLlmServerOptions& options);

}  // namespace llmload::mocks

#endif  // LLMLOAD_MOCKS_SRC_CHAT_REQUEST_H_
