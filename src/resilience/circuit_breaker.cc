#include "llmload/resilience/circuit_breaker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/throw_exception.hpp>
#include <deque>
#include <mutex>
#include <stdexcept>

#include "src/resilience/breaker_events.h"
#include "src/resilience/breaker_machine.h"
#include "src/resilience/breaker_word.h"
#include "src/resilience/thread_slot.h"

namespace llmload {

using resilience::BreakerWord;
using Machine = resilience::BreakerMachine<>;

// Guarded by the mutex; the event queue has a lock of its own.
struct CircuitBreaker::Slow {
  Slow(const CircuitBreakerOptions& options, TimePoint now) : machine(options, now) {}

  void Publish(std::size_t history_limit) {
    for (const StateChange& change : machine.changes()) {
      events.Push(change);
      history.push_back(change);
      if (history.size() > history_limit) history.pop_front();
    }
    machine.ClearChanges();
  }
  void PublishWouldTrip(TimePoint now) {
    for (const BreakerCause cause : machine.would_trip()) {
      events.Push(ThresholdWouldTrip{now, cause});
    }
    machine.ClearWouldTrip();
  }

  std::mutex mutex;
  Machine machine;
  std::deque<StateChange> history;
  resilience::EventQueue events;
};

// One row per thread, so that counting is neither contended nor an atomic read-modify-write.
struct CircuitBreaker::CounterTable {
  using Counter = std::atomic<std::uint64_t>;
  struct alignas(64) Row {
    Counter admitted{0};
    Counter rejected{0};
    Counter successes{0};
    Counter failures{0};
    Counter neutrals{0};
    Counter late{0};

    static constexpr Counter Row::*Of(Outcome outcome) {
      switch (outcome) {
        case Outcome::kSuccess:
          return &Row::successes;
        case Outcome::kFailure:
          return &Row::failures;
        case Outcome::kNeutral:
          break;
      }
      return &Row::neutrals;
    }
  };

  void Add(Counter Row::*counter) {
    const std::size_t slot = resilience::ThreadSlot();
    resilience::Increment(rows[slot].*counter, slot);
  }
  std::uint64_t Sum(Counter Row::*counter) const {
    std::uint64_t sum = 0;
    for (const Row& row : rows) sum += (row.*counter).load(std::memory_order_acquire);
    return sum;
  }

