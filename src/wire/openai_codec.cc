#include "src/wire/openai_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace llmload::wire {
namespace {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
  }
  return "user";
}

template <class Number>
void AppendNumber(Number number, std::string& out) {
  std::array<char, 32> digits{};
  const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

// Reads a string into `view`; leaves it alone if another type comes, as in "content":null.
void ReadView(JsonCursor& cursor, std::string_view& view, std::string& storage) {
  if (const auto string = cursor.ReadString()) view = Text(*string, storage);
}

std::int64_t ReadCount(JsonCursor& cursor) {
  return std::max<std::int64_t>(cursor.ReadInteger().value_or(0), 0);
}

// The count `name` of the details object that comes next; 0 if it is not there.
std::int64_t ReadDetail(JsonCursor& cursor, std::string_view name, std::string& key_storage) {
  std::int64_t count = 0;
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return 0;
  }
  JsonString key;
  while (cursor.NextMember(key)) {
    if (Text(key, key_storage) == name) {
      count = ReadCount(cursor);
    } else {
      cursor.Skip();
    }
  }
  return count;
}

}  // namespace

void EncodeOpenAiRequest(const CompletionRequest& request, const OpenAiEncoding& encoding,
                         std::string& out) {
  out.append("{\"model\":");
  AppendJsonString(request.model, out);
  out.append(",\"messages\":[");
  bool first = true;
  for (const Message& message : request.messages) {
    if (!first) out.push_back(',');
    first = false;
    out.append("{\"role\":\"").append(RoleName(message.role)).append("\",\"content\":");
    AppendJsonString(message.content, out);
    out.push_back('}');
  }
  out.push_back(']');
  if (request.max_tokens) {
    out.append(encoding.max_completion_tokens ? ",\"max_completion_tokens\":" : ",\"max_tokens\":");
    AppendNumber(*request.max_tokens, out);
  }
  if (request.temperature) {
    out.append(",\"temperature\":");
    if (std::isfinite(*request.temperature)) {
      AppendNumber(*request.temperature, out);
    } else {
      out.append("null");  // JSON has no such number; the service shall be the one to refuse it
    }
  }
  if (request.stream) {
    out.append(",\"stream\":true");
    if (encoding.include_usage) out.append(",\"stream_options\":{\"include_usage\":true}");
  }
  out.push_back('}');
}

const OpenAiMessage* OpenAiDecoder::DecodeAnswer(std::string_view text) {
  const bool valid = Decode(text, "message");
  return valid && (message_.has_choice || message_.error) ? &message_ : nullptr;
}

const OpenAiMessage* OpenAiDecoder::DecodeChunk(std::string_view text) {
  return Decode(text, "delta") ? &message_ : nullptr;
}

bool OpenAiDecoder::Decode(std::string_view text, std::string_view body_member) {
  message_ = {};
  JsonCursor cursor(text);
  if (!cursor.EnterObject()) return false;
  JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "choices") {
      DecodeChoices(cursor, body_member);
    } else if (key == "usage") {
      if (const auto usage = ReadOpenAiUsage(cursor)) message_.usage = usage;
    } else if (key == "model") {
      ReadView(cursor, message_.model, model_);
    } else if (key == "error") {
      const bool object = cursor.Peek() == JsonCursor::Type::kObject;
      ServiceError error = ReadServiceError(cursor);
      if (object || !error.message.empty()) message_.error = std::move(error);
    } else {
      cursor.Skip();
    }
  }
  return cursor.Finished();
}

// Only one choice is ever asked for; those beyond the first are skipped.
void OpenAiDecoder::DecodeChoices(JsonCursor& cursor, std::string_view body_member) {
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  while (cursor.NextElement()) {
    if (message_.has_choice || !cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    message_.has_choice = true;
    JsonString name;
    while (cursor.NextMember(name)) {
      const std::string_view key = Text(name, key_);
      if (key == body_member) {
        DecodeBody(cursor);
      } else if (key == "finish_reason") {
        ReadView(cursor, message_.finish_reason, finish_reason_);
      } else {
        cursor.Skip();
      }
    }
  }
}

void OpenAiDecoder::DecodeBody(JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "content") {
      DecodeContent(cursor);
    } else if (key == "refusal" && message_.content.empty()) {
      ReadView(cursor, message_.content, content_);
    } else if ((key == "reasoning" || key == "reasoning_content") && message_.reasoning.empty()) {
      ReadView(cursor, message_.reasoning, reasoning_);
    } else if (key == "tool_calls") {
      DecodeToolCalls(cursor);
    } else if (key == "function_call") {
      DecodeFunction(cursor);
    } else {
      cursor.Skip();
    }
  }
}

// A text, or the list of typed parts that some servers send instead.
void OpenAiDecoder::DecodeContent(JsonCursor& cursor) {
  if (cursor.Peek() == JsonCursor::Type::kString) {
    const auto string = cursor.ReadString();
    // A refusal that came before an empty content is not overwritten.
    if (string && !string->raw.empty()) message_.content = Text(*string, content_);
    return;
  }
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  std::string text;
  JsonString name;
  while (cursor.NextElement()) {
    if (!cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    while (cursor.NextMember(name)) {
      if (Text(name, key_) == "text") {
        if (const auto string = cursor.ReadString()) AppendText(*string, text);
      } else {
        cursor.Skip();
      }
    }
  }
  if (!text.empty()) {
    content_ = std::move(text);
    message_.content = content_;
  }
}

void OpenAiDecoder::DecodeToolCalls(JsonCursor& cursor) {
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  JsonString name;
  while (cursor.NextElement()) {
    message_.has_tool_call = true;
    if (!cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    while (cursor.NextMember(name)) {
      if (Text(name, key_) == "function") {
        DecodeFunction(cursor);
      } else {
        cursor.Skip();
      }
    }
  }
}

void OpenAiDecoder::DecodeFunction(JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  message_.has_tool_call = true;
  JsonString name;
  std::string_view arguments;
  std::string_view function;
  std::string function_storage;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "arguments") {
      ReadView(cursor, arguments, tool_call_);
    } else if (key == "name") {
      ReadView(cursor, function, function_storage);
    } else {
      cursor.Skip();
    }
  }
  if (arguments.empty() && !function.empty()) {
    tool_call_.assign(function);
    arguments = tool_call_;
  }
  if (!arguments.empty()) message_.tool_call = arguments;
}

std::optional<Usage> ReadOpenAiUsage(JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return std::nullopt;
  }
  Usage usage;
  bool has_output = false;
  JsonString name;
  std::string key_storage;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_storage);
    if (key == "prompt_tokens") {
      usage.input = ReadCount(cursor);
    } else if (key == "completion_tokens") {
      has_output = cursor.Peek() == JsonCursor::Type::kNumber;
      usage.output = ReadCount(cursor);
    } else if (key == "prompt_tokens_details") {
      usage.cached_input = ReadDetail(cursor, "cached_tokens", key_storage);
    } else if (key == "completion_tokens_details") {
      usage.reasoning = ReadDetail(cursor, "reasoning_tokens", key_storage);
    } else {
      cursor.Skip();
    }
  }
  if (!has_output) return std::nullopt;
  usage.cached_input = std::min(usage.cached_input, usage.input);
  usage.reasoning = std::min(usage.reasoning, usage.output);
  return usage;
}

}  // namespace llmload::wire
