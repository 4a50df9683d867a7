// Files of JSON objects, one in each line or all in one array, read strictly: every message names
// file, line and field.
#ifndef LLMLOAD_SRC_LOAD_JSONL_H_
#define LLMLOAD_SRC_LOAD_JSONL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "src/load/text_input.h"

namespace llmload {

/// One line, or one element of an array, and the readers of its values. Each function throws
/// `ConfigurationError` for a value that it does not accept; `field` is the name of the value in
/// the message. Values and names out of the file are shown as `text::Excerpt` makes them.
class JsonlLine {
 public:
  /// What a message shows in place of the value of a field that is not there.
  static constexpr std::string_view kMissing = "no such field";

  /// @param name     of the file
  /// @param number   of the line, from 1
  /// @param element  of the array, from 1; 0: what is read is the line itself
  JsonlLine(std::string_view name, std::uint64_t number, std::uint64_t element = 0)
      : name_(name), number_(number), element_(element) {}

  /// The object that `text` holds, in which half a surrogate pair (an emoji that was cut) becomes
  /// U+FFFD. Rejects a text that is not one JSON object, that has a member twice, or that is nested
  /// more than 63 levels deep.
  nlohmann::json Parse(std::string_view text) const;

  /// Rejects a member of `object` that is not one of `known`.
  /// @param path  what precedes the names of the members in the message: "" or "messages[0]."
  void CheckMembers(const nlohmann::json& object, const std::string& path,
                    std::initializer_list<std::string_view> known) const;

  /// The member of that name. Rejects an object without it.
  const nlohmann::json& Member(const nlohmann::json& object, const std::string& path,
                               std::string_view member, std::string_view accepted) const;

  std::string ReadString(const nlohmann::json& value, std::string_view field) const;
  double ReadNumber(const nlohmann::json& value, std::string_view field, double min, double max,
                    std::string_view accepted) const;
  /// A whole number in [min, max].
  std::uint32_t ReadInteger(const nlohmann::json& value, std::string_view field, std::uint32_t min,
                            std::uint32_t max) const;

  /// "NAME:LINE: FIELD: got "VALUE", expected ACCEPTED", with "element N: " before the field if
  /// there is one.
  [[noreturn]] void Reject(std::string_view field, std::string_view value,
                           std::string_view accepted) const;
  /// Rejects the whole line or element, of which the message shows the beginning.
  [[noreturn]] void RejectText(std::string_view text, std::string_view accepted) const;

 private:
  std::optional<nlohmann::json> TryParse(std::string_view text, std::size_t& broken_at) const;
  [[noreturn]] void RejectJson(std::string_view text, std::size_t broken_at) const;

  std::string_view name_;
  std::uint64_t number_;
  std::uint64_t element_;
};

/// Bounds of a file.
struct JsonlBounds {
  std::size_t max_line_bytes = std::size_t{1} << 20;  ///< of an element, too
  std::size_t max_bytes = std::size_t{1} << 30;       ///< of all lines
  std::size_t max_lines = 10'000'000;                 ///< blank ones not counted
};

/// Reads `input` to its end and calls `on_record` with the object of each line that is not blank,
/// or, if the first character is a bracket, with each element of the array. Throws
/// `ConfigurationError`, also for a file that is beyond the bounds.
void ReadJsonl(TextInput& input, std::string_view name, const JsonlBounds& bounds,
               const std::function<void(const JsonlLine&, const nlohmann::json&)>& on_record);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_JSONL_H_
