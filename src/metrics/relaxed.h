// The memory order of figures that one thread writes and others read whole.
#ifndef LLMLOAD_SRC_METRICS_RELAXED_H_
#define LLMLOAD_SRC_METRICS_RELAXED_H_

#include <atomic>

namespace llmload {

inline constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_RELAXED_H_
