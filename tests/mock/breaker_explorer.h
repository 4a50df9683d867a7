// Exhaustive exploration of the breaker's rules: every sequence of steps, up to states that behave
// alike.
#ifndef LLMLOAD_TESTS_MOCK_BREAKER_EXPLORER_H_
#define LLMLOAD_TESTS_MOCK_BREAKER_EXPLORER_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/resilience/circuit_breaker.h"
#include "src/resilience/breaker_machine.h"

namespace llmload {

/// What can happen to a breaker.
enum class Act : std::uint8_t {
  kAdmit,
  // The end of a call that was admitted in the present epoch...
  kSuccess,
  kFailure,
  kNeutral,
  kCancel,  // neutral, said so
  kDrop,    // the permit is destroyed
  // ... or in an earlier one.
  kLateSuccess,
  kLateFailure,
  kLateDrop,
  // Time passes.
  kTickJustBefore,  // until 1 ns before the next instant at which something may change
  kTickTo,          // until that instant
  kTickHalf,        // half of it
  // An operator.
  kReset,
  kForceOpen,
  kMetricsOnly,
};

inline const char* NameOf(Act act) {
  constexpr std::array kNames = {"admit",     "success",    "failure",      "neutral",
                                 "cancel",    "drop",       "late success", "late failure",
                                 "late drop", "tick-1ns",   "tick",         "half tick",
                                 "reset",     "force open", "metrics only"};
  return kNames[static_cast<std::size_t>(act)];
}

struct ExplorerOptions {
  CircuitBreakerOptions breaker;
  int depth = 12;         ///< steps; exploration ends before if there is no new state left
  std::size_t calls = 3;  ///< in flight at most
  bool operator_acts = false;
  bool replay = true;  ///< also on a real `CircuitBreaker`
};

struct ExplorerReport {
  std::size_t states = 0;
  std::size_t steps = 0;
  int depth = 0;                         ///< steps of the longest path
  bool complete = false;                 ///< no state is left unexplored, at any depth
  std::optional<std::string> violation;  ///< the invariant and the path to its violation
};

template <class Rules = resilience::StandardRules>
class BreakerExplorer {
 public:
  explicit BreakerExplorer(ExplorerOptions options) : options_(std::move(options)) {}

  ExplorerReport Run() {
    nodes_.push_back(Node{Machine(options_.breaker, kStart), kStart, {}, 0, Act::kAdmit, 0});
    seen_.insert(Fingerprint(nodes_[0]));
    for (std::size_t next = 0; next < nodes_.size(); ++next) {
      if (nodes_[next].depth >= options_.depth) return report_;
      for (const Act act : Possible(nodes_[next])) {
        Step(next, act);
        if (report_.violation) return report_;
      }
      nodes_[next].machine.reset();  // what is left of it is the path
    }
    report_.complete = true;
    return report_;
  }

