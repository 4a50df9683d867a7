// Requests of Ollama's own API. The server takes much that others refuse: a conversation without
// messages loads the model, and every content may be missing.
#include <algorithm>
#include <array>

#include "src/fake_server/conversation.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

using OllamaJson = nlohmann::json;

constexpr int kServerError = 500;  // what the server finds out only when it runs the model

void ReadOllamaImages(const RequestChecker& check, const OllamaJson& object,
                      const std::string& path) {
  const OllamaJson* const images = check.OptionalList(object, path, "images");
  if (images == nullptr) return;
  for (const OllamaJson& image : *images) {
    const std::string& data = check.String(image, path + ".images");
    const std::string_view format = ImageFormatOf(data);
    if (format.empty()) {
      const std::size_t bad = data.find_first_not_of(
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
      RequestChecker::Refuse("illegal base64 data at input byte " +
                             std::to_string(std::min(bad, data.size())));
    }
    if (format == "unknown") {
      RequestChecker::Refuse(
          "Failed to create new sequence: failed to process inputs: image: unknown format",
          kServerError);
    }
  }
}

void ReadOllamaCalls(const RequestChecker& check, const OllamaJson& message) {
  const std::string path = "ChatRequest.messages.tool_calls";
  const OllamaJson* const calls = Find(message, "tool_calls");
  if (calls == nullptr) return;
  for (const OllamaJson& call : check.List(*calls, path)) {
    check.Dictionary(call, path);
    const OllamaJson* const function = check.OptionalDictionary(call, path, "function");
    if (function == nullptr) continue;
    check.OptionalString(*function, path + ".function", "name");
    check.OptionalDictionary(*function, path + ".function", "arguments");
  }
}

void ReadOllamaTools(const RequestChecker& check, const OllamaJson& body,
                     const FakeLlmServerOptions& options, ChatRequest& request) {
  const std::string path = "ChatRequest.tools";
  const OllamaJson* const tools = Find(body, "tools");
  if (tools == nullptr) return;
  for (const OllamaJson& tool : check.List(*tools, path)) {
    check.Dictionary(tool, path);
    check.OptionalString(tool, path, "type");
    const OllamaJson* const function = check.OptionalDictionary(tool, path, "function");
    if (function == nullptr) continue;
    const std::string at = path + ".function";
    const std::string* const name = check.OptionalString(*function, at, "name");
    check.OptionalString(*function, at, "description");
    const OllamaJson* const parameters = check.OptionalDictionary(*function, at, "parameters");
    if (parameters != nullptr) {
      check.OptionalDictionary(*parameters, at + ".parameters", "properties");
      check.OptionalList(*parameters, at + ".parameters", "required");
    }
    if (name == nullptr || name->empty()) continue;
    static const OllamaJson kNoParameters = {{"type", "object"}};
    request.tools.push_back(
        CallableTool(*name, parameters == nullptr ? kNoParameters : *parameters, options));
  }
}

// Bytes of text in the conversation.
std::int64_t ReadOllamaMessages(const RequestChecker& check, const OllamaJson& messages) {
  static constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
  const std::string path = "ChatRequest.messages";
  std::int64_t bytes = 0;
  for (const OllamaJson& message : check.List(messages, path)) {
    check.Dictionary(message, path);
    const std::string* const role = check.OptionalString(message, path, "role");
    if (role == nullptr || !Contains(kRoles, *role)) {
      RequestChecker::Refuse("invalid role: " + (role == nullptr ? "" : *role) +
                             ", must be one of [system, user, assistant, tool]");
    }
    if (const std::string* const content = check.OptionalString(message, path, "content")) {
      bytes += static_cast<std::int64_t>(content->size());
    }
    ReadOllamaImages(check, message, path);
    ReadOllamaCalls(check, message);
  }
  return bytes;
}

void ReadOllamaOptions(const RequestChecker& check, const OllamaJson& body, ChatRequest& request) {
  const std::string path = "ChatRequest.options";
  const OllamaJson* const settings = Find(body, "options");
  if (settings == nullptr) return;
  check.Dictionary(*settings, path);
  const auto must_be = [&](const char* name, std::string_view type, bool is_right) {
    if (!is_right) {
      RequestChecker::Refuse(
          "option \"" + std::string(name) + "\" must be of type " + std::string(type),
          kServerError);
    }
  };
  for (const char* const name : {"num_predict", "num_ctx", "seed", "top_k", "num_keep"}) {
    const OllamaJson* const value = Find(*settings, name);
    must_be(name, "integer", value == nullptr || value->is_number());
  }
  for (const char* const name : {"temperature", "top_p", "min_p", "repeat_penalty"}) {
    const OllamaJson* const value = Find(*settings, name);
    must_be(name, "float32", value == nullptr || value->is_number());
  }
  if (const OllamaJson* const limit = Find(*settings, "num_predict")) {
    // Without a bound, unless it is positive.
    constexpr double kMost = 1e9;
    const double tokens = limit->get<double>();
    if (tokens >= 1) request.max_tokens = static_cast<std::int64_t>(std::min(tokens, kMost));
  }
  if (const OllamaJson* const stops = Find(*settings, "stop")) {
    must_be("stop", "array", stops->is_array());
    for (const OllamaJson& stop : *stops) {
      must_be("stop", "array", stop.is_string());
      const auto& text = stop.get_ref<const std::string&>();
      if (!text.empty()) request.stop.push_back(text);
    }
  }
}

void ReadOllamaFormat(const OllamaJson& body, const FakeLlmServerOptions& options,
                      ChatRequest& request) {
  static const OllamaJson kAnyObject = {{"type", "object"},
                                        {"properties", {{"text", {{"type", "string"}}}}}};
  const OllamaJson* const format = Find(body, "format");
  if (format == nullptr) return;
  if (format->is_string() && format->get_ref<const std::string&>().empty()) return;
  if (format->is_object() || *format == "json") {
    request.json = SampleJson(format->is_object() ? *format : kAnyObject, SampleText(options));
    return;
  }
  const std::string text = format->dump(-1, ' ', false, OllamaJson::error_handler_t::replace);
  RequestChecker::Refuse(
      "invalid format: " + Quoted(text) + "; expected \"json\" or a valid JSON Schema object",
      kServerError);
}

// True if the model is not to be kept after this request.
bool IsUnload(const OllamaJson& body) {
  const OllamaJson* const keep = Find(body, "keep_alive");
  if (keep == nullptr) return false;
  if (keep->is_number()) return keep->get<double>() == 0;
  return *keep == "0" || *keep == "0s" || *keep == "0m" || *keep == "0h";
}

}  // namespace

