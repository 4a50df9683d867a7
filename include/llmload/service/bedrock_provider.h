// AWS Bedrock: Converse and InvokeModel, streamed or not.
#ifndef LLMLOAD_SERVICE_BEDROCK_PROVIDER_H_
#define LLMLOAD_SERVICE_BEDROCK_PROVIDER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/service/aws_credentials.h"
#include "llmload/service/http_provider.h"

namespace llmload {

/// How to reach a model of AWS Bedrock.
struct BedrockOptions {
  /// Which of the two APIs of Bedrock is asked.
  enum class Api : std::uint8_t {
    kConverse,     ///< one body for all models
    kInvokeModel,  ///< the body of the model's vendor: Anthropic or Titan
  };
  /// The vendor whose bodies `kInvokeModel` sends.
  enum class Family : std::uint8_t {
    /// The vendor that the model id names. An id that names none, such as that of an application
    /// inference profile, is an error.
    kFromModel,
    kAnthropic,
    kTitan,
  };

  std::string name = "bedrock";  ///< `ProviderIdentity::name`
  std::string region = {};       ///< "us-east-1"; signed with, and part of the endpoint
  /// Replaces the region's endpoint: https://, or http:// if the host is this machine. Excludes
  /// `fips` and `dual_stack`.
  std::string endpoint = {};
  bool fips = false;
  bool dual_stack = false;
  Api api = Api::kConverse;
  Family family = Family::kFromModel;
  /// Sign the requests; null with `bearer_token`.
  std::shared_ptr<AwsCredentialSource> credentials = {};
  Secret bearer_token = {};  ///< a Bedrock API key, sent in place of a signature
  /// After a refusal that a wrong clock may have caused, sign once more with the service's clock if
  /// that is at least four minutes off, and continue with it.
  bool correct_clock_skew = true;
  /// Returns the time that is signed; empty: the system's clock.
  std::function<std::chrono::system_clock::time_point()> wall_clock = {};
  HttpOptions http = {};
};

/// The URL to which a provider with these options sends its requests. Throws `ConfigurationError`
/// if region, endpoint and flags do not fit together.
std::string BedrockEndpoint(const BedrockOptions& options);

/// `CompletionRequest::model` is a model id, an inference profile id or an ARN. Requests are signed
/// with Signature Version 4, each time they are sent. A call is sent once, or twice if the clock is
/// wrong; `attempts` then holds both. A stream is complete with its metadata event (Converse) or
/// the vendor's last event (InvokeModel). `Usage::input` includes cache reads and writes, which
/// Bedrock counts apart.
///
/// Credentials that cannot be found are `ErrorKind::kCredential` with no HTTP status. An exception
/// inside a stream has its name as `provider_code`; its kind is that of the same error answer, and
/// `kStreamError` after the first token.
class BedrockProvider final : public HttpProvider {
 public:
  explicit BedrockProvider(BedrockOptions options, const Clock& clock = SystemClock::Instance());
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_BEDROCK_PROVIDER_H_
