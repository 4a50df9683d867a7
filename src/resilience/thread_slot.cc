#include "src/resilience/thread_slot.h"

#include <mutex>

namespace llmload::resilience {
namespace {

// Never destroyed: threads may end after static destruction has begun.
struct Slots {
  std::mutex mutex;
  std::uint64_t used = 0;

  static Slots& Instance() {
    static Slots& slots = *new Slots;
    return slots;
  }
};

class Owner {
 public:
  Owner() {
    Slots& slots = Slots::Instance();
    const std::lock_guard lock(slots.mutex);
    while (slot_ < kThreadSlots && (slots.used >> slot_ & 1) != 0) ++slot_;
    if (slot_ < kThreadSlots) slots.used |= std::uint64_t{1} << slot_;
  }
  ~Owner() {
    // For what other thread-local destructors still count.
    detail::this_thread_slot = kThreadSlots;
    if (slot_ == kThreadSlots) return;
    Slots& slots = Slots::Instance();
    const std::lock_guard lock(slots.mutex);
    slots.used &= ~(std::uint64_t{1} << slot_);
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  std::size_t slot() const { return slot_; }

 private:
  std::size_t slot_ = 0;
};

}  // namespace

namespace detail {

// A plain variable, so that reading it needs no guard of a thread-local constructor.
thread_local constinit std::size_t this_thread_slot = kNoSlot;

std::size_t TakeThreadSlot() noexcept {
  static thread_local const Owner kOwner;
  return this_thread_slot = kOwner.slot();
}

}  // namespace detail
}  // namespace llmload::resilience
