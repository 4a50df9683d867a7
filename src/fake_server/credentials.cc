#include "src/fake_server/credentials.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <string>
#include <vector>

#include "src/fake_server/error_dialect.h"
#include "src/wire/sigv4.h"

namespace llmload::fake_server {
namespace {

constexpr std::chrono::minutes kMaxSkew{5};

// In constant time, whatever the texts have in common.
bool IsSame(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsOneOf(std::string_view key, const std::vector<Secret>& keys) {
  return std::any_of(keys.begin(), keys.end(),
                     [key](const Secret& accepted) { return IsSame(accepted.Reveal(), key); });
}

std::optional<std::string_view> BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() ||
      !boost::beast::iequals(authorization.substr(0, kScheme.size()), kScheme)) {
    return {};
  }
  return authorization.substr(kScheme.size());
}

// Where an API looks for its key.
std::optional<std::string_view> KeyOf(const HttpRequest& request, Protocol protocol) {
  std::string_view key;
  if (protocol == Protocol::kAzure) key = request.Get("api-key");
  if (protocol == Protocol::kAnthropic) key = request.Get("x-api-key");
  if (!key.empty()) return key;
  return BearerToken(request.authorization);
}

ApiError AwsError(int status, std::string_view name, std::string message = {}) {
  ApiError error = ErrorForStatus(Protocol::kConverse, status, name, "");
  if (!message.empty()) error.message = std::move(message);
  return error;
}

ApiError BadSignature(std::string message = {}) {
  return AwsError(403, "InvalidSignatureException", std::move(message));
}

// The fields that were signed, as they came.
std::optional<std::vector<wire::HeaderField>> SignedFields(
    const HttpRequest& request, const std::vector<std::string_view>& names) {
  std::vector<wire::HeaderField> fields;
  for (const std::string_view name : names) {
    bool found = false;
    std::string_view rest = request.fields;
    while (!rest.empty()) {
      const std::size_t name_end = rest.find('\n');
      const std::size_t value_end = rest.find('\n', name_end + 1);
      if (rest.substr(0, name_end) == name) {
        fields.push_back({name, rest.substr(name_end + 1, value_end - name_end - 1)});
        found = true;
      }
      rest.remove_prefix(value_end + 1);
    }
    if (!found) return {};
  }
  return fields;
}

std::optional<ApiError> CheckClock(std::string_view amz_date, std::chrono::sys_seconds now) {
  const auto time = wire::ParseAmzDate(amz_date);
  if (!time) {
    return AwsError(
        403, "IncompleteSignatureException",
        "Date must be in ISO-8601 'basic format'. Got '" + std::string(amz_date) + "'.");
  }
  const std::string signed_at(amz_date);
  const std::string server_time = wire::AmzDate(now);
  if (*time > now + kMaxSkew) {
    return BadSignature("Signature not yet current: " + signed_at + " is still later than " +
                        wire::AmzDate(now + kMaxSkew) + " (" + server_time + " + 5 min.)");
  }
  if (*time < now - kMaxSkew) {
    return BadSignature("Signature expired: " + signed_at + " is now earlier than " +
                        wire::AmzDate(now - kMaxSkew) + " (" + server_time + " - 5 min.)");
  }
  return {};
}

std::optional<ApiError> CheckScope(const wire::SigV4Scope& scope, std::string_view amz_date,
                                   const std::vector<std::string>& regions) {
  if (scope.service != "bedrock") {
    return BadSignature("Credential should be scoped to correct service: 'bedrock'.");
  }
  if (!regions.empty() &&
      std::find(regions.begin(), regions.end(), scope.region) == regions.end()) {
    return BadSignature("Credential should be scoped to a valid region.");
  }
  if (scope.date != amz_date.substr(0, 8)) {
    return BadSignature(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
        "of date from HTTP.");
  }
  return {};
}

std::optional<ApiError> CheckSignature(const HttpRequest& request,
                                       const FakeLlmServerOptions& options,
                                       std::chrono::sys_seconds now) {
  const auto authorization = wire::ParseSigV4Authorization(request.authorization);
  if (!authorization) {
    return AwsError(403, "IncompleteSignatureException",
                    "Authorization header requires 'Credential' parameter, 'SignedHeaders' "
                    "parameter and 'Signature' parameter.");
  }
  const std::string_view amz_date = request.Get("x-amz-date");
  if (auto error = CheckClock(amz_date, now)) return error;
  if (auto error = CheckScope(authorization->scope, amz_date, options.aws_regions)) return error;

  const auto& accepted = options.aws_credentials;
  if (accepted.empty() && options.api_keys.empty()) return {};
  const auto credential =
      std::find_if(accepted.begin(), accepted.end(), [&](const FakeAwsCredential& candidate) {
        return candidate.access_key_id == authorization->access_key_id;
      });
  const auto unrecognized = [] { return AwsError(403, "UnrecognizedClientException"); };
  if (credential == accepted.end()) return unrecognized();
  if (!IsSame(request.Get("x-amz-security-token"), credential->session_token.Reveal())) {
    return unrecognized();
  }
  if (credential->expired) return AwsError(403, "ExpiredTokenException");

  const auto& names = authorization->signed_headers;
  const auto fields = SignedFields(request, names);
  const bool has_host = std::find(names.begin(), names.end(), "host") != names.end();
  if (!fields || !has_host) {
    return BadSignature("'Host' or a signed header is missing from the request.");
  }
  const wire::SigV4Request to_verify{
      .method = request.method, .target = request.target, .headers = *fields, .body = request.body};
  const std::string canonical = wire::CanonicalRequest(to_verify, wire::Sha256Hex(request.body));
  const std::string expected = wire::Signature(
      wire::SigningKey(credential->secret_access_key.Reveal(), authorization->scope),
      wire::StringToSign(amz_date, authorization->scope, canonical));
  if (!IsSame(expected, authorization->signature)) return BadSignature();
  return {};
}

}  // namespace

std::optional<ApiError> CheckCredential(const HttpRequest& request, Protocol protocol,
                                        const FakeLlmServerOptions& options,
                                        std::chrono::sys_seconds now) {
  const auto key = KeyOf(request, protocol);
  if (IsBedrock(protocol) && !key) {
    if (request.authorization.empty()) return MissingKey(protocol);
    return CheckSignature(request, options, now);
  }
  if (options.api_keys.empty() && options.aws_credentials.empty()) return {};
  if (!key) return MissingKey(protocol);
  if (!IsOneOf(*key, options.api_keys)) return WrongKey(protocol, *key);
  return {};
}

}  // namespace llmload::fake_server
