#include "src/fake_server/openai_check.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "src/core/text/ascii.h"
#include "src/fake_server/error_dialect.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server::openai {
namespace {

std::string_view KindOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_float:
      return "a decimal";
    case Json::value_t::null:
      return "null";
    default:
      return "an integer";
  }
}

std::string Print(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", number);
  return text.data();
}

void CheckRange(const std::string& param, double value, double min, double max,
                const std::string& kind) {
  if (value >= min && value <= max) return;
  const bool above = value > max;
  Refuse("Invalid '" + param + "': " + kind + (above ? " above maximum" : " below minimum") +
             " value. Expected a value " + (above ? "<= " + Print(max) : ">= " + Print(min)) +
             ", but got " + Print(value) + " instead.",
         param, kind + (above ? "_above_max_value" : "_below_min_value"));
}

struct ModelFacts {
  std::string_view prefix;
  std::int64_t max_output;
  bool sees;
};

// The first that matches counts. Models that OpenAI does not have may be of any kind.
const ModelFacts& FactsOf(std::string_view model) {
  static constexpr std::array<ModelFacts, 20> kFacts = {{
      {"gpt-3.5", 4096, false},     {"gpt-4o-audio", 16'384, false},
      {"gpt-4o", 16'384, true},     {"chatgpt-4o", 16'384, true},
      {"gpt-4.1", 32'768, true},    {"gpt-4.5", 16'384, true},
      {"gpt-4-turbo", 4096, true},  {"gpt-4-vision", 4096, true},
      {"gpt-4-1106", 4096, false},  {"gpt-4-0125", 4096, false},
      {"gpt-4-32k", 32'768, false}, {"gpt-4", 8192, false},
      {"o1-mini", 65'536, false},   {"o1-preview", 32'768, false},
      {"o3-mini", 100'000, false},  {"o1", 100'000, true},
      {"o3", 100'000, true},        {"o4", 100'000, true},
      {"gpt-5", 128'000, true},     {"", 131'072, true},
  }};
  return *std::find_if(kFacts.begin(), kFacts.end(), [model](const ModelFacts& facts) {
    return model.starts_with(facts.prefix);
  });
}

}  // namespace

void Refuse(std::string message, std::optional<std::string> param,
            std::optional<std::string> code) {
  ApiError error;
  error.message = std::move(message);
  error.param = std::move(param);
  error.code = std::move(code);
  throw Refusal{std::move(error)};
}

void RefuseType(const std::string& param, std::string_view expected, const Json& got) {
  Refuse("Invalid type for '" + param + "': expected " + std::string(expected) + ", but got " +
             std::string(KindOf(got)) + " instead.",
         param, "invalid_type");
}

void RefuseMissing(const std::string& param) {
  Refuse("Missing required parameter: '" + param + "'.", param, "missing_required_parameter");
}

const Json* Member(const Json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

const Json& Required(const Json& object, const std::string& path, std::string_view name) {
  const Json* const value = Member(object, name);
  if (value == nullptr) RefuseMissing(Join(path, name));
  return *value;
}

const std::string& RequiredString(const Json& object, const std::string& path,
                                  std::string_view name) {
  const Json& value = Required(object, path, name);
  if (!value.is_string()) RefuseType(Join(path, name), "a string", value);
  return value.get_ref<const std::string&>();
}

std::string Join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

std::string At(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

void RequireObject(const Json& value, const std::string& param) {
  if (!value.is_object()) RefuseType(param, "an object", value);
}

void RequireElements(const Json& value, const std::string& param, std::string_view expected) {
  if (!value.is_array()) RefuseType(param, expected, value);
  if (!value.empty()) return;
  Refuse("Invalid '" + param +
             "': empty array. Expected an array with minimum length 1, but got an empty array "
             "instead.",
         param, "empty_array");
}

void CheckKind(const Json& body, std::string_view name, Json::value_t kind,
               std::string_view expected) {
  const Json* const value = Member(body, name);
  if (value != nullptr && value->type() != kind) RefuseType(std::string(name), expected, *value);
}

void CheckDecimal(const Json& body, std::string_view name, double min, double max) {
  const Json* const value = Member(body, name);
  if (value == nullptr) return;
  if (!value->is_number()) RefuseType(std::string(name), "a decimal", *value);
  CheckRange(std::string(name), value->get<double>(), min, max, "decimal");
}

std::optional<std::int64_t> CheckInteger(const Json& body, std::string_view name, double min,
                                         double max) {
  const Json* const value = Member(body, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) RefuseType(std::string(name), "an integer", *value);
  CheckRange(std::string(name), value->get<double>(), min, max, "integer");
  return value->get<std::int64_t>();
}

bool CheckBoolean(const Json& object, std::string_view name, const std::string& path) {
  const Json* const value = Member(object, name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) RefuseType(Join(path, name), "a boolean", *value);
  return value->get<bool>();
}

void CheckChoice(const Json& value, const std::string& param, Names accepted) {
  if (!value.is_string()) RefuseType(param, "one of several strings", value);
  const auto& text = value.get_ref<const std::string&>();
  if (std::find(accepted.begin(), accepted.end(), text) != accepted.end()) return;
  std::string list;
  for (std::size_t i = 0; i < accepted.size(); ++i) {
    const bool last = i + 1 == accepted.size();
    list.append(i == 0 ? "" : (!last ? ", " : (accepted.size() == 2 ? " and " : ", and ")));
    list.append("'").append(accepted[i]).append("'");
  }
  Refuse("Invalid value: '" + text + "'. Supported values are: " + list + ".", param,
         "invalid_value");
}

void CheckName(const Json& value, const std::string& param) {
  if (!value.is_string()) RefuseType(param, "a string", value);
  const auto& name = value.get_ref<const std::string&>();
  if (name.empty()) {
    Refuse("Invalid '" + param +
               "': empty string. Expected a string with minimum length 1, but got an empty string "
               "instead.",
           param, "empty_string");
  }
  constexpr std::size_t kMax = 64;
  if (name.size() > kMax) {
    Refuse("Invalid '" + param +
               "': string too long. Expected a string with maximum length 64, but got a string "
               "with length " +
               std::to_string(name.size()) + " instead.",
           param, "string_above_max_length");
  }
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return text::IsLetterOrDigit(c) || c == '_' || c == '-';
  });
  if (plain) return;
  Refuse("Invalid '" + param +
             "': string does not match pattern. Expected a string that matches the pattern "
             "'^[a-zA-Z0-9_-]+$'.",
         param, "invalid_value");
}

void CheckNames(const Json& body, Names accepted) {
  for (const auto& member : body.items()) {
    if (std::find(accepted.begin(), accepted.end(), member.key()) == accepted.end()) {
      Refuse("Unknown parameter: '" + member.key() + "'.", member.key(), "unknown_parameter");
    }
  }
}

std::string CheckModel(const Json& body, const Route& route, const FakeLlmServerOptions& options) {
  const Json* const model = Member(body, "model");
  if (model != nullptr && !model->is_string()) RefuseType("model", "a string", *model);
  std::string name = route.model;
  if (name.empty() && model != nullptr) name = model->get<std::string>();
  if (name.empty()) Refuse("you must provide a model parameter", std::nullopt, std::nullopt);
  if (!options.models.empty() &&
      std::find(options.models.begin(), options.models.end(), name) == options.models.end()) {
    throw Refusal{UnknownModel(route.protocol, name)};
  }
  return name;
}

void CheckOutputLimit(std::int64_t limit, const std::string& param, std::string_view model) {
  const std::int64_t max = FactsOf(model).max_output;
  if (limit <= max) return;
  const std::string given = std::to_string(limit);
  Refuse(param + " is too large: " + given + ". This model supports at most " +
             std::to_string(max) + " completion tokens, whereas you provided " + given + ".",
         param, "invalid_value");
}

void CheckContext(const ChatRequest& request, const FakeLlmServerOptions& options) {
  const std::int64_t output = request.max_tokens.value_or(0);
  if (options.context_length && request.prompt_tokens + output > *options.context_length) {
    throw Refusal{ContextLengthExceeded(*options.context_length, request.prompt_tokens, output)};
  }
}

void CheckImage(const Json& value, const std::string& part, std::string_view url,
                std::string_view model) {
  const std::string param = Join(part, url);
  if (!value.is_string()) RefuseType(param, "a string", value);
  if (!FactsOf(model).sees) {
    Refuse("Invalid content type. image_url is only supported by certain models.",
           Join(part, "type"), std::nullopt);
  }
  const std::string_view text = value.get_ref<const std::string&>();
  if (text.starts_with("https://") || text.starts_with("http://")) return;
  if (!text.starts_with("data:")) {
    Refuse("Invalid '" + param + "'. Expected a valid URL, but got a value with an invalid format.",
           param, "invalid_value");
  }
  const std::size_t comma = text.find(',');
  const bool encoded =
      comma != std::string_view::npos && text.substr(0, comma).ends_with(";base64");
  const std::string_view type = text.substr(5, text.substr(0, comma).find(';') - 5);
  const std::string_view format =
      encoded ? ImageFormatOf(text.substr(comma + 1)) : std::string_view();
  if (format.empty()) Refuse("Invalid base64 image_url.", param, "invalid_base64");
  if (format == "unknown" || !type.starts_with("image/")) {
    Refuse(
        "You uploaded an unsupported image. Please make sure your image has of one the following "
        "formats: ['png', 'jpeg', 'gif', 'webp'].",
        param, "invalid_image_format");
  }
}

bool MentionsJson(std::string_view text) {
  return text::FindIgnoringCase(text, "json") != std::string_view::npos;
}

void CheckCommon(const Json& body) {
  CheckDecimal(body, "temperature", 0, 2);
  CheckDecimal(body, "top_p", 0, 1);
  CheckInteger(body, "top_logprobs", 0, 20);
  CheckBoolean(body, "store");
  CheckKind(body, "metadata", Json::value_t::object, "an object");
  CheckKind(body, "user", Json::value_t::string, "a string");
  static constexpr std::array<std::string_view, 6> kTiers = {"auto",  "default",  "flex",
                                                             "scale", "priority", "fast"};
  if (const Json* const tier = Member(body, "service_tier")) {
    CheckChoice(*tier, "service_tier", kTiers);
  }
}

Json ParseBody(std::string_view text) {
  Json body = ParseJson(text);
  if (!body.is_object()) {
    Refuse(
        "We could not parse the JSON body of your request. (HINT: This likely means you "
        "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but "
        "what was sent was not valid JSON.)",
        std::nullopt, std::nullopt);
  }
  return body;
}

}  // namespace llmload::fake_server::openai
