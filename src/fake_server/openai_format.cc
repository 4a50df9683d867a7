// OpenAI's chat completions, and Azure's version of them.
#include <algorithm>
#include <ctime>

#include "src/fake_server/answer_format.h"
#include "src/fake_server/api_error.h"

namespace llmload::fake_server {
namespace {

constexpr std::string_view kFilterResults =
    "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"},\"self_harm\":{\"filtered\":false,"
    "\"severity\":\"safe\"},\"sexual\":{\"filtered\":false,\"severity\":\"safe\"},\"violence\":{"
    "\"filtered\":false,\"severity\":\"safe\"}}";

class OpenAiFormat final : public AnswerFormat {
 public:
  OpenAiFormat(const AnswerFacts& facts, std::string id, std::string request_id)
      : AnswerFormat(std::move(request_id)),
        facts_(facts),
        azure_(facts.request.protocol == Protocol::kAzure),
        id_(std::move(id)),
        model_(Quoted(facts.request.model)) {
    if (facts.request.include_usage) usage_null_ = ",\"usage\":null";
  }

  std::string_view StreamType() const override { return "text/event-stream; charset=utf-8"; }

  void AppendFields(HeadWriter& head) const override {
    AppendOpenAiFields(head, facts_, request_id());
  }

  void AppendBegin(BodyWriter& body) override {
    if (azure_) {
      body.Append(
          {"data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
           "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":",
           kFilterResults, "}]}\n\n"});
    }
    prefix_ = "data: {\"id\":\"" + id_ + "\",\"object\":\"chat.completion.chunk\",\"created\":" +
              std::to_string(std::time(nullptr)) + ",\"model\":" + model_ +
              (azure_ ? "" : ",\"service_tier\":\"default\"") +
              ",\"system_fingerprint\":\"fp_llmload\",\"choices\":[{\"index\":";
    for (int choice = 0; choice < facts_.request.choices; ++choice) {
      AppendEvent(body, choice,
                  {",\"delta\":{\"role\":\"assistant\",\"content\":",
                   facts_.content.calls.empty() ? "\"\"" : "null", ",\"refusal\":null}"});
    }
  }

  void AppendToken(BodyWriter& body, std::string_view text) override {
    ++event_;
    for (int choice = 0; choice < facts_.request.choices; ++choice) {
      AppendEvent(body, choice, {",\"delta\":{\"content\":\"", text, "\"}"});
    }
  }

  void AppendCallBegin(BodyWriter& body, std::size_t call) override {
    for (int choice = 0; choice < facts_.request.choices; ++choice) {
      AppendEvent(body, choice,
                  {CallDelta(call), ",\"id\":\"", CallId(call, choice),
                   "\",\"type\":\"function\",\"function\":{\"name\":\"",
                   facts_.content.calls[call].name, "\",\"arguments\":\"\"}}]}"});
    }
  }
  void AppendCallPiece(BodyWriter& body, std::size_t call, std::string_view json) override {
    ++event_;
    for (int choice = 0; choice < facts_.request.choices; ++choice) {
      AppendEvent(body, choice,
                  {CallDelta(call), ",\"function\":{\"arguments\":\"", json, "\"}}]}"});
    }
  }

  void AppendFinish(BodyWriter& body) override {
    for (int choice = 0; choice < facts_.request.choices; ++choice) {
      body.Append({prefix_, std::to_string(choice),
                   ",\"delta\":{},\"logprobs\":null,\"finish_reason\":\"", FinishReason(), "\"}]",
                   usage_null_, "}\n\n"});
    }
    if (facts_.request.include_usage) {
      constexpr std::string_view kFirstChoice = "{\"index\":";
      const std::string_view head =
          std::string_view(prefix_).substr(0, prefix_.size() - kFirstChoice.size());
      body.Append({head, "],\"usage\":", UsageJson(), "}\n\n"});
    }
  }

  void AppendTerminal(BodyWriter& body) override { body.Append({"data: [DONE]\n\n"}); }

  void AppendError(BodyWriter& body, std::string_view code) override {
    const std::string quoted = code.empty() ? "null" : Quoted(code);
    body.Append(
        {"data: {\"error\":{\"message\":\"The server had an error while processing your "
         "request. Sorry about that!\",\"type\":\"server_error\",\"param\":null,\"code\":",
         quoted, "}}\n\n"});
  }

  void AppendBroken(BodyWriter& body) override {
    body.Append({"data: {\"id\":\"", id_, "\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
                 "\n\n"});
  }

