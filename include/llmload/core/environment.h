// Environment variables, read strictly: a malformed value is an error, never a silent default.
#ifndef LLMLOAD_CORE_ENVIRONMENT_H_
#define LLMLOAD_CORE_ENVIRONMENT_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "llmload/core/secret.h"

namespace llmload {

/// A configuration that cannot be used. The message names the field or variable, the value, and
/// what is accepted; it never holds a secret. It is one line that a terminal shows as it stands,
/// whatever the value is: control characters become spaces, bytes that are not UTF-8 U+FFFD.
class ConfigurationError : public std::invalid_argument {
 public:
  explicit ConfigurationError(const std::string& message);
  /// "NAME: got \"VALUE\", expected ACCEPTED". A value of more than 400 bytes is cut, and a URL is
  /// shown without its query, or not at all if it may hold a password.
  static ConfigurationError Invalid(std::string_view name, std::string_view value,
                                    std::string_view accepted);
};

/// Each function returns nullopt for a variable that is unset or empty. Not safe against a
/// concurrent setenv.
namespace environment {

std::optional<std::string> Text(const char* name);
std::optional<Secret> SecretText(const char* name);
/// Throws `ConfigurationError` unless the value is a whole number in [min, max].
std::optional<std::uint64_t> Integer(const char* name, std::uint64_t min, std::uint64_t max);
/// Throws `ConfigurationError` unless the value is one of `accepted`.
std::optional<std::string> OneOf(const char* name,
                                 std::initializer_list<std::string_view> accepted);
/// Throws `ConfigurationError` unless the value is "0" or "1".
std::optional<bool> Flag(const char* name);

}  // namespace environment
}  // namespace llmload

#endif  // LLMLOAD_CORE_ENVIRONMENT_H_
