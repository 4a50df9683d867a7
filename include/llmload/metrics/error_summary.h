// How requests failed, kind by kind: when, how often, and with which words.
#ifndef LLMLOAD_METRICS_ERROR_SUMMARY_H_
#define LLMLOAD_METRICS_ERROR_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// Failures of one kind whose messages say the same: they differ in words that have a digit, such
/// as numbers and ids, and in nothing else.
struct ErrorExample {
  std::uint64_t count = 0;  ///< how many are known to say so; a merge may know of fewer than all
  // The rest describes the first one of these failures.
  Duration first{};        ///< when it ended, since the start of the run
  std::string message;     ///< its words, made harmless, and cut where they are long
  int http_status = 0;     ///< 0 if there was no HTTP answer
  std::string provider;    ///< `Error::provider`
  std::string code;        ///< `Error::provider_code`
  std::string request_id;  ///< `Error::request_id`

  friend bool operator==(const ErrorExample&, const ErrorExample&) = default;
};

/// How one kind of error ended requests.
struct ErrorSummary {
  static constexpr std::size_t kMostExamples = 3;

  std::uint64_t count = 0;
  // When the first and the last of them ended, since the start of the run; empty if that is not
  // known.
  std::optional<Duration> first;
  std::optional<Duration> last;
  std::vector<ErrorExample> examples;  ///< the first ones that differ, at most `kMostExamples`

  /// Returns the message of the first example, or an empty one if there is no example.
  std::string FirstMessage() const { return examples.empty() ? "" : examples.front().message; }

  /// Adds what another part of the run saw. Which examples stay, and all but their counts, does not
  /// depend on the order of merges.
  void Merge(const ErrorSummary& other);
  friend bool operator==(const ErrorSummary&, const ErrorSummary&) = default;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_ERROR_SUMMARY_H_
