#include "src/load/worker.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace llmload {

namespace asio = boost::asio;

namespace {

// How long a cancelled provider call may take to end before the run goes on without it; and if the
// run is to end at once.
constexpr Duration kCancellationGrace = std::chrono::seconds(2);
constexpr Duration kShortCancellationGrace = std::chrono::milliseconds(500);

// How long an overdue schedule may keep the event loop to itself.
constexpr Duration kLongestTurn = std::chrono::milliseconds(1);

constexpr std::size_t kMaxModels = 100;

bool IsAborted(const boost::system::system_error& thrown) {
  return thrown.code() == asio::error::operation_aborted;
}

// The failure that a wrong answer is; nullopt for a right one. To the provider it was an answer.
std::optional<Error> WrongAnswer(const std::vector<AnswerCheck>& checks,
                                 const CompletionRequest& request, Completion& answer) {
  Error error;
  std::optional<std::string> wrong;
  try {
    for (std::size_t i = 0; i < checks.size() && !wrong; ++i) {
      wrong = checks[i].WhatIsWrong(request, answer);
    }
    if (!wrong) return std::nullopt;
    error.kind = ErrorKind::kWrongAnswer;
    error.message = *std::move(wrong);
  } catch (const std::exception& thrown) {
    error.message = std::string("the check of the answer failed: ") + thrown.what();
  } catch (...) {
    error.message = "the check of the answer failed with an exception that is not a std::exception";
  }
  error.after_first_token = answer.timings.first_token.has_value();
  error.request_id = std::move(answer.request_id);
  error.provider = std::move(answer.provider);
  error.partial_text = std::move(answer.text);
  error.partial_tokens = answer.token_events > 0 ? answer.token_events : answer.usage.output;
  error.attempts = std::move(answer.attempts);
  return error;
}

}  // namespace

std::size_t LoadRun::StageOf(std::uint64_t index, TimePoint scheduled) const {
  const LoadLooks& looks = options.looks;
  if (looks.empty()) return 0;
  if (index < looks.requests) return 0;
  const auto later = std::upper_bound(looks.at.begin(), looks.at.end(), scheduled - start);
  return (looks.requests > 0 ? 1U : 0U) + static_cast<std::size_t>(later - looks.at.begin());
}

LoadWorker::LoadWorker(LoadRun& run, unsigned index, asio::io_context& context,
                       std::vector<MetricsShard*> measured, MetricsShard& unmeasured)
    : run_(run),
      index_(index),
      context_(context),
      measured_(std::move(measured)),
      unmeasured_(unmeasured),
      cells_(*run.cells) {}

void LoadWorker::Start(std::function<void()> on_done) {
  auto ended = [on_done = std::move(on_done)](std::exception_ptr thrown) {
    on_done();
    if (thrown) std::rethrow_exception(thrown);
  };
  asio::co_spawn(context_, Main(),
                 asio::bind_cancellation_slot(wake_main_.slot(), std::move(ended)));
}

void LoadWorker::Finish() {
  asio::post(context_, [this] {
    ending_ = true;
    WakeMain();
  });
}

void LoadWorker::RequestStop(bool at_once) {
  asio::post(context_, [this, at_once] {
    ending_ = stopping_ = true;
    stop_at_once_ = stop_at_once_ || at_once;
    WakeMain();
  });
}

