#include "llmload/simulation/simulated_provider.h"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <utility>

#include "src/core/text/echo_code.h"
#include "src/simulation/fault_plan.h"

namespace llmload::simulation {

namespace asio = boost::asio;

namespace {

// A simulated service has one path, so that nothing but a model can be missing.
ErrorKind KindOfStatus(int status) {
  return status == 404 ? ErrorKind::kModelUnavailable : KindOfHttpStatus(status);
}

constexpr std::string_view kToken = "word ";

}  // namespace

// One request on its way through the provider.
struct SimulatedProvider::Call {
  Call(SimulatedProvider& owner, const CompletionRequest& asked, StreamObserver* listener,
       std::size_t arrival, AnswerPlan answer)
      : provider(owner), request(asked), observer(listener), number(arrival), plan(answer) {
    ++provider.in_flight_;
    provider.peak_in_flight_ = std::max(provider.peak_in_flight_, provider.in_flight_);
    if (request.messages.empty()) return;
    const std::string_view code = text::EchoCodeAtEnd(request.messages.back().content);
    if (!code.empty()) first_token = {code.data(), code.size() + 1};  // with its full stop
  }
  ~Call() { --provider.in_flight_; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  SimulatedProvider& provider;
  const CompletionRequest& request;
  StreamObserver* const observer;
  const std::size_t number;
  AnswerPlan plan;
  TimePoint started{};
  TimePoint total_deadline{};
  TimePoint due{};  // of the next token, or of the last one if all are out
  Duration extra_latency{};
  Timings timings;
  std::string_view first_token = kToken;  // or the code that the prompt asks for
  std::string text;
  int tokens = 0;
};

// When the client gives up waiting for what comes next.
struct SimulatedProvider::Deadline {
  TimePoint at{};
  ErrorKind kind = ErrorKind::kTotalTimeout;
};

SimulatedProvider::SimulatedProvider(SimulationOptions options, Clock& clock)
    : options_(std::move(options)), clock_(clock), origin_(clock.Now()) {
  for (const Fault& fault : options_.faults) Validate(fault, FaultSide::kSimulatedProvider);
}

asio::awaitable<Result<Completion>> SimulatedProvider::Complete(const CompletionRequest& request,
                                                                StreamObserver* observer) {
  const std::size_t number = arrivals_.size();
  arrivals_.push_back({.at = clock_.Now()});
  const auto by_model = options_.latency_by_model.find(request.model);
  const LatencyModel& latency =
      by_model != options_.latency_by_model.end() ? by_model->second : options_.latency;
  Call call(*this, request, observer, number,
            AnswerPlan(latency, options_.seed, number, request.max_tokens));
  call.started = clock_.Now();
  call.timings.sent = call.started;
  call.total_deadline = call.started + options_.total_timeout;
  if (request.deadline) call.total_deadline = std::min(call.total_deadline, *request.deadline);
  if (options_.log != nullptr) {
    options_.log->Add(options_.identity.name + " arrival " + std::to_string(number));
  }
  Result<Completion> outcome = co_await Answer(call);
  arrivals_[number].failed = outcome.has_error();
  if (options_.log != nullptr) {
    options_.log->Add(options_.identity.name + " end " + std::to_string(number) + " " +
                      (outcome ? "ok" : std::string(ToString(outcome.error().kind))));
  }
  co_return outcome;
}

asio::awaitable<Result<Completion>> SimulatedProvider::Answer(Call& call) {
  call.due = call.started + call.plan.ttft();
  if (!options_.faults.empty()) {
    const FaultPlan plan = PlanFaults(options_.faults, options_.seed,
                                      {.index = call.number + 1,
                                       .number = call.number + 1,
                                       .elapsed = call.started - origin_,
                                       .model = call.request.model,
                                       .stream = call.request.stream});
    call.extra_latency = plan.extra_latency;
    call.due += plan.extra_latency;
    if (plan.fault != nullptr && plan.fault->kind == FaultKind::kSlowFirstToken) {
      call.due += plan.fault->delay;
    } else if (plan.fault != nullptr) {
      co_return co_await AnswerFault(call, *plan.fault);
    }
  }
  if (options_.capacity != 0 && in_flight_ > options_.capacity) {
    Error overloaded{
        .kind = ErrorKind::kOverloaded, .message = "over capacity", .http_status = 503};
    co_return co_await FailAt(call, call.started + options_.round_trip, std::move(overloaded));
  }
  auto failed = co_await PlayTokens(call, call.plan.tokens());
  if (failed) co_return std::move(*failed);
  co_return Success(call);
}

asio::awaitable<Result<Completion>> SimulatedProvider::AnswerFault(Call& call, const Fault& fault) {
  Error error;
  TimePoint at = call.started + call.extra_latency + options_.round_trip;
  switch (fault.kind) {
    case FaultKind::kConnectionRefused:
      error.kind = ErrorKind::kConnectFailure;
      error.message = "connection refused";
      break;
    case FaultKind::kReset:
      error.kind = ErrorKind::kConnectionReset;
      error.message = "connection reset by peer";
      break;
    case FaultKind::kHttpError:
      error.kind = KindOfStatus(fault.status);
      error.message = "scripted fault";
      error.http_status = fault.status;
      error.provider_code = fault.code;
      error.retry_after = fault.retry_after;
      break;
    case FaultKind::kNeverReturns:
      error.kind = ErrorKind::kTotalTimeout;
      error.message = "the end of time";
      at = TimePoint::max();
      break;
    case FaultKind::kHang:
      co_return co_await TimeOut(call, EndOfPatience(call));
    default:
      co_return co_await AnswerMidStreamFault(call, fault);
  }
  co_return co_await FailAt(call, at, std::move(error));
}

asio::awaitable<Result<Completion>> SimulatedProvider::AnswerMidStreamFault(Call& call,
                                                                            const Fault& fault) {
  const int tokens = call.plan.tokens();
  auto failed = co_await PlayTokens(
      call, call.request.stream ? std::min(fault.after_tokens, tokens) : tokens);
  if (failed) co_return std::move(*failed);
  const Deadline deadline = EndOfPatience(call);
  if (fault.kind == FaultKind::kStall) {
    if (fault.delay == Duration::zero() || call.due + fault.delay > deadline.at) {
      co_return co_await TimeOut(call, deadline);
    }
    call.due += fault.delay;
    failed = co_await PlayTokens(call, tokens);
    if (failed) co_return std::move(*failed);
    co_await clock_.SleepUntil(call.due);
    co_return Success(call);
  }
  if (call.due > deadline.at) co_return co_await TimeOut(call, deadline);
  Error error;
  if (fault.kind == FaultKind::kErrorEvent) {
    const bool interrupted = call.request.stream && call.tokens > 0;
    error.kind = interrupted ? ErrorKind::kStreamError : ErrorKind::kServerError;
    error.message = "error event in the stream";
    error.http_status = 200;
    error.provider_code = fault.code;
  } else if (fault.kind == FaultKind::kMalformedJson) {
    error.kind = ErrorKind::kMalformedResponse;
    error.message = "answer is not JSON";
  } else {
    const bool reset = fault.cut_mode == CutMode::kReset;
    error.kind = reset ? ErrorKind::kConnectionReset : ErrorKind::kTruncatedStream;
    error.message = reset ? "connection reset by peer" : "connection closed in the stream";
  }
  co_return co_await FailAt(call, call.due, std::move(error));
}

// Waits for the first `count` tokens and hands out those that are not out yet. An error: a deadline
// came first.
asio::awaitable<std::optional<Error>> SimulatedProvider::PlayTokens(Call& call, int count) {
  if (call.tokens == 0 && count > 0) {
    const Deadline deadline = EndOfPatience(call);
    if (call.due > deadline.at) co_return co_await TimeOut(call, deadline);
  }
  const int all = call.plan.tokens();
  const bool watched = call.observer != nullptr && call.request.stream;
  while (call.tokens < count) {
    const TimePoint at = call.due;
    if (at > call.total_deadline) {
      co_return co_await TimeOut(call, {.at = call.total_deadline});
    }
    // If no observer needs tokens in time, one sleep for the whole answer gives the same instants.
    const bool in_time = watched && call.observer->NeedsEventsInTime();
    if (in_time || call.tokens + 1 == count) co_await clock_.SleepUntil(at);
    if (call.request.stream) {
      if (call.tokens == 0) call.timings.first_token = call.timings.first_output_token = at;
      call.timings.last_token = at;
    }
    if (call.tokens == 0) call.timings.first_byte = at;
    const std::string_view token = call.tokens == 0 ? call.first_token : kToken;
    call.text += token;
    ++call.tokens;
    if (watched) call.observer->OnToken({.text = token, .at = at});
    if (call.tokens < all) call.due += call.plan.NextGap();
  }
  co_return std::nullopt;
}

// When the client gives up on a silence that starts now, before the first token or after the
// latest.
SimulatedProvider::Deadline SimulatedProvider::EndOfPatience(const Call& call) const {
  const Deadline next =
      call.tokens == 0
          ? Deadline{call.started + options_.first_token_timeout, ErrorKind::kFirstTokenTimeout}
          : Deadline{clock_.Now() + options_.idle_timeout, ErrorKind::kIdleTimeout};
  return next.at <= call.total_deadline ? next : Deadline{call.total_deadline};
}

asio::awaitable<Error> SimulatedProvider::TimeOut(Call& call, Deadline deadline) {
  Error error;
  error.kind = deadline.kind;
  error.message = call.tokens == 0 ? "no answer" : "stream went silent";
  if (deadline.kind == ErrorKind::kTotalTimeout) error.message = "deadline of the call";
  co_return co_await FailAt(call, deadline.at, std::move(error));
}

// Waits until `at` and completes `error` with what the call has come to by then.
asio::awaitable<Error> SimulatedProvider::FailAt(Call& call, TimePoint at, Error error) {
  co_await clock_.SleepUntil(at);
  error.provider = options_.identity.name;
  error.after_first_token = call.request.stream && call.tokens > 0;
  if (error.after_first_token) {
    error.partial_text = call.text;
    error.partial_tokens = call.tokens;
  }
  error.attempts.push_back(Attempt{.provider = options_.identity.name,
                                   .region = options_.identity.region,
                                   .model = call.request.model,
                                   .error = error.kind,
                                   .started = call.started,
                                   .finished = clock_.Now(),
                                   .output_tokens = call.tokens});
  co_return error;
}

Result<Completion> SimulatedProvider::Success(Call& call) {
  const TimePoint now = clock_.Now();
  call.timings.completed = now;
  Completion completion;
  completion.text = std::move(call.text);
  completion.finish_reason = call.plan.cut() ? "length" : "stop";
  completion.model = call.request.model;
  completion.provider = options_.identity.name;
  for (const Message& message : call.request.messages) {
    completion.usage.input += static_cast<std::int64_t>(message.content.size() + 3) / 4;
  }
  completion.usage.output = call.tokens;
  completion.token_events = call.request.stream ? call.tokens : 0;
  completion.timings = call.timings;
  completion.attempts.push_back(Attempt{.provider = options_.identity.name,
                                        .region = options_.identity.region,
                                        .model = call.request.model,
                                        .error = std::nullopt,
                                        .started = call.started,
                                        .finished = now,
                                        .output_tokens = call.tokens});
  return completion;
}

}  // namespace llmload::simulation
