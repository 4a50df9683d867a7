// A bound of what is spent, that holds at every instant.
//
//                 Reserve(worst case)            Settle(actual)
//   available  ----------------------> reserved ----------------> settled
//       ^                                  |             |
//       |                                  | dropped     | the rest goes back
//       |                                  v             |
//       |                                kept            |
//       +------------------------------------------------+
//
// An attempt reserves what it could cost at most before its first byte is sent. Its usage settles
// what it did cost; an attempt whose end is unknown (the answer was cut, it timed out, it was
// cancelled) keeps its reservation, because the service may bill it.
#ifndef LLMLOAD_SPEND_BUDGET_H_
#define LLMLOAD_SPEND_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "llmload/spend/ledger.h"
#include "llmload/spend/money.h"

namespace llmload {

/// A bound of spending that all providers of a process share. settled + reserved + kept <= limit at
/// every instant, unless a service bills more than a reservation allowed for (`overrun`).
///
/// Thread-safe. Between two draws from a ledger a reservation is a few atomic operations.
class Budget {
 public:
  /// Where a budget stands.
  struct State {
    Money limit;         ///< of this process and, with a ledger, of all that share it
    Money available;     ///< may still be reserved
    Money reserved;      ///< by attempts that are under way
    Money settled;       ///< by usage
    Money kept;          ///< by attempts of unknown end
    Money overrun;       ///< that services billed above what was reserved for an attempt
    Money last_refused;  ///< the worst case that was refused last; zero: none was
  };

  /// What an attempt may cost. Move-only; one that is dropped is kept.
  class Reservation {
   public:
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), worst_(other.worst_) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation();

    Money worst() const noexcept { return worst_; }
    /// The attempt has cost `actual`, which is not negative. Call it at most once.
    void Settle(Money actual) noexcept;

   private:
    friend class Budget;
    Reservation(Budget& budget, Money worst) : budget_(&budget), worst_(worst) {}

    Budget* budget_;
    const Money worst_;
  };

  /// A budget of this process alone.
  explicit Budget(Money limit);
  /// A share of what `ledger` holds, drawn from it in parts of at most a hundredth of its budget,
  /// or of one worst case where that is more. What is not used goes back when this object ends.
  explicit Budget(std::shared_ptr<Ledger> ledger);
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Nullopt if `worst`, which is not negative, does not fit any more. Reservations must end before
  /// the budget does.
  std::optional<Reservation> Reserve(Money worst);

  /// Whether a reservation was refused: then the run has to end.
  bool Exhausted() const noexcept { return last_refused_.load() > 0; }

  State Now() const;

 private:
  bool Commit(std::int64_t worst) noexcept;
  bool Draw(std::int64_t worst);

  const Money limit_;
  const std::shared_ptr<Ledger> ledger_;    // null: none
  std::mutex drawing_;                      // one draw at a time
  std::atomic<std::int64_t> granted_;       // that may be committed
  std::atomic<std::int64_t> committed_{0};  // reserved + settled + kept
  std::atomic<std::int64_t> settled_{0};
  std::atomic<std::int64_t> kept_{0};
  std::atomic<std::int64_t> overrun_{0};
  std::atomic<std::int64_t> last_refused_{0};
};

/// "the budget of $5.00 is used up: $4.65 settled, $0.34 kept for attempts of unknown end, $0.00
/// reserved; the next attempt could cost $0.0064".
std::string Describe(const Budget::State& state);

}  // namespace llmload

#endif  // LLMLOAD_SPEND_BUDGET_H_
