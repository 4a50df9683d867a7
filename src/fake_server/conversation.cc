#include "src/fake_server/conversation.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "src/fake_server/error_dialect.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {

void ToolPairing::Check(const std::vector<ToolTurn>& turns) const {
  static const ToolTurn kNone;
  for (std::size_t i = 0; i <= turns.size(); ++i) {
    const ToolTurn& before = i == 0 ? kNone : turns[i - 1];
    const ToolTurn& turn = i == turns.size() ? kNone : turns[i];
    std::unordered_map<std::string_view, int> results;
    for (const std::string_view id : before.calls) results.emplace(id, 0);
    for (const ToolTurn::Result& result : turn.results) {
      const auto call = results.find(result.id);
      if (call == results.end()) return on_unknown_result(turn, result);
      if (++call->second > 1) return on_second_result(turn, result);
    }
    std::string unanswered;
    for (const std::string_view id : before.calls) {
      if (results[id] == 0) unanswered.append(unanswered.empty() ? "" : ", ").append(id);
    }
    if (!unanswered.empty()) return on_unanswered(before, unanswered);
  }
}

bool IsToolName(std::string_view text, std::size_t max) {
  return !text.empty() && text.size() <= max &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
             std::string_view::npos;
}

Tool CallableTool(const std::string& name, const nlohmann::json& schema,
                  const FakeLlmServerOptions& options) {
  return {.name = name, .arguments = SampleJson(schema, SampleText(options))};
}

void ChooseTool(ChatRequest& request, std::string_view name) {
  request.must_call = true;
  std::erase_if(request.tools, [name](const Tool& tool) { return tool.name != name; });
}

void AppendPrefix(ChatRequest& request, std::string_view role, const nlohmann::json& block,
                  std::int64_t bytes, Duration life) {
  const std::uint64_t before = request.prefixes.empty() ? 0 : request.prefixes.back().hash;
  std::string text = std::to_string(before);
  text.append(" ").append(role).append(" ");
  text += block.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.prefixes.push_back(
      {.hash = std::hash<std::string>{}(text), .bytes = bytes, .life = life});
}

std::int64_t MaxOutputOf(std::string_view model) {
  struct Limit {
    std::string_view part;
    std::int64_t tokens;
  };
  // The first part that is found in the id decides.
  static constexpr std::array<Limit, 13> kLimits = {{{"claude-3-5", 8192},
                                                     {"claude-3-7", 128'000},
                                                     {"claude-3-", 4096},
                                                     {"claude-opus-4-1", 32'000},
                                                     {"claude-opus-4-2", 32'000},
                                                     {"claude-opus-4-5", 64'000},
                                                     {"claude-sonnet-4-2", 64'000},
                                                     {"claude-sonnet-4-5", 64'000},
                                                     {"claude-haiku-4-5", 64'000},
                                                     {"amazon.nova", 10'000},
                                                     {"titan-text-lite", 4096},
                                                     {"titan-text-premier", 3072},
                                                     {"titan", 8192}}};
  for (const Limit& limit : kLimits) {
    if (model.find(limit.part) != std::string_view::npos) return limit.tokens;
  }
  return 128'000;
}

std::variant<ChatRequest, ApiError> ParseWith(
    std::string_view text, const Route& route, const FakeLlmServerOptions& options,
    const std::function<void(const RequestChecker& check, const nlohmann::json& body,
                             ChatRequest& request)>& read) {
  const nlohmann::json body = ParseJson(text);
  if (!body.is_object()) {
    if (route.protocol != Protocol::kOllama) {
      return Invalid(route.protocol, "The request body is not valid JSON.");
    }
    return Invalid(route.protocol,
                   text.empty() ? "missing request body" : "invalid character in request body");
  }
  ChatRequest request;
  request.protocol = route.protocol;
  request.operation = route.operation;
  request.model = route.model;
  request.stream = route.stream;
  try {
    read(RequestChecker(route.protocol), body, request);
  } catch (RequestRefusal& refusal) {
    ApiError error = Invalid(route.protocol, std::move(refusal.message));
    error.status = refusal.status;
    return error;
  }
  if (!options.models.empty() && std::find(options.models.begin(), options.models.end(),
                                           request.model) == options.models.end()) {
    return UnknownModel(route.protocol, request.model);
  }
  const std::int64_t output = request.max_tokens.value_or(0);
  if (options.context_length && request.prompt_tokens + output > *options.context_length) {
    return PromptTooLong(route.protocol, *options.context_length, request.prompt_tokens, output);
  }
  return request;
}

}  // namespace llmload::fake_server
