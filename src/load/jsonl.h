// Files of one JSON object a line, read strictly: every message names file, line and field.
#ifndef LLMLOAD_SRC_LOAD_JSONL_H_
#define LLMLOAD_SRC_LOAD_JSONL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <string_view>

#include "src/core/text/json_cursor.h"

namespace llmload {

/// One line that is being read. Every function throws `ConfigurationError` for what it does not
/// accept.
class JsonlLine {
 public:
  JsonlLine(std::string_view name, std::uint64_t number, std::string_view text);

  /// Calls `on_member` for each member of the line's object; it must consume the value by one of
  /// the readers below, or call `RejectUnknown`. A second member of the same name is an error.
  void ForEachMember(const std::function<void(std::string_view field)>& on_member);
  /// Calls `on_member` for each member of the object that comes next.
  void ReadObject(std::string_view field,
                  const std::function<void(std::string_view field)>& on_member);
  void ReadArray(std::string_view field, const std::function<void()>& on_element);

  std::string ReadString(std::string_view field);
  double ReadNumber(std::string_view field, double min, double max, std::string_view accepted);
  /// A whole number in [min, max].
  std::uint32_t ReadInteger(std::string_view field, std::uint32_t min, std::uint32_t max);

  /// "NAME:LINE: FIELD: got "VALUE", expected ACCEPTED".
  [[noreturn]] void Reject(std::string_view field, std::string_view value,
                           std::string_view accepted) const;
  [[noreturn]] void RejectUnknown(std::string_view field, std::string_view accepted) const;

 private:
  void Members(const std::function<void(std::string_view field)>& on_member);
  void CheckSyntax() const;

  std::string_view name_;
  std::uint64_t number_;
  wire::JsonCursor cursor_;
};

struct JsonlBounds {
  std::size_t max_line_bytes = std::size_t{1} << 20;
  std::size_t max_bytes = std::size_t{1} << 30;  ///< of all lines
  std::size_t max_lines = 10'000'000;            ///< blank ones not counted
};

/// Reads `input` to its end and calls `on_line` for each line that is not blank. A line may end
/// with CR LF; the last one need not end. Throws `ConfigurationError`, also for what is beyond the
/// bounds, and if the input fails.
void ReadJsonl(std::istream& input, std::string_view name, const JsonlBounds& bounds,
               const std::function<void(JsonlLine& line)>& on_line);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_JSONL_H_
