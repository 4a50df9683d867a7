#include "tests/unit/fake_server/said.h"

#include <gtest/gtest.h>

#include <sstream>

#include "src/core/text/base64.h"
#include "src/wire/event_stream.h"

namespace llmload::fake_server {
namespace {

using Json = nlohmann::json;

Json Loose(std::string_view text) { return Json::parse(text, nullptr, false); }

std::vector<Json> Frames(Api api, const std::string& body) {
  std::vector<Json> events;
  wire::EventStreamDecoder decoder(64 << 20);
  wire::EventStreamMessage message;
  decoder.Feed(body);
  while (decoder.Next(message) == wire::EventStreamDecoder::Status::kMessage) {
    if (!message.Text(":exception-type").empty()) {
      events.push_back({{"exception", std::string(message.Text(":exception-type"))}});
      continue;
    }
    const Json payload = Loose(message.payload);
    if (payload.is_discarded()) {
      events.push_back(payload);
    } else if (api == Api::kConverse) {
      events.push_back({{std::string(message.Text(":event-type")), payload}});
    } else {
      std::string inner;
      EXPECT_TRUE(text::DecodeBase64(payload["bytes"].get<std::string>(), inner));
      events.push_back(Loose(inner));
    }
  }
  return events;
}

SaidCall& CallAt(Said& said, std::size_t index) {
  if (said.calls.size() <= index) said.calls.resize(index + 1);
  return said.calls[index];
}

void ReadAnthropic(const Json& event, Said& said) {
  const std::string type = event.value("type", "");
  if (type == "content_block_start" && event["content_block"]["type"] == "tool_use") {
    SaidCall& call = CallAt(said, event["index"]);
    call.id = event["content_block"]["id"];
    call.name = event["content_block"]["name"];
    call.begun = event["content_block"]["input"] == Json::object();
  } else if (type == "content_block_delta" && event["delta"]["type"] == "text_delta") {
    said.text += event["delta"]["text"].get<std::string>();
  } else if (type == "content_block_delta") {
    CallAt(said, event["index"]).arguments += event["delta"]["partial_json"].get<std::string>();
  } else if (type == "content_block_stop" && !said.calls.empty()) {
    CallAt(said, event["index"]).ended = true;
  } else if (type == "message_start") {
    said.usage = event["message"]["usage"];
  } else if (type == "message_delta") {
    said.stop = event["delta"]["stop_reason"];
    if (event["delta"]["stop_sequence"].is_string()) {
      said.stop_sequence = event["delta"]["stop_sequence"];
    }
  } else if (type == "error") {
    said.error = event["error"]["type"];
  } else if (type == "message") {
    said.stop = event["stop_reason"];
    if (event["stop_sequence"].is_string()) said.stop_sequence = event["stop_sequence"];
    said.usage = event["usage"];
    for (const Json& block : event["content"]) {
      if (block["type"] == "text") said.text += block["text"].get<std::string>();
      if (block["type"] != "tool_use") continue;
      said.calls.push_back({block["id"], block["name"], block["input"].dump(), true, true});
    }
  }
}

// What Converse repeats of a model's own answer.
void ReadMoreFields(const Json& fields, Said& said) {
  if (fields.is_object() && fields["stop_sequence"].is_string()) {
    said.stop_sequence = fields["stop_sequence"];
  }
}

void ReadConverse(const Json& event, Said& said) {
  const std::string type = event.begin().key();
  const Json& body = event.begin().value();
  if (type == "contentBlockStart") {
    SaidCall& call = CallAt(said, body["contentBlockIndex"]);
    call.id = body["start"]["toolUse"]["toolUseId"];
    call.name = body["start"]["toolUse"]["name"];
    call.begun = true;
  } else if (type == "contentBlockDelta" && body["delta"].contains("text")) {
    said.text += body["delta"]["text"].get<std::string>();
  } else if (type == "contentBlockDelta") {
    CallAt(said, body["contentBlockIndex"]).arguments +=
        body["delta"]["toolUse"]["input"].get<std::string>();
  } else if (type == "contentBlockStop" && !said.calls.empty()) {
    CallAt(said, body["contentBlockIndex"]).ended = true;
  } else if (type == "messageStop") {
    said.stop = body["stopReason"];
    ReadMoreFields(body.value(Json::json_pointer("/additionalModelResponseFields/delta"), Json()),
                   said);
  } else if (type == "metadata") {
    said.usage = body["usage"];
  } else if (type == "exception") {
    said.error = body;
  } else if (event.contains("output")) {
    said.stop = event["stopReason"];
    ReadMoreFields(event.value("additionalModelResponseFields", Json()), said);
    said.usage = event["usage"];
    for (const Json& block : event["output"]["message"]["content"]) {
      if (block.contains("text")) said.text += block["text"].get<std::string>();
      if (!block.contains("toolUse")) continue;
      const Json& use = block["toolUse"];
      said.calls.push_back({use["toolUseId"], use["name"], use["input"].dump(), true, true});
    }
  }
}

void ReadOllama(const Json& event, Said& said) {
  if (event.contains("error")) said.error = event["error"];
  if (!event.contains("message")) return;
  const Json& message = event["message"];
  said.text += message["content"].get<std::string>();
  for (const Json& call : message.value("tool_calls", Json::array())) {
    const Json& function = call["function"];
    EXPECT_TRUE(function["arguments"].is_object());
    EXPECT_EQ(function["index"], said.calls.size());
    said.calls.push_back({call["id"], function["name"], function["arguments"].dump(), true, true});
  }
  if (event["done"] == true) said.stop = event["done_reason"];
}

}  // namespace

std::vector<Json> EventsOf(Api api, bool stream, const RawResponse& answer) {
  if (!stream) return {Loose(answer.body)};
  if (api == Api::kConverse || api == Api::kInvoke) return Frames(api, answer.body);
  std::vector<Json> events;
  if (api == Api::kAnthropic) {
    for (const std::string& data : answer.Events()) events.push_back(Loose(data));
    return events;
  }
  std::istringstream lines(answer.body);
  for (std::string line; std::getline(lines, line);) events.push_back(Loose(line));
  return events;
}

Said ReadSaid(Api api, bool stream, const RawResponse& answer) {
  Said said;
  for (const Json& event : EventsOf(api, stream, answer)) {
    ++said.events;
    if (event.is_discarded()) {
      ++said.broken_events;
    } else if (event.contains("exception")) {
      said.error = event["exception"];
    } else if (api == Api::kConverse) {
      ReadConverse(event, said);
    } else if (api == Api::kOllama) {
      ReadOllama(event, said);
    } else {
      ReadAnthropic(event, said);
    }
  }
  return said;
}

}  // namespace llmload::fake_server