  std::string UnaryBody(std::string_view text) const override {
    std::string body = "{\"id\":\"" + id_ + "\",\"object\":\"chat.completion\",\"created\":" +
                       std::to_string(std::time(nullptr)) + ",\"model\":" + model_ +
                       ",\"choices\":[";
    for (int choice = 0; choice < facts_.request.choices; ++choice) {
      body.append(choice == 0 ? "" : ",").append("{\"index\":");
      AppendNumber(body, choice);
      body.append(",\"message\":{\"role\":\"assistant\",\"content\":");
      if (facts_.content.calls.empty()) {
        body.append("\"").append(text).append("\"");
      } else {
        AppendCalls(body, choice);
      }
      body.append(",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"")
          .append(FinishReason())
          .append("\"");
      if (azure_) body.append(",\"content_filter_results\":").append(kFilterResults);
      body.append("}");
    }
    body.append("],\"usage\":").append(UsageJson());
    if (!azure_) body.append(",\"service_tier\":\"default\"");
    return body + ",\"system_fingerprint\":\"fp_llmload\"}";
  }

 private:
  std::string_view FinishReason() const {
    if (facts_.cut) return "length";
    return facts_.content.calls.empty() ? "stop" : "tool_calls";
  }

  // Each choice has ids of its own.
  std::string CallId(std::size_t call, int choice) const {
    std::string id = facts_.content.calls[call].id;
    if (choice > 0) id.replace(id.size() - 3, 3, std::to_string(100 + choice));
    return id;
  }

  static std::string CallDelta(std::size_t call) {
    return ",\"delta\":{\"tool_calls\":[{\"index\":" + std::to_string(call);
  }

  // What a message that calls tools has in place of content.
  void AppendCalls(std::string& body, int choice) const {
    body.append("null,\"tool_calls\":[");
    for (std::size_t i = 0; i < facts_.content.calls.size(); ++i) {
      const ToolCall& call = facts_.content.calls[i];
      body.append(i == 0 ? "" : ",").append("{\"id\":\"").append(CallId(i, choice));
      body.append("\",\"type\":\"function\",\"function\":{\"name\":\"").append(call.name);
      body.append("\",\"arguments\":").append(Quoted(call.arguments)).append("}}");
    }
    body.append("]");
  }

  // @param delta  the rest of the choice, up to the end of its delta
  void AppendEvent(BodyWriter& body, int choice, std::initializer_list<std::string_view> delta) {
    const bool pads = facts_.request.include_obfuscation && !azure_;
    const std::string_view filtered = azure_ ? ",\"content_filter_results\":{}" : "";
    delta_.clear();
    for (const std::string_view part : delta) delta_.append(part);
    // Short enough for the string's own buffer: no allocation per event.
    body.Append({prefix_, std::to_string(choice), delta_, filtered,
                 ",\"logprobs\":null,\"finish_reason\":null}]", usage_null_,
                 pads ? ",\"obfuscation\":\"" : "", pads ? Padding(event_) : "",
                 pads ? "\"}\n\n" : "}\n\n"});
  }

  std::string UsageJson() const {
    const std::int64_t completion =
        static_cast<std::int64_t>(facts_.tokens) * facts_.request.choices;
    return "{\"prompt_tokens\":" + std::to_string(facts_.request.prompt_tokens) +
           ",\"completion_tokens\":" + std::to_string(completion) +
           ",\"total_tokens\":" + std::to_string(facts_.request.prompt_tokens + completion) +
           ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
           "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
           "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";
  }

  const AnswerFacts& facts_;
  const bool azure_;
  const std::string id_;
  const std::string model_;  // quoted
  std::string prefix_;       // of every event, up to the choice's index
  std::string delta_;        // of the event in the making
  std::string_view usage_null_;
  int event_ = 0;
};

}  // namespace

void AppendOpenAiFields(HeadWriter& head, const AnswerFacts& facts, std::string_view request_id) {
  const ChatRequest& request = facts.request;
  if (request.protocol == Protocol::kAzure) {
    head.Field("apim-request-id", request_id).Field("x-ms-region", "East US");
  } else {
    head.Field("x-request-id", request_id)
        .Field("openai-processing-ms", Milliseconds(request.stream ? facts.ttft : facts.total))
        .Field("openai-organization", "llmload")
        .Field("openai-version", "2020-10-01");
  }
  AppendRateFields(head, request.protocol, facts.rate, request.prompt_tokens);
}

std::unique_ptr<AnswerFormat> MakeOpenAiFormat(const AnswerFacts& facts, Random& random) {
  std::string id = Identifier("chatcmpl-", 29, random);
  return std::make_unique<OpenAiFormat>(facts, std::move(id), Identifier("req_", 32, random));
}

}  // namespace llmload::fake_server
