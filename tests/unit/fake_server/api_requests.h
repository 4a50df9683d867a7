// Requests of the APIs beside OpenAI's, for tests that send them as they are.
#ifndef LLMLOAD_TESTS_UNIT_FAKE_SERVER_API_REQUESTS_H_
#define LLMLOAD_TESTS_UNIT_FAKE_SERVER_API_REQUESTS_H_

#include <string>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/core/text/base64.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {

inline constexpr const char* kConverseTarget = "/model/amazon.nova-lite-v1%3A0/converse";
inline constexpr const char* kInvokeTarget =
    "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke";
inline constexpr const char* kTitanTarget = "/model/amazon.titan-text-express-v1/invoke";

inline FakeLlmServerOptions ThreeTokensAtOnce() {
  FakeLlmServerOptions options;
  options.latency.ttft_median = Duration::zero();
  options.latency.gap_median = Duration::zero();
  options.latency.tokens_min = options.latency.tokens_max = 3;
  options.clear_text = true;
  return options;
}

inline RawResponse PostTo(const FakeLlmServer& server, const std::string& target,
                          const std::string& body,
                          const std::string& fields = "anthropic-version: 2023-06-01\r\n") {
  RawClient client(server.port(), "");
  client.SendPost(target, body, "Authorization: Bearer key\r\n" + fields);
  return client.Read();
}

// Requests with `messages`, and with whatever `more` adds.
inline std::string Anthropic(const std::string& messages, const std::string& more = "") {
  return R"({"model":"claude-sonnet-5","max_tokens":100,"messages":)" + messages + more + "}";
}
inline std::string AnthropicContent(const std::string& content, const std::string& more = "") {
  return Anthropic(R"([{"role":"user","content":)" + content + "}]", more);
}
inline std::string Converse(const std::string& messages, const std::string& more = "") {
  return R"({"messages":)" + messages + more + "}";
}
inline std::string ConverseContent(const std::string& content, const std::string& more = "") {
  return Converse(R"([{"role":"user","content":)" + content + "}]", more);
}
inline std::string Ollama(const std::string& messages, const std::string& more = "") {
  return R"({"model":"m","stream":false,"messages":)" + messages + more + "}";
}

inline std::string Png() {
  std::string text;
  text::AppendBase64("\x89PNG\r\n\x1a\n and so on", text);
  return text;
}

inline constexpr const char* kHi = R"([{"role":"user","content":"Hi"}])";
inline constexpr const char* kConverseHi = R"([{"role":"user","content":[{"text":"Hi"}]}])";
inline constexpr const char* kTool =
    R"(,"tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{}}}])";
inline constexpr const char* kToolConfig =
    R"(,"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","inputSchema":{"json":{"type":"object"}}}}]})";

}  // namespace llmload::fake_server

#endif  // LLMLOAD_TESTS_UNIT_FAKE_SERVER_API_REQUESTS_H_
