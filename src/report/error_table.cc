#include "src/report/error_table.h"

#include <algorithm>
#include <vector>

#include "src/core/text/format.h"

namespace llmload {
namespace {

constexpr std::size_t kErrorLineWidth = 80;
constexpr std::size_t kKindWidth = 26;
constexpr std::size_t kCountWidth = 9;
constexpr std::size_t kExampleIndent = 13;

// The size of the longest beginning of `text` that fits into `width` columns: up to a space, if
// there is one, or else up to any character.
std::size_t FittingSize(std::string_view text, std::size_t width) {
  if (text::DisplayWidth(text) <= width) return text.size();
  std::size_t fitting = 0;
  std::size_t size = 0;
  while (size < text.size()) {
    ++size;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
    if (text::DisplayWidth(text.substr(0, size)) > width) break;
    fitting = size;
  }
  const std::size_t space = text.rfind(' ', fitting);
  return space == std::string_view::npos || space == 0 ? fitting : space;
}

// Appends `text` after `first`, and the lines that it needs beyond the first one indented alike.
void AppendWrapped(std::string first, std::string_view text, std::string& out) {
  first.resize(std::max(first.size(), kExampleIndent), ' ');
  while (true) {
    const std::size_t size = FittingSize(text, kErrorLineWidth - first.size());
    out.append(first).append(text.substr(0, size)) += '\n';
    text.remove_prefix(size);
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text.empty()) return;
    first.assign(kExampleIndent, ' ');
  }
}

// "     38 x  ".
std::string Times(std::uint64_t count) {
  std::string times = std::to_string(count) + " x  ";
  return times.insert(0, kExampleIndent - std::min(times.size(), kExampleIndent), ' ');
}

void AppendExample(const ErrorExample& example, std::string& out) {
  const auto add = [](std::string& list, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    list.append(list.empty() ? "" : ", ").append(name).append(text::CleanLine(value));
  };
  std::string words;
  if (example.http_status != 0) add(words, "HTTP ", std::to_string(example.http_status));
  add(words, "code ", example.code);
  const std::string message = text::CleanLine(example.message);
  if (!message.empty()) words.append(words.empty() ? "" : ": ").append(message);
  AppendWrapped(Times(example.count), words.empty() ? "(without a message)" : words, out);
  std::string first = "first at " + text::FormatDuration(example.first);
  add(first, "from ", example.provider);
  add(first, "request ", example.request_id);
  AppendWrapped("", first, out);
}

}  // namespace

void AppendErrors(const MetricsSnapshot& metrics, std::string& out) {
  std::vector<ErrorKind> kinds;
  for (std::size_t i = 0; i < metrics.errors.size(); ++i) {
    if (metrics.errors[i].count > 0) kinds.push_back(static_cast<ErrorKind>(i));
  }
  if (kinds.empty()) return;
  std::stable_sort(kinds.begin(), kinds.end(),
                   [&](ErrorKind a, ErrorKind b) { return metrics[a].count > metrics[b].count; });
  out += "\nErrors\n";
  for (const ErrorKind kind : kinds) {
    const ErrorSummary& summary = metrics[kind];
    std::string line = "  " + std::string(ToString(kind));
    line.resize(std::max(line.size(), kKindWidth), ' ');
    const std::string count = std::to_string(summary.count);
    line.append(kCountWidth - std::min(count.size(), kCountWidth), ' ').append(count);
    if (summary.first && summary.last) {
      line += "  from " + text::FormatDuration(*summary.first) + " to " +
              text::FormatDuration(*summary.last);
    }
    out.append(line) += '\n';
    std::uint64_t shown = 0;
    for (const ErrorExample& example : summary.examples) {
      AppendExample(example, out);
      shown += example.count;
    }
    if (!summary.examples.empty() && shown < summary.count) {
      AppendWrapped(Times(summary.count - shown), "other messages", out);
    }
  }
}

}  // namespace llmload
