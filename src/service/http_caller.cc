#include "src/service/http_caller.h"

#include <algorithm>
#include <utility>

#include "llmload/core/environment.h"
#include "src/service/answer_sink.h"
#include "src/service/http_settings.h"

namespace llmload {
namespace {

std::string CheckedName(std::string name) {
  if (name.empty()) throw ConfigurationError::Invalid("name", name, "a name that is not empty");
  return name;
}

HttpOptions Checked(HttpOptions options) {
  CheckTimeouts(options.timeouts);
  CheckLimits(options.limits);
  CheckNotNegative("max_idle_time", options.max_idle_time);
  CheckNotNegative("dns_ttl", options.dns_ttl);
  return options;
}

}  // namespace

HttpCaller::HttpCaller(std::string name, const std::string& base_url, HttpOptions options,
                       const Clock& clock, std::string region)
    : name_(CheckedName(std::move(name))),
      region_(std::move(region)),
      options_(Checked(std::move(options))),
      clock_(clock),
      endpoint_(MakeEndpoint(base_url, options_)),
      client_({.endpoint = endpoint_,
               .pool = {.max_idle_connections = options_.max_idle_connections,
                        .max_idle_time = options_.max_idle_time},
               .max_header_bytes = options_.limits.header_bytes},
              clock) {}

boost::asio::awaitable<HttpCaller::Answer> HttpCaller::Send(Call call) const {
  Attempt attempt;
  attempt.provider = name_;
  attempt.region = region_;
  attempt.model = call.request.model;
  attempt.started = clock_.Now();

  net::ExchangeTimeouts timeouts = ToExchangeTimeouts(options_.timeouts);
  timeouts.total -= attempt.started - call.started;
  if (call.request.deadline) {
    timeouts.total = std::min(timeouts.total, *call.request.deadline - attempt.started);
  }
  AnswerSink sink(call.request.stream, options_.limits, call.secrets, call.decoder, call.observer);
  net::Exchange exchange;
  if (timeouts.total > Duration::zero()) {
    exchange = co_await client_.Send(call.head_fields, call.body, timeouts, sink);
  } else {
    exchange.failure = net::Failure{ErrorKind::kTotalTimeout,
                                    "the deadline had passed before the request was sent"};
  }

  Answer answer{.completion = sink.Finish(exchange), .server_time = sink.server_time()};
  attempt.finished = clock_.Now();
  attempt.output_tokens = sink.output_tokens();
  if (answer.completion.has_value()) {
    answer.completion->provider = name_;
    answer.completion->attempts.push_back(std::move(attempt));
  } else {
    Error error = std::move(answer.completion).error();
    attempt.error = error.kind;
    error.provider = name_;
    error.attempts.push_back(std::move(attempt));
    answer.completion = std::move(error);
  }
  co_return answer;
}

}  // namespace llmload