  std::array<Row, resilience::kThreadSlots + 1> rows;
};

namespace {

CircuitBreakerOptions Checked(CircuitBreakerOptions options) {
  Validate(options);
  return options;
}

}  // namespace

CircuitBreaker::CircuitBreaker(std::string name, CircuitBreakerOptions options, const Clock& clock)
    : name_(std::move(name)),
      options_(Checked(std::move(options))),
      clock_(clock),
      streak_only_(options_.consecutive_failures && !options_.failure_ratio_over_count &&
                   !options_.failure_ratio_over_time && !options_.slow_call_ratio),
      timed_(options_.slow_call_ratio.has_value()),
      slow_(std::make_unique<Slow>(options_, clock.Now())),
      counters_(std::make_unique<CounterTable>()) {
  const Machine& machine = slow_->machine;
  open_until_.store(machine.open_until().time_since_epoch().count());
  word_.store(BreakerWord(machine.state(), 0, machine.epoch()).bits());
}

CircuitBreaker::~CircuitBreaker() = default;

// Runs `step(machine, now)` under the mutex, publishes what it did and delivers the events.
template <class Step>
auto CircuitBreaker::Locked(Step step) const {
  auto run = [&] {
    const std::lock_guard lock(slow_->mutex);
    Machine& machine = slow_->machine;
    const TimePoint now = clock_.Now();
    if (streak_only_) {
      // Takes the streak out of the word: until it is put back, no thread can change it on the
      // closed path.
      machine.set_streak(BreakerWord(word_.exchange(BreakerWord::Busy().bits())).streak());
    }
    machine.Tick(now);
    slow_->Publish(options_.history);
    auto value = step(machine, now);
    slow_->Publish(options_.history);
    slow_->PublishWouldTrip(now);
    const BreakerWord word(machine.state(), streak_only_ ? machine.streak() : 0, machine.epoch());
    if (word_.load(std::memory_order_relaxed) != word.bits()) {
      // Stored before the word: a thread that reads OPEN there must find this waiting time or a
      // later one.
      open_until_.store(machine.open_until().time_since_epoch().count());
      word_.store(word.bits());
    }
    return value;
  };
  auto value = run();
  slow_->events.Deliver(name_);
  return value;
}

// The instant of admission, if it is needed.
inline TimePoint CircuitBreaker::StartTime() const {
  const bool needed = timed_ || calls_observed_.load(std::memory_order_relaxed);
  return needed ? clock_.Now() : Permit::kUnknown;
}

Admission CircuitBreaker::Admit() {
  const BreakerWord word(word_.load());
  if (word.busy()) return AdmitSlowly();
  switch (word.state()) {
    case BreakerState::kClosed:
    case BreakerState::kDisabled:
    case BreakerState::kMetricsOnly: {
      counters_->Add(&CounterTable::Row::admitted);
      return Admission(Permit(this, word.epoch(), StartTime(), false));
    }
    case BreakerState::kOpen: {
      if (calls_observed_.load(std::memory_order_relaxed)) break;
      const Duration wait = TimePoint(Duration(open_until_.load())) - clock_.Now();
      if (wait <= Duration::zero()) break;
      counters_->Add(&CounterTable::Row::rejected);
      return Admission(Rejection{wait, BreakerState::kOpen});
    }
    case BreakerState::kForcedOpen:
      if (calls_observed_.load(std::memory_order_relaxed)) break;
      counters_->Add(&CounterTable::Row::rejected);
      return Admission(Rejection{Duration::max(), BreakerState::kForcedOpen});
    case BreakerState::kHalfOpen:
      break;
  }
  return AdmitSlowly();
}

Admission CircuitBreaker::AdmitSlowly() {
  return Locked([this](Machine& machine, TimePoint now) {
    const Machine::Entry entry = machine.Admit(now);
    if (entry.admitted) {
      counters_->Add(&CounterTable::Row::admitted);
      return Admission(Permit(this, machine.epoch(), now, entry.probe));
    }
    counters_->Add(&CounterTable::Row::rejected);
    if (calls_observed_.load()) {
      slow_->events.Push(CallRejected{now, entry.state, entry.remaining_wait});
    }
    return Admission(Rejection{entry.remaining_wait, entry.state});
  });
}

// The outcomes that need no mutex. False if this one does.
inline bool CircuitBreaker::SettleFast(std::uint64_t epoch, Outcome outcome) {
  if (calls_observed_.load(std::memory_order_relaxed)) return false;
  std::uint64_t bits = word_.load();
  for (;;) {
    const BreakerWord word(bits);
    if (word.busy() || word.epoch() != epoch) return false;
    const bool closed = word.state() == BreakerState::kClosed;
    const bool no_effect =
        word.state() == BreakerState::kDisabled ||
        (outcome == Outcome::kNeutral && (closed || word.state() == BreakerState::kMetricsOnly));
    if (no_effect) break;
    if (!closed || !streak_only_) return false;
    std::uint32_t streak = 0;
    if (outcome == Outcome::kFailure) {
      streak = word.streak() + 1;
      if (streak >= *options_.consecutive_failures) return false;
    }
    if (streak == word.streak()) break;
    if (word_.compare_exchange_weak(bits, word.WithStreak(streak).bits())) break;
  }
  counters_->Add(CounterTable::Row::Of(outcome));
  return true;
}

void CircuitBreaker::SettleSlowly(const Permit& permit, Outcome outcome,
                                  std::optional<ErrorKind> error,
                                  std::optional<Duration> retry_after) {
  if (!calls_observed_.load(std::memory_order_relaxed) && SettleFast(permit.epoch_, outcome))
    return;
  Locked([&](Machine& machine, TimePoint now) {
    const BreakerState state = machine.state();
    std::optional<Duration> duration;
    if (permit.started_ != Permit::kUnknown) duration = now - permit.started_;
    const bool slow =
        options_.slow_call_ratio && duration && *duration >= options_.slow_call_ratio->slow_after;
    const bool in_time = machine.Settle(permit.epoch_, outcome, slow, retry_after, now);
    counters_->Add(in_time ? CounterTable::Row::Of(outcome) : &CounterTable::Row::late);
    if (calls_observed_.load() && state != BreakerState::kDisabled) {
      if (in_time) {
        slow_->events.Push(CallRecorded{now, outcome, error, duration, state});
      } else {
        slow_->events.Push(LateResult{now, outcome, error, permit.epoch_, machine.epoch()});
      }
    }
    return in_time;
  });
}

Outcome CircuitBreaker::Classify(const Error& error) const {
  return options_.classify_error ? options_.classify_error(error) : ClassifyForBreaker(error);
}

Outcome CircuitBreaker::Classify(const Completion& completion) const {
  return options_.classify_completion ? options_.classify_completion(completion)
                                      : Outcome::kSuccess;
}

BreakerState CircuitBreaker::state() const {
  const BreakerWord word(word_.load());
  if (!word.busy() && word.state() != BreakerState::kHalfOpen) return word.state();
  return Locked([](Machine& machine, TimePoint) { return machine.state(); });
}

BreakerSnapshot CircuitBreaker::Snapshot() const {
  BreakerSnapshot snapshot = Locked([](Machine& machine, TimePoint now) {
    BreakerSnapshot taken;
    taken.state = machine.state();
    taken.epoch = machine.epoch();
    taken.consecutive_failures = machine.streak();
    taken.probes_in_flight = machine.probes_in_flight();
    taken.openings_since_closed = machine.openings_since_closed();
    taken.openings = machine.openings();
    if (taken.state == BreakerState::kOpen) {
      taken.remaining_wait = std::max(Duration::zero(), machine.open_until() - now);
    }
    return taken;
  });
  // Reads the counts of ends before those of starts, so that no call ends that did not start.
  snapshot.rejected = counters_->Sum(&CounterTable::Row::rejected);
  snapshot.successes = counters_->Sum(&CounterTable::Row::successes);
  snapshot.failures = counters_->Sum(&CounterTable::Row::failures);
  snapshot.neutrals = counters_->Sum(&CounterTable::Row::neutrals);
  snapshot.late = counters_->Sum(&CounterTable::Row::late);
  snapshot.admitted = counters_->Sum(&CounterTable::Row::admitted);
  snapshot.in_flight = snapshot.admitted - snapshot.successes - snapshot.failures -
                       snapshot.neutrals - snapshot.late;
  snapshot.observer_errors = slow_->events.errors();
  snapshot.events_lost = slow_->events.lost();
  return snapshot;
}

std::vector<StateChange> CircuitBreaker::History() const {
  return Locked([this](Machine&, TimePoint) {
    return std::vector<StateChange>(slow_->history.begin(), slow_->history.end());
  });
}

void CircuitBreaker::Force(BreakerState state) {
  Locked([state](Machine& machine, TimePoint now) {
    machine.Force(state, now);
    return machine.state();
  });
}

void CircuitBreaker::Reset() { Force(BreakerState::kClosed); }
void CircuitBreaker::ForceOpen() { Force(BreakerState::kForcedOpen); }
void CircuitBreaker::Disable() { Force(BreakerState::kDisabled); }
void CircuitBreaker::SetMetricsOnly() { Force(BreakerState::kMetricsOnly); }

void CircuitBreaker::AddObserver(std::shared_ptr<BreakerObserver> observer, ObservedEvents events) {
  if (observer == nullptr) throw std::invalid_argument("CircuitBreaker: the observer is null");
  const std::lock_guard lock(slow_->mutex);
  slow_->events.Add(std::move(observer), events);
  calls_observed_.store(slow_->events.CallsWanted());
}

void CircuitBreaker::RemoveObserver(const BreakerObserver* observer) {
  const std::lock_guard lock(slow_->mutex);
  slow_->events.Remove(observer);
  calls_observed_.store(slow_->events.CallsWanted());
}

void throw_exception_from_error(const Rejection& rejection,
                                const boost::source_location& location) {
  boost::throw_exception(
      std::logic_error("value of a call that the circuit breaker rejected, being " +
                       std::string(ToString(rejection.state))),
      location);
}

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  if (breaker_ != nullptr) Drop();
  breaker_ = std::exchange(other.breaker_, nullptr);
  epoch_ = other.epoch_;
  started_ = other.started_;
  probe_ = other.probe_;
  return *this;
}

