// The windows over which a breaker forms its ratios. Not thread-safe.
#ifndef LLMLOAD_SRC_RESILIENCE_BREAKER_WINDOWS_H_
#define LLMLOAD_SRC_RESILIENCE_BREAKER_WINDOWS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/resilience/circuit_breaker_options.h"

namespace llmload::resilience {

/// Calls in a window, and how many of them are flagged (failed, or slow).
struct WindowSum {
  std::uint64_t calls = 0;
  std::uint64_t flagged = 0;
};

/// The last `size` calls.
class CountRing {
 public:
  explicit CountRing(const CountWindow& options) : options_(options), calls_(options.size) {}

  void Add(bool flagged, TimePoint now);
  void Clear();
  WindowSum Sum() const { return {used_, flagged_}; }
  std::uint32_t minimum_calls() const { return options_.minimum_calls; }
  /// Appends what distinguishes this window's future from another's.
  void AppendTo(std::string& fingerprint, TimePoint now) const;

 private:
  CountWindow options_;
  std::vector<std::uint8_t> calls_;
  std::size_t next_ = 0;
  std::size_t used_ = 0;
  std::uint64_t flagged_ = 0;
};

/// The calls of the last `span`; see `TimeWindow` for what expires when.
class SliceWindow {
 public:
  explicit SliceWindow(const TimeWindow& options) : options_(options), slices_(options.slices) {}

  /// `now` may lag behind an earlier `now`; the call then counts in the newest slice.
  void Add(bool flagged, TimePoint now);
  void Clear();
  /// The sum as of the last `Add`.
  WindowSum Sum() const { return sum_; }
  std::uint32_t minimum_calls() const { return options_.minimum_calls; }
  void AppendTo(std::string& fingerprint, TimePoint now) const;

 private:
  void Expire(TimePoint now);
  WindowSum& Slice(std::int64_t index);

  TimeWindow options_;
  std::vector<WindowSum> slices_;
  WindowSum sum_;
  TimePoint anchor_{};       // start of slice 0
  std::int64_t newest_ = 0;  // the slice that Add counts in
};

using AnyWindow = std::variant<CountRing, SliceWindow>;

AnyWindow MakeWindow(const std::variant<CountWindow, TimeWindow>& options);

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_BREAKER_WINDOWS_H_
