// Values of evenly spaced intervals from the start of a run on. A longer run has longer ones.
#ifndef LLMLOAD_SRC_METRICS_INTERVALS_H_
#define LLMLOAD_SRC_METRICS_INTERVALS_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "llmload/core/time.h"

namespace llmload::metrics {

/// Joins pairs of neighbours.
template <class Slot>
void DoubleInterval(std::vector<Slot>& slots, Duration& interval) {
  std::vector<Slot> joined((slots.size() + 1) / 2);
  for (std::size_t i = 0; i < slots.size(); ++i) joined[i / 2].Merge(slots[i]);
  slots = std::move(joined);
  interval *= 2;
}

/// Adds `others` to `slots`; both start at the same instant. The longer interval wins.
/// Precondition: one interval is the other times a power of two.
template <class Slot>
void MergeIntervals(std::vector<Slot>& slots, Duration& interval, const std::vector<Slot>& others,
                    Duration of_others) {
  while (interval < of_others) DoubleInterval(slots, interval);
  const auto factor = static_cast<std::size_t>(interval / of_others);
  const std::size_t size = (others.size() + factor - 1) / factor;
  if (slots.size() < size) slots.resize(size);
  for (std::size_t i = 0; i < others.size(); ++i) slots[i / factor].Merge(others[i]);
}

}  // namespace llmload::metrics

#endif  // LLMLOAD_SRC_METRICS_INTERVALS_H_
