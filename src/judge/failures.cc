#include "src/judge/failures.h"

#include <algorithm>
#include <vector>

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

}  // namespace

std::string SumUpFailures(const MetricsSnapshot& metrics) {
  std::vector<ErrorKind> kinds;
  std::uint64_t failed = 0;
  for (std::size_t i = 0; i < metrics.errors.size(); ++i) {
    if (metrics.errors[i].count == 0) continue;
    kinds.push_back(static_cast<ErrorKind>(i));
    failed += metrics.errors[i].count;
  }
  if (failed == 0) return "";
  std::stable_sort(kinds.begin(), kinds.end(),
                   [&](ErrorKind a, ErrorKind b) { return metrics[a].count > metrics[b].count; });
  std::string text = std::to_string(failed) + " of " + std::to_string(metrics.Completed()) +
                     (metrics.Completed() == 1 ? " request failed: " : " requests failed: ");
  const ErrorSummary& first = metrics[kinds[0]];
  if (static_cast<double>(first.count) >= kNearlyAll * static_cast<double>(failed)) {
    return text + Named(kinds[0], first);
  }
  const ErrorSummary& second = metrics[kinds[1]];
  text += std::to_string(first.count) + " " + Named(kinds[0], first) + ", " +
          std::to_string(second.count) + " " + Named(kinds[1], second);
  const std::uint64_t others = failed - first.count - second.count;
  return others > 0 ? text + ", " + std::to_string(others) + " of other kinds" : text;
}

}  // namespace llmload::judge
