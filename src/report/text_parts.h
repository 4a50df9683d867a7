// What the sections of the text report have in common.
#ifndef LLMLOAD_SRC_REPORT_TEXT_PARTS_H_
#define LLMLOAD_SRC_REPORT_TEXT_PARTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/judge/verdict.h"
#include "llmload/metrics/error_counts.h"
#include "llmload/provider/error.h"
#include "src/core/text/format.h"

namespace llmload::report {

/// Stands for what is not known.
inline constexpr std::string_view kNothing = "-";

inline std::string Optional(const std::optional<double>& value, std::string_view unit = "") {
  return value ? text::FormatQuantity(*value, unit) : std::string(kNothing);
}

inline std::string OptionalDuration(const std::optional<Duration>& value,
                                    std::string_view otherwise = kNothing) {
  return value ? text::FormatDuration(*value) : std::string(otherwise);
}

inline std::string Percent(const std::optional<double>& ratio) {
  return ratio ? text::FormatNumber(*ratio * 100) + " %" : std::string(kNothing);
}

/// "1,240", of so many per second.
inline std::string RateNumber(double per_second) {
  return text::Grouped(text::FormatNumber(per_second, 3));
}

/// "1,200 rate_limited".
inline std::string KindText(const ErrorKindCount& kind) {
  return text::FormatCount(kind.count).append(" ").append(ToString(kind.kind));
}

inline void Heading(std::string& out, std::string_view title) {
  out.append("\n").append(title) += '\n';
}

inline std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
  return joined;
}

/// Appends `words`, broken at spaces, in lines of at most `width` columns that `indent` spaces
/// begin.
inline void Wrap(std::string& out, std::string_view words, std::size_t width,
                 std::size_t indent = 2) {
  for (const std::string& line : text::WrapLines(words, width - indent)) {
    out.append(indent, ' ').append(line) += '\n';
  }
}

/// The verdict's name, in its colour if `colour`.
std::string Coloured(Verdict verdict, bool colour);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_TEXT_PARTS_H_
