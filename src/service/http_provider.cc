#include "llmload/service/http_provider.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/service/answer_sink.h"
#include "src/service/http_service.h"
#include "src/service/http_settings.h"

namespace llmload {
namespace {

ProviderIdentity Checked(ProviderIdentity identity) {
  if (identity.name.empty()) {
    throw ConfigurationError::Invalid("name", identity.name, "a name that is not empty");
  }
  return identity;
}

HttpOptions Checked(HttpOptions options) {
  CheckHttpOptions(options);
  return options;
}

// Makes the outcome of the last sending that of the call, which may have been sent before.
void AsOfCall(Result<Completion>& outcome, const std::string& provider,
              std::vector<Attempt> attempts) {
  if (outcome.has_value()) {
    outcome->provider = provider;
    outcome->attempts = std::move(attempts);
    return;
  }
  Error error = std::move(outcome).error();
  error.provider = provider;
  error.attempts = std::move(attempts);
  outcome = std::move(error);
}

}  // namespace

HttpProvider::Service::Service(ProviderIdentity its_identity, const std::string& base_url,
                               HttpOptions its_options, const Clock& its_clock,
                               const MakeDialect& make_dialect)
    : identity(Checked(std::move(its_identity))),
      options(Checked(std::move(its_options))),
      clock(its_clock),
      endpoint(MakeEndpoint(base_url, options)),
      client({.endpoint = endpoint,
              .pool = {.max_idle_connections =
                           options.reuse_connections ? options.max_idle_connections : 0,
                       .max_idle_time = options.max_idle_time},
              .max_connections = options.max_connections,
              .max_header_bytes = options.limits.header_bytes},
             clock),
      dialect(make_dialect(endpoint.url)) {}

boost::asio::awaitable<Result<Completion>> HttpProvider::Service::Complete(
    std::shared_ptr<Service> self, const CompletionRequest& request, StreamObserver* observer) {
  const Service& service = *self;
  Dialect& dialect = *service.dialect;
  TimePoint started = service.clock.Now();
  TimePoint deadline = started + service.options.timeouts.total;
  if (request.deadline) deadline = std::min(deadline, *request.deadline);

  std::vector<Attempt> attempts;
  std::string body;
  std::optional<Error> not_sent = dialect.Encode(request, body);
  while (true) {
    const Dialect::Head* head = dialect.CommonHead();
    Dialect::Head own_head;
    if (head == nullptr && !not_sent) {
      Result<Dialect::Head> made = co_await dialect.MakeHead(request, body, deadline);
      if (made.has_value()) {
        own_head = *std::move(made);
        head = &own_head;
      } else {
        not_sent = std::move(made).error();
      }
    }
    Attempt& attempt = attempts.emplace_back(Attempt{.provider = service.identity.name,
                                                     .region = service.identity.region,
                                                     .model = request.model,
                                                     .started = started});
    if (not_sent) {
      attempt.error = not_sent->kind;
      attempt.finished = service.clock.Now();
      Result<Completion> refused = *std::move(not_sent);
      AsOfCall(refused, service.identity.name, std::move(attempts));
      co_return refused;
    }

    const auto decoder = dialect.MakeDecoder(request, service.options.limits.event_bytes);
    AnswerSink sink(request.stream, service.options.limits, head->redact, *decoder, observer);
    net::ExchangeTimeouts timeouts = ToExchangeTimeouts(service.options.timeouts, request.stream);
    timeouts.total = deadline - started;
    net::Exchange exchange;
    if (timeouts.total > Duration::zero()) {
      exchange = co_await self->client.Send(head->fields.Reveal(), body, timeouts, sink);
    } else {
      exchange.failure = net::Failure{ErrorKind::kTotalTimeout,
                                      "the deadline had passed before the request was sent"};
    }
    Result<Completion> outcome = sink.Finish(exchange);
    attempt.finished = started = service.clock.Now();
    attempt.output_tokens = sink.output_tokens();
    bool again = false;
    if (outcome.has_error()) {
      attempt.error = outcome.error().kind;
      again =
          dialect.IsHeadAtFault(*head, outcome.error(), sink.server_time()) && attempts.size() == 1;
    }
    if (!again) {
      AsOfCall(outcome, service.identity.name, std::move(attempts));
      co_return outcome;
    }
  }
}

HttpProvider::HttpProvider(std::shared_ptr<Service> service) : service_(std::move(service)) {}

HttpProvider::~HttpProvider() = default;

const ProviderIdentity& HttpProvider::Identity() const noexcept { return service_->identity; }

boost::asio::awaitable<Result<Completion>> HttpProvider::Complete(const CompletionRequest& request,
                                                                  StreamObserver* observer) {
  return Service::Complete(service_, request, observer);
}

ConnectionCounters HttpProvider::Connections() const { return service_->client.Connections(); }

ProviderSettings HttpProvider::Settings() const {
  return {.longest_call = service_->options.timeouts.total,
          .details = DescribeHttpOptions(service_->options)};
}

std::optional<std::string> HttpProvider::AdaptTo(const Error& refusal) {
  return service_->dialect->AdaptTo(refusal);
}

}  // namespace llmload
