// How texts and tables fit into the columns of a terminal.
#include <algorithm>
#include <utility>

#include "src/core/text/format.h"

namespace llmload::text {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kGap = 2;
// Of a column whose texts are broken into lines.
constexpr std::size_t kNarrowestText = 16;
constexpr std::size_t kNarrowestTable = 40;

// The length of the character, or of the colour, that `text` begins with.
std::size_t UnitLength(std::string_view text) {
  if (text.starts_with("\033[")) {
    if (const std::size_t end = text.find('m'); end != std::string_view::npos) return end + 1;
  }
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
    ++length;
  return length;
}

std::size_t UnitColumns(std::string_view unit) {
  return unit.starts_with("\033[") && unit.ends_with('m') ? 0 : DisplayWidth(unit);
}

// `DisplayWidth` without the colours.
std::size_t Columns(std::string_view text) {
  if (text.find('\033') == std::string_view::npos) return DisplayWidth(text);
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::string_view unit = text.substr(0, UnitLength(text));
    columns += UnitColumns(unit);
    text.remove_prefix(unit.size());
  }
  return columns;
}

// Takes from `text`, a word, what fits into `width` columns, at least one character; of a path or a
// URL rather a whole number of its parts.
std::string_view TakeColumns(std::string_view& text, std::size_t width) {
  std::size_t length = 0;
  std::size_t columns = 0;
  while (length < text.size()) {
    const std::string_view unit = text.substr(length, UnitLength(text.substr(length)));
    columns += UnitColumns(unit);
    if (columns > width && length > 0) break;
    length += unit.size();
  }
  if (length < text.size()) {
    const std::size_t slash = text.substr(0, length).rfind('/');
    if (slash != std::string_view::npos && slash >= length / 3) length = slash + 1;
  }
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

std::string FitLine(std::string_view line, std::size_t width, std::size_t hang) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  std::size_t column = line.find("  ", begin);
  if (column != std::string_view::npos) column = line.find_first_not_of(' ', column);
  const bool has_column = column != std::string_view::npos && column <= width / 2;
  const std::size_t indent = has_column ? column : std::min(begin + hang, width / 2);
  std::string fitted(line.substr(0, has_column ? column : begin));
  const auto lines = WrapLines(line.substr(fitted.size()), width - indent);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) fitted.append("\n").append(indent, ' ');
    fitted += lines[i];
  }
  return fitted;
}

}  // namespace

std::vector<std::string> WrapLines(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::size_t spaces = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find(' ', spaces), text.size());
    std::string_view word = text.substr(spaces, end - spaces);
    if (word.empty()) break;
    if (columns + spaces + Columns(word) > width) {
      if (!line.empty()) lines.push_back(std::exchange(line, {}));
      columns = 0;
      while (Columns(word) > width) lines.emplace_back(TakeColumns(word, width));
    } else {
      line.append(spaces, ' ');
      columns += spaces;
    }
    line += word;
    columns += Columns(word);
    text.remove_prefix(end);
  }
  if (!line.empty() || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string FitLines(std::string_view text, std::size_t width, std::size_t hang) {
  width = std::max(width, kNarrowestTable);
  std::string fitted;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    fitted += Columns(line) <= width ? std::string(line) : FitLine(line, width, hang);
    if (end < text.size()) fitted += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fitted;
}

Table::Widths Table::NaturalWidths() const {
  Widths widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  return widths;
}

void Table::PrintBlock(std::string& out, const Widths& widths, std::size_t begin,
                       std::size_t end) const {
  for (const auto& row : rows_) {
    // A row that has nothing in these columns has been printed.
    if (begin > 1 && row.size() <= begin) continue;
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t i = 0; i < std::min(end, row.size()); ++i) {
      if (i > 0 && i < begin) continue;
      cells.push_back(WrapLines(row[i], widths[i]));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t k = 0; k < height; ++k) {
      std::string line(kIndent, ' ');
      for (std::size_t cell = 0; cell < cells.size(); ++cell) {
        const std::size_t column = cell == 0 ? 0 : begin + cell - 1;
        const std::string text = k < cells[cell].size() ? cells[cell][k] : "";
        const std::string padding(widths[column] - std::min(widths[column], Columns(text)), ' ');
        line += IsText(column) ? text + padding : padding + text;
        line.append(kGap, ' ');
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }
}

void Table::Print(std::string& out, std::size_t width) const {
  const Widths natural = NaturalWidths();
  const std::size_t columns = natural.size();
  if (columns == 0) return;
  const std::size_t room = std::max(width, kNarrowestTable) - kIndent;
  const auto least = [&](std::size_t column) {
    const std::size_t most = column == 0 ? kNarrowestText : room - kNarrowestText - kGap;
    return std::min(natural[column], IsText(column) ? kNarrowestText : most);
  };
  std::size_t whole = natural[0];
  for (std::size_t i = 1; i < columns; ++i) whole += kGap + natural[i];
  const auto may_break = [&](std::size_t column) {
    return whole > room && std::find(breaks_.begin(), breaks_.end(), column) != breaks_.end();
  };
  for (std::size_t begin = 1; begin == 1 || begin < columns;) {
    std::size_t used = least(0);
    std::size_t end = begin;
    while (end < columns &&
           (end == begin || (used + kGap + least(end) <= room && !may_break(end)))) {
      used += kGap + least(end++);
    }
    // What is left over goes to texts, to the first column not before it has half of the line.
    Widths widths = natural;
    std::size_t left = room > used ? room - used : 0;
    const auto grow = [&](std::size_t column, std::size_t most) {
      const std::size_t more =
          std::min(left, std::min(natural[column], most) - std::min(widths[column], most));
      widths[column] += more;
      left -= more;
    };
    widths[0] = least(0);
    for (std::size_t i = begin; i < end; ++i) widths[i] = least(i);
    grow(0, room / 2);
    for (std::size_t i = begin; i < end; ++i) grow(i, room);
    grow(0, room);
    if (begin > 1) out += '\n';
    PrintBlock(out, widths, begin, end);
    begin = std::max(end, std::size_t{2});
  }
}

}  // namespace llmload::text
