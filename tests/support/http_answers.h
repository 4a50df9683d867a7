// Answers of an OpenAI-compatible service, as bytes.
#ifndef LLMLOAD_TESTS_SUPPORT_HTTP_ANSWERS_H_
#define LLMLOAD_TESTS_SUPPORT_HTTP_ANSWERS_H_

#include <cstdio>
#include <string>
#include <vector>

namespace llmload::test_support {

/// @param fields  further header fields, each with its CRLF
inline std::string Answer(int status, const std::string& body, const std::string& fields = "",
                          const std::string& type = "application/json") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

inline std::string StreamHead(const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n" +
         fields + "\r\n";
}

/// One HTTP chunk.
inline std::string Chunk(const std::string& bytes) {
  char size[24];
  std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

inline std::string LastChunk() { return "0\r\n\r\n"; }

/// One event in a chunk of its own.
inline std::string Event(const std::string& data) { return Chunk("data: " + data + "\n\n"); }

inline std::string RoleEvent() {
  return Event(
      R"({"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})");
}
inline std::string TokenEvents(const std::vector<std::string>& tokens) {
  std::string events;
  for (const std::string& token : tokens) {
    events += Event(R"({"model":"m-1","choices":[{"index":0,"delta":{"content":")" + token +
                    R"("},"finish_reason":null}]})");
  }
  return events;
}
inline std::string FinishEvent() {
  return Event(R"({"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
}
inline std::string UsageEvent() {
  return Event(
      R"({"model":"m-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}})");
}
inline std::string DoneEvent() { return Event("[DONE]"); }

inline std::string CompletionBody() {
  return R"({"id":"c","object":"chat.completion","model":"m-1","choices":[{"index":0,"message":)"
         R"({"role":"assistant","content":"Hi there"},"finish_reason":"stop"}],)"
         R"("usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}})";
}

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_HTTP_ANSWERS_H_
