// Requests that are nearly right, at random: each is refused or answered, and what answers it is
// well-formed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "llmload/core/random.h"
#include "src/fake_server/chat_answer.h"
#include "src/fake_server/error_dialect.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;

struct Specimen {
  const char* target;
  const char* body;
};

constexpr const char* kChat = R"({"model":"gpt-4o","stream":true,"n":2,"max_tokens":9,
    "stop":["a","\n"],"stream_options":{"include_usage":true},"parallel_tool_calls":true,
    "messages":[{"role":"system","content":"In json"},{"role":"user","content":[
      {"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"https://x/y","detail":"low"}}]},
      {"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f",
        "arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}],
    "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object",
      "additionalProperties":false,"required":["a"],"properties":{"a":{"type":"string"}}}}}],
    "tool_choice":{"type":"function","function":{"name":"f"}},
    "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object",
      "properties":{"b":{"type":"array","minItems":2,"items":{"enum":[1]}}}}}}})";
constexpr const char* kResponse = R"({"model":"gpt-4o","stream":true,"instructions":"x",
    "max_output_tokens":16,"reasoning":{"effort":"low"},"metadata":{"a":"b"},
    "input":[{"role":"user","content":[{"type":"input_text","text":"x"},
      {"type":"input_image","image_url":"https://x/y","detail":"auto"}]},
      {"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
      {"type":"function_call_output","call_id":"a","output":"x"}],
    "tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{
      "a":{"type":"integer","minimum":2}}}},{"type":"web_search"}],
    "tool_choice":{"type":"allowed_tools","mode":"required","tools":[
      {"type":"function","name":"f"}]},
    "text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"}}}})";
constexpr const char* kMessages = R"({"model":"claude","max_tokens":9,"stream":true,
    "stop_sequences":["a"],"system":[{"type":"text","text":"x"}],
    "messages":[{"role":"user","content":"x"},{"role":"assistant","content":[
      {"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[
      {"type":"tool_result","tool_use_id":"a","content":"x"}]}],
    "tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}})";
constexpr const char* kConverse = R"({"system":[{"text":"x"}],"messages":[
      {"role":"user","content":[{"text":"x"}]},
      {"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]},
      {"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"x"}]}}]}],
    "inferenceConfig":{"maxTokens":9,"temperature":0.5,"stopSequences":["a"]},
    "toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],
      "toolChoice":{"any":{}}}})";
constexpr const char* kOllama = R"({"model":"m","messages":[{"role":"user","content":"x"}],
    "format":{"type":"object","properties":{"a":{"type":"string"}}},
    "options":{"num_predict":9,"stop":["a"]},"tools":[{"type":"function","function":{"name":"f",
      "parameters":{"type":"object","properties":{}}}}]})";

const std::vector<Specimen>& Specimens() {
  static const std::vector<Specimen> specimens = {
      {"/v1/chat/completions", kChat},
      {"/openai/v1/chat/completions", kChat},
      {"/v1/responses", kResponse},
      {"/v1/messages", kMessages},
      {"/model/m/converse", kConverse},
      {"/model/m/converse-stream", kConverse},
      {"/model/amazon.titan/invoke", R"({"inputText":"x","textGenerationConfig":{}})"},
      {"/api/chat", kOllama},
  };
  return specimens;
}

// Every value of `root`, itself included.
void CollectValues(json& root, std::vector<json*>& values) {
  values.push_back(&root);
  if (!root.is_structured()) return;
  for (json& child : root) CollectValues(child, values);
}

