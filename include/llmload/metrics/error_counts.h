// Which kinds of errors came most often.
#ifndef LLMLOAD_METRICS_ERROR_COUNTS_H_
#define LLMLOAD_METRICS_ERROR_COUNTS_H_

#include <cstdint>
#include <vector>

#include "llmload/metrics/load_test_metrics.h"
#include "llmload/metrics/metrics_snapshot.h"
#include "llmload/provider/error.h"

namespace llmload {

/// How many requests one kind of error ended.
struct ErrorKindCount {
  ErrorKind kind{};
  std::uint64_t count = 0;  ///< above 0

  friend bool operator==(const ErrorKindCount&, const ErrorKindCount&) = default;
};

/// The kinds that there were, the most frequent one first. Those that are equally frequent are in
/// the order of `ErrorKind`.
std::vector<ErrorKindCount> ErrorsByFrequency(const MetricsSnapshot& metrics);
/// The same of a run in progress.
std::vector<ErrorKindCount> ErrorsByFrequency(const LiveCounters& live);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_ERROR_COUNTS_H_
