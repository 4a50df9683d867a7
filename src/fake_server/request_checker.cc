#include "src/fake_server/request_checker.h"

#include <algorithm>
#include <utility>

namespace llmload::fake_server {
namespace {

using CheckedJson = nlohmann::json;

// Names of types as Go's decoder gives them.
std::string_view GoType(std::string_view expected) {
  if (expected == "list") return "[]json.RawMessage";
  if (expected == "dictionary") return "map[string]interface {}";
  if (expected == "integer") return "int";
  if (expected == "number") return "float32";
  if (expected == "boolean") return "bool";
  return expected;
}

std::string_view GoKind(const CheckedJson& value) {
  switch (value.type()) {
    case CheckedJson::value_t::object:
      return "object";
    case CheckedJson::value_t::array:
      return "array";
    case CheckedJson::value_t::string:
      return "string";
    case CheckedJson::value_t::boolean:
      return "bool";
    default:
      return "number";
  }
}

std::string Shortest(double number) {
  std::string text = std::to_string(number);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

const nlohmann::json* Find(const nlohmann::json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool Contains(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Alternatives(Names names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text.append(i + 1 == names.size() ? " or " : ", ");
    text.append("'").append(names[i]).append("'");
  }
  return text;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

void RequestChecker::Refuse(std::string message, int status) {
  throw RequestRefusal{std::move(message), status};
}

void RequestChecker::RefuseAt(const std::string& path, const std::string& problem) const {
  switch (protocol_) {
    case Protocol::kConverse:
      Refuse("1 validation error detected: Value at '" + path +
             "' failed to satisfy constraint: " + problem);
    case Protocol::kInvokeTitan:
      Refuse("Malformed input request: #/" + path + ": " + problem +
             ", please reformat your input and try again.");
    case Protocol::kOllama:
      Refuse(path + " " + problem);
    default:
      Refuse(path + ": " + problem);
  }
}

void RequestChecker::RefuseType(const std::string& path, const Json& value,
                                std::string_view expected) const {
  if (protocol_ == Protocol::kOllama) {
    Refuse("json: cannot unmarshal " + std::string(GoKind(value)) + " into Go struct field " +
           path + " of type " + std::string(GoType(expected)));
  }
  if (protocol_ == Protocol::kConverse) {
    RefuseAt(path, "Member must be a " + std::string(expected));
  }
  RefuseAt(path, "Input should be a valid " + std::string(expected));
}

const nlohmann::json& RequestChecker::Required(const Json& object, const std::string& path,
                                               std::string_view name) const {
  const Json* const value = Find(object, name);
  if (value == nullptr) {
    switch (protocol_) {
      case Protocol::kConverse:
        Refuse("1 validation error detected: Value null at '" + Join(path, name) +
               "' failed to satisfy constraint: Member must not be null");
      case Protocol::kOllama:
        RefuseAt(Join(path, name), "is required");
      default:
        RefuseAt(Join(path, name), "Field required");
    }
  }
  return *value;
}

const std::string& RequestChecker::String(const Json& value, const std::string& path) const {
  if (!value.is_string()) RefuseType(path, value, "string");
  return value.get_ref<const std::string&>();
}

const std::string& RequestChecker::RequiredString(const Json& object, const std::string& path,
                                                  std::string_view name) const {
  return String(Required(object, path, name), Join(path, name));
}

const nlohmann::json& RequestChecker::List(const Json& value, const std::string& path) const {
  if (!value.is_array()) RefuseType(path, value, "list");
  return value;
}

const nlohmann::json& RequestChecker::Dictionary(const Json& value, const std::string& path) const {
  if (!value.is_object()) RefuseType(path, value, "dictionary");
  return value;
}

const nlohmann::json* RequestChecker::OptionalList(const Json& object, const std::string& path,
                                                   std::string_view name) const {
  const Json* const value = Find(object, name);
  return value == nullptr ? nullptr : &List(*value, Join(path, name));
}

const nlohmann::json* RequestChecker::OptionalDictionary(const Json& object,
                                                         const std::string& path,
                                                         std::string_view name) const {
  const Json* const value = Find(object, name);
  return value == nullptr ? nullptr : &Dictionary(*value, Join(path, name));
}

const std::string* RequestChecker::OptionalString(const Json& object, const std::string& path,
                                                  std::string_view name) const {
  const Json* const value = Find(object, name);
  return value == nullptr ? nullptr : &String(*value, Join(path, name));
}

bool RequestChecker::OptionalBoolean(const Json& object, const std::string& path,
                                     std::string_view name, bool usual) const {
  const Json* const value = Find(object, name);
  if (value == nullptr) return usual;
  if (!value->is_boolean()) RefuseType(Join(path, name), *value, "boolean");
  return value->get<bool>();
}

void RequestChecker::OptionalNumber(const Json& object, const std::string& path,
                                    std::string_view name, double min, double max) const {
  const Json* const value = Find(object, name);
  if (value == nullptr) return;
  const std::string at = Join(path, name);
  if (!value->is_number()) RefuseType(at, *value, "number");
  const double number = value->get<double>();
  if (number >= min && number <= max) return;
  const bool above = number > max;
  const std::string bound = (above ? "less than or equal to " : "greater than or equal to ") +
                            Shortest(above ? max : min);
  if (protocol_ != Protocol::kConverse) RefuseAt(at, "Input should be " + bound);
  Refuse("1 validation error detected: Value '" + Shortest(number) + "' at '" + at +
         "' failed to satisfy constraint: Member must have value " + bound);
}

std::optional<std::int64_t> RequestChecker::OptionalCount(const Json& object,
                                                          const std::string& path,
                                                          std::string_view name,
                                                          std::int64_t min) const {
  const Json* const value = Find(object, name);
  if (value == nullptr) return {};
  if (!value->is_number_integer()) RefuseType(Join(path, name), *value, "integer");
  OptionalNumber(object, path, name, static_cast<double>(min), 9e18);
  return value->get<std::int64_t>();
}

void RequestChecker::OneOf(const Json& value, const std::string& path, Names names) const {
  const std::string& text = String(value, path);
  if (Contains(names, text)) return;
  if (protocol_ != Protocol::kConverse) RefuseAt(path, "Input should be " + Alternatives(names));
  std::string list;
  for (const std::string_view name : names) list.append(list.empty() ? "" : ", ").append(name);
  Refuse("1 validation error detected: Value '" + text + "' at '" + path +
         "' failed to satisfy constraint: Member must satisfy enum value set: [" + list + "]");
}

void RequestChecker::OnlyKnown(const Json& object, const std::string& path, Names names) const {
  for (const auto& member : object.items()) {
    if (!Contains(names, member.key())) {
      RefuseAt(Join(path, member.key()), "Extra inputs are not permitted");
    }
  }
}

std::string RequestChecker::Join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

std::string RequestChecker::Join(const std::string& path, std::size_t index) {
  return Join(path, std::to_string(index));
}

}  // namespace llmload::fake_server