void Mutate(json& body, Random& random) {
  static const std::vector<json> kValues = {nullptr,
                                            true,
                                            0,
                                            -1,
                                            3,
                                            1e300,
                                            0.5,
                                            "",
                                            "x",
                                            "auto",
                                            "none",
                                            "required",
                                            "text",
                                            "json_object",
                                            "data:image/png;base64,AAAA",
                                            json::array(),
                                            json::object(),
                                            json::array({json::array()}),
                                            json::array({"a"}),
                                            json::array({nullptr}),
                                            {{"type", "object"}},
                                            {{"$ref", "#"}}};
  std::vector<json*> values;
  CollectValues(body, values);
  json& value = *values[random.Below(values.size())];
  const json other = *values[random.Below(values.size())];
  switch (random.Below(5)) {
    case 0:
      value = other;
      return;
    case 1:
      if (value.is_structured() && !value.empty()) {
        value.erase(
            std::next(value.begin(), static_cast<std::ptrdiff_t>(random.Below(value.size()))));
        return;
      }
      break;
    case 2:
      if (value.is_array()) {
        value.push_back(other);
        return;
      }
      break;
    default:
      break;
  }
  value = kValues[random.Below(kValues.size())];
}

// The lines of a body that hold JSON: whole, in events, or as lines of their own.
void ExpectWellFormed(const std::string& answer, Protocol protocol, bool stream) {
  ASSERT_THAT(answer, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  if (!stream) {
    EXPECT_TRUE(json::accept(body)) << body;
    return;
  }
  if (IsBedrock(protocol)) return;  // in frames, which other tests read
  std::istringstream lines(body);
  std::string line;
  while (std::getline(lines, line)) {
    const bool is_event = line.starts_with("data: ");
    if (line == "data: [DONE]" || (!is_event && protocol != Protocol::kOllama)) continue;
    EXPECT_TRUE(json::accept(is_event ? line.substr(6) : line)) << line;
  }
}

TEST(FakeServerMutations, AreRefusedOrAnsweredWell) {
  constexpr std::uint64_t kSeed = 20'261'130;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  FakeLlmServerOptions options;
  options.latency.ttft_median = options.latency.gap_median = Duration::zero();
  auto behaviour = std::make_shared<Behaviour>();
  behaviour->latency = options.latency;
  std::vector<int> answered(Specimens().size());
  std::vector<int> refused(Specimens().size());
  for (std::uint64_t arrival = 0; arrival < 4000; ++arrival) {
    Random random = Random::Stream(kSeed, arrival);
    const std::size_t kind = random.Below(Specimens().size());
    json body = json::parse(Specimens()[kind].body);
    for (std::uint64_t i = random.Below(4); i > 0; --i) Mutate(body, random);
    const std::string text = body.dump();
    SCOPED_TRACE("arrival " + std::to_string(arrival) + ": " + Specimens()[kind].target + " " +
                 text);

    const Route route = RouteOf(Specimens()[kind].target);
    std::variant<ChatRequest, ApiError> parsed;
    ASSERT_NO_THROW(parsed = ParseRequest(text, route, options));
    if (const auto* error = std::get_if<ApiError>(&parsed)) {
      ++refused[kind];
      // Ollama finds out some faults only when it runs the model.
      const bool at_run_time = error->status == 500 && route.protocol == Protocol::kOllama;
      EXPECT_TRUE(error->status == 400 || error->status == 404 || at_run_time) << error->status;
      EXPECT_TRUE(json::accept(ErrorBody(route.protocol, *error, "id")));
      continue;
    }
    ++answered[kind];
    const auto& request = std::get<ChatRequest>(parsed);
    AnswerContext context;
    context.behaviour = behaviour;
    context.arrival = arrival;
    context.http_1_1 = false;  // without chunks
    ServerCounters counters;
    ChatAnswer answer(request, context, counters);
    std::string out;
    ASSERT_TRUE(answer.Advance(TimePoint{} + std::chrono::hours(1), "date", out).finished);
    ExpectWellFormed(out, route.protocol, request.stream);
  }
  EXPECT_THAT(answered, ::testing::Each(::testing::Gt(50)));
  EXPECT_THAT(refused, ::testing::Each(::testing::Gt(50)));
}

}  // namespace
}  // namespace llmload::fake_server
