// Figures that one thread counts while others read them.
#ifndef LLMLOAD_SRC_METRICS_SINGLE_WRITER_H_
#define LLMLOAD_SRC_METRICS_SINGLE_WRITER_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace llmload::metrics {

// Written by one thread, read by any. A reader that sees a count sees what was counted before it.
template <class T>
class SingleWriter {
 public:
  explicit SingleWriter(T value = T{}) noexcept : value_(value) {}
  void Add(T amount) noexcept { Set(value_.load(std::memory_order_relaxed) + amount); }
  void LowerTo(T value) noexcept { Set(std::min(value_.load(std::memory_order_relaxed), value)); }
  void RaiseTo(T value) noexcept { Set(std::max(value_.load(std::memory_order_relaxed), value)); }
  T Get() const noexcept { return value_.load(std::memory_order_acquire); }

 private:
  void Set(T value) noexcept { value_.store(value, std::memory_order_release); }

  std::atomic<T> value_;
};

using Count = SingleWriter<std::uint64_t>;

}  // namespace llmload::metrics

#endif  // LLMLOAD_SRC_METRICS_SINGLE_WRITER_H_
