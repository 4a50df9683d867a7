#include "src/judge/failures.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "llmload/metrics/error_counts.h"
#include "src/core/text/format.h"
#include "src/core/text/harmless.h"

namespace llmload::judge {
namespace {

constexpr std::size_t kMaxHeadlineMessage = 100;
// One kind is named alone if it makes up at least this share of the failures.
constexpr double kNearlyAll = 0.9;

// "server_error (HTTP 503: no capacity)".
std::string Named(ErrorKind kind, const ErrorSummary& summary) {
  std::string text(ToString(kind));
  const auto most = std::max_element(
      summary.examples.begin(), summary.examples.end(),
      [](const ErrorExample& a, const ErrorExample& b) { return a.count < b.count; });
  if (most == summary.examples.end()) return text;
  std::string words;
  if (most->http_status >= 300) words = "HTTP " + std::to_string(most->http_status);
  if (!most->message.empty()) words += (words.empty() ? "" : ": ") + most->message;
  if (words.empty()) return text;
  return text + " (" + text::Excerpt(text::CleanLine(words), kMaxHeadlineMessage) + ")";
}

// "38 of 40 requests failed: ".
std::string HowMany(std::uint64_t failed, const MetricsSnapshot& metrics) {
  const std::uint64_t completed = metrics.Completed();
  if (failed < completed) {
    return std::to_string(failed) + " of " + std::to_string(completed) + " requests failed: ";
  }
  // Others may have been dropped, or may not have ended.
  const std::string_view which =
      completed < metrics[Counter::kScheduled] ? "completed request" : "request";
  if (completed == 1) return std::string("The only ").append(which).append(" failed: ");
  return "All " + std::to_string(completed) + " " + std::string(which) + "s failed: ";
}

}  // namespace

std::string SumUpFailures(const MetricsSnapshot& metrics) {
  const std::vector<ErrorKindCount> kinds = ErrorsByFrequency(metrics);
  if (kinds.empty()) return "";
  std::uint64_t failed = 0;
  for (const ErrorKindCount& kind : kinds) failed += kind.count;
  std::string text = HowMany(failed, metrics);
  const auto named = [&](const ErrorKindCount& kind) {
    return Named(kind.kind, metrics[kind.kind]);
  };
  if (static_cast<double>(kinds[0].count) >= kNearlyAll * static_cast<double>(failed)) {
    return text + named(kinds[0]);
  }
  const std::uint64_t others = failed - kinds[0].count - kinds[1].count;
  return text + std::to_string(kinds[0].count) + " " + named(kinds[0]) +
         (others > 0 ? ", " : " and ") + std::to_string(kinds[1].count) + " " + named(kinds[1]) +
         (others > 0 ? " and " + std::to_string(others) + " of other kinds" : "");
}

}  // namespace llmload::judge
