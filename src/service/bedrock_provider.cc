#include "llmload/service/bedrock_provider.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/deadline.h"
#include "llmload/core/environment.h"
#include "src/core/text/uri.h"
#include "src/service/body_extras.h"
#include "src/service/extra_headers.h"
#include "src/service/http_service.h"
#include "src/service/http_settings.h"
#include "src/service/request_head.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/sigv4.h"

namespace llmload {
namespace {

constexpr std::string_view kService =
    "bedrock";  // the name in signatures, which is not that of the host
constexpr std::string_view kAccept = "application/json, application/vnd.amazon.eventstream";
constexpr std::chrono::seconds kMinSkew{240};

// Whether requests are signed, instead of sent with a credential in a header field.
bool Signs(const BedrockOptions& options) {
  return options.bearer_token.empty() && FindCredential(options.http.headers) == nullptr;
}

BedrockOptions Checked(BedrockOptions options) {
  CheckNoPath(options.http,
              "none, because Bedrock has model and operation in its path, which is signed");
  for (const char* name : {"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}) {
    if (FindHeader(options.http.headers, name) != nullptr) {
      throw ConfigurationError::Invalid("headers", name,
                                        "names that are not part of the signature of AWS");
    }
  }
  CheckCredential("bearer_token", options.bearer_token);
  CheckHeaderValue("region", options.region);
  if (options.region.empty()) {
    throw ConfigurationError::Invalid("region", "", "a region, as in us-east-1");
  }
  if (Signs(options) && !options.credentials) {
    throw ConfigurationError::Invalid("credentials", "none", "a source, or a bearer_token");
  }
  return options;
}

std::optional<wire::BedrockFamily> FamilyOf(const BedrockOptions& options, std::string_view model) {
  switch (options.family) {
    case BedrockOptions::Family::kAnthropic:
      return wire::BedrockFamily::kAnthropic;
    case BedrockOptions::Family::kTitan:
      return wire::BedrockFamily::kTitan;
    case BedrockOptions::Family::kFromModel:
      break;
  }
  if (model.find("anthropic.") != std::string_view::npos) return wire::BedrockFamily::kAnthropic;
  if (model.find("amazon.titan-text") != std::string_view::npos) {
    return wire::BedrockFamily::kTitan;
  }
  return {};
}

std::string PathOf(const BedrockOptions& options, const CompletionRequest& request) {
  std::string path = "/model/";
  text::AppendUriEncoded(request.model, true, path);
  if (options.api == BedrockOptions::Api::kConverse) {
    path.append(request.stream ? "/converse-stream" : "/converse");
  } else {
    path.append(request.stream ? "/invoke-with-response-stream" : "/invoke");
  }
  return path;
}

// Refusals that a wrong clock may have caused.
bool MayBeClockError(const Error& error) {
  constexpr std::array<std::string_view, 7> kNames = {
      "RequestTimeTooSkewed",      "RequestExpired",        "RequestInTheFuture",
      "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure",
      "AccessDeniedException"};
  return std::find(kNames.begin(), kNames.end(), error.provider_code) != kNames.end();
}

// Refusals that other credentials may remedy.
bool IsOutOfDate(const Error& error) {
  return error.provider_code == "ExpiredTokenException" || error.provider_code == "ExpiredToken" ||
         error.provider_code == "UnrecognizedClientException";
}

}  // namespace

std::string BedrockEndpoint(const BedrockOptions& options) {
  if (!options.endpoint.empty()) {
    if (options.fips || options.dual_stack) {
      throw ConfigurationError::Invalid("endpoint", options.endpoint,
                                        "none, together with fips or dual_stack");
    }
    return options.endpoint;
  }
  const bool plain = std::all_of(options.region.begin(), options.region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (options.region.empty() || !plain) {
    throw ConfigurationError::Invalid("region", options.region, "a region, as in us-east-1");
  }
  const bool china = options.region.starts_with("cn-");
  std::string suffix = china ? "amazonaws.com.cn" : "amazonaws.com";
  if (options.dual_stack) suffix = china ? "api.amazonwebservices.com.cn" : "api.aws";
  return std::string("https://bedrock-runtime") + (options.fips ? "-fips." : ".") + options.region +
         "." + suffix;
}

namespace {

class BedrockDialect final : public Dialect {
 public:
  BedrockDialect(BedrockOptions options, const Clock& clock, net::Url base)
      : options_(std::move(options)),
        clock_(clock),
        base_(std::move(base)),
        converse_(options_.http, wire::kConverseBody),
        anthropic_(options_.http, wire::kAnthropicBody),
        titan_(options_.http, wire::kTitanBody),
        redact_bearer_(RedactorOf(options_.http, {options_.bearer_token})) {}

  std::optional<Error> Encode(const CompletionRequest& request, std::string& body) const override;
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(const CompletionRequest& request,
                                                   std::size_t max_event_bytes) const override;
  // The model is in the path.
  const Head* CommonHead() const override { return nullptr; }
  boost::asio::awaitable<Result<Head>> MakeHead(const CompletionRequest& request,
                                                std::string_view body, TimePoint deadline) override;
  bool IsHeadAtFault(const Head& head, const Error& refusal,
                     std::optional<std::chrono::sys_seconds> server_time) override;
  std::optional<std::string> AdaptTo(const Error&) override { return {}; }

 private:
  // What belongs to one set of credentials.
  struct Signing {
    std::string key_id;
    Secret secret;
    Secret token;
    std::unique_ptr<wire::SigV4Signer> signer;  // keeps the derived key
    Redactor redact;
  };

  std::chrono::system_clock::time_point Now() const {
    return options_.wall_clock ? options_.wall_clock() : std::chrono::system_clock::now();
  }
  boost::asio::awaitable<Result<AwsCredentials>> GetCredentials(TimePoint deadline);
  std::shared_ptr<const Signing> SigningWith(const AwsCredentials& credentials);
  Head BearerHead(std::string_view path) const;
  Head SignedHead(std::string_view path, std::string_view body, const AwsCredentials& credentials);

  const BedrockOptions options_;
  const Clock& clock_;
  const net::Url base_;
  const BodyExtras converse_;
  const BodyExtras anthropic_;
  const BodyExtras titan_;
  std::atomic<std::int64_t> clock_offset_{0};  // seconds the service is ahead
  std::mutex mutex_;
  std::shared_ptr<const Signing> signing_;  // guarded by mutex
  const Redactor redact_bearer_;
};

Error InvalidModel(std::string message) {
  Error error;
  error.kind = ErrorKind::kInvalidRequest;
  error.message = std::move(message);
  return error;
}

std::optional<Error> BedrockDialect::Encode(const CompletionRequest& request,
                                            std::string& body) const {
  if (request.model.empty()) {
    return InvalidModel("model: got \"\", expected a model id, an inference profile id or an ARN");
  }
  if (options_.api == BedrockOptions::Api::kConverse) {
    return converse_.Encoded(request, [&](const wire::ExtraBody* extra) {
      wire::EncodeConverseRequest(request, body, extra);
    });
  }
  const auto family = FamilyOf(options_, request.model);
  if (!family) {
    return InvalidModel("model: got \"" + request.model +
                        "\", expected one with anthropic. or amazon.titan-text in its id, whose "
                        "bodies InvokeModel is known to take here; for others use Converse, or say "
                        "whose body it is");
  }
  if (*family == wire::BedrockFamily::kTitan) {
    return titan_.Encoded(request, [&](const wire::ExtraBody* extra) {
      wire::EncodeTitanRequest(request, body, extra);
    });
  }
  return anthropic_.Encoded(request, [&](const wire::ExtraBody* extra) {
    wire::EncodeAnthropicRequest(request, wire::AnthropicHost::kBedrock, body, extra);
  });
}

std::unique_ptr<wire::AnswerDecoder> BedrockDialect::MakeDecoder(
    const CompletionRequest& request, std::size_t max_event_bytes) const {
  if (options_.api == BedrockOptions::Api::kConverse) {
    return std::make_unique<wire::ConverseAnswerDecoder>(max_event_bytes);
  }
  return std::make_unique<wire::InvokeModelAnswerDecoder>(*FamilyOf(options_, request.model),
                                                          max_event_bytes);
}

boost::asio::awaitable<Result<Dialect::Head>> BedrockDialect::MakeHead(
    const CompletionRequest& request, std::string_view body, TimePoint deadline) {
  const std::string path = PathOf(options_, request);
  if (!Signs(options_)) co_return BearerHead(path);
  const auto credentials = co_await GetCredentials(deadline);
  if (credentials.has_error()) co_return credentials.error();
  co_return SignedHead(path, body, *credentials);
}

// Credentials may have to be fetched: a call waits for them no longer than its deadline.
boost::asio::awaitable<Result<AwsCredentials>> BedrockDialect::GetCredentials(TimePoint deadline) {
  if (auto ready = options_.credentials->TryGet()) co_return *std::move(ready);
  const Duration left = deadline - clock_.Now();
  // Fetches take real time.
  SystemClock& clock = SystemClock::Instance();
  auto credentials =
      co_await RunUntilDeadline(clock, clock.Now() + left, options_.credentials->Get());
  if (credentials) co_return *std::move(credentials);
  Error late;
  late.kind = ErrorKind::kTotalTimeout;
  late.message =
      "the deadline passed while AWS credentials were fetched: " + options_.credentials->Describe();
  co_return late;
}

// What is derived from these credentials, kept as long as they are used because it takes long.
std::shared_ptr<const BedrockDialect::Signing> BedrockDialect::SigningWith(
    const AwsCredentials& credentials) {
  const std::lock_guard lock(mutex_);
  if (!signing_ || signing_->key_id != credentials.access_key_id ||
      signing_->secret.Reveal() != credentials.secret_access_key.Reveal() ||
      signing_->token.Reveal() != credentials.session_token.Reveal()) {
    signing_ = std::make_shared<const Signing>(Signing{
        .key_id = credentials.access_key_id,
        .secret = credentials.secret_access_key,
        .token = credentials.session_token,
        .signer = std::make_unique<wire::SigV4Signer>(credentials.access_key_id,
                                                      credentials.secret_access_key,
                                                      options_.region, std::string(kService)),
        .redact =
            RedactorOf(options_.http, {Secret(credentials.access_key_id),
                                       credentials.secret_access_key, credentials.session_token})});
  }
  return signing_;
}

Dialect::Head BedrockDialect::BearerHead(std::string_view path) const {
  RequestHead head(base_, options_.http, path, kAccept);
  head.AddCredential("Authorization", "Bearer ", options_.bearer_token);
  return {.fields = head.Take(), .redact = redact_bearer_};
}

Dialect::Head BedrockDialect::SignedHead(std::string_view path, std::string_view body,
                                         const AwsCredentials& credentials) {
  const std::chrono::sys_seconds time =
      std::chrono::floor<std::chrono::seconds>(Now()) +
      std::chrono::seconds(clock_offset_.load(std::memory_order_relaxed));
  const std::string amz_date = wire::AmzDate(time);
  const std::string target = base_.path + std::string(path);
  std::vector<wire::HeaderField> fields = {
      {"content-type", "application/json"}, {"host", base_.authority}, {"x-amz-date", amz_date}};
  if (!credentials.session_token.empty()) {
    fields.push_back({"x-amz-security-token", credentials.session_token.Reveal()});
  }
  const auto signing = SigningWith(credentials);
  const std::string authorization = signing->signer->Authorization(
      {.method = "POST", .target = target, .headers = fields, .body = body}, time);
  RequestHead head(base_, options_.http, path, kAccept);
  head.Add("X-Amz-Date", amz_date);
  head.AddCredential("X-Amz-Security-Token", "", credentials.session_token);
  head.Add("Authorization", authorization);
  return {.fields = head.Take(), .redact = signing->redact, .signed_at = time};
}

bool BedrockDialect::IsHeadAtFault(const Head& head, const Error& refusal,
                                   std::optional<std::chrono::sys_seconds> server_time) {
  if (!Signs(options_)) return false;
  if (IsOutOfDate(refusal)) options_.credentials->Invalidate();
  if (!options_.correct_clock_skew || !server_time || !MayBeClockError(refusal) ||
      std::chrono::abs(*server_time - head.signed_at) < kMinSkew) {
    return false;
  }
  const std::chrono::seconds ahead = *server_time - std::chrono::floor<std::chrono::seconds>(Now());
  clock_offset_.store(ahead.count(), std::memory_order_relaxed);
  return true;
}

std::shared_ptr<HttpProvider::Service> MakeBedrock(const BedrockOptions& options,
                                                   const Clock& clock) {
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name,
                       .region = options.region,
                       .credential = Signs(options)
                                         ? options.credentials->Describe()
                                         : CredentialLabel(options.http, options.bearer_token)},
      BedrockEndpoint(options), options.http, clock,
      [&](const net::Url& base) { return std::make_unique<BedrockDialect>(options, clock, base); });
}

}  // namespace

BedrockProvider::BedrockProvider(BedrockOptions options, const Clock& clock)
    : HttpProvider(MakeBedrock(Checked(std::move(options)), clock)) {}

}  // namespace llmload
