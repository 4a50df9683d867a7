#include "llmload/core/environment.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "src/core/text/harmless.h"
#include "src/core/text/uri.h"

namespace llmload {

ConfigurationError::ConfigurationError(const std::string& message)
    : std::invalid_argument(text::Harmless(message)) {}

ConfigurationError ConfigurationError::Invalid(std::string_view name, std::string_view value,
                                               std::string_view accepted) {
  constexpr std::size_t kMaxShown = 400;
  std::string message(name);
  const bool is_url = value.find("://") != std::string_view::npos;
  const std::string shown = is_url ? text::ShownUrl(value) : std::string(value);
  message.append(": got \"").append(text::Excerpt(shown, kMaxShown));
  message.append("\", expected ").append(accepted);
  return ConfigurationError(message);
}

namespace environment {

std::optional<std::string> Text(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<Secret> SecretText(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return Secret(value);
}

std::optional<std::uint64_t> Integer(const char* name, std::uint64_t min, std::uint64_t max) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, failure] = std::from_chars(text->data(), end, value);
  if (failure != std::errc() || stop != end || value < min || value > max) {
    throw ConfigurationError::Invalid(
        name, *text, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

std::optional<std::string> OneOf(const char* name,
                                 std::initializer_list<std::string_view> accepted) {
  auto text = Text(name);
  if (!text || std::find(accepted.begin(), accepted.end(), *text) != accepted.end()) return text;
  std::string list;
  for (std::string_view choice : accepted) {
    if (!list.empty()) list += ", ";
    list += choice;
  }
  throw ConfigurationError::Invalid(name, *text, "one of: " + list);
}

std::optional<bool> Flag(const char* name) {
  const auto text = OneOf(name, {"0", "1"});
  if (!text) return std::nullopt;
  return *text == "1";
}

}  // namespace environment
}  // namespace llmload