asio::awaitable<void> LoadWorker::Main() {
  // A wake-up that comes between two sleeps must not throw out of what is awaited next; its reason
  // is looked at before every sleep.
  co_await asio::this_coro::throw_if_cancelled(false);
  // Spawned here and not in `Start`: on its own thread a coroutine runs at once up to its first
  // wait. One that is cancelled before it has started throws out of the event loop.
  if (!run_.clock.IsVirtual()) {
    asio::co_spawn(context_, probe_.Run(run_.clock, run_.start),
                   asio::bind_cancellation_slot(stop_probe_.slot(), asio::detached));
  }
  if (const ClosedLoop* const load = run_.shape.closed_loop()) {
    co_await DispatchClosedLoop(*load);
  } else {
    co_await DispatchOpenLoop();
  }
  co_await Drain();
  ended_at_ = run_.clock.Now();
  probe_.Finish(*ended_at_);
  stop_probe_.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> LoadWorker::DispatchOpenLoop() {
  const std::size_t max_in_flight = ShareOf(run_.concurrency, run_.workers, index_);
  const Share& share = run_.options.share;
  const std::uint64_t stride = std::uint64_t{share.of} * run_.workers;
  const std::uint64_t offset = share.index + std::uint64_t{share.of} * index_;
  ArrivalSequence arrivals = *run_.arrivals;
  TimePoint turn = run_.clock.Now();
  while (const auto arrival = arrivals.Next()) {
    if (arrival->index % stride != offset) continue;
    const TimePoint scheduled = run_.start + arrival->at;
    TimePoint now = run_.clock.Now();
    // Late already: dispatch at once, without a trip through the event loop that would add to the
    // lag. But a generator that cannot keep up must let answers and a stop be handled.
    if (now >= scheduled && now - turn > kLongestTurn) {
      co_await asio::post(context_, asio::use_awaitable);
      turn = run_.clock.Now();
    }
    for (; !ending_ && now < scheduled; turn = now = run_.clock.Now()) {
      co_await SleepMain(scheduled);
    }
    if (ending_) break;
    const Place place = PlaceOf(*arrival, scheduled);
    if (in_flight_.size() >= max_in_flight) {
      // There is no request, which could be slow to make: the model and the tags stay unknown.
      MetricsShard& cell = CellOf(place, {});
      cell.Scheduled();
      cell.Dropped(scheduled);
      if (!run_.options.request_observers.empty()) {
        Tell({.index = arrival->index,
              .phase = arrival->phase,
              .measured = arrival->measured,
              .outcome = RequestOutcome::kDropped,
              .scheduled = scheduled});
      }
      continue;
    }
    const auto in_flight = in_flight_.emplace(in_flight_.end());
    static_cast<Place&>(*in_flight) = place;
    in_flight->instants.scheduled = scheduled;
    auto ended = [this, in_flight](std::exception_ptr) { Finished(in_flight); };
    asio::co_spawn(context_, OneRequest(arrival->index, in_flight),
                   asio::bind_cancellation_slot(in_flight->cancel.slot(), std::move(ended)));
  }
}

asio::awaitable<void> LoadWorker::DispatchClosedLoop(const ClosedLoop& load) {
  const Share& share = run_.options.share;
  busy_callers_ = ShareOf(run_.concurrency, run_.workers, index_);
  for (std::size_t i = 0, count = busy_callers_; i < count; ++i) {
    const std::uint64_t number = share.index + share.of * (index_ + i * run_.workers);
    Caller& caller = callers_.emplace_back();
    asio::co_spawn(context_, ClosedLoopCaller(load, number, caller),
                   asio::bind_cancellation_slot(caller.wake.slot(), asio::detached));
  }
  const TimePoint end = load.duration ? run_.start + *load.duration : TimePoint::max();
  while (busy_callers_ > 0 && !ending_ && run_.clock.Now() < end) co_await SleepMain(end);
  closed_ = true;
  for (Caller& caller : callers_) {
    if (caller.thinking) caller.wake.emit(asio::cancellation_type::terminal);
  }
}

asio::awaitable<void> LoadWorker::ClosedLoopCaller(const ClosedLoop& load, std::uint64_t number,
                                                   Caller& caller) {
  const double position = static_cast<double>(number) / static_cast<double>(load.concurrency);
  Random thoughts = Random::Stream(load.seed.value_or(kDefaultSeed), number);
  TimePoint begin =
      run_.start + Duration(std::llround(position * static_cast<double>(load.ramp_up.count())));
  while (true) {
    if (!closed_ && !ending_ && run_.clock.Now() < begin) co_await Think(caller, begin);
    if (closed_ || ending_) break;
    const std::uint64_t index = run_.next_request.fetch_add(run_.request_stride);
    if (index >= load.requests) break;
    const auto in_flight = in_flight_.emplace(in_flight_.end());
    in_flight->instants.scheduled = run_.clock.Now();
    in_flight->measured = IsMeasured(load, index, in_flight->instants.scheduled);
    in_flight->shard = &ShardFor(in_flight->measured, index, in_flight->instants.scheduled);
    // Part of this coroutine: to spawn one for each request would be a third of its cost.
    co_await OneRequest(index, in_flight);
    in_flight_.erase(in_flight);
    // The request may have ended without a wait: let other coroutines and a stop have their turn.
    if (!stopping_) co_await asio::post(context_, asio::use_awaitable);
    if (run_.next_request >= load.requests) break;  // no need to think
    Duration think = load.think_time;
    if (think > Duration::zero() && load.think_pattern == ArrivalPattern::kPoisson) {
      think = Duration(std::llround(thoughts.Exponential(static_cast<double>(think.count()))));
    }
    begin = run_.clock.Now() + think;
  }
  caller.ended = true;
  --busy_callers_;
  WakeMain();
}

bool LoadWorker::IsMeasured(const ClosedLoop& load, std::uint64_t index, TimePoint begin) const {
  if (index < load.warm_up_requests || begin < run_.start + load.warm_up) return false;
  return !load.duration || begin < run_.start + *load.duration - load.cool_down;
}

asio::awaitable<void> LoadWorker::Think(Caller& caller, TimePoint until) {
  caller.thinking = true;
  try {
    co_await run_.clock.SleepUntil(until);
  } catch (const boost::system::system_error& thrown) {
    if (!IsAborted(thrown)) throw;
  }
  caller.thinking = false;
}

void LoadWorker::TokenTimes::OnToken(const TokenEvent& event) {
  times.Event(event.at);
  shard->TokenEvent(event.at);
}

LoadWorker::Place LoadWorker::PlaceOf(const Arrival& arrival, TimePoint scheduled) const {
  Place place{.shard = &ShardFor(arrival.measured, arrival.index, scheduled),
              .phase = arrival.phase,
              .measured = arrival.measured};
  if (!run_.phases.empty()) place.step = StepAt(run_.phases[arrival.phase], arrival.at);
  return place;
}

MetricsShard& LoadWorker::CellOf(const Place& place, const CompletionRequest& request) {
  if (!place.measured) return *place.shard;
  // Where phases are not told apart, all are one.
  const std::size_t phase = run_.phases.empty() ? 0 : place.phase.value_or(0);
  return place.shard->Cell(
      cells_.Find(static_cast<std::uint32_t>(phase), place.step, request.model, request.tags));
}

bool LoadWorker::MakeRequest(std::uint64_t index, CompletionRequest& request) {
  try {
    request = run_.options.prompts->MakeRequest(index);
    return true;
  } catch (const std::exception& thrown) {
    PromptFailed(index, thrown.what());
  } catch (...) {
    PromptFailed(index, "an exception that is not a std::exception");
  }
  return false;
}

void LoadWorker::PromptFailed(std::uint64_t index, const std::string& what) {
  ending_ = stopping_ = stop_at_once_ = true;
  run_.on_prompt_failure(index, what);
}

void LoadWorker::NoteSent(std::uint64_t index, const CompletionRequest& request,
                          InFlight& in_flight) {
  in_flight.sent = true;
  if (in_flight.measured && !measuring_) {
    measuring_ = true;
    run_.measuring.store(true, std::memory_order_relaxed);
  }
  if (request.max_tokens) {
    const int limit = *request.max_tokens;
    asked_.lowest_max_tokens = std::min(asked_.lowest_max_tokens.value_or(limit), limit);
    asked_.highest_max_tokens = std::max(asked_.highest_max_tokens.value_or(limit), limit);
  }
  auto& models = asked_.models;
  if (last_model_ < models.size() && models[last_model_].second == request.model) return;
  last_model_ = static_cast<std::size_t>(
      std::find_if(models.begin(), models.end(),
                   [&](const auto& known) { return known.second == request.model; }) -
      models.begin());
  if (last_model_ == models.size() && models.size() < kMaxModels) {
    models.emplace_back(index, request.model);
  }
}

asio::awaitable<void> LoadWorker::OneRequest(std::uint64_t index,
                                             InFlightList::iterator in_flight) {
  RequestInstants& instants = in_flight->instants;
  std::optional<Result<Completion>> outcome;
  CompletionRequest request;
  if (!MakeRequest(index, request)) co_return;
  in_flight->index = index;
  in_flight->request = &request;
  instants.dispatched = run_.clock.Now();
  if (!run_.arrivals) instants.scheduled = instants.dispatched;
  MetricsShard& shard = CellOf(*in_flight, request);
  in_flight->shard = &shard;
  shard.Scheduled();
  shard.Dispatched(instants.scheduled, instants.dispatched, request.stream);
  NoteSent(index, request, *in_flight);
  in_flight->tokens.shard = &shard;
  Provider& provider = *run_.providers[index % run_.providers.size()];
  try {
    outcome.emplace(co_await provider.Complete(request, &in_flight->tokens));
  } catch (const boost::system::system_error& thrown) {
    if (!given_up_ || !IsAborted(thrown)) {
      outcome.emplace(Error{.kind = ErrorKind::kInternal, .message = thrown.what()});
    }
  } catch (const std::exception& thrown) {
    outcome.emplace(Error{.kind = ErrorKind::kInternal, .message = thrown.what()});
  }
  in_flight->ended = true;
  instants.completed = run_.clock.Now();
  if (!run_.options.answer_checks.empty() && outcome && outcome->has_value()) {
    if (auto wrong = WrongAnswer(run_.options.answer_checks, request, **outcome)) {
      outcome.emplace(*std::move(wrong));
    }
  }
  if (in_flight->tokens.times.events() > 0) instants.stream = &in_flight->tokens.times;
  const bool censored = !outcome || (given_up_ && outcome->has_error() &&
                                     outcome->error().kind == ErrorKind::kCancelled);
  const bool observed = !run_.options.request_observers.empty();
  if (censored) {
    shard.Unfinished(instants);
    if (observed) TellSent(*in_flight, {.outcome = RequestOutcome::kUnfinished});
  } else if (outcome->has_value()) {
    NoteAttempt((*outcome)->attempts, provider, request.model, instants, std::nullopt);
    shard.Succeeded(instants, outcome->value());
    if (observed) TellSent(*in_flight, {.completion = &outcome->value()});
  } else {
    Error error = outcome->error();
    const bool answered = error.kind == ErrorKind::kWrongAnswer;
    NoteAttempt(error.attempts, provider, request.model, instants,
                answered ? std::nullopt : std::optional(error.kind));
    if (in_flight->measured) probe_.Failed(error);
    shard.Failed(instants, error);
    if (observed) {
      TellSent(*in_flight, {.outcome = RequestOutcome::kFailed, .error = &error});
    }
  }
}

void LoadWorker::TellSent(const InFlight& in_flight, EndedRequest ended) const {
  ended.index = in_flight.index;
  ended.phase = in_flight.phase;
  ended.measured = in_flight.measured;
  ended.scheduled = in_flight.instants.scheduled;
  ended.dispatched = in_flight.instants.dispatched;
  ended.first_token = in_flight.tokens.times.first();
  ended.completed = in_flight.instants.completed;
  ended.request = in_flight.request;
  Tell(ended);
}

void LoadWorker::Tell(EndedRequest ended) const {
  if (ended.phase) ended.phase_name = run_.shape.profile()->phases[*ended.phase].name;
  for (RequestObserver* observer : run_.options.request_observers) {
    observer->OnRequest(index_, ended);
  }
}

// A provider that keeps no record of its attempts made one attempt.
void LoadWorker::NoteAttempt(std::vector<Attempt>& attempts, const Provider& provider,
                             const std::string& model, const RequestInstants& instants,
                             std::optional<ErrorKind> error) {
  if (!attempts.empty()) return;
  attempts.push_back({.provider = provider.Identity().name,
                      .region = provider.Identity().region,
                      .model = model,
                      .error = error,
                      .started = instants.dispatched,
                      .finished = instants.completed});
}

asio::awaitable<void> LoadWorker::Drain() {
  const auto& options = run_.options;
  const TimePoint drain_began = run_.clock.Now();
  draining_ = true;
  while (!in_flight_.empty() && !stop_at_once_) {
    // Looked at again after every wake-up: an interruption shortens the wait.
    const Duration patience = stopping_ ? options.interrupted_drain_timeout : options.drain_timeout;
    if (run_.clock.Now() >= drain_began + patience) break;
    co_await SleepMain(drain_began + patience);
  }
  ending_ = stopping_ = true;
  given_up_ = true;
  for (InFlight& request : in_flight_) request.cancel.emit(asio::cancellation_type::terminal);
  for (Caller& caller : callers_) {
    if (!caller.ended) caller.wake.emit(asio::cancellation_type::terminal);
  }
  const TimePoint cancelled_at = run_.clock.Now();
  while (!in_flight_.empty()) {
    const TimePoint give_up =
        cancelled_at + (stop_at_once_ ? kShortCancellationGrace : kCancellationGrace);
    if (run_.clock.Now() >= give_up) break;
    co_await SleepMain(give_up);
  }
}

bool LoadWorker::drained() const {
  return std::none_of(in_flight_.begin(), in_flight_.end(),
                      [](const InFlight& request) { return request.sent && !request.ended; });
}

void LoadWorker::Close() {
  for (InFlight& request : in_flight_) {
    if (!request.sent || request.ended) continue;
    request.instants.completed = run_.clock.Now();
    request.shard->Unfinished(request.instants);
    // The coroutine that holds the request was left behind, and is destroyed later.
    if (!run_.options.request_observers.empty()) {
      TellSent(request, {.outcome = RequestOutcome::kUnfinished});
    }
  }
}

asio::awaitable<void> LoadWorker::SleepMain(TimePoint deadline) {
  try {
    co_await run_.clock.SleepUntil(deadline);
  } catch (const boost::system::system_error& thrown) {
    if (!IsAborted(thrown)) throw;
  }
  co_await asio::this_coro::reset_cancellation_state();  // woken, not ended
}

void LoadWorker::WakeMain() { wake_main_.emit(asio::cancellation_type::terminal); }

void LoadWorker::Finished(InFlightList::iterator in_flight) {
  // The coroutine's own cancellation slot is in this node, which therefore has to outlive the
  // coroutine; and that is on the stack of this call. (Not from within the coroutine: one that
  // never had to wait is resumed once more before it ends.)
  asio::post(context_, [this, in_flight] {
    in_flight_.erase(in_flight);
    if (draining_ && in_flight_.empty()) WakeMain();
  });
}

}  // namespace llmload
