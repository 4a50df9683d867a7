// OpenAI's Responses API: numbered events of many types, or one object that holds it all.
#include <ctime>

#include "src/fake_server/answer_format.h"
#include "src/fake_server/api_error.h"

namespace llmload::fake_server {
namespace {

class ResponsesFormat final : public AnswerFormat {
 public:
  ResponsesFormat(const AnswerFacts& facts, Random& random)
      : AnswerFormat(Identifier("req_", 32, random)),
        facts_(facts),
        id_(Identifier("resp_", 48, random)),
        item_id_(Identifier("", 48, random)) {}

  std::string_view StreamType() const override { return "text/event-stream; charset=utf-8"; }
  void AppendFields(HeadWriter& head) const override {
    AppendOpenAiFields(head, facts_, request_id());
  }

  void AppendBegin(BodyWriter& body) override {
    created_ = std::time(nullptr);
    const std::string response = ",\"response\":" + Response("in_progress", "", "null", "null");
    Event(body, "response.created", {response});
    Event(body, "response.in_progress", {response});
    if (!facts_.content.calls.empty()) return;
    Event(body, "response.output_item.added",
          {",\"output_index\":0,\"item\":", Message("in_progress", "")});
    Event(body, "response.content_part.added", {PartAt(), ",\"part\":", TextPart("")});
  }

  void AppendToken(BodyWriter& body, std::string_view text) override {
    text_.append(text);
    Event(body, "response.output_text.delta",
          {PartAt(), ",\"delta\":\"", text, "\",\"logprobs\":[]", Obfuscation()});
  }

  void AppendCallBegin(BodyWriter& body, std::size_t call) override {
    text_.clear();
    Event(body, "response.output_item.added",
          {Index(call), ",\"item\":", Call(call, "in_progress", "")});
  }
  void AppendCallPiece(BodyWriter& body, std::size_t call, std::string_view json) override {
    text_.append(json);
    Event(body, "response.function_call_arguments.delta",
          {CallAt(call), ",\"delta\":\"", json, "\"", Obfuscation()});
  }
  void AppendCallEnd(BodyWriter& body, std::size_t call) override {
    Event(body, "response.function_call_arguments.done",
          {CallAt(call), ",\"arguments\":\"", text_, "\""});
    Event(body, "response.output_item.done",
          {Index(call), ",\"item\":", Call(call, CallStatus(call), text_)});
    items_.append(items_.empty() ? "" : ",").append(Call(call, CallStatus(call), text_));
  }

  void AppendFinish(BodyWriter& body) override {
    if (!facts_.content.calls.empty()) return;
    Event(body, "response.output_text.done",
          {PartAt(), ",\"text\":\"", text_, "\",\"logprobs\":[]"});
    Event(body, "response.content_part.done", {PartAt(), ",\"part\":", TextPart(text_)});
    items_ = Message(Status(), TextPart(text_));
    Event(body, "response.output_item.done", {",\"output_index\":0,\"item\":", items_});
  }

  void AppendTerminal(BodyWriter& body) override {
    Event(body, facts_.cut ? "response.incomplete" : "response.completed",
          {",\"response\":", Response(Status(), items_, Usage(), "null")});
  }

  // As seen of the service: the error nested, unlike in its reference, and then the end.
  void AppendError(BodyWriter& body, std::string_view code) override {
    Event(body, "error",
          {",\"error\":{\"type\":\"server_error\",\"code\":", Quoted(code.empty() ? kError : code),
           ",\"message\":\"", kErrorText, "\",\"param\":null}"});
    Event(body, "response.failed", {",\"response\":", Failed(code)});
  }
  std::string UnaryError() const override { return Failed({}); }

  void AppendBroken(BodyWriter& body) override {
    body.Append(
        {"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
         "\"sequence_number\":",
         std::to_string(sequence_++), ",\"delta\":\"\n\n"});
  }

  std::string UnaryBody(std::string_view text) const override {
    std::string items;
    for (std::size_t i = 0; i < facts_.content.calls.size(); ++i) {
      const std::string arguments = Quoted(facts_.content.calls[i].arguments);
      const auto inside = std::string_view(arguments).substr(1, arguments.size() - 2);
      items.append(items.empty() ? "" : ",").append(Call(i, CallStatus(i), inside));
    }
    if (items.empty()) items = Message(Status(), TextPart(text));
    return Response(Status(), items, Usage(), "null");
  }

 private:
  static constexpr std::string_view kError = "server_error";
  static constexpr std::string_view kErrorText =
      "The server had an error while processing your request. Sorry about that!";

