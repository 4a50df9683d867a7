#include "src/wire/json_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace llmload::wire {
namespace {

template <class Number>
void Append(Number number, std::string& out) {
  std::array<char, 32> digits{};
  const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

}  // namespace

void ReadView(text::JsonCursor& cursor, std::string_view& view, std::string& storage) {
  if (const auto string = cursor.ReadString()) view = Text(*string, storage);
}

std::int64_t ReadCount(text::JsonCursor& cursor) {
  return std::clamp<std::int64_t>(cursor.ReadInteger().value_or(0), 0, kMaxCount);
}

std::int64_t ReadDetail(text::JsonCursor& cursor, std::string_view name, std::string& key_storage) {
  std::int64_t count = 0;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == name) {
      count = ReadCount(cursor);
    } else {
      cursor.Skip();
    }
  });
  return count;
}

void AppendJsonNumber(std::int64_t number, std::string& out) { Append(number, out); }

void AppendJsonNumber(double number, std::string& out) {
  if (std::isfinite(number)) {
    Append(number, out);
  } else {
    out.append("null");
  }
}

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

void AppendMessages(const std::vector<Message>& messages, bool with_system, std::string& out) {
  out.push_back('[');
  bool first = true;
  for (const Message& message : messages) {
    if (message.role == Role::kSystem && !with_system) continue;
    if (!first) out.push_back(',');
    first = false;
    out.append("{\"role\":\"").append(RoleName(message.role)).append("\",\"content\":");
    text::AppendJsonString(message.content, out);
    out.push_back('}');
  }
  out.push_back(']');
}

void AppendSampling(std::string_view nested, std::string_view max_tokens,
                    const CompletionRequest& request, const ExtraBody* extra, std::string& out) {
  AppendNested(nested, extra, out, [&] {
    if (request.max_tokens) {
      out.append(",\"").append(max_tokens).append("\":");
      AppendJsonNumber(std::int64_t{*request.max_tokens}, out);
    }
    if (request.temperature && (extra == nullptr || !extra->NestedHas("temperature"))) {
      out.append(",\"temperature\":");
      AppendJsonNumber(*request.temperature, out);
    }
  });
}

}  // namespace llmload::wire
