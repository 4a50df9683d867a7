#include "llmload/service/bedrock_provider.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "llmload/core/deadline.h"
#include "llmload/core/environment.h"
#include "src/core/text/uri.h"
#include "src/service/http_api.h"
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

BedrockOptions Checked(BedrockOptions options) {
  CheckCredential("bearer_token", options.bearer_token);
  CheckHeaderValue("region", options.region);
  if (options.region.empty()) {
    throw ConfigurationError::Invalid("region", "", "a region, as in us-east-1");
  }
  if (options.bearer_token.empty() && !options.credentials) {
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

std::string BodyOf(const BedrockOptions& options, std::optional<wire::BedrockFamily> family,
                   const CompletionRequest& request) {
  std::string body;
  if (options.api == BedrockOptions::Api::kConverse) {
    wire::EncodeConverseRequest(request, body);
  } else if (family == wire::BedrockFamily::kAnthropic) {
    wire::EncodeAnthropicRequest(request, wire::AnthropicHost::kBedrock, body);
  } else {
    wire::EncodeTitanRequest(request, body);
  }
  return body;
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

using Decoder = std::variant<wire::ConverseAnswerDecoder, wire::InvokeModelAnswerDecoder>;

Decoder MakeDecoder(const BedrockOptions& options, std::optional<wire::BedrockFamily> family) {
  if (options.api == BedrockOptions::Api::kConverse) {
    return wire::ConverseAnswerDecoder(options.limits.event_bytes);
  }
  return wire::InvokeModelAnswerDecoder(*family, options.limits.event_bytes);
}

wire::AnswerDecoder& Base(Decoder& decoder) {
  return std::visit([](auto& held) -> wire::AnswerDecoder& { return held; }, decoder);
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

class BedrockApi final : public HttpProvider::Api {
 public:
  BedrockApi(BedrockOptions given, const Clock& clock)
      : Api({.name = given.name,
             .region = given.region,
             .credential = given.bearer_token.empty() ? given.credentials->Describe()
                                                      : given.bearer_token.Fingerprint()},
            BedrockEndpoint(given), given, clock),
        options_(std::move(given)) {}

  boost::asio::awaitable<Result<Completion>> Complete(std::shared_ptr<Api> self,
                                                      const CompletionRequest& request,
                                                      StreamObserver* observer) override;

 private:
  std::chrono::system_clock::time_point Now() const {
    return options_.wall_clock ? options_.wall_clock() : std::chrono::system_clock::now();
  }
  std::chrono::sys_seconds SigningTime() const {
    return std::chrono::floor<std::chrono::seconds>(Now()) +
           std::chrono::seconds(clock_offset_.load(std::memory_order_relaxed));
  }

  // The signer of these credentials, kept as long as they are used because it keeps the derived
  // key.
  std::shared_ptr<wire::SigV4Signer> SignerFor(const AwsCredentials& credentials) {
    const std::lock_guard lock(mutex_);
    if (!signer_ || signer_key_id_ != credentials.access_key_id ||
        signer_secret_.Reveal() != credentials.secret_access_key.Reveal()) {
      signer_ = std::make_shared<wire::SigV4Signer>(credentials.access_key_id,
                                                    credentials.secret_access_key, options_.region,
                                                    std::string(kService));
      signer_key_id_ = credentials.access_key_id;
      signer_secret_ = credentials.secret_access_key;
    }
    return signer_;
  }

  Secret BearerHead(std::string_view path) const {
    RequestHead head(caller().url(), path, kAccept);
    head.AddSecret("Authorization", "Bearer ", options_.bearer_token);
    return head.Take();
  }

  Secret SignedHead(std::string_view path, std::string_view body, const AwsCredentials& credentials,
                    std::chrono::sys_seconds time) {
    const std::string amz_date = wire::AmzDate(time);
    const std::string target = caller().url().path + std::string(path);
    std::vector<wire::HeaderField> fields = {{"content-type", "application/json"},
                                             {"host", caller().url().authority},
                                             {"x-amz-date", amz_date}};
    if (!credentials.session_token.empty()) {
      fields.push_back({"x-amz-security-token", credentials.session_token.Reveal()});
    }
    const std::string authorization =
        SignerFor(credentials)
            ->Authorization({.method = "POST", .target = target, .headers = fields, .body = body},
                            time);
    RequestHead head(caller().url(), path, kAccept);
    head.Add("X-Amz-Date", amz_date);
    if (!credentials.session_token.empty()) {
      head.AddSecret("X-Amz-Security-Token", "", credentials.session_token);
    }
    head.Add("Authorization", authorization);
    return head.Take();
  }

  // True if the answer shows that `signed_at` was wrong; the clock is then corrected.
  bool CorrectClock(const HttpCaller::Answer& answer, std::chrono::sys_seconds signed_at) {
    if (!options_.correct_clock_skew || !answer.server_time ||
        !MayBeClockError(answer.completion.error()) ||
        std::chrono::abs(*answer.server_time - signed_at) < kMinSkew) {
      return false;
    }
    const std::chrono::seconds ahead =
        *answer.server_time - std::chrono::floor<std::chrono::seconds>(Now());
    clock_offset_.store(ahead.count(), std::memory_order_relaxed);
    return true;
  }

  // Credentials may have to be fetched: a call waits for them no longer than its deadline.
  boost::asio::awaitable<Result<AwsCredentials>> GetCredentials(const CompletionRequest& request,
                                                                TimePoint started) {
    if (auto ready = options_.credentials->TryGet()) co_return *std::move(ready);
    TimePoint deadline = started + caller().options().timeouts.total;
    if (request.deadline) deadline = std::min(deadline, *request.deadline);
    const Duration left = deadline - caller().clock().Now();
    // Fetches take real time.
    SystemClock& clock = SystemClock::Instance();
    auto credentials =
        co_await RunUntilDeadline(clock, clock.Now() + left, options_.credentials->Get());
    if (credentials) co_return *std::move(credentials);
    Error late;
    late.kind = ErrorKind::kTotalTimeout;
    late.message = "the deadline passed while AWS credentials were fetched: " +
                   options_.credentials->Describe();
    co_return late;
  }

  // The error of a call that sent nothing.
  Result<Completion> NotSent(Error error, std::string_view model, TimePoint started) const {
    error.provider = options_.name;
    error.attempts.push_back({.provider = options_.name,
                              .region = options_.region,
                              .model = std::string(model),
                              .error = error.kind,
                              .started = started,
                              .finished = caller().clock().Now(),
                              .output_tokens = 0});
    return error;
  }

  const BedrockOptions options_;
  std::atomic<std::int64_t> clock_offset_{0};  // seconds the service is ahead
  std::mutex mutex_;
  std::shared_ptr<wire::SigV4Signer> signer_;  // guarded by mutex, as is:
  std::string signer_key_id_;
  Secret signer_secret_;
};

boost::asio::awaitable<Result<Completion>> BedrockApi::Complete(std::shared_ptr<Api>,
                                                                const CompletionRequest& request,
                                                                StreamObserver* observer) {
  const TimePoint started = caller().clock().Now();
  if (request.model.empty()) {
    Error nameless;
    nameless.kind = ErrorKind::kInvalidRequest;
    nameless.message = "model: got \"\", expected a model id, an inference profile id or an ARN";
    co_return NotSent(std::move(nameless), request.model, started);
  }
  std::optional<wire::BedrockFamily> family;
  if (options_.api == BedrockOptions::Api::kInvokeModel) {
    family = FamilyOf(options_, request.model);
    if (!family) {
      Error unknown;
      unknown.kind = ErrorKind::kInvalidRequest;
      unknown.message = "model: got \"" + request.model +
                        "\", expected one with anthropic. or amazon.titan-text in its id, whose "
                        "bodies InvokeModel is known to take here; for others use Converse, or say "
                        "whose body it is";
      co_return NotSent(std::move(unknown), request.model, started);
    }
  }
  const std::string path = PathOf(options_, request);
  const std::string body = BodyOf(options_, family, request);
  std::vector<Attempt> earlier;
  while (true) {
    std::array<Secret, 2> secrets;
    Secret head;
    std::chrono::sys_seconds signed_at{};
    if (options_.bearer_token.empty()) {
      auto credentials = co_await GetCredentials(request, started);
      if (credentials.has_error()) {
        co_return NotSent(std::move(credentials).error(), request.model, started);
      }
      signed_at = SigningTime();
      head = SignedHead(path, body, *credentials, signed_at);
      secrets = {credentials->secret_access_key, credentials->session_token};
    } else {
      head = BearerHead(path);
      secrets = {options_.bearer_token, Secret()};
    }
    Decoder decoder = MakeDecoder(options_, family);
    HttpCaller::Answer answer = co_await caller().Send({.request = request,
                                                        .head_fields = head.Reveal(),
                                                        .body = body,
                                                        .secrets = secrets,
                                                        .decoder = Base(decoder),
                                                        .observer = observer,
                                                        .started = started});
    const bool is_signed = options_.bearer_token.empty();
    if (is_signed && answer.completion.has_error()) {
      if (IsOutOfDate(answer.completion.error())) options_.credentials->Invalidate();
      if (earlier.empty() && CorrectClock(answer, signed_at)) {
        earlier = std::move(answer.completion).error().attempts;
        continue;
      }
    }
    if (!earlier.empty()) {
      if (answer.completion.has_value()) {
        auto& attempts = answer.completion->attempts;
        attempts.insert(attempts.begin(), earlier.begin(), earlier.end());
      } else {
        Error error = std::move(answer.completion).error();
        error.attempts.insert(error.attempts.begin(), earlier.begin(), earlier.end());
        answer.completion = std::move(error);
      }
    }
    co_return std::move(answer.completion);
  }
}

}  // namespace

BedrockProvider::BedrockProvider(BedrockOptions options, const Clock& clock)
    : HttpProvider(std::make_shared<BedrockApi>(Checked(std::move(options)), clock)) {}

}  // namespace llmload
