// What a target's service needs beside its address and key: from options and environment.
#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/service/target.h"
#include "src/core/text/ascii.h"
#include "src/core/text/parse.h"
#include "src/service/extra_headers.h"

namespace llmload {
namespace {

using environment::Text;

// The value with ${NAME} replaced; what comes from variables is kept as a secret, too.
void Expand(std::string_view field, std::string_view text, HttpHeader& header) {
  const auto refuse = [&](const std::string& shown, std::string_view accepted) {
    return ConfigurationError::Invalid(std::string(field) + ", value of " + header.name, shown,
                                       accepted);
  };
  std::string value;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    value.append(text.substr(0, dollar));
    text.remove_prefix(dollar);
    if (text.empty()) break;
    if (text.starts_with("$$")) {
      value.push_back('$');
      text.remove_prefix(2);
      continue;
    }
    const std::size_t end = text.find('}');
    if (!text.starts_with("${") || end == std::string_view::npos) {
      throw refuse("$", "${NAME} for the value of a variable, or $$ for a dollar");
    }
    const std::string name(text.substr(2, end - 2));
    auto secret = environment::SecretText(name.c_str());
    if (!secret) throw refuse("${" + name + "}", "a variable that is set and not empty");
    value.reserve(value.size() + secret->Reveal().size() + text.size());
    value.append(secret->Reveal());
    header.secrets.push_back(*std::move(secret));
    text.remove_prefix(end + 1);
  }
  header.value = Secret(std::move(value));
}

// Adds `header`, in place of one of the same name.
void Put(std::vector<HttpHeader>& headers, HttpHeader header) {
  const auto same = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& other) {
    return text::Lower(other.name) == text::Lower(header.name);
  });
  if (same == headers.end()) {
    headers.push_back(std::move(header));
  } else {
    *same = std::move(header);
  }
}

std::vector<HttpHeader> HeadersOf(const TargetOverrides& overrides) {
  constexpr const char* kVariable = "LLMLOAD_HEADERS";
  std::vector<HttpHeader> headers;
  const std::string lines = Text(kVariable).value_or("");
  for (const std::string_view line : text::SplitAt(lines, '\n')) {
    if (!text::Trim(line).empty()) Put(headers, ParseHttpHeader(kVariable, line));
  }
  for (const HttpHeader& header : overrides.headers) Put(headers, header);
  return headers;
}

std::string CaFileOf(const TargetOverrides& overrides) {
  if (!overrides.ca_file.empty()) return overrides.ca_file;
  auto path = Text("LLMLOAD_CA_FILE");
  std::error_code error;
  if (path && !std::filesystem::is_regular_file(*path, error)) {
    throw ConfigurationError::Invalid("LLMLOAD_CA_FILE", *path,
                                      "the path of an existing file (PEM certificates)");
  }
  return path.value_or("");
}

void ReadDeadline(const std::optional<Duration>& given, const char* variable, Duration& deadline) {
  if (given) {
    deadline = *given;
  } else if (const auto text = Text(variable)) {
    deadline = text::ParsePositiveTime(variable, *text);
  }
}

std::string TextOf(const std::string& given, const char* variable) {
  return given.empty() ? Text(variable).value_or("") : given;
}

}  // namespace

HttpHeader ParseHttpHeader(std::string_view field, std::string_view text) {
  const std::size_t colon = text.find(':');
  // Without a colon there is no name, and the text may be a key.
  const std::string_view name =
      colon == std::string_view::npos ? "" : text::Trim(text.substr(0, colon));
  CheckHeaderName(field, name);
  HttpHeader header{.name = std::string(name), .redact = false};
  Expand(field, text::Trim(text.substr(colon + 1)), header);
  return header;
}

HttpOptions HttpOptionsFromEnvironment(const TargetOverrides& overrides) {
  HttpOptions options;
  options.ca_file = CaFileOf(overrides);
  options.headers = HeadersOf(overrides);
  options.extra_body = TextOf(overrides.extra_body, "LLMLOAD_EXTRA_BODY");
  options.path = TextOf(overrides.path, "LLMLOAD_PATH");
  ProviderTimeouts& timeouts = options.timeouts;
  ReadDeadline(overrides.total_timeout, "LLMLOAD_TIMEOUT", timeouts.total);
  ReadDeadline(overrides.first_token_timeout, "LLMLOAD_FIRST_TOKEN_TIMEOUT", timeouts.first_token);
  ReadDeadline(overrides.idle_timeout, "LLMLOAD_IDLE_TIMEOUT", timeouts.idle);
  ReadDeadline(overrides.connect_timeout, "LLMLOAD_CONNECT_TIMEOUT", timeouts.connect);
  // Also of the handshake: both are the wait for a new connection.
  if (timeouts.connect != ProviderTimeouts{}.connect) timeouts.tls = timeouts.connect;
  options.max_connections = overrides.max_connections.value_or(
      environment::Integer("LLMLOAD_CONNECTIONS", 1, kMaxConnections).value_or(0));
  options.reuse_connections = !overrides.new_connections.value_or(
      environment::Flag("LLMLOAD_NEW_CONNECTIONS").value_or(false));
  options.allow_clear_text =
      overrides.clear_text.value_or(environment::Flag("LLMLOAD_CLEAR_TEXT").value_or(false));
  return options;
}

}  // namespace llmload
