#include "src/wire/openai_message.h"

#include <functional>
#include <utility>

#include "src/wire/json_fields.h"
#include "src/wire/openai_usage.h"

namespace llmload::wire {
namespace {

using Type = text::JsonCursor::Type;

// Longer chunks are not worth the memory for a copy in every stream.
constexpr std::size_t kMaxPattern = 1024;

// Members of a message, or of a chunk of one, with text that the model thought.
bool IsReasoning(std::string_view key) {
  if (!key.starts_with('r') && !key.starts_with('t')) return false;
  return key == "reasoning" || key == "reasoning_content" || key == "reasoning_text" ||
         key == "reasoning_details" || key == "thinking" || key == "thinking_blocks";
}

// Members with the text of a part of a list.
bool IsPartText(std::string_view key) {
  return key == "text" || key == "content" || key == "refusal" || key == "thinking" ||
         key == "reasoning" || key == "summary" || key == "transcript" || key == "data";
}

// Appends the text of a value in any of its forms: a text, an object with one, a list of these.
void CollectText(text::JsonCursor& cursor, std::string& out) {
  if (cursor.EnterArray()) {
    while (cursor.NextElement()) CollectText(cursor, out);
  } else if (cursor.Peek() == Type::kString) {
    if (const auto string = cursor.ReadString()) AppendText(*string, out);
  } else {
    std::string key;
    ReadMembers(cursor, key, [&](std::string_view name) {
      if (IsPartText(name)) {
        CollectText(cursor, out);
      } else {
        cursor.Skip();
      }
    });
  }
}

// True if the object calls itself a part of reasoning.
bool IsReasoningPart(std::string_view part) {
  text::JsonCursor cursor(part);
  std::string key;
  std::string storage;
  std::string_view type;
  ReadMembers(cursor, key, [&](std::string_view name) {
    if (name == "type") {
      ReadView(cursor, type, storage);
    } else {
      cursor.Skip();
    }
  });
  return type.starts_with("thinking") || type.starts_with("reasoning");
}

}  // namespace

const OpenAiMessage* OpenAiDecoder::DecodeAnswer(std::string_view text) {
  const bool valid = Decode(text, false);
  return valid && (message_.has_choice || message_.error) ? &message_ : nullptr;
}

const OpenAiMessage* OpenAiDecoder::DecodeChunk(std::string_view text) {
  if (DecodeSimilarChunk(text)) return &message_;
  const bool valid = Decode(text, true);
  if (valid) KeepAsPattern(text);
  return valid ? &message_ : nullptr;
}

// Most chunks of a stream differ from the chunk before only in their content, and to compare bytes
// costs much less than to parse them. A parser that has read the same bytes is in the same state:
// so a chunk with the same bytes before and after its content has the same meaning apart from the
// content, provided that the content is a string which ends where it seems to. Every doubtful chunk
// is parsed.
bool OpenAiDecoder::DecodeSimilarChunk(std::string_view text) {
  if (pattern_.empty() || text.size() <= pattern_.size()) return false;
  const std::string_view pattern = pattern_;
  // The head ends, and the tail starts, with a quote of the content.
  if (!text.starts_with(pattern.substr(0, pattern_head_)) ||
      !text.ends_with(pattern.substr(pattern_head_))) {
    return false;
  }
  const std::size_t size = text.size() - pattern.size();
  text::JsonCursor cursor(text.substr(pattern_head_ - 1, size + 2));
  const auto string = cursor.ReadString();
  if (!string || string->raw.size() != size) return false;
  message_.content = Text(*string, content_);
  message_.model = pattern_model_;
  return true;
}

void OpenAiDecoder::KeepAsPattern(std::string_view text) {
  const std::string_view content = content_string_.raw;
  const bool only_content = !content.empty() && !message_.error && !message_.usage &&
                            message_.finish_reason.empty() && message_.reasoning.empty() &&
                            !message_.has_tool_call;
  if (!only_content || text.size() - content.size() > kMaxPattern) return;
  const auto in_text = [text](std::string_view view) {
    return std::less_equal<>()(text.data(), view.data()) &&
           std::less_equal<>()(view.data() + view.size(), text.data() + text.size());
  };
  if (!message_.model.empty() && !in_text(message_.model)) return;  // it held escapes
  pattern_head_ = static_cast<std::size_t>(content.data() - text.data());
  pattern_.append(text.substr(0, pattern_head_));
  pattern_.append(text.substr(pattern_head_ + content.size()));
  pattern_model_ = {};
  if (message_.model.empty()) return;
  auto at = static_cast<std::size_t>(message_.model.data() - text.data());
  if (at > pattern_head_) at -= content.size();
  pattern_model_ = std::string_view(pattern_).substr(at, message_.model.size());
}

bool OpenAiDecoder::Decode(std::string_view text, bool streamed) {
  message_ = {};
  has_error_ = false;
  content_string_ = {};
  pattern_.clear();
  text::JsonCursor cursor(text);
  if (!cursor.EnterObject()) return false;
  text::JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "choices") {
      DecodeChoices(cursor, streamed);
    } else if (key == "usage" || key == "usageMetadata") {
      DecodeUsage(cursor);
    } else if (key == "model") {
      ReadView(cursor, message_.model, model_);
    } else if (key == "error") {
      has_error_ = ReadIsError(cursor);
    } else if (key == "x_groq") {
      ReadMembers(cursor, key_, [&](std::string_view inner) {
        if (inner == "usage") return DecodeUsage(cursor);
        cursor.Skip();
      });
    } else {
      cursor.Skip();
    }
  }
  if (!cursor.Finished()) return false;
  const bool says_nothing = !message_.has_choice && !message_.usage;
  if ((has_error_ || says_nothing) && !message_.error) message_.error = FindError(text);
  return true;
}

