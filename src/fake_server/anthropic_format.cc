// Anthropic's Messages API.
#include "src/fake_server/answer_format.h"
#include "src/fake_server/anthropic_events.h"

namespace llmload::fake_server {
namespace {

class AnthropicFormat final : public AnswerFormat {
 public:
  AnthropicFormat(const AnswerFacts& facts, std::string id, std::string request_id)
      : AnswerFormat(std::move(request_id)), facts_(facts), events_(facts, std::move(id)) {}

  std::string_view StreamType() const override { return "text/event-stream; charset=utf-8"; }

  void AppendFields(HeadWriter& head) const override {
    head.Field("request-id", request_id()).Field("anthropic-organization-id", "llmload");
    AppendRateFields(head, facts_.request.protocol, facts_.rate, facts_.request.prompt_tokens);
  }

  void AppendBegin(BodyWriter& body) override {
    Append(body, "message_start", events_.MessageStart());
    if (!facts_.content.calls.empty()) return;
    Append(body, "content_block_start", events_.BlockStart());
    Append(body, "ping", kPing);
  }
  void AppendToken(BodyWriter& body, std::string_view text) override {
    body.Append({"event: content_block_delta\ndata: ", AnthropicEvents::kDeltaBegin, text,
                 AnthropicEvents::kDeltaEnd, "\n\n"});
  }
  void AppendCallBegin(BodyWriter& body, std::size_t call) override {
    Append(body, "content_block_start", events_.CallStart(call));
    if (call == 0) Append(body, "ping", kPing);
    call_delta_ = AnthropicEvents::CallDeltaBegin(call);
    AppendCallPiece(body, call, "");
  }
  void AppendCallPiece(BodyWriter& body, std::size_t, std::string_view json) override {
    body.Append({"event: content_block_delta\ndata: ", call_delta_, json,
                 AnthropicEvents::kDeltaEnd, "\n\n"});
  }
  void AppendCallEnd(BodyWriter& body, std::size_t call) override {
    Append(body, "content_block_stop", events_.BlockStop(call));
  }
  void AppendFinish(BodyWriter& body) override {
    if (facts_.content.calls.empty()) {
      Append(body, "content_block_stop", events_.BlockStop(0));
    }
    Append(body, "message_delta", events_.MessageDelta());
  }
  void AppendTerminal(BodyWriter& body) override {
    Append(body, "message_stop", "{\"type\":\"message_stop\"}");
  }
  void AppendError(BodyWriter& body, std::string_view code) override {
    const std::string type(code.empty() ? "overloaded_error" : code);
    Append(body, "error",
           "{\"type\":\"error\",\"error\":{\"type\":" + Quoted(type) +
               ",\"message\":\"Overloaded\"},\"request_id\":" + Quoted(request_id()) + "}");
  }
  void AppendBroken(BodyWriter& body) override {
    Append(body, "content_block_delta",
           call_delta_.empty() ? AnthropicEvents::kDeltaBegin : std::string_view(call_delta_));
  }
  std::string UnaryBody(std::string_view text) const override { return events_.UnaryBody(text); }

 private:
  static constexpr std::string_view kPing = "{\"type\":\"ping\"}";

  static void Append(BodyWriter& body, std::string_view event, std::string_view data) {
    body.Append({"event: ", event, "\ndata: ", data, "\n\n"});
  }

  const AnswerFacts& facts_;
  const AnthropicEvents events_;
  std::string call_delta_;  // of the latest call, up to the piece of its arguments
};

}  // namespace

std::unique_ptr<AnswerFormat> MakeAnthropicFormat(const AnswerFacts& facts, Random& random) {
  std::string id = Identifier("msg_01", 22, random);
  return std::make_unique<AnthropicFormat>(facts, std::move(id), Identifier("req_011", 21, random));
}

}  // namespace llmload::fake_server
