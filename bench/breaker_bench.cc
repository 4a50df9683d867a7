// What a circuit breaker (P6 of the performance goals) and a budget cost each request, in CPU time
// per operation against an uncontended lock/unlock pair of std::mutex. Measured in turns, so that a
// busy machine disturbs all figures alike.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench_support.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/resilience/circuit_breaker.h"
#include "llmload/spend/budget.h"

namespace llmload {
namespace {

using bench::CpuSeconds;

constexpr int kOperations = 400'000;  // per thread and turn

/// CPU nanoseconds per operation when `threads` threads run `work(operations)` at once.
double Measure(int threads, const std::function<void(int)>& work) {
  const double before = CpuSeconds();
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) running.emplace_back(work, kOperations);
  for (std::thread& thread : running) thread.join();
  return (CpuSeconds() - before) * 1e9 / (static_cast<double>(threads) * kOperations);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void LockAndUnlock(int operations) {
  std::mutex mutex;  // one per thread: uncontended
  std::uint64_t guarded = 0;
  for (int i = 0; i < operations; ++i) {
    const std::lock_guard lock(mutex);
    asm volatile("" : "+r"(guarded));
    ++guarded;
  }
}

void ReadTheClock(int operations) {
  Duration::rep sum = 0;
  for (int i = 0; i < operations; ++i) {
    sum += SystemClock::Instance().Now().time_since_epoch().count();
  }
  asm volatile("" : : "r"(sum));
}

std::function<void(int)> AdmitAndSettle(CircuitBreaker& breaker) {
  return [&breaker](int operations) {
    for (int i = 0; i < operations; ++i) {
      Admission admission = breaker.Admit();
      if (admission) admission.permit().Settle(Outcome::kSuccess);
    }
  };
}

std::function<void(int)> BeRejected(CircuitBreaker& breaker) {
  return [&breaker](int operations) {
    std::int64_t sum = 0;
    for (int i = 0; i < operations; ++i) {
      const Admission admission = breaker.Admit();
      sum += admission.rejection().remaining_wait.count();
    }
    asm volatile("" : : "r"(sum));
  };
}

std::function<void(int)> ReserveAndSettle(Budget& budget) {
  return [&budget](int operations) {
    for (int i = 0; i < operations; ++i) {
      auto reserved = budget.Reserve(Money::Nanos(1000));
      if (reserved) reserved->Settle(Money());
    }
  };
}

void Print(const char* what, int threads, double cost, double reference, double goal) {
  const double ratio = cost / reference;
  std::printf("P6 %-46s %2d threads  %7.1f ns  %5.2f x mutex", what, threads, cost, ratio);
  if (goal > 0) std::printf("  goal <= %.0f: %s", goal, ratio <= goal ? "met" : "MISSED");
  std::printf("\n");
}

int Run(int argc, char** argv) {
  bench::Arguments arguments(argc, argv);
  const int turns = arguments.Integer("turns", 15);
  arguments.Finish();
  VirtualClock still;  // costs one atomic load: what remains is the breaker's own cost
  Clock& real = SystemClock::Instance();
  CircuitBreakerOptions windows;
  windows.failure_ratio_over_count = FailureRatioOverCount{};
  CircuitBreaker closed("closed", {}, real);
  CircuitBreaker windowed("windowed", windows, real);
  const CircuitBreakerOptions open{
      .initial_state = BreakerState::kOpen,
      .open = {.base = std::chrono::hours(1), .cap = std::chrono::hours(1)}};
  CircuitBreaker open_still("open", open, still);
  CircuitBreaker open_real("open", open, real);

  Budget budget(Money::Dollars(1));

  struct Figure {
    const char* what;
    const char* name;  // in the table; null: not there
    std::function<void(int)> work;
    double goal;  // at one thread; 0: none
    std::vector<double> costs;
  };
  for (const int threads : {1, 4, 16}) {
    const std::string suffix = "@" + std::to_string(threads);
    std::vector<double> mutex;
    std::vector<Figure> figures = {
        {"admit + settle, closed", "closed", AdmitAndSettle(closed), 2, {}},
        {"admit + settle, closed, ratio over count", nullptr, AdmitAndSettle(windowed), 0, {}},
        {"reject, open, without the clock's own cost", "rejected", BeRejected(open_still), 1, {}},
        {"reject, open, system clock", nullptr, BeRejected(open_real), 0, {}},
        {"reserve + settle, budget", nullptr, ReserveAndSettle(budget), 5, {}},
        {"one reading of the system clock", nullptr, ReadTheClock, 0, {}},
    };
    for (int turn = 0; turn < turns; ++turn) {
      mutex.push_back(Measure(threads, LockAndUnlock));
      for (Figure& figure : figures) figure.costs.push_back(Measure(threads, figure.work));
    }
    for (const Figure& figure : figures) {
      Print(figure.what, threads, Median(figure.costs), Median(mutex),
            threads == 1 ? figure.goal : 0);
      if (figure.name == nullptr) continue;
      bench::PrintFigure("P6", figure.name + suffix, "ns", Median(figure.costs));
    }
    bench::PrintFigure("P6", "mutex" + suffix, "ns", Median(mutex));
  }
  return 0;
}

}  // namespace
}  // namespace llmload

int main(int argc, char** argv) { return llmload::Run(argc, argv); }
