// One description of a structure for both directions: `Visit(archive, structure)` names its fields
// once, and a `JsonWriter` writes them or a `JsonReader` reads and checks them. So nothing is
// written that cannot be read back.
//
//   template <class Archive, class T> requires IsOf<T, TimelineEvent>
//   void Visit(Archive& archive, T& event) {
//     archive.Field("at_seconds", event.at);
//     archive.Field("what", event.what);
//   }
//
// A type whose form is not an object of its fields has `Json WriteForm(const T&)` and
// `void ReadForm(const Json&, const std::string& place, T&)`, found by its namespace.
#ifndef LLMLOAD_SRC_RECORD_JSON_ARCHIVE_H_
#define LLMLOAD_SRC_RECORD_JSON_ARCHIVE_H_

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/time.h"

namespace llmload::record {

using Json = nlohmann::ordered_json;

/// Matches a structure that is written (const) and one that is read.
template <class T, class Structure>
concept IsOf = std::same_as<std::remove_const_t<T>, Structure>;

/// Durations beyond it, some 127 years, are written as it. The difference of two still fits into a
/// `Duration`.
inline constexpr double kMaxSeconds = 4e9;

/// Writes. Durations are numbers of seconds; what is empty or not finite is null.
class JsonWriter {
 public:
  static constexpr bool kReads = false;

  explicit JsonWriter(Json& json) : json_(json) {}

  template <class T>
  void Field(std::string_view name, const T& value) {
    json_[std::string(name)] = ToJson(value);
  }

  /// A field that reports have only from some version on: where it is not, its value stays as it
  /// is.
  template <class T>
  void LaterField(std::string_view name, const T& value) {
    Field(name, value);
  }

  /// A figure for readers of the file, which follows from the fields and is not read back.
  template <class T>
  void Derived(std::string_view name, const T& value) {
    Field(name, value);
  }

  /// A field whose form `visit` decides: `visit(archive)` with an archive of the inner object.
  template <class Inner>
  void Object(std::string_view name, Inner visit) {
    Json inner = Json::object();
    JsonWriter writer(inner);
    visit(writer);
    json_[std::string(name)] = std::move(inner);
  }

  template <class T>
  static Json ToJson(const T& value) {
    if constexpr (std::is_same_v<T, double>) {
      return std::isfinite(value) ? Json(value) : Json(nullptr);
    } else if constexpr (std::is_same_v<T, Duration>) {
      return Json(std::clamp(ToSeconds(value), -kMaxSeconds, kMaxSeconds));
    } else if constexpr (requires { WriteForm(value); }) {
      return WriteForm(value);
    } else if constexpr (requires(JsonWriter & writer) { Visit(writer, value); }) {
      Json json = Json::object();
      JsonWriter writer(json);
      Visit(writer, value);
      return json;
    } else {
      return Json(value);
    }
  }
  template <class T>
  static Json ToJson(const std::optional<T>& value) {
    return value ? ToJson(*value) : Json(nullptr);
  }
  template <class T>
  static Json ToJson(const std::vector<T>& values) {
    Json list = Json::array();
    for (const T& value : values) list.push_back(ToJson(value));
    return list;
  }

 private:
  Json& json_;
};

/// Reads. Throws `ConfigurationError` that names the place of the field, what is there, and what is
/// expected.
class JsonReader {
 public:
  static constexpr bool kReads = true;

  /// `place` names `json` in messages: "report.json", "report.json: criteria[2]".
  JsonReader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json_.is_object()) Refuse(place_, json_, "an object");
  }

  template <class T>
  void Field(std::string_view name, T& value) {
    Read(At(name), Place(name), value);
  }

  template <class T>
  void LaterField(std::string_view name, T& value) {
    if (Has(name)) Field(name, value);
  }

  template <class T>
  void Derived(std::string_view, const T&) {}

  template <class Inner>
  void Object(std::string_view name, Inner visit) {
    JsonReader reader(At(name), Place(name));
    visit(reader);
  }

  bool Has(std::string_view name) const { return json_.contains(std::string(name)); }

  /// The member `name`.
  const Json& At(std::string_view name) const {
    const auto found = json_.find(std::string(name));
    if (found == json_.end()) {
      throw ConfigurationError(place_ + ": got no member \"" + std::string(name) +
                               "\", expected it");
    }
    return *found;
  }
  std::string Place(std::string_view name) const {
    const bool in_file = place_.find(": ") == std::string::npos;
    return place_ + (in_file ? ": " : ".") + std::string(name);
  }
  const Json& json() const { return json_; }

  [[noreturn]] static void Refuse(const std::string& place, const Json& found,
                                  std::string_view expected) {
    std::string text = found.is_structured()
                           ? (found.is_array() ? "an array" : "an object")
                           : found.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 80) text = text.substr(0, 80) + "...";
    throw ConfigurationError(place + ": got " + text + ", expected " + std::string(expected));
  }

  template <class T>
  static void Read(const Json& json, const std::string& place, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      if (!json.is_boolean()) Refuse(place, json, "true or false");
      value = json.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!json.is_string()) Refuse(place, json, "a string");
      value = json.get<std::string>();
    } else if constexpr (std::is_same_v<T, double>) {
      if (!json.is_number() && !json.is_null()) Refuse(place, json, "a number");
      value = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
    } else if constexpr (std::is_same_v<T, Duration>) {
      value = Seconds(json, place);
    } else if constexpr (std::is_integral_v<T>) {
      value = Whole<T>(json, place);
    } else if constexpr (requires(JsonReader & reader) { Visit(reader, value); }) {
      JsonReader reader(json, place);
      Visit(reader, value);
    } else {
      ReadForm(json, place, value);
    }
  }
  template <class T>
  static void Read(const Json& json, const std::string& place, std::optional<T>& value) {
    value.reset();
    if (json.is_null()) return;
    Read(json, place, value.emplace());
  }
  template <class T>
  static void Read(const Json& json, const std::string& place, std::vector<T>& values) {
    values.clear();
    if (!json.is_array()) Refuse(place, json, "an array");
    values.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
      Read(json[i], place + "[" + std::to_string(i) + "]", values.emplace_back());
    }
  }

 private:
  static Duration Seconds(const Json& json, const std::string& place) {
    constexpr double kExact = 1e6;
    if (!json.is_number()) Refuse(place, json, "a number of seconds");
    const double seconds = json.get<double>();
    if (!(std::abs(seconds) <= kMaxSeconds)) Refuse(place, json, "seconds between -4e9 and 4e9");
    // A double of more than 11 days may miss a nanosecond: what is read is written as it was read.
    if (std::abs(seconds) > kExact) return Duration(std::llround(seconds * 1e3) * 1'000'000);
    return Duration(std::llround(seconds * 1e9));
  }

  template <class T>
  static T Whole(const Json& json, const std::string& place) {
    const std::string expected = "a whole number from " +
                                 std::to_string(std::numeric_limits<T>::min()) + " to " +
                                 std::to_string(std::numeric_limits<T>::max());
    if (json.is_number_unsigned()) {
      const auto number = json.get<std::uint64_t>();
      if (std::in_range<T>(number)) return static_cast<T>(number);
    } else if (json.is_number_integer()) {
      const auto number = json.get<std::int64_t>();
      if (std::in_range<T>(number)) return static_cast<T>(number);
    }
    Refuse(place, json, expected);
  }

  const Json& json_;
  std::string place_;
};

}  // namespace llmload::record

#endif  // LLMLOAD_SRC_RECORD_JSON_ARCHIVE_H_
