#include "src/report/error_table.h"

#include <algorithm>
#include <vector>

#include "llmload/metrics/error_counts.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

constexpr std::size_t kKindWidth = 26;
constexpr std::size_t kCountWidth = 9;
constexpr std::size_t kExampleIndent = 13;

// Appends `words` after `first`, and the lines that they need beyond the first one indented alike.
void AppendWrapped(std::string first, std::string_view words, std::size_t width, std::string& out) {
  first.resize(std::max(first.size(), kExampleIndent), ' ');
  for (const std::string& line : text::WrapLines(words, width - std::min(width, first.size()))) {
    out.append(first).append(line) += '\n';
    first.assign(kExampleIndent, ' ');
  }
}

// "     38 x  ".
std::string Times(std::uint64_t count) {
  std::string times = text::FormatCount(count) + " x  ";
  return times.insert(0, kExampleIndent - std::min(times.size(), kExampleIndent), ' ');
}

void AppendExample(const ErrorExample& example, std::size_t width, std::string& out) {
  const auto add = [](std::string& list, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    list.append(list.empty() ? "" : ", ").append(name).append(text::CleanLine(value));
  };
  std::string words;
  if (example.http_status != 0) add(words, "HTTP ", std::to_string(example.http_status));
  add(words, "code ", example.code);
  const std::string message = text::CleanLine(example.message);
  if (!message.empty()) words.append(words.empty() ? "" : ": ").append(message);
  AppendWrapped(Times(example.count), words.empty() ? "(without a message)" : words, width, out);
  std::string first = "first at " + text::FormatDuration(example.first);
  add(first, "from ", example.provider);
  add(first, "request ", example.request_id);
  AppendWrapped("", first, width, out);
}

}  // namespace

void AppendErrors(const MetricsSnapshot& metrics, std::size_t width, std::string& out) {
  const std::vector<ErrorKindCount> kinds = ErrorsByFrequency(metrics);
  if (kinds.empty()) return;
  out += "\nErrors\n";
  for (const auto& [kind, all] : kinds) {
    const ErrorSummary& summary = metrics[kind];
    std::string line = "  " + std::string(ToString(kind));
    line.resize(std::max(line.size(), kKindWidth), ' ');
    const std::string count = text::FormatCount(all);
    line.append(kCountWidth - std::min(count.size(), kCountWidth), ' ').append(count);
    const std::string when = summary.first && summary.last
                                 ? "  from " + text::FormatDuration(*summary.first) + " to " +
                                       text::FormatDuration(*summary.last)
                                 : "";
    const bool fits = line.size() + text::DisplayWidth(when) <= width;
    out.append(line).append(fits ? when : "\n" + std::string(kExampleIndent - 2, ' ') + when) +=
        '\n';
    std::uint64_t shown = 0;
    for (const ErrorExample& example : summary.examples) {
      AppendExample(example, width, out);
      shown += example.count;
    }
    if (!summary.examples.empty() && shown < all) {
      AppendWrapped(Times(all - shown), "other messages", width, out);
    }
  }
}

}  // namespace llmload