std::variant<ChatRequest, ApiError> ParseOllamaRequest(std::string_view text, const Route& route,
                                                       const FakeLlmServerOptions& options) {
  const bool generates = route.operation == Operation::kGenerate;
  const auto read = [&](const RequestChecker& check, const OllamaJson& body, ChatRequest& request) {
    const std::string path = generates ? "GenerateRequest" : "ChatRequest";
    const std::string* const model = check.OptionalString(body, path, "model");
    if (model == nullptr || model->empty()) check.RefuseAt("model", "is required");
    request.model = *model;
    request.stream = check.OptionalBoolean(body, path, "stream", true);
    std::int64_t bytes = 0;
    bool is_empty = true;
    if (generates) {
      for (const char* const name : {"prompt", "system", "suffix", "template"}) {
        const std::string* const value = check.OptionalString(body, path, name);
        if (value == nullptr) continue;
        bytes += static_cast<std::int64_t>(value->size());
        if (name == std::string_view("prompt")) is_empty = value->empty();
      }
      check.OptionalList(body, path, "context");
      if (check.OptionalBoolean(body, path, "raw", false) &&
          (Find(body, "template") != nullptr || Find(body, "system") != nullptr ||
           Find(body, "context") != nullptr)) {
        RequestChecker::Refuse("raw mode does not support template, system, or context");
      }
      ReadOllamaImages(check, body, path);
    } else if (const OllamaJson* const messages = Find(body, "messages")) {
      bytes = ReadOllamaMessages(check, *messages);
      is_empty = messages->empty();
      if (!is_empty) request.after_tool_result = messages->back().value("role", "") == "tool";
    }
    if (!generates) ReadOllamaTools(check, body, options, request);
    ReadOllamaOptions(check, body, request);
    if (is_empty) {
      request.loads = IsUnload(body) ? "unload" : "load";
      request.stream = false;
      request.tools.clear();
      request.stop.clear();
    } else {
      ReadOllamaFormat(body, options, request);
    }
    request.prompt_tokens = (bytes + 3) / 4;
  };
  return ParseWith(text, route, options, read);
}

}  // namespace llmload::fake_server