namespace {

[[noreturn, gnu::cold]] void ThrowSettledTwice() {
  throw std::logic_error("Permit: settled twice, or never held");
}

}  // namespace

void Permit::Drop() noexcept {
  CircuitBreaker* const breaker = std::exchange(breaker_, nullptr);
  if (breaker->SettleFast(epoch_, Outcome::kNeutral)) return;
  breaker->SettleSlowly(*this, Outcome::kNeutral, {}, {});
}

void Permit::Settle(Outcome outcome) {
  CircuitBreaker* const breaker = std::exchange(breaker_, nullptr);
  if (breaker == nullptr) ThrowSettledTwice();
  if (breaker->SettleFast(epoch_, outcome)) return;
  breaker->SettleSlowly(*this, outcome, {}, {});
}

void Permit::Settle(Outcome outcome, std::optional<ErrorKind> error,
                    std::optional<Duration> retry_after) {
  CircuitBreaker* const breaker = std::exchange(breaker_, nullptr);
  if (breaker == nullptr) ThrowSettledTwice();
  if (breaker->SettleFast(epoch_, outcome)) return;
  breaker->SettleSlowly(*this, outcome, error, retry_after);
}

void Permit::Settle(const Error& error) {
  if (breaker_ == nullptr) ThrowSettledTwice();
  Settle(breaker_->Classify(error), error.kind, error.retry_after);
}

void Permit::Settle(const Completion& completion) {
  if (breaker_ == nullptr) ThrowSettledTwice();
  Settle(breaker_->Classify(completion));
}

}  // namespace llmload
