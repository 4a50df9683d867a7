// Ollama's own API, chat and generate: one JSON object a line.
#include <array>
#include <cstdio>
#include <ctime>

#include "src/fake_server/answer_format.h"
#include "src/fake_server/api_error.h"

namespace llmload::fake_server {
namespace {

// "2026-11-24T09:30:00.123456789Z"
std::string Rfc3339Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const std::time_t time = seconds.count();
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 96> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ", utc.tm_year + 1900,
      utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
      static_cast<long long>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds).count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

class OllamaFormat final : public AnswerFormat {
 public:
  OllamaFormat(const AnswerFacts& facts, std::string request_id)
      : AnswerFormat(std::move(request_id)),
        facts_(facts),
        generates_(facts.request.operation == Operation::kGenerate),
        prefix_("{\"model\":" + Quoted(facts.request.model) + ",\"created_at\":\""),
        text_begin_(generates_ ? "\",\"response\":\""
                               : "\",\"message\":{\"role\":\"assistant\",\"content\":\""),
        text_end_(generates_ ? "\"" : "\"}") {}

  std::string_view StreamType() const override { return "application/x-ndjson"; }
  void AppendFields(HeadWriter&) const override {}

  void AppendBegin(BodyWriter&) override { created_ = Rfc3339Now(); }
  void AppendToken(BodyWriter& body, std::string_view text) override {
    body.Append({prefix_, created_, text_begin_, text, text_end_, ",\"done\":false}\n"});
  }
  // A call is sent when it is known, all of it in one line. What is too long for a token of its
  // arguments is there to be long: text then.
  void AppendCallPiece(BodyWriter& body, std::size_t, std::string_view json) override {
    constexpr std::size_t kLongestToken = 64;
    if (json.size() > kLongestToken) AppendToken(body, json);
  }
  void AppendCallEnd(BodyWriter& body, std::size_t call) override {
    if (!facts_.content.calls[call].complete) return;
    body.Append({prefix_, created_, text_begin_, kCallsBegin, Call(call), "]},\"done\":false}\n"});
  }
  void AppendFinish(BodyWriter&) override {}
  void AppendTerminal(BodyWriter& body) override {
    body.Append({prefix_, created_, text_begin_, text_end_, Ending(), "\n"});
  }
  void AppendError(BodyWriter& body, std::string_view) override {
    body.Append(
        {"{\"error\":\"an error was encountered while running the model: unexpected "
         "EOF\"}\n"});
  }
  void AppendBroken(BodyWriter& body) override {
    body.Append({prefix_, created_, text_begin_, "\n"});
  }
  std::string UnaryBody(std::string_view text) const override {
    std::string calls;
    for (std::size_t i = 0; i < facts_.content.calls.size(); ++i) {
      if (facts_.content.calls[i].complete) calls += (calls.empty() ? "" : ",") + Call(i);
    }
    return prefix_ + Rfc3339Now() + std::string(text_begin_) + std::string(text) +
           (calls.empty() ? std::string(text_end_) : std::string(kCallsBegin) + calls + "]}") +
           Ending();
  }

 private:
  static constexpr std::string_view kCallsBegin = "\",\"tool_calls\":[";  // after the text

  std::string Call(std::size_t call) const {
    const ToolCall& made = facts_.content.calls[call];
    return "{\"id\":" + Quoted(made.id) + ",\"function\":{\"index\":" + std::to_string(call) +
           ",\"name\":" + Quoted(made.name) + ",\"arguments\":" + made.arguments + "}}";
  }

  std::string Ending() const {
    if (!facts_.request.loads.empty()) {
      return ",\"done\":true,\"done_reason\":\"" + std::string(facts_.request.loads) + "\"}";
    }
    return std::string(",\"done\":true,\"done_reason\":\"") + (facts_.cut ? "length" : "stop") +
           "\",\"total_duration\":" + std::to_string(facts_.total.count()) +
           ",\"load_duration\":1000000,\"prompt_eval_count\":" +
           std::to_string(facts_.request.prompt_tokens) +
           ",\"prompt_eval_duration\":" + std::to_string(facts_.ttft.count()) +
           ",\"eval_count\":" + std::to_string(facts_.tokens) +
           ",\"eval_duration\":" + std::to_string((facts_.total - facts_.ttft).count()) +
           // What a later request may give back to go on from here.
           (generates_ ? ",\"context\":[1,2,3]}" : "}");
  }

  const AnswerFacts& facts_;
  const bool generates_;
  const std::string prefix_;
  const std::string_view text_begin_;
  const std::string_view text_end_;
  std::string created_;
};

}  // namespace

std::unique_ptr<AnswerFormat> MakeOllamaFormat(const AnswerFacts& facts, Random& random) {
  return std::make_unique<OllamaFormat>(facts, Identifier("ollama-", 16, random));
}

}  // namespace llmload::fake_server
