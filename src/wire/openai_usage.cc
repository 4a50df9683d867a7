#include "src/wire/openai_usage.h"

#include <algorithm>
#include <string>

#include "src/wire/json_fields.h"

namespace llmload::wire {
namespace {

using Type = text::JsonCursor::Type;

void ReadPromptDetails(text::JsonCursor& cursor, Usage& usage, std::string& key_storage) {
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "cached_tokens") {
      usage.cached_input = ReadCount(cursor);
    } else if (key == "cache_write_tokens") {
      usage.cache_write_input = ReadCount(cursor);
    } else {
      cursor.Skip();
    }
  });
}

// A count; nullopt if the value is not a number or is negative.
std::optional<std::int64_t> ReadKnownCount(text::JsonCursor& cursor) {
  const auto number = cursor.ReadInteger();
  if (!number || *number < 0) return {};
  return std::min(*number, kMaxCount);
}

}  // namespace

std::optional<Usage> ReadOpenAiUsage(text::JsonCursor& cursor) {
  if (cursor.Peek() != Type::kObject) {
    cursor.Skip();
    return {};
  }
  Usage usage;
  std::optional<std::int64_t> output;
  std::optional<std::int64_t> total;
  std::int64_t thoughts = 0;
  std::string key_storage;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "prompt_tokens" || key == "input_tokens" || key == "promptTokenCount") {
      usage.input = ReadCount(cursor);
    } else if (key == "completion_tokens" || key == "output_tokens" ||
               key == "candidatesTokenCount") {
      output = ReadKnownCount(cursor);
    } else if (key == "total_tokens") {
      total = ReadKnownCount(cursor);
    } else if (key == "thoughtsTokenCount") {
      thoughts = ReadCount(cursor);
    } else if (key == "cachedContentTokenCount") {
      usage.cached_input = ReadCount(cursor);
    } else if (key == "prompt_tokens_details" || key == "input_tokens_details") {
      ReadPromptDetails(cursor, usage, key_storage);
    } else if (key == "completion_tokens_details" || key == "output_tokens_details") {
      usage.reasoning = ReadDetail(cursor, "reasoning_tokens", key_storage);
    } else {
      cursor.Skip();
    }
  });
  if (!output && total && *total >= usage.input) output = *total - usage.input;
  if (!output) return {};
  // Google counts the thoughts apart.
  usage.output = *output + thoughts;
  if (thoughts > 0) usage.reasoning = thoughts;
  usage.cached_input = std::min(usage.cached_input, usage.input);
  usage.cache_write_input = std::min(usage.cache_write_input, usage.input - usage.cached_input);
  usage.reasoning = std::min(usage.reasoning, usage.output);
  return usage;
}

}  // namespace llmload::wire