 private:
  using Machine = resilience::BreakerMachine<Rules>;
  static constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));

  struct Node {
    std::optional<Machine> machine;
    TimePoint now;
    std::vector<std::uint64_t> in_flight;  // the epochs of the calls' admission
    std::size_t parent = 0;
    Act act = Act::kAdmit;
    int depth = 0;
  };

  static bool IsLate(const Node& node, std::uint64_t epoch) {
    return epoch != node.machine->epoch();
  }
  static std::size_t CountLate(const Node& node) {
    return static_cast<std::size_t>(
        std::count_if(node.in_flight.begin(), node.in_flight.end(),
                      [&](std::uint64_t epoch) { return IsLate(node, epoch); }));
  }

  static std::string Fingerprint(const Node& node) {
    const std::size_t late = CountLate(node);
    return node.machine->Fingerprint(node.now) + static_cast<char>('0' + late) +
           static_cast<char>('0' + (node.in_flight.size() - late));
  }

  // The next instant at which time alone changes what the breaker does.
  std::optional<TimePoint> NextInstant(const Node& node) const {
    std::vector<TimePoint> instants;
    if (node.machine->state() == BreakerState::kOpen) {
      instants.push_back(node.machine->open_until());
    }
    if (node.machine->state() == BreakerState::kHalfOpen) {
      instants.push_back(node.machine->probe_deadline());
    }
    if (options_.breaker.failure_ratio_over_time) {
      const TimeWindow& window = options_.breaker.failure_ratio_over_time->window;
      instants.push_back(node.now + window.span / window.slices);
    }
    std::erase_if(instants, [&](TimePoint at) { return at <= node.now; });
    if (instants.empty()) return std::nullopt;
    return *std::min_element(instants.begin(), instants.end());
  }

  std::vector<Act> Possible(const Node& node) const {
    std::vector<Act> acts;
    const std::size_t late = CountLate(node);
    if (node.in_flight.size() < options_.calls) acts.push_back(Act::kAdmit);
    if (node.in_flight.size() > late) {
      acts.insert(acts.end(),
                  {Act::kSuccess, Act::kFailure, Act::kNeutral, Act::kCancel, Act::kDrop});
    }
    if (late > 0) acts.insert(acts.end(), {Act::kLateSuccess, Act::kLateFailure, Act::kLateDrop});
    if (const auto next = NextInstant(node)) {
      acts.push_back(Act::kTickTo);
      if (*next - node.now > Duration(1)) acts.push_back(Act::kTickJustBefore);
      // Not for ever smaller halves.
      if (*next - node.now > std::chrono::seconds(2)) acts.push_back(Act::kTickHalf);
    }
    if (options_.operator_acts) {
      acts.insert(acts.end(), {Act::kReset, Act::kForceOpen, Act::kMetricsOnly});
    }
    return acts;
  }

  static Outcome OutcomeOf(Act act) {
    if (act == Act::kSuccess || act == Act::kLateSuccess) return Outcome::kSuccess;
    if (act == Act::kFailure || act == Act::kLateFailure) return Outcome::kFailure;
    return Outcome::kNeutral;
  }

  void Step(std::size_t from, Act act) {
    ++report_.steps;
    Node node = nodes_[from];
    node.parent = from;
    node.act = act;
    ++node.depth;
    // What a timer would have done by now is not this step's doing.
    node.machine->Tick(node.now);
    const Node before = node;
    Apply(node, act);
    node.machine->Tick(node.now);
    Check(before, node, act);
    if (report_.violation) return;
    report_.depth = std::max(report_.depth, node.depth);
    node.machine->ClearChanges();
    node.machine->ClearWouldTrip();
    const bool is_new = seen_.insert(Fingerprint(node)).second;
    // Steps that end in a known state are replayed now and then.
    if (options_.replay && (is_new || report_.steps % 5 == 0)) Replay(node);
    if (!is_new) return;
    ++report_.states;
    nodes_.push_back(std::move(node));
  }

  void Apply(Node& node, Act act) {
    Machine& machine = *node.machine;
    machine.ClearChanges();
    rejected_.reset();
    switch (act) {
      case Act::kAdmit: {
        const auto entry = machine.Admit(node.now);
        if (entry.admitted) {
          node.in_flight.push_back(machine.epoch());
        } else {
          rejected_ = entry.remaining_wait;
        }
        break;
      }
      case Act::kTickTo:
        node.now = *NextInstant(node);
        break;
      case Act::kTickJustBefore:
        node.now = *NextInstant(node) - Duration(1);
        break;
      case Act::kTickHalf:
        node.now += (*NextInstant(node) - node.now) / 2;
        break;
      case Act::kReset:
        machine.Force(BreakerState::kClosed, node.now);
        break;
      case Act::kForceOpen:
        machine.Force(BreakerState::kForcedOpen, node.now);
        break;
      case Act::kMetricsOnly:
        machine.Force(BreakerState::kMetricsOnly, node.now);
        break;
      default: {
        const bool late = act >= Act::kLateSuccess;
        const auto call =
            std::find_if(node.in_flight.begin(), node.in_flight.end(),
                         [&](std::uint64_t epoch) { return IsLate(node, epoch) == late; });
        if (call == node.in_flight.end()) break;  // it became late by the tick before this step
        const std::uint64_t epoch = *call;
        node.in_flight.erase(call);
        in_time_ = machine.Settle(epoch, OutcomeOf(act), false, {}, node.now);
        break;
      }
    }
  }

  // The invariants.
  void Check(const Node& before, const Node& after, Act act) {
    const BreakerState was = before.machine->state();
    const BreakerState is = after.machine->state();
    const CircuitBreakerOptions& options = options_.breaker;
    const bool admitted = act == Act::kAdmit && !rejected_;
    const bool manual = act >= Act::kReset;
    const auto demand = [&](bool holds, const char* invariant) {
      if (!holds && !report_.violation) {
        report_.violation = std::string(invariant) + " after: " + PathOf(after);
      }
    };

    if (was == BreakerState::kOpen && before.now < before.machine->open_until()) {
      demand(!admitted, "nothing is admitted while open, before the deadline");
      if (rejected_) {
        demand(before.now + *rejected_ == before.machine->open_until(),
               "a rejection carries the remaining wait");
      }
    }
    if (was == BreakerState::kForcedOpen) demand(!admitted, "forced open admits nothing");
    if (was == BreakerState::kClosed || was == BreakerState::kMetricsOnly) {
      demand(!rejected_, "closed rejects nothing");
    }

    std::size_t probes = 0;
    for (const std::uint64_t epoch : after.in_flight) {
      if (is == BreakerState::kHalfOpen && !IsLate(after, epoch)) ++probes;
      demand(epoch <= after.machine->epoch(), "no call is from the future");
    }
    if (is == BreakerState::kHalfOpen) {
      demand(probes <= options.half_open.max_concurrent_probes, "at most N probes are in flight");
      demand(probes == after.machine->probes_in_flight(), "no permit is made or lost");
      demand(after.now < after.machine->probe_deadline(), "half open ends by the probe deadline");
      demand(after.machine->probe_deadline() <= after.now + options.half_open.probe_deadline,
             "the probe deadline is not put off");
    }

    BreakerState state = was;
    std::uint64_t epoch = before.machine->epoch();
    for (const StateChange& change : after.machine->changes()) {
      demand(change.from == state, "state changes form a chain");
      demand(change.epoch > epoch, "every state change begins an epoch");
      demand(change.at >= before.now && change.at <= after.now, "a state change is not antedated");
      CheckChange(change, act, manual, demand);
      state = change.to;
      epoch = change.epoch;
    }
    demand(state == is, "a changed state is reported");

    if (act >= Act::kLateSuccess && act <= Act::kLateDrop) {
      demand(!in_time_, "a late result is recorded as late");
      demand(before.machine->Fingerprint(after.now) == after.machine->Fingerprint(after.now),
             "a late result moves nothing");
    }
    if (act == Act::kNeutral || act == Act::kCancel || act == Act::kDrop) {
      demand(was == is, "neutral neither opens nor closes");
      demand(before.machine->streak() == after.machine->streak(), "neutral resets no streak");
    }
    if (options.consecutive_failures && !options.failure_ratio_over_count &&
        !options.failure_ratio_over_time && was == BreakerState::kClosed && !manual) {
      const bool fails = act == Act::kFailure;
      const std::uint32_t streak = fails ? before.machine->streak() + 1
                                         : (act == Act::kSuccess ? 0 : before.machine->streak());
      const bool trips = fails && streak >= *options.consecutive_failures;
      demand((is == BreakerState::kOpen) == trips, "opens at exactly the threshold");
      if (!trips) demand(after.machine->streak() == streak, "the streak counts");
    }
  }

  template <class Demand>
  void CheckChange(const StateChange& change, Act act, bool manual, const Demand& demand) {
    if (manual) {
      demand(change.cause == BreakerCause::kManual, "an operator's change is called manual");
      return;
    }
    const auto is = [&](BreakerState from, BreakerState to) {
      return change.from == from && change.to == to;
    };
    demand(is(BreakerState::kClosed, BreakerState::kOpen) ||
               is(BreakerState::kOpen, BreakerState::kHalfOpen) ||
               is(BreakerState::kHalfOpen, BreakerState::kOpen) ||
               is(BreakerState::kHalfOpen, BreakerState::kClosed),
           "only these changes happen by themselves");
    if (change.to == BreakerState::kClosed) {
      demand(act == Act::kSuccess, "closed only from a success of the present epoch");
    }
    if (is(BreakerState::kClosed, BreakerState::kOpen)) {
      demand(act == Act::kFailure || (act == Act::kSuccess && options_.breaker.success_may_trip),
             "opened only by an outcome");
    }
    if (change.to == BreakerState::kOpen) {
      demand(change.open_until - change.at >= options_.breaker.open.base,
             "every opening begins a fresh waiting time");
    }
    if (change.to == BreakerState::kHalfOpen) {
      demand(act == Act::kAdmit, "half open only when a call comes");
    }
  }

  std::vector<Act> ActsTo(const Node& node) const {
    std::vector<Act> acts{node.act};
    for (std::size_t at = node.parent; at != 0; at = nodes_[at].parent) {
      acts.push_back(nodes_[at].act);
    }
    std::reverse(acts.begin(), acts.end());
    return acts;
  }

  std::string PathOf(const Node& node) const {
    std::string text;
    for (const Act act : ActsTo(node)) text += std::string(text.empty() ? "" : ", ") + NameOf(act);
    return text;
  }

  // The same path on the real breaker, with real permits: it must end like the machine, and its
  // counters add up.
  void Replay(const Node& node) {
    VirtualClock clock(kStart);
    CircuitBreaker breaker("replay", options_.breaker, clock);
    std::vector<Permit> permits;
    Node model{Machine(options_.breaker, kStart), kStart, {}, 0, Act::kAdmit, 0};
    std::uint64_t admitted = 0;
    std::uint64_t rejected = 0;
    const auto is_late = [&](const Permit& permit) {
      return permit.epoch() != model.machine->epoch();
    };
    for (const Act act : ActsTo(node)) {
      model.machine->Tick(model.now);
      switch (act) {
        case Act::kAdmit: {
          Admission admission = breaker.Admit();
          ++(admission ? admitted : rejected);
          if (admission) permits.push_back(std::move(admission).permit());
          break;
        }
        case Act::kTickTo:
        case Act::kTickJustBefore:
        case Act::kTickHalf:
          break;
        case Act::kReset:
          breaker.Reset();
          break;
        case Act::kForceOpen:
          breaker.ForceOpen();
          break;
        case Act::kMetricsOnly:
          breaker.SetMetricsOnly();
          break;
        default: {
          const bool late = act >= Act::kLateSuccess;
          const auto permit = std::find_if(permits.begin(), permits.end(), [&](const Permit& held) {
            return is_late(held) == late;
          });
          if (permit == permits.end()) break;
          if (act == Act::kCancel) permit->Settle(Outcome::kNeutral, ErrorKind::kCancelled);
          if (act != Act::kCancel && act != Act::kDrop && act != Act::kLateDrop) {
            permit->Settle(OutcomeOf(act));
          }
          permits.erase(permit);
        }
      }
      Apply(model, act);
      clock.AdvanceBy(model.now - clock.Now());
    }
    model.machine->Tick(model.now);
    const BreakerSnapshot snapshot = breaker.Snapshot();
    const Machine& machine = *model.machine;
    const bool same = snapshot.state == machine.state() && snapshot.epoch == machine.epoch() &&
                      snapshot.consecutive_failures == machine.streak() &&
                      snapshot.probes_in_flight == machine.probes_in_flight() &&
                      snapshot.openings == machine.openings();
    const bool sums = snapshot.admitted == admitted && snapshot.rejected == rejected &&
                      snapshot.in_flight == permits.size() &&
                      snapshot.admitted == snapshot.successes + snapshot.failures +
                                               snapshot.neutrals + snapshot.late + permits.size();
    if (!same) report_.violation = "the breaker follows its machine after: " + PathOf(node);
    if (!sums) report_.violation = "the counters sum up after: " + PathOf(node);
  }

  const ExplorerOptions options_;
  std::vector<Node> nodes_;
  std::unordered_set<std::string> seen_;
  std::optional<Duration> rejected_;  // of the step under way
  bool in_time_ = false;
  ExplorerReport report_;
};

}  // namespace llmload

#endif  // LLMLOAD_TESTS_MOCK_BREAKER_EXPLORER_H_
