#include "llmload/simulation/simulated_provider.h"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <utility>

namespace llmload::mocks {

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
  Duration extra_latency{};
  Timings timings;
  std::string text;
  int tokens = 0;
};

SimulatedProvider::SimulatedProvider(SimulationOptions options, Clock& clock)
    : options_(std::move(options)), clock_(clock), origin_(clock.Now()) {}

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

const SimulatedFault* SimulatedProvider::ActiveFault(const std::string& model,
                                                     Random& random) const {
  const Duration now = clock_.Now() - origin_;
  for (const SimulatedFault& fault : options_.faults) {
    if (now < fault.from || now >= fault.to) continue;
    if (!fault.model.empty() && fault.model != model) continue;
    if (fault.period > Duration::zero() && (now - fault.from) % fault.period >= fault.active) {
      continue;
    }
    if (fault.probability < 1 && !random.Chance(fault.probability)) continue;
    return &fault;
  }
  return nullptr;
}

asio::awaitable<Result<Completion>> SimulatedProvider::Answer(Call& call) {
  // A stream of its own, apart from the latencies: a fault must not change what later answers take.
  Random random = Random::Stream(options_.seed ^ 0xFA017ULL, call.number);
  const SimulatedFault* const fault = ActiveFault(call.request.model, random);
  if (fault != nullptr && fault->kind == SimulatedFaultKind::kSlowFirstToken) {
    call.extra_latency = fault->extra_latency;
  } else if (fault != nullptr) {
    co_return co_await AnswerFault(call, *fault);
  }
  if (options_.capacity != 0 && in_flight_ > options_.capacity) {
    Error overloaded = MakeError(call, ErrorKind::kOverloaded, "over capacity");
    overloaded.http_status = 503;
    co_return co_await FailAt(call, call.started + options_.round_trip, std::move(overloaded));
  }
  auto failed = co_await PlayTokens(call, call.plan.tokens());
  if (failed) co_return std::move(*failed);
  co_return Success(call);
}

asio::awaitable<Result<Completion>> SimulatedProvider::AnswerFault(Call& call,
                                                                   const SimulatedFault& fault) {
  const TimePoint soon = call.started + options_.round_trip;
  switch (fault.kind) {
    case SimulatedFaultKind::kConnectionRefused:
      co_return co_await FailAt(call, soon,
                                MakeError(call, ErrorKind::kConnectFailure, "connection refused"));
    case SimulatedFaultKind::kConnectionReset:
      co_return co_await FailAt(
          call, soon, MakeError(call, ErrorKind::kConnectionReset, "connection reset by peer"));
    case SimulatedFaultKind::kHttpStatus: {
      Error error = MakeError(call, KindOfStatus(fault.status), "scripted fault");
      error.http_status = fault.status;
      error.retry_after = fault.retry_after;
      co_return co_await FailAt(call, soon, std::move(error));
    }
    case SimulatedFaultKind::kMalformedAnswer:
      co_return co_await FailAt(
          call, call.started + call.plan.ttft(),
          MakeError(call, ErrorKind::kMalformedResponse, "answer is not JSON"));
    case SimulatedFaultKind::kNeverReturns:
      co_await clock_.SleepUntil(TimePoint::max());
      break;
    case SimulatedFaultKind::kBlackHole:
    case SimulatedFaultKind::kSlowFirstToken:
    case SimulatedFaultKind::kMidStreamStall:
    case SimulatedFaultKind::kMidStreamCut:
    case SimulatedFaultKind::kInBandError:
      break;
  }
  const TimePoint first_token_deadline = call.started + options_.first_token_timeout;
  if (fault.kind == SimulatedFaultKind::kBlackHole) {
    const bool total_first = call.total_deadline < first_token_deadline;
    co_return co_await FailAt(
        call, std::min(call.total_deadline, first_token_deadline),
        MakeError(call, total_first ? ErrorKind::kTotalTimeout : ErrorKind::kFirstTokenTimeout,
                  "no answer"));
  }
  auto failed = co_await PlayTokens(call, std::min(fault.after_tokens, call.plan.tokens()));
  if (failed) co_return std::move(*failed);
  if (fault.kind == SimulatedFaultKind::kInBandError) {
    Error error = MakeError(call, ErrorKind::kStreamError, "error event in the stream");
    error.http_status = 200;
    co_return error;
  }
  if (fault.kind == SimulatedFaultKind::kMidStreamCut) {
    co_return MakeError(call, ErrorKind::kTruncatedStream, "connection closed in the stream");
  }
  const TimePoint idle_deadline = clock_.Now() + options_.idle_timeout;
  const bool total_first = call.total_deadline < idle_deadline;
  co_return co_await FailAt(
      call, std::min(call.total_deadline, idle_deadline),
      MakeError(call, total_first ? ErrorKind::kTotalTimeout : ErrorKind::kIdleTimeout,
                "stream went silent"));
}

// Waits for the first `count` tokens and hands them out. An error: a deadline came first.
asio::awaitable<std::optional<Error>> SimulatedProvider::PlayTokens(Call& call, int count) {
  const Duration ttft = call.plan.ttft() + call.extra_latency;
  TimePoint at = call.started + ttft;
  TimePoint deadline = call.total_deadline;
  ErrorKind late = ErrorKind::kTotalTimeout;
  if (call.started + options_.first_token_timeout < deadline &&
      ttft > options_.first_token_timeout) {
    deadline = call.started + options_.first_token_timeout;
    late = ErrorKind::kFirstTokenTimeout;
  }
  for (int i = 0; i < count; ++i) {
    if (i > 0) at += call.plan.NextGap();
    if (at > deadline) {
      co_await clock_.SleepUntil(deadline);
      co_return MakeError(call, late, "deadline of the call");
    }
    // Nobody watches: one sleep for the whole answer gives the same instants.
    const bool watched = call.observer != nullptr && call.request.stream;
    const bool in_time = watched && call.observer->NeedsEventsInTime();
    if (in_time || i + 1 == count) co_await clock_.SleepUntil(at);
    if (call.request.stream) {
      if (i == 0) call.timings.first_token = call.timings.first_output_token = at;
      call.timings.last_token = at;
    }
    if (i == 0) call.timings.first_byte = at;
    call.text += kToken;
    call.tokens = i + 1;
    if (watched) call.observer->OnToken({.text = kToken, .at = at});
  }
  co_return std::nullopt;
}

asio::awaitable<Result<Completion>> SimulatedProvider::FailAt(Call& call, TimePoint at,
                                                              Error error) {
  co_await clock_.SleepUntil(at);
  error.attempts.assign(1, Attempt{.provider = options_.identity.name,
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

Error SimulatedProvider::MakeError(const Call& call, ErrorKind kind, std::string message) const {
  Error error;
  error.kind = kind;
  error.message = std::move(message);
  error.provider = options_.identity.name;
  error.after_first_token = call.request.stream && call.tokens > 0;
  if (error.after_first_token) {
    error.partial_text = call.text;
    error.partial_tokens = call.tokens;
  }
  error.attempts.push_back(Attempt{.provider = options_.identity.name,
                                   .region = options_.identity.region,
                                   .model = call.request.model,
                                   .error = kind,
                                   .started = call.started,
                                   .finished = clock_.Now(),
                                   .output_tokens = call.tokens});
  return error;
}

}  // namespace llmload::mocks
