// How values look in text reports. Independent of the locale.
#ifndef LLMLOAD_SRC_CORE_TEXT_FORMAT_H_
#define LLMLOAD_SRC_CORE_TEXT_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/clock.h"

namespace llmload::text {

/// Whole numbers as they are, others with `digits` significant digits; "1e+20" only beyond 10^15.
std::string FormatNumber(double value, int digits = 4);

/// `number`, as `FormatNumber` prints it, with commas between the thousands of its whole part:
/// "12,345.6".
std::string Grouped(std::string number);

/// A count for people: "60,000".
std::string FormatCount(std::uint64_t count);

/// A share in per cent: "2.5 %".
std::string FormatPercent(double share, int digits = 3);

/// "34.1 µs", "812 ms", "1.25 s": `digits` significant digits in the unit that fits.
std::string FormatDuration(Duration value, int digits = 3);

/// Whole seconds, and from a minute on in two units: "45s", "12m05s", "3h20m", "2d04h".
std::string FormatSpan(Duration value);

/// "31.2 MB", in powers of ten.
std::string FormatBytes(double bytes);

/// A value in its unit: seconds as a duration, bytes as bytes, all else as a number and the unit.
std::string FormatQuantity(double value, std::string_view unit);

/// "4.71 s to 5.2 s", "4.71 s or more", "5.2 s or less", "-": an interval of which a side may be
/// unknown.
std::string FormatInterval(const std::optional<double>& lower, const std::optional<double>& upper,
                           std::string_view unit);

/// Text from outside as one line: `Harmless`, without runs of spaces and spaces at either end, and
/// with what CTest or its SKIP pattern would take for a command, or readers of JUnit files for a
/// property, broken up.
std::string CleanLine(std::string_view text);

/// Columns on a terminal: two for what East Asian scripts and emoji take double width for, none for
/// combining marks. Each character counts for itself, as most terminals have it, also in emoji that
/// are joined of several.
std::size_t DisplayWidth(std::string_view text);

/// `text` in lines of at most `width` columns, at least one. It is broken at spaces, and a word
/// that is too long for a line wherever that ends. A colour (an escape sequence that ends in 'm')
/// takes no column.
std::vector<std::string> WrapLines(std::string_view text, std::size_t width);

/// `text`, of which each line that is longer than `width` columns goes on in the next one: below
/// its second column where two spaces or more divide it, else `hang` columns to the right of its
/// beginning.
std::string FitLines(std::string_view text, std::size_t width, std::size_t hang = 0);

/// Rows of cells, printed with columns aligned: the first to the left, the others to the right.
class Table {
 public:
  /// Columns from `first_left` on, in all rows, align left again (for remarks at the end).
  explicit Table(std::size_t first_left = static_cast<std::size_t>(-1)) : first_left_(first_left) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  /// A table that does not fit is divided before this column first of all.
  void BreakBefore(std::size_t column) { breaks_.push_back(column); }
  /// Appends all rows to `out`, indented by two, without trailing spaces, in at most `width`
  /// columns: texts (in the first column and those that align left) are broken into lines, and what
  /// still does not fit follows below, with the first column once more. No number is cut.
  void Print(std::string& out, std::size_t width = static_cast<std::size_t>(-1)) const;

 private:
  using Widths = std::vector<std::size_t>;
  bool IsText(std::size_t column) const { return column == 0 || column >= first_left_; }
  /// Of each column, without a line break.
  Widths NaturalWidths() const;
  /// Prints the first column and those from `begin` to `end`.
  void PrintBlock(std::string& out, const Widths& widths, std::size_t begin, std::size_t end) const;

  std::size_t first_left_;
  std::vector<std::size_t> breaks_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_FORMAT_H_
