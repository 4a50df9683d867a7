#include "src/service/aws_chain.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/harmless.h"
#include "src/core/text/uri.h"
#include "src/net/url.h"
#include "src/service/aws_fetch.h"
#include "src/service/aws_profile.h"
#include "src/wire/timestamp.h"

namespace llmload {
namespace {

using Outcome = std::optional<Result<AwsCredentials>>;  // empty: this source is not configured

constexpr std::size_t kMaxAwsMessage = 1000;
constexpr std::size_t kMaxAwsReason = 100;
constexpr std::string_view kTokenTtl = "21600";  // seconds; the longest that is allowed

Error Failed(const std::string& message) {
  Error error;
  error.kind = ErrorKind::kCredential;
  error.message = text::Excerpt(message, kMaxAwsMessage);  // files and endpoints have a say in it
  return error;
}

// The answer of containers, instances and credential processes; the token's name differs.
Result<AwsCredentials> ParseCredentials(const std::string& json, const char* token_name,
                                        const std::string& from) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  const auto text = [&](const char* name) -> std::string {
    const auto found = parsed.find(name);
    return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!parsed.is_object()) return Failed(from + " did not answer with a JSON object");
  AwsCredentials credentials;
  credentials.access_key_id = text("AccessKeyId");
  credentials.secret_access_key = Secret(text("SecretAccessKey"));
  credentials.session_token = Secret(text(token_name));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    const std::string reason = text::Excerpt(text("Code") + text("code"), kMaxAwsReason);
    return Failed(from + " answered without AccessKeyId and SecretAccessKey" +
                  (reason.empty() || reason == "Success" ? "" : ": " + reason));
  }
  if (const std::string expiration = text("Expiration"); !expiration.empty()) {
    const auto expires = wire::ParseRfc3339(expiration);
    if (!expires) return Failed(from + " answered with an Expiration that is not a date");
    // Within the range of the system's clock, whose instants are nanoseconds.
    constexpr std::chrono::sys_seconds kLast =
        std::chrono::sys_days(std::chrono::year(2200) / 1 / 1);
    credentials.expires = std::clamp(*expires, std::chrono::sys_seconds{}, kLast);
  }
  return credentials;
}

