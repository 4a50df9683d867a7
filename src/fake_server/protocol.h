// The APIs the server speaks, and which of them a request is for.
#ifndef LLMLOAD_SRC_FAKE_SERVER_PROTOCOL_H_
#define LLMLOAD_SRC_FAKE_SERVER_PROTOCOL_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace llmload::fake_server {

enum class Protocol : std::uint8_t {
  kOpenAi,
  kAzure,
  kAnthropic,
  kConverse,         ///< Bedrock's Converse and ConverseStream
  kInvokeAnthropic,  ///< Bedrock's InvokeModel with the bodies of Anthropic's models
  kInvokeTitan,      ///< and of Titan
  kOllama,
};

inline bool IsBedrock(Protocol protocol) {
  return protocol == Protocol::kConverse || protocol == Protocol::kInvokeAnthropic ||
         protocol == Protocol::kInvokeTitan;
}

enum class Endpoint : std::uint8_t {
  kCompletion,
  kModels,  ///< the list of models
  kModel,   ///< one of them
  kHealth,
  kOther,
};

/// Which of an API's ways to ask for a completion a request uses.
enum class Operation : std::uint8_t {
  kChat,       ///< the usual one
  kResponses,  ///< OpenAI's Responses API
  kGenerate,   ///< Ollama's completion of a prompt that is not a conversation
};

/// What a request is for. The protocol is known for every path: it words the errors of paths that
/// do not exist, too.
struct Route {
  Endpoint endpoint = Endpoint::kOther;
  Protocol protocol = Protocol::kOpenAi;
  Operation operation = Operation::kChat;
  std::string model;        ///< of the path: Bedrock's model id, Azure's deployment, `kModel`'s id
  bool stream = false;      ///< Bedrock: the path says so
  bool has_version = true;  ///< Azure: there is an api-version
};

/// @param target  path and query as on the wire: a model id is one segment of it, decoded once
Route RouteOf(std::string_view target);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_PROTOCOL_H_
