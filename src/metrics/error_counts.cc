#include "llmload/metrics/error_counts.h"

#include <algorithm>
#include <cstddef>

namespace llmload {
namespace {

template <class CountOf>
std::vector<ErrorKindCount> ByFrequency(CountOf count_of) {
  std::vector<ErrorKindCount> counts;
  for (std::size_t i = 0; i < kErrorKindCount; ++i) {
    const std::uint64_t count = count_of(i);
    if (count > 0) counts.push_back({.kind = static_cast<ErrorKind>(i), .count = count});
  }
  std::stable_sort(
      counts.begin(), counts.end(),
      [](const ErrorKindCount& a, const ErrorKindCount& b) { return a.count > b.count; });
  return counts;
}

}  // namespace

std::vector<ErrorKindCount> ErrorsByFrequency(const MetricsSnapshot& metrics) {
  return ByFrequency([&](std::size_t kind) { return metrics.errors[kind].count; });
}

std::vector<ErrorKindCount> ErrorsByFrequency(const LiveCounters& live) {
  return ByFrequency([&](std::size_t kind) { return live.errors[kind]; });
}

}  // namespace llmload
