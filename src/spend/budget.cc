#include "llmload/spend/budget.h"

#include <algorithm>

namespace llmload {

namespace {

// The part of a ledger's budget that is drawn at once.
constexpr std::int64_t kTranches = 100;

}  // namespace

Budget::Budget(Money limit) : limit_(limit), granted_(limit.nanos()) {}

Budget::Budget(std::shared_ptr<Ledger> ledger)
    : limit_(ledger->budget()), ledger_(std::move(ledger)), granted_(0) {}

Budget::~Budget() {
  if (!ledger_) return;
  const std::int64_t unused = granted_ - committed_;
  if (unused > 0) ledger_->Return(Money::Nanos(unused));
  // What services billed beyond the reservations is spent all the same.
  if (unused < 0) ledger_->Draw(Money::Nanos(-unused), Money::Nanos(-unused));
}

bool Budget::Commit(std::int64_t worst) noexcept {
  std::int64_t committed = committed_.load(std::memory_order_relaxed);
  while (committed + worst <= granted_.load(std::memory_order_acquire)) {
    if (committed_.compare_exchange_weak(committed, committed + worst, std::memory_order_acq_rel)) {
      return true;
    }
  }
  return false;
}

bool Budget::Draw(std::int64_t worst) {
  const std::lock_guard lock(drawing_);
  // Another thread may have drawn meanwhile.
  if (Commit(worst)) return true;
  const std::int64_t missing = committed_ + worst - granted_;
  const auto drawn = ledger_->Draw(Money::Nanos(missing),
                                   Money::Nanos(std::max(missing, limit_.nanos() / kTranches)));
  if (!drawn) return false;
  granted_.fetch_add(drawn->nanos(), std::memory_order_acq_rel);
  return Commit(worst);
}

std::optional<Budget::Reservation> Budget::Reserve(Money worst) {
  if (Commit(worst.nanos()) || (ledger_ && Draw(worst.nanos()))) return Reservation(*this, worst);
  last_refused_.store(std::max<std::int64_t>(worst.nanos(), 1), std::memory_order_relaxed);
  return std::nullopt;
}

Budget::State Budget::Now() const {
  State state{.limit = limit_};
  const std::int64_t settled = settled_.load(std::memory_order_acquire);
  const std::int64_t kept = kept_.load(std::memory_order_acquire);
  const std::int64_t committed = committed_.load(std::memory_order_acquire);
  state.settled = Money::Nanos(settled);
  state.kept = Money::Nanos(kept);
  state.overrun = Money::Nanos(overrun_.load(std::memory_order_acquire));
  state.reserved = Money::Nanos(std::max<std::int64_t>(committed - settled - kept, 0));
  state.last_refused = Money::Nanos(last_refused_.load(std::memory_order_acquire));
  state.available = Money::Nanos(std::max<std::int64_t>(granted_ - committed, 0));
  if (ledger_) state.available += ledger_->Read().left();
  return state;
}

Budget::Reservation::~Reservation() {
  if (budget_ != nullptr) budget_->kept_.fetch_add(worst_.nanos(), std::memory_order_acq_rel);
}

void Budget::Reservation::Settle(Money actual) noexcept {
  Budget& budget = *std::exchange(budget_, nullptr);
  const std::int64_t beyond = actual.nanos() - worst_.nanos();
  if (beyond > 0) budget.overrun_.fetch_add(beyond, std::memory_order_acq_rel);
  // In this order a reader never sees more settled than committed, unless there is an overrun.
  if (beyond > 0) budget.committed_.fetch_add(beyond, std::memory_order_acq_rel);
  budget.settled_.fetch_add(actual.nanos(), std::memory_order_acq_rel);
  if (beyond < 0) budget.committed_.fetch_add(beyond, std::memory_order_acq_rel);
}

std::string Describe(const Budget::State& state) {
  std::string text = "the budget of " + ToString(state.limit) +
                     " is used up: " + ToString(state.settled) + " settled, ";
  if (state.kept > Money()) {
    text += ToString(state.kept) + " kept for attempts of unknown end, ";
  }
  text += ToString(state.reserved) + " reserved; the next attempt could cost " +
          ToString(state.last_refused);
  if (state.overrun > Money()) {
    text += "; services billed " + ToString(state.overrun) + " more than was reserved";
  }
  return text;
}

}  // namespace llmload
