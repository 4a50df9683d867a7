// A small number for each live thread, for counters that need no atomic read-modify-write.
#ifndef LLMLOAD_SRC_RESILIENCE_THREAD_SLOT_H_
#define LLMLOAD_SRC_RESILIENCE_THREAD_SLOT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace llmload::resilience {

/// Slots 0 to kThreadSlots-1 belong to one live thread each; threads beyond share `kThreadSlots`.
inline constexpr std::size_t kThreadSlots = 63;

namespace detail {
inline constexpr std::size_t kNoSlot = SIZE_MAX;
extern thread_local constinit std::size_t this_thread_slot;
std::size_t TakeThreadSlot() noexcept;
}  // namespace detail

/// The calling thread's slot, constant over its life. A slot passes to another thread only after
/// its owner has ended, and what the owner wrote is visible to the next one.
inline std::size_t ThreadSlot() noexcept {
  const std::size_t slot = detail::this_thread_slot;
  return slot != detail::kNoSlot ? slot : detail::TakeThreadSlot();
}

/// Adds one to a counter in the slot of the calling thread.
inline void Increment(std::atomic<std::uint64_t>& counter, std::size_t slot) noexcept {
  if (slot < kThreadSlots) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  } else {
    counter.fetch_add(1, std::memory_order_release);
  }
}

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_THREAD_SLOT_H_