  // @param parts  the members behind type and number, each with a comma before it
  void Event(BodyWriter& body, std::string_view type,
             std::initializer_list<std::string_view> parts) {
    event_.clear();
    for (const std::string_view part : parts) event_.append(part);
    // Short enough for the string's own buffer: no allocation per event.
    body.Append({"event: ", type, "\ndata: {\"type\":\"", type,
                 "\",\"sequence_number\":", std::to_string(sequence_++), event_, "}\n\n"});
  }

  std::string_view Status() const { return facts_.cut ? "incomplete" : "completed"; }
  std::string_view CallStatus(std::size_t call) const {
    return facts_.content.calls[call].complete ? "completed" : "incomplete";
  }

  // Where a part of the message is. Made once: every token needs it.
  std::string_view PartAt() {
    if (part_at_.empty()) {
      part_at_ = ",\"item_id\":\"msg_" + item_id_ + "\",\"output_index\":0,\"content_index\":0";
    }
    return part_at_;
  }

  static std::string Index(std::size_t call) { return ",\"output_index\":" + std::to_string(call); }
  std::string CallItemId(std::size_t call) const {
    return "fc_" + item_id_.substr(0, item_id_.size() - 1) + std::to_string(call);
  }
  std::string CallAt(std::size_t call) const {
    return ",\"item_id\":\"" + CallItemId(call) + "\"" + Index(call);
  }

  // As in `OpenAiFormat`: against traffic analysis.
  std::string_view Obfuscation() {
    if (!facts_.request.include_obfuscation || facts_.request.protocol == Protocol::kAzure) {
      return {};
    }
    padding_.assign(",\"obfuscation\":\"").append(Padding(sequence_)).append("\"");
    return padding_;
  }

  static std::string TextPart(std::string_view text) {
    return "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"" +
           std::string(text) + "\"}";
  }

  std::string Message(std::string_view status, std::string_view part) const {
    return "{\"id\":\"msg_" + item_id_ + "\",\"type\":\"message\",\"status\":\"" +
           std::string(status) + "\",\"content\":[" + std::string(part) +
           "],\"role\":\"assistant\"}";
  }

  // @param arguments  escaped
  std::string Call(std::size_t call, std::string_view status, std::string_view arguments) const {
    const ToolCall& called = facts_.content.calls[call];
    return "{\"id\":\"" + CallItemId(call) + "\",\"type\":\"function_call\",\"status\":\"" +
           std::string(status) + "\",\"arguments\":\"" + std::string(arguments) +
           "\",\"call_id\":\"" + called.id + "\",\"name\":\"" + called.name + "\"}";
  }

  std::string Response(std::string_view status, std::string_view items, std::string_view usage,
                       std::string_view error) const {
    const std::int64_t created = created_ == 0 ? std::time(nullptr) : created_;
    return "{\"id\":\"" + id_ +
           "\",\"object\":\"response\",\"created_at\":" + std::to_string(created) +
           ",\"status\":\"" + std::string(status) + "\",\"error\":" + std::string(error) +
           ",\"incomplete_details\":" +
           (status == "incomplete" ? "{\"reason\":\"max_output_tokens\"}" : "null") +
           ",\"model\":" + Quoted(facts_.request.model) + ",\"output\":[" + std::string(items) +
           "],\"usage\":" + std::string(usage) + "," + facts_.request.echo + "}";
  }

  std::string Failed(std::string_view code) const {
    return Response("failed", "", "null",
                    "{\"code\":" + Quoted(code.empty() ? kError : code) + ",\"message\":\"" +
                        std::string(kErrorText) + "\"}");
  }

  std::string Usage() const {
    return "{\"input_tokens\":" + std::to_string(facts_.request.prompt_tokens) +
           ",\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":" +
           std::to_string(facts_.tokens) +
           ",\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":" +
           std::to_string(facts_.request.prompt_tokens + facts_.tokens) + "}";
  }

  const AnswerFacts& facts_;
  const std::string id_;
  const std::string item_id_;
  std::int64_t created_ = 0;
  int sequence_ = 0;
  std::string text_;   // of the message, or of the arguments of the call, so far; escaped
  std::string items_;  // that are complete
  std::string part_at_;
  std::string padding_;
  std::string event_;
};

}  // namespace

std::unique_ptr<AnswerFormat> MakeResponsesFormat(const AnswerFacts& facts, Random& random) {
  return std::make_unique<ResponsesFormat>(facts, random);
}

}  // namespace llmload::fake_server
