#include "llmload/provider/openai_provider.h"

#include <algorithm>
#include <utility>

#include "llmload/core/environment.h"
#include "src/net/http_client.h"
#include "src/provider/http_settings.h"
#include "src/provider/openai_response.h"
#include "src/wire/openai_codec.h"

namespace llmload {
namespace {

// The key is in here, so it is kept as it is.
Secret HeadFields(const OpenAiOptions& options, const net::Url& url) {
  std::string fields = "POST " + url.path + "/chat/completions HTTP/1.1\r\n";
  const auto add = [&fields](std::string_view name, std::string_view value) {
    fields.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", url.authority);
  add("User-Agent", "llmload");
  add("Accept", "application/json, text/event-stream");
  add("Accept-Encoding", "identity");
  add("Content-Type", "application/json");
  if (!options.organization.empty()) add("OpenAI-Organization", options.organization);
  if (!options.project.empty()) add("OpenAI-Project", options.project);
  if (!options.api_key.empty()) {
    // Room for all of it beforehand: growing would leave copies of the key behind.
    fields.reserve(fields.size() + options.api_key.Reveal().size() + 32);
    fields.append("Authorization: Bearer ").append(options.api_key.Reveal()).append("\r\n");
  }
  return Secret(std::move(fields));
}

OpenAiOptions Checked(OpenAiOptions options) {
  if (options.name.empty()) {
    throw ConfigurationError::Invalid("name", options.name, "a name that is not empty");
  }
  CheckHeaderValue("organization", options.organization);
  CheckHeaderValue("project", options.project);
  CheckCredential("api_key", options.api_key);
  CheckTimeouts(options.timeouts);
  CheckLimits(options.limits);
  CheckNotNegative("max_idle_time", options.max_idle_time);
  CheckNotNegative("dns_ttl", options.dns_ttl);
  return options;
}

}  // namespace

struct OpenAiProvider::Impl {
  Impl(OpenAiOptions opts, const Clock& its_clock)
      : options(Checked(std::move(opts))),
        clock(its_clock),
        endpoint(MakeEndpoint({.base_url = options.base_url,
                               .ca_file = options.ca_file,
                               .ca_pem = options.ca_pem,
                               .allow_clear_text = options.allow_clear_text,
                               .dns_ttl = options.dns_ttl})),
        head_fields(HeadFields(options, endpoint.url)),
        client({.endpoint = endpoint,
                .pool = {.max_idle_connections = options.max_idle_connections,
                         .max_idle_time = options.max_idle_time},
                .max_header_bytes = options.limits.header_bytes},
               clock) {
    identity.name = options.name;
    identity.credential = options.api_key.Fingerprint();
  }

  const OpenAiOptions options;
  const Clock& clock;
  const net::Endpoint endpoint;
  const Secret head_fields;
  ProviderIdentity identity;
  mutable net::HttpClient client;  // thread-safe
};

OpenAiProvider::OpenAiProvider(OpenAiOptions options, const Clock& clock)
    : impl_(std::make_shared<const Impl>(std::move(options), clock)) {}

OpenAiProvider::~OpenAiProvider() = default;

const ProviderIdentity& OpenAiProvider::Identity() const noexcept { return impl_->identity; }

boost::asio::awaitable<Result<Completion>> OpenAiProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  return Run(impl_, request, observer);
}

boost::asio::awaitable<Result<Completion>> OpenAiProvider::Run(std::shared_ptr<const Impl> impl,
                                                               const CompletionRequest& request,
                                                               StreamObserver* observer) {
  const OpenAiOptions& options = impl->options;
  Attempt attempt;
  attempt.provider = options.name;
  attempt.started = impl->clock.Now();

  net::ExchangeTimeouts timeouts = ToExchangeTimeouts(options.timeouts);
  if (request.deadline) {
    timeouts.total = std::min(timeouts.total, *request.deadline - attempt.started);
  }
  OpenAiResponse response(request.stream, options.limits, options.api_key, observer);
  net::Exchange exchange;
  if (timeouts.total > Duration::zero()) {
    std::string body;
    wire::EncodeOpenAiRequest(
        request,
        {.max_completion_tokens =
             options.max_tokens_field == OpenAiOptions::MaxTokensField::kMaxCompletionTokens,
         .include_usage = options.include_usage},
        body);
    exchange = co_await impl->client.Post(impl->head_fields.Reveal(), body, timeouts, response);
  } else {
    exchange.failure = net::Failure{ErrorKind::kTotalTimeout,
                                    "the deadline had passed before the request was sent"};
  }

  Result<Completion> result = response.Finish(exchange);
  attempt.finished = impl->clock.Now();
  attempt.output_tokens = response.output_tokens();
  if (result.has_value()) {
    result->provider = options.name;
    result->attempts.push_back(std::move(attempt));
  } else {
    Error error = std::move(result).error();
    attempt.error = error.kind;
    error.provider = options.name;
    error.attempts.push_back(std::move(attempt));
    result = std::move(error);
  }
  co_return result;
}

}  // namespace llmload
