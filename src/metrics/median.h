#ifndef LLMLOAD_SRC_METRICS_MEDIAN_H_
#define LLMLOAD_SRC_METRICS_MEDIAN_H_

#include <algorithm>
#include <cstddef>
#include <vector>

namespace llmload {

/// Precondition: not empty.
inline double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_MEDIAN_H_
