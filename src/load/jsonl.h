// Files with one JSON object in each line, read strictly: every message names file, line and field.
#ifndef LLMLOAD_SRC_LOAD_JSONL_H_
#define LLMLOAD_SRC_LOAD_JSONL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <istream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace llmload {

/// One line and the readers of its values. Each function throws `ConfigurationError` for a value
/// that it does not accept; `field` is the name of the value in the message.
class JsonlLine {
 public:
  /// @param name    of the file
  /// @param number  of the line, from 1
  JsonlLine(std::string_view name, std::uint64_t number) : name_(name), number_(number) {}

  /// The object that `text` holds. Rejects a text that is not one JSON object, that has a member
  /// twice, or that is nested more than 63 levels deep.
  nlohmann::json Parse(std::string_view text) const;

  /// Rejects a member of `object` that is not one of `known`.
  /// @param path  what precedes the names of the members in the message: "" or "messages[0]."
  void CheckMembers(const nlohmann::json& object, const std::string& path,
                    std::initializer_list<std::string_view> known) const;

  std::string ReadString(const nlohmann::json& value, std::string_view field) const;
  double ReadNumber(const nlohmann::json& value, std::string_view field, double min, double max,
                    std::string_view accepted) const;
  /// A whole number in [min, max].
  std::uint32_t ReadInteger(const nlohmann::json& value, std::string_view field, std::uint32_t min,
                            std::uint32_t max) const;

  /// "NAME:LINE: FIELD: got "VALUE", expected ACCEPTED".
  [[noreturn]] void Reject(std::string_view field, std::string_view value,
                           std::string_view accepted) const;

 private:
  std::string_view name_;
  std::uint64_t number_;
};

/// Bounds of a file.
struct JsonlBounds {
  std::size_t max_line_bytes = std::size_t{1} << 20;
  std::size_t max_bytes = std::size_t{1} << 30;  ///< of all lines
  std::size_t max_lines = 10'000'000;            ///< blank ones not counted
};

/// Reads `input` to its end and calls `on_line` with the object of each line that is not blank. A
/// line may end with CR LF, and the last one may lack its end. Throws `ConfigurationError`, also
/// for a file that is beyond the bounds or cannot be read.
void ReadJsonl(std::istream& input, std::string_view name, const JsonlBounds& bounds,
               const std::function<void(const JsonlLine&, const nlohmann::json&)>& on_line);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_JSONL_H_
