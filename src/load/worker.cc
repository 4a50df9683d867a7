#include "src/load/worker.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace llmload {

namespace asio = boost::asio;

namespace {

// How long a cancelled provider call may take to unwind before the run goes on without it.
constexpr Duration kCancellationGrace = std::chrono::seconds(2);

// How long an overdue schedule may keep the event loop to itself.
constexpr Duration kLongestTurn = std::chrono::milliseconds(1);

bool IsAborted(const boost::system::system_error& thrown) {
  return thrown.code() == asio::error::operation_aborted;
}

// The share of worker `index` of `total` things, spread as evenly as possible.
std::size_t ShareOf(std::size_t total, unsigned workers, unsigned index) {
  return total / workers + (index < total % workers ? 1 : 0);
}

}  // namespace

LoadWorker::LoadWorker(LoadRun& run, unsigned index, MetricsShard& shard)
    : run_(run), index_(index), shard_(shard) {}

void LoadWorker::Start(std::function<void()> on_done) {
  auto ended = [on_done = std::move(on_done)](std::exception_ptr thrown) {
    on_done();
    if (thrown) std::rethrow_exception(thrown);
  };
  asio::co_spawn(context_, Main(),
                 asio::bind_cancellation_slot(wake_main_.slot(), std::move(ended)));
}

void LoadWorker::RequestStop(bool at_once) {
  asio::post(context_, [this, at_once] {
    stopping_ = true;
    stop_at_once_ = stop_at_once_ || at_once;
    WakeMain();
  });
}

asio::awaitable<void> LoadWorker::Main() {
  // A wake-up that comes between two sleeps must not throw at whatever is awaited next; what it was
  // for is looked at before every sleep.
  co_await asio::this_coro::throw_if_cancelled(false);
  if (const auto* open = std::get_if<OpenLoop>(&run_.options.shape)) {
    co_await DispatchOpenLoop(*open);
  } else {
    DispatchClosedLoop(std::get<ClosedLoop>(run_.options.shape));
    while (busy_callers_ > 0 && !stopping_) co_await SleepMain(TimePoint::max());
  }
  co_await Drain();
}

asio::awaitable<void> LoadWorker::DispatchOpenLoop(const OpenLoop& load) {
  const std::size_t max_in_flight = ShareOf(load.max_in_flight, run_.workers, index_);
  ArrivalSequence arrivals(load);
  TimePoint turn = run_.clock.Now();
  for (std::uint64_t index = 0;; ++index) {
    const auto offset = arrivals.Next();
    if (!offset) break;
    if (index % run_.workers != index_) continue;
    const TimePoint scheduled = run_.start + *offset;
    TimePoint now = run_.clock.Now();
    // Late already: dispatch at once, without a trip through the event loop that would add to the
    // lag. But a generator that cannot keep up must not keep its answers, and a stop, waiting.
    if (now >= scheduled && now - turn > kLongestTurn) {
      co_await asio::post(context_, asio::use_awaitable);
      turn = run_.clock.Now();
    }
    for (; !stopping_ && now < scheduled; turn = now = run_.clock.Now()) {
      co_await SleepMain(scheduled);
    }
    if (stopping_) break;
    shard_.Scheduled();
    if (in_flight_.size() >= max_in_flight) {
      shard_.Dropped();
      continue;
    }
    const auto in_flight = in_flight_.emplace(in_flight_.end());
    in_flight->instants.scheduled = scheduled;
    auto ended = [this, in_flight](const std::exception_ptr&) { Finished(in_flight); };
    asio::co_spawn(context_, OneRequest(index, in_flight),
                   asio::bind_cancellation_slot(in_flight->cancel.slot(), std::move(ended)));
  }
}

void LoadWorker::DispatchClosedLoop(const ClosedLoop& load) {
  busy_callers_ = ShareOf(load.concurrency, run_.workers, index_);
  for (std::size_t i = 0; i < busy_callers_; ++i) {
    asio::co_spawn(context_, ClosedLoopCaller(load.requests), asio::detached);
  }
}

asio::awaitable<void> LoadWorker::ClosedLoopCaller(std::uint64_t requests) {
  while (!stopping_) {
    const std::uint64_t index = run_.next_closed_request.fetch_add(1);
    if (index >= requests) break;
    const auto in_flight = in_flight_.emplace(in_flight_.end());
    in_flight->instants.scheduled = run_.clock.Now();
    shard_.Scheduled();
    co_await asio::co_spawn(
        context_, OneRequest(index, in_flight),
        asio::bind_cancellation_slot(in_flight->cancel.slot(), asio::use_awaitable));
    in_flight_.erase(in_flight);
  }
  --busy_callers_;
  WakeMain();
}

asio::awaitable<void> LoadWorker::OneRequest(std::uint64_t index,
                                             InFlightList::iterator in_flight) {
  RequestInstants& instants = in_flight->instants;
  const bool open_loop = std::holds_alternative<OpenLoop>(run_.options.shape);
  std::optional<Result<Completion>> outcome;
  try {
    const CompletionRequest request = run_.options.make_request(index);
    instants.dispatched = run_.clock.Now();
    if (!open_loop) instants.scheduled = instants.dispatched;
    shard_.Dispatched(instants.scheduled, instants.dispatched);
    outcome.emplace(co_await run_.provider.Complete(request, nullptr));
  } catch (const boost::system::system_error& thrown) {
    if (!given_up_ || !IsAborted(thrown)) {
      outcome.emplace(Error{.kind = ErrorKind::kInternal, .message = thrown.what()});
    }
  } catch (const std::exception& thrown) {
    outcome.emplace(Error{.kind = ErrorKind::kInternal, .message = thrown.what()});
  }
  instants.completed = run_.clock.Now();
  const bool censored = !outcome || (given_up_ && outcome->has_error() &&
                                     outcome->error().kind == ErrorKind::kCancelled);
  if (censored) {
    shard_.Unfinished(instants);
  } else if (outcome->has_value()) {
    NoteAttempt((*outcome)->attempts, instants, std::nullopt);
    shard_.Succeeded(instants, outcome->value());
  } else {
    Error error = outcome->error();
    NoteAttempt(error.attempts, instants, error.kind);
    shard_.Failed(instants, error);
  }
}

// A provider that keeps no record of its attempts made one.
void LoadWorker::NoteAttempt(std::vector<Attempt>& attempts, const RequestInstants& instants,
                             std::optional<ErrorKind> error) const {
  if (!attempts.empty()) return;
  attempts.push_back({.provider = run_.provider.Identity().name,
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
  stopping_ = true;
  given_up_ = true;
  for (InFlight& request : in_flight_) request.cancel.emit(asio::cancellation_type::terminal);
  const TimePoint give_up = run_.clock.Now() + kCancellationGrace;
  while (!in_flight_.empty() && run_.clock.Now() < give_up) co_await SleepMain(give_up);
  if (in_flight_.empty()) co_return;
  drained_ = false;
  for (InFlight& request : in_flight_) {
    request.instants.completed = run_.clock.Now();
    shard_.Unfinished(request.instants);
  }
  context_.stop();
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
  // The coroutine's own cancellation slot lives in this node; it may go only after the coroutine
  // did, which is on the stack of this call. (Not from within the coroutine: one that never had to
  // wait is resumed once more before it ends.)
  asio::post(context_, [this, in_flight] {
    in_flight_.erase(in_flight);
    if (draining_ && in_flight_.empty()) WakeMain();
  });
}

}  // namespace llmload
