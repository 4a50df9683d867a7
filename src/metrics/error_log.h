// Records errors as they happen, in memory that does not grow with their number.
#ifndef LLMLOAD_SRC_METRICS_ERROR_LOG_H_
#define LLMLOAD_SRC_METRICS_ERROR_LOG_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "llmload/metrics/error_summary.h"
#include "llmload/provider/error.h"

namespace llmload::metrics {

/// What makes two failures of one kind the same: provider, status, code, and the message with every
/// word that has a digit taken for the same word. Allocates nothing.
std::uint64_t LikenessOf(std::string_view provider, int http_status, std::string_view code,
                         std::string_view message);

/// Summaries of all errors that one thread records; any thread may read them meanwhile. It
/// allocates only for a kind or a message that it has not seen yet, and of each kind for the first
/// `ErrorSummary::kMostExamples` messages at most.
class ErrorLog {
 public:
  ErrorLog() = default;
  ~ErrorLog();
  ErrorLog(const ErrorLog&) = delete;
  ErrorLog& operator=(const ErrorLog&) = delete;

  /// @param at  when the request ended; not before an error that was recorded earlier by much
  void Record(const Error& error, TimePoint at);

  /// How many errors of `kind` were recorded so far.
  std::uint64_t CountOf(ErrorKind kind) const;

  /// What was recorded so far, indexed by `ErrorKind`. Instants count from `start`.
  std::array<ErrorSummary, kErrorKindCount> Snapshot(TimePoint start) const;

 private:
  struct OfKind;
  std::array<std::atomic<OfKind*>, kErrorKindCount> kinds_{};  // owned; null: none happened yet
};

}  // namespace llmload::metrics

#endif  // LLMLOAD_SRC_METRICS_ERROR_LOG_H_
