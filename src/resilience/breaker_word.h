// State, epoch and failure streak of a breaker in one word, so that the closed path is a single
// atomic operation.
#ifndef LLMLOAD_SRC_RESILIENCE_BREAKER_WORD_H_
#define LLMLOAD_SRC_RESILIENCE_BREAKER_WORD_H_

#include <cstdint>

#include "llmload/resilience/circuit_breaker_options.h"

namespace llmload::resilience {

/// Bits 0-2 the state, 3-23 the streak, 24-63 the epoch.
class BreakerWord {
 public:
  static constexpr std::uint32_t kMaxStreak = (1U << 21) - 1;

  explicit constexpr BreakerWord(std::uint64_t bits) : bits_(bits) {}
  constexpr BreakerWord(BreakerState state, std::uint32_t streak, std::uint64_t epoch)
      : bits_(static_cast<std::uint64_t>(state) | std::uint64_t{streak} << 3 | epoch << 24) {}

  /// The word while a thread holds the mutex and has the streak: it has no state, so that all other
  /// threads take the mutex.
  static constexpr BreakerWord Busy() { return BreakerWord(7); }

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool busy() const { return (bits_ & 7) == 7; }
  /// Precondition: not busy.
  constexpr BreakerState state() const { return static_cast<BreakerState>(bits_ & 7); }
  constexpr std::uint32_t streak() const {
    return static_cast<std::uint32_t>(bits_ >> 3) & kMaxStreak;
  }
  constexpr std::uint64_t epoch() const { return bits_ >> 24; }
  constexpr BreakerWord WithStreak(std::uint32_t streak) const {
    return BreakerWord((bits_ & ~(std::uint64_t{kMaxStreak} << 3)) | std::uint64_t{streak} << 3);
  }

 private:
  std::uint64_t bits_;
};

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_BREAKER_WORD_H_
