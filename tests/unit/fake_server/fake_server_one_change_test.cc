// Valid requests of Anthropic, Bedrock and Ollama with one value changed, in every place and in
// many ways: each is answered or refused, and the server goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/fake_server/api_requests.h"

namespace llmload::fake_server {
namespace {

using ::testing::AnyOf;
using Mutant = nlohmann::json;
using Pointer = Mutant::json_pointer;

struct MutatedApi {
  const char* name;
  const char* target;
  std::string body;
};

std::vector<MutatedApi> MutatedApis() {
  const std::string png = Png();
  const std::string anthropic =
      R"("max_tokens":2000,"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}],)"
      R"("messages":[{"role":"user","content":[{"type":"text","text":"b","citations":null},)"
      R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":")" +
      png +
      R"("}},{"type":"document","source":{"type":"text"}}]},{"role":"assistant","content":[)"
      R"({"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"i","name":"f","input":{"x":1}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"i","is_error":false,"content":[{"type":"text","text":"r"}]}]}],)"
      R"("tools":[{"name":"f","description":"d","strict":true,"input_schema":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"],"additionalProperties":false}}],)"
      R"("tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"temperature":0.5,"top_p":0.5,"top_k":3,"stop_sequences":["z"],)"
      R"("output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"enum":[1]}},"additionalProperties":false}}})";
  const std::string converse =
      R"({"system":[{"text":"a"},{"cachePoint":{"type":"default","ttl":"1h"}}],"messages":[{"role":"user","content":[{"text":"b"},)"
      R"({"image":{"format":"png","source":{"bytes":")" +
      png +
      R"("}}}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"i","name":"f","input":{}}}]},)"
      R"({"role":"user","content":[{"toolResult":{"toolUseId":"i","status":"error","content":[{"text":"r"},{"json":{}}]}}]}],)"
      R"("inferenceConfig":{"maxTokens":50,"temperature":0.5,"topP":0.5,"stopSequences":["z"]},"additionalModelResponseFieldPaths":["/stop_sequence"],)"
      R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object","properties":{"x":{"type":"array","items":{}}}}}}}],"toolChoice":{"tool":{"name":"f"}}},)"
      R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}"}}}}})";
  const std::string ollama =
      R"({"model":"m","stream":false,"messages":[{"role":"user","content":"b","images":[")" + png +
      R"("]},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","tool_name":"f","content":"r"}],)"
      R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}}}],)"
      R"("format":{"type":"object","properties":{"a":{"anyOf":[{"type":"null"}]}}},"options":{"num_predict":50,"temperature":0.5,"seed":1,"stop":["z"]},"keep_alive":"5m","think":false})";
  const std::string generate =
      R"({"model":"m","stream":false,"prompt":"p","system":"s","context":[1],"images":[")" + png +
      R"("],"format":"json","options":{"num_predict":50,"stop":["z"]},"keep_alive":0})";
  const std::string titan =
      R"({"inputText":"p","textGenerationConfig":{"maxTokenCount":50,"temperature":0.5,"topP":0.5,"stopSequences":["z"]}})";
  return {
      {"Anthropic", "/v1/messages",
       R"({"model":"m","stream":false,"cache_control":{"type":"ephemeral"},"metadata":{"user_id":"u"},"service_tier":"auto",)" +
           anthropic + "}"},
      {"Thinking", "/v1/messages",
       R"({"model":"m","max_tokens":2000,"temperature":1,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"x"}]})"},
      {"Invoke", "/model/anthropic.claude-sonnet-5-v1%3A0/invoke",
       R"({"anthropic_version":"bedrock-2023-05-31",)" + anthropic + "}"},
      {"Converse", "/model/anthropic.claude-sonnet-5-v1%3A0/converse", converse},
      {"Titan", kTitanTarget, titan},
      {"Ollama", "/api/chat", ollama},
      {"Generate", "/api/generate", generate},
  };
}

class ApiMutations : public ::testing::TestWithParam<MutatedApi> {};

INSTANTIATE_TEST_SUITE_P(All, ApiMutations, ::testing::ValuesIn(MutatedApis()),
                         [](const auto& test) { return std::string(test.param.name); });

void CollectPointers(const Mutant& value, const Pointer& at, std::vector<Pointer>& pointers) {
  pointers.push_back(at);
  if (value.is_object()) {
    for (const auto& member : value.items()) {
      CollectPointers(member.value(), at / member.key(), pointers);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) CollectPointers(value[i], at / i, pointers);
  }
}

TEST_P(ApiMutations, AreAnsweredOrRefused) {
  FakeLlmServerOptions options = ThreeTokensAtOnce();
  options.allow_unknown_parameters = true;
  FakeLlmServer server(options);
  RawClient client(server.port(), "");
  const auto post = [&](const std::string& body) {
    client.SendPost(GetParam().target, body,
                    "Authorization: Bearer key\r\nanthropic-version: 2023-06-01\r\n");
    return client.Read();
  };
  const Mutant valid = Mutant::parse(GetParam().body);
  RawResponse answer = post(GetParam().body);
  ASSERT_EQ(answer.status, 200) << answer.body;

  const std::vector<Mutant> replacements = {nullptr,
                                            true,
                                            -1,
                                            0.5,
                                            1e300,
                                            18446744073709551615U,
                                            "",
                                            "x",
                                            Mutant::array(),
                                            Mutant::object(),
                                            {{"type", "x"}},
                                            Mutant::parse("[[]]"),
                                            Mutant::parse("[{}]"),
                                            Mutant::parse("[\"\",1,null]")};
  std::vector<Pointer> pointers;
  CollectPointers(valid, Pointer(), pointers);
  // What Ollama finds out only when it runs the model is an error of the server.
  const bool ollama = std::string(GetParam().target).starts_with("/api/");
  std::size_t refused = 0;
  for (const Pointer& pointer : pointers) {
    std::vector<Mutant> mutants;
    for (const Mutant& replacement : replacements) {
      mutants.push_back(valid);
      mutants.back()[pointer] = replacement;
    }
    if (!pointer.empty()) {
      Mutant& parent = mutants.emplace_back(valid)[pointer.parent_pointer()];
      if (parent.is_object()) {
        parent.erase(pointer.back());
      } else {
        parent.erase(std::stoul(pointer.back()));
      }
    }
    for (const Mutant& mutant : mutants) {
      answer = post(mutant.dump());
      ASSERT_THAT(answer.status, AnyOf(200, 400, ollama ? 500 : 400)) << mutant.dump() << "\n"
                                                                      << answer.raw;
      if (!answer.fields["content-type"].starts_with("application/json")) continue;  // it streams
      EXPECT_TRUE(Mutant::accept(answer.body)) << mutant.dump() << "\n" << answer.body;
      if (answer.status != 200) ++refused;
    }
  }
  EXPECT_GT(refused, pointers.size()) << "some of each are nonsense";
}

}  // namespace
}  // namespace llmload::fake_server
