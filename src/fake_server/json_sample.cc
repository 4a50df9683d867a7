// Values that fit a JSON Schema.
#include <algorithm>
#include <array>
#include <cmath>

#include "src/core/text/json_cursor.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

using Json = nlohmann::json;

// Bounds of a sample: schemas may refer to themselves, and a small one can mean a huge value.
constexpr int kMaxSampleDepth = 24;
constexpr std::size_t kMaxSampleBytes = 16U << 10;
constexpr std::size_t kMaxSampleItems = 8;

class JsonSampler {
 public:
  JsonSampler(const Json& root, std::string_view text) : root_(root), text_(text) {}

  std::string Sample() {
    Value(root_, 0);
    return std::move(out_);
  }

 private:
  void Value(const Json& schema, int depth) {
    if (!schema.is_object()) return String({});
    const bool shallow = depth < kMaxSampleDepth && out_.size() < kMaxSampleBytes;
    if (shallow && Elsewhere(schema, depth)) return;
    const std::string type = TypeOf(schema);
    if (type == "object") return Object(schema, depth, shallow);
    if (type == "array") return Array(schema, depth, shallow);
    if (type == "integer" || type == "number") return Number(schema, type == "integer");
    if (type == "boolean") {
      out_ += "true";
    } else if (type == "null") {
      out_ += "null";
    } else {
      String(schema);
    }
  }

  // Where the value is given, or described in another place.
  bool Elsewhere(const Json& schema, int depth) {
    if (const Json* const constant = Get(schema, "const")) return Append(*constant);
    const Json* const choices = Get(schema, "enum");
    if (choices != nullptr && choices->is_array() && !choices->empty()) {
      return Append(choices->front());
    }
    const Json* const reference = Get(schema, "$ref");
    if (reference != nullptr && reference->is_string()) {
      const Json* const target = Resolve(reference->get_ref<const std::string&>());
      if (target == nullptr) return false;
      Value(*target, depth + 1);
      return true;
    }
    for (const char* const name : {"anyOf", "oneOf", "allOf"}) {
      const Json* const options = Get(schema, name);
      if (options == nullptr || !options->is_array() || options->empty()) continue;
      Value(options->front(), depth + 1);
      return true;
    }
    return false;
  }

  const Json* Resolve(const std::string& reference) const {
    if (!reference.starts_with('#')) return nullptr;
    try {
      const Json::json_pointer pointer(reference.substr(1));
      return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
    } catch (const Json::exception&) {
      return nullptr;
    }
  }

  static std::string TypeOf(const Json& schema) {
    const Json* type = Get(schema, "type");
    if (type != nullptr && type->is_array() && !type->empty()) type = &type->front();
    if (type != nullptr && type->is_string()) return type->get<std::string>();
    if (schema.contains("properties")) return "object";
    return schema.contains("items") ? "array" : "string";
  }

  void Object(const Json& schema, int depth, bool shallow) {
    static const Json kAnything;
    const Json* const properties = Get(schema, "properties");
    const bool has_properties = properties != nullptr && properties->is_object();
    const Json* const required = Get(schema, "required");
    out_ += '{';
    if (shallow && required != nullptr && required->is_array() && !required->empty()) {
      for (const Json& name : *required) {
        if (!name.is_string()) continue;
        const auto& key = name.get_ref<const std::string&>();
        const Json* const property = has_properties ? Get(*properties, key) : nullptr;
        Member(key, property == nullptr ? kAnything : *property, depth);
      }
    } else if (shallow && has_properties) {
      for (const auto& property : properties->items()) {
        Member(property.key(), property.value(), depth);
      }
    }
    out_ += '}';
  }

  void Member(const std::string& name, const Json& schema, int depth) {
    if (out_.size() >= kMaxSampleBytes) return;
    if (out_.back() != '{') out_ += ',';
    text::AppendJsonString(name, out_);
    out_ += ':';
    Value(schema, depth + 1);
  }

  void Array(const Json& schema, int depth, bool shallow) {
    const Json* const items = Get(schema, "items");
    const std::size_t least = items == nullptr ? 0 : 1;
    const std::size_t count =
        shallow ? std::clamp(Count(schema, "minItems", least), least, kMaxSampleItems) : 0;
    out_ += '[';
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += ',';
      Value(items == nullptr ? Json() : *items, depth + 1);
    }
    out_ += ']';
  }

  void Number(const Json& schema, bool whole) {
    double value = whole ? 1 : 1.5;
    const double step = whole ? 1 : 0.5;
    const auto bound = [&schema](const char* name) {
      const Json* const number = Get(schema, name);
      return number != nullptr && number->is_number() ? number->get<double>() : std::nan("");
    };
    // A comparison with a bound that is absent is false.
    if (value > bound("maximum")) value = std::floor(bound("maximum"));
    if (value >= bound("exclusiveMaximum")) value = std::ceil(bound("exclusiveMaximum")) - step;
    if (value < bound("minimum")) value = whole ? std::ceil(bound("minimum")) : bound("minimum");
    if (value <= bound("exclusiveMinimum")) {
      value = std::floor(bound("exclusiveMinimum")) + step;
      if (value <= bound("exclusiveMinimum")) value += step;
    }
    constexpr double kExact = 9e15;
    if (whole && std::abs(value) < kExact) {
      out_ += std::to_string(static_cast<std::int64_t>(value));
    } else {
      out_ += Json(value).dump();
    }
  }

  void String(const Json& schema) {
    struct Format {
      std::string_view name;
      std::string_view sample;
    };
    static constexpr std::array<Format, 7> kFormats = {
        {{"date-time", "2026-01-31T12:00:00Z"},
         {"date", "2026-01-31"},
         {"time", "12:00:00Z"},
         {"email", "user@example.com"},
         {"uri", "https://example.com/"},
         {"uuid", "3f2b8c1e-5d47-4a90-9c6f-0e1d2c3b4a59"},
         {"ipv4", "192.0.2.1"}}};
    std::string value(text_);
    if (const Json* const format = schema.is_object() ? Get(schema, "format") : nullptr) {
      for (const Format& known : kFormats) {
        if (*format == std::string(known.name)) value = known.sample;
      }
    }
    const std::size_t least = Count(schema, "minLength", 0);
    while (value.size() < std::min<std::size_t>(least, 1024)) value.append("x");
    // In bytes: that is fewer characters, never more.
    const std::size_t most = std::max(least, Count(schema, "maxLength", value.size()));
    if (value.size() > most) {
      std::size_t end = most;
      while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U) --end;
      value.resize(end);
    }
    text::AppendJsonString(value, out_);
  }

  static std::size_t Count(const Json& schema, const char* name, std::size_t usual) {
    const Json* const value = schema.is_object() ? Get(schema, name) : nullptr;
    if (value == nullptr || !value->is_number_unsigned()) return usual;
    return static_cast<std::size_t>(value->get<std::uint64_t>());
  }

  bool Append(const Json& value) {
    out_ += value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return true;
  }

  static const Json* Get(const Json& object, const std::string& name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
  }

  const Json& root_;
  const std::string_view text_;
  std::string out_;
};

}  // namespace

std::string SampleJson(const nlohmann::json& schema, std::string_view text) {
  return JsonSampler(schema, text).Sample();
}

}  // namespace llmload::fake_server