// Requests ask for one choice only; any others are skipped.
void OpenAiDecoder::DecodeChoices(text::JsonCursor& cursor, bool streamed) {
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
    DecodeChoice(cursor, streamed);
  }
}

void OpenAiDecoder::DecodeChoice(text::JsonCursor& cursor, bool streamed) {
  const std::string_view body_member = streamed ? "delta" : "message";
  const std::string_view other_member = streamed ? "message" : "delta";
  bool has_body = false;
  std::string_view other_body;
  text::JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == body_member) {
      has_body = cursor.Peek() == Type::kObject;
      DecodeBody(cursor);
    } else if (key == "finish_reason") {
      ReadView(cursor, message_.finish_reason, finish_reason_);
    } else if (key == other_member) {
      other_body = cursor.ReadRaw();
    } else if (key == "usage") {
      DecodeUsage(cursor);
    } else if (key == "text") {  // of the older completions API
      if (message_.content.empty()) ReadView(cursor, message_.content, content_);
    } else if (key == "error") {
      const std::string_view raw = cursor.ReadRaw();
      text::JsonCursor check(raw);
      text::JsonCursor error(raw);
      if (ReadIsError(check)) message_.error = ReadServiceError(error);
    } else {
      cursor.Skip();
    }
  }
  // Some services send the message so far beside each piece of it, and some only that.
  if (!has_body && !other_body.empty()) {
    text::JsonCursor body(other_body);
    DecodeBody(body);
  }
}

void OpenAiDecoder::DecodeBody(text::JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  text::JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "content") {
      DecodeContent(cursor);
    } else if (key == "refusal" && message_.content.empty()) {
      ReadView(cursor, message_.content, content_);
    } else if (key == "tool_calls") {
      DecodeToolCalls(cursor);
    } else if (key == "function_call") {
      DecodeFunction(cursor);
    } else if (key != "role" && IsReasoning(key)) {
      DecodeReasoning(cursor);
    } else if (key == "audio" && message_.content.empty()) {
      content_.clear();
      CollectText(cursor, content_);
      message_.content = content_;
    } else if (key == "usage") {
      DecodeUsage(cursor);
    } else {
      cursor.Skip();
    }
  }
}

// A text, or the list of typed parts that some servers send instead.
void OpenAiDecoder::DecodeContent(text::JsonCursor& cursor) {
  if (cursor.Peek() == Type::kString) {
    const auto string = cursor.ReadString();
    // A refusal that came before an empty content is not overwritten.
    if (string && !string->raw.empty()) {
      message_.content = Text(*string, content_);
      content_string_ = *string;
    }
    return;
  }
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  std::string text;
  std::string thoughts;
  while (cursor.NextElement()) {
    const std::string_view part = cursor.ReadRaw();
    text::JsonCursor reader(part);
    CollectText(reader, IsReasoningPart(part) ? thoughts : text);
  }
  if (!text.empty()) {
    content_ = std::move(text);
    message_.content = content_;
    content_string_ = {};
  }
  if (!thoughts.empty() && message_.reasoning.empty()) {
    reasoning_ = std::move(thoughts);
    message_.reasoning = reasoning_;
  }
}

// Gateways send the same thought in several members: the first counts.
void OpenAiDecoder::DecodeReasoning(text::JsonCursor& cursor) {
  if (!message_.reasoning.empty()) {
    cursor.Skip();
  } else if (cursor.Peek() == Type::kString) {
    ReadView(cursor, message_.reasoning, reasoning_);
  } else {
    reasoning_.clear();
    CollectText(cursor, reasoning_);
    message_.reasoning = reasoning_;
  }
}

void OpenAiDecoder::DecodeToolCalls(text::JsonCursor& cursor) {
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  text::JsonString name;
  while (cursor.NextElement()) {
    message_.has_tool_call = true;
    if (!cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    while (cursor.NextMember(name)) {
      const std::string_view key = Text(name, key_);
      if (key == "function" || key == "custom") {
        DecodeFunction(cursor);
      } else {
        cursor.Skip();
      }
    }
  }
}

void OpenAiDecoder::DecodeFunction(text::JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  message_.has_tool_call = true;
  text::JsonString name;
  std::string_view arguments;
  std::string_view function;
  std::string function_storage;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if ((key == "arguments" || key == "input") && cursor.Peek() == Type::kObject) {
      arguments = cursor.ReadRaw();  // some servers send the object itself
    } else if (key == "arguments" || key == "input") {
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

void OpenAiDecoder::DecodeUsage(text::JsonCursor& cursor) {
  const std::string_view raw = cursor.ReadRaw();
  text::JsonCursor object(raw);
  if (const auto usage = ReadOpenAiUsage(object)) {
    message_.usage = usage;
    message_.raw_usage = raw;
  }
}

}  // namespace llmload::wire