Outcome FromVariables(const AwsCredentialOptions& options) {
  if (options.access_key_id.empty() && options.secret_access_key.empty()) return {};
  if (options.access_key_id.empty() || options.secret_access_key.empty()) {
    return Failed(options.access_key_id.empty()
                      ? "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID"
                      : "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
  }
  return AwsCredentials{.access_key_id = options.access_key_id,
                        .secret_access_key = options.secret_access_key,
                        .session_token = options.session_token,
                        .expires = {}};
}

Outcome FromProcess(const std::string& command, const AwsCredentialOptions& options,
                    const std::atomic<bool>& stop) {
  const std::string from = "the credential_process of profile " + options.profile;
  auto output = RunCommand(command, options.process_timeout, stop);
  if (output.has_error()) return Failed(from + " " + output.error().message);
  const auto parsed = nlohmann::json::parse(*output, nullptr, false);
  if (parsed.is_object() && parsed.value("Version", nlohmann::json()) != 1) {
    return Failed(from + " answered without \"Version\": 1");
  }
  return ParseCredentials(*output, "SessionToken", from);
}

Outcome FromProfile(const AwsCredentialOptions& options, const std::atomic<bool>& stop) {
  AwsProfile profile;
  bool found = false;
  try {
    found = LoadAwsProfile(options.config_file, options.credentials_file, options.profile, profile);
  } catch (const ConfigurationError& error) {
    return Failed(error.what());
  }
  const std::string name = "profile " + options.profile;
  if (!found) {
    if (!options.profile_required) return {};
    return Failed("AWS_PROFILE: got \"" + options.profile + "\", expected a profile of " +
                  options.config_file + " or " + options.credentials_file);
  }
  const auto has = [&](const char* key) { return profile.contains(key) && !profile[key].empty(); };
  if (has("aws_access_key_id") || has("aws_secret_access_key")) {
    if (!has("aws_access_key_id") || !has("aws_secret_access_key")) {
      return Failed(name + " has only one of aws_access_key_id and aws_secret_access_key");
    }
    return AwsCredentials{.access_key_id = profile["aws_access_key_id"],
                          .secret_access_key = Secret(profile["aws_secret_access_key"]),
                          .session_token = Secret(profile["aws_session_token"]),
                          .expires = {}};
  }
  if (has("credential_process")) return FromProcess(profile["credential_process"], options, stop);
  struct Unsupported {
    const char* key;
    const char* what;
  };
  for (const auto& [key, what] :
       {Unsupported{"sso_session", "SSO"}, Unsupported{"sso_start_url", "SSO"},
        Unsupported{"sso_account_id", "SSO"},
        Unsupported{"web_identity_token_file", "web identity"},
        Unsupported{"role_arn", "assuming a role"},
        Unsupported{"source_profile", "assuming a role"}}) {
    if (!has(key)) continue;
    return Failed(name + " uses " + what + " (" + key +
                  "), which is not supported: set credential_process to \"aws configure "
                  "export-credentials --profile " +
                  options.profile + "\" in a profile of its own, or export its credentials");
  }
  return {};
}

// The hosts that may be asked for credentials in clear text: this machine and the addresses of the
// container agents.
bool AllowsClearText(const net::Url& url) {
  return url.tls || url.IsLoopback() || url.host == "169.254.170.2" ||
         url.host == "169.254.170.23" || url.host == "fd00:ec2::23";
}

// Asks until the answer is not a failure of the server.
Result<LocalAnswer> AskWithRetries(const LocalRequest& request, int attempts,
                                   const std::atomic<bool>& stop) {
  Result<LocalAnswer> answer = Failed("not asked");
  for (int attempt = 0; attempt < attempts && !stop; ++attempt) {
    answer = AskEndpoint(request);
    if (answer.has_value() && answer->status < 500 && answer->status != 429) break;
  }
  return answer;
}

Result<Secret> ReadTokenFile(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token, '\0')) {
    return Failed("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + path + " cannot be read");
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  return Secret(std::move(token));
}

Outcome FromContainer(const AwsCredentialOptions& options, const std::atomic<bool>& stop) {
  if (options.container_uri.empty()) return {};
  const std::string from =
      "the container's credential endpoint " + text::ShownUrl(options.container_uri);
  LocalRequest request;
  try {
    const net::Url url =
        net::ParseBaseUrl("AWS_CONTAINER_CREDENTIALS_FULL_URI",
                          options.container_uri.substr(0, options.container_uri.find('?')));
    if (!AllowsClearText(url)) {
      return Failed("AWS_CONTAINER_CREDENTIALS_FULL_URI: got \"" +
                    text::ShownUrl(options.container_uri) +
                    "\", expected https://, or http:// to this machine or a container agent");
    }
  } catch (const ConfigurationError& error) {
    return Failed(error.what());
  }
  request.url = options.container_uri;
  request.timeout = options.endpoint_timeout;
  Secret token = options.container_token;
  if (!options.container_token_file.empty()) {
    auto read = ReadTokenFile(options.container_token_file);
    if (read.has_error()) return std::move(read).error();
    token = *std::move(read);
  }
  if (token.Reveal().find_first_of("\r\n") != std::string_view::npos) {
    return Failed("the container's authorization token has a line end in it");
  }
  request.fields.emplace_back("Accept", Secret("application/json"));
  if (!token.empty()) request.fields.emplace_back("Authorization", token);
  const auto answer = AskWithRetries(request, options.endpoint_attempts, stop);
  if (answer.has_error()) return Failed(from + ": " + answer.error().message);
  if (answer->status != 200) {
    return Failed(from + " answered with status " + std::to_string(answer->status));
  }
  auto parsed = ParseCredentials(answer->body, "Token", from);
  if (parsed.has_error()) return Failed(Redact(parsed.error().message, token));
  return parsed;
}

Outcome FromMetadata(const AwsCredentialOptions& options, const std::atomic<bool>& stop) {
  if (options.metadata_disabled) return {};
  const std::string from =
      "the instance metadata service at " + text::ShownUrl(options.metadata_endpoint);
  std::string base = options.metadata_endpoint;
  while (base.ends_with('/')) base.pop_back();
  LocalRequest request{
      .method = "PUT",
      .url = base + "/latest/api/token",
      .fields = {{"x-aws-ec2-metadata-token-ttl-seconds", Secret(std::string(kTokenTtl))}},
      .timeout = options.endpoint_timeout};
  const auto ask = [&]() -> Result<std::string> {
    const auto answer = AskWithRetries(request, options.endpoint_attempts, stop);
    if (answer.has_error()) return Failed(from + ": " + answer.error().message);
    if (answer->status != 200) {
      return Failed(from + " answered with status " + std::to_string(answer->status));
    }
    return answer->body;
  };
  try {
    net::ParseBaseUrl("AWS_EC2_METADATA_SERVICE_ENDPOINT", base);
  } catch (const ConfigurationError& error) {
    return Failed(error.what());
  }
  auto token = ask();
  if (token.has_error()) return std::move(token).error();
  request.method = "GET";
  request.fields.clear();
  request.fields.emplace_back("x-aws-ec2-metadata-token", Secret(*std::move(token)));
  request.url = base + "/latest/meta-data/iam/security-credentials/";
  auto role = ask();
  if (role.has_error()) return std::move(role).error();
  std::string name = role->substr(0, role->find('\n'));
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return c > 0x20 && c < 0x7F && c != '?' && c != '#';
  });
  if (name.empty() || !printable) return Failed(from + " named no role");
  request.url += name;
  auto credentials = ask();
  if (credentials.has_error()) return std::move(credentials).error();
  return ParseCredentials(*credentials, "Token", from);
}

Result<AwsCredentials> FirstOf(const AwsCredentialOptions& options, const std::atomic<bool>& stop) {
  if (auto found = FromVariables(options)) return *std::move(found);
  if (auto found = FromProfile(options, stop)) return *std::move(found);
  if (!options.web_identity_token_file.empty()) {
    return Failed(
        "AWS_WEB_IDENTITY_TOKEN_FILE is set, but web identity is not supported: export "
        "credentials, or use a profile with a credential_process");
  }
  if (auto found = FromContainer(options, stop)) return *std::move(found);
  std::string metadata = "the instance metadata service is switched off";
  if (auto found = FromMetadata(options, stop)) {
    if (found->has_value()) return *std::move(found);
    metadata = found->error().message;
  }
  Error none = Failed(
      "no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; profile " +
      options.profile + " has none in " + options.credentials_file + " or " + options.config_file +
      "; no container endpoint is set; " + metadata);
  none.provider_code = kNoAwsCredentials;
  return none;
}

bool MayBeSent(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

Result<AwsCredentials> FetchAwsCredentials(const AwsCredentialOptions& options,
                                           const std::atomic<bool>& stop) {
  auto found = FirstOf(options, stop);
  // The credentials become header fields of every request.
  if (found.has_value() &&
      !(MayBeSent(found->access_key_id) && MayBeSent(found->secret_access_key.Reveal()) &&
        MayBeSent(found->session_token.Reveal()))) {
    return Failed(
        "the AWS credentials hold characters other than printable ASCII ones: check access key id, "
        "secret access key and session token for spaces and line ends");
  }
  return found;
}

}  // namespace llmload
