// Requests with tools and formats that OpenAI refuses: the fake server has to, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct RefusedTool {
  const char* name;
  std::string more;   // members of the body
  const char* param;  // null: JSON null
  const char* code;
};

class OpenAiRefusals : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Options() {
    FakeLlmServerOptions options;
    options.clear_text = true;
    return options;
  }

  json Error(const std::string& body) {
    client_.SendPost("/v1/chat/completions", body);
    const RawResponse response = client_.Read();
    EXPECT_EQ(response.status, 400) << body << "\n" << response.raw;
    const json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("error")) return json::object();
    EXPECT_EQ(answer["error"]["type"], "invalid_request_error");
    return answer["error"];
  }

  FakeLlmServer server_{Options()};
  RawClient client_{server_.port(), ""};
};

class ToolValidation : public OpenAiRefusals, public ::testing::WithParamInterface<RefusedTool> {};

TEST_P(ToolValidation, RefusesAndNamesTheParameter) {
  const json error = Error(ChatBody(GetParam().more));
  EXPECT_EQ(error["param"], GetParam().param == nullptr ? json(nullptr) : json(GetParam().param));
  EXPECT_EQ(error["code"], GetParam().code == nullptr ? json(nullptr) : json(GetParam().code));
  EXPECT_EQ(server_.counters().validation_failures, 1U);
}

std::string OneTool(const std::string& function) {
  return R"(,"tools":[{"type":"function","function":)" + function + "}]";
}

std::string Format(const std::string& format) { return ",\"response_format\":" + format; }

const std::vector<RefusedTool>& RefusedTools() {
  static const std::string one = OneTool(R"({"name":"f"})");
  static const std::vector<RefusedTool> cases = {
      {"ToolsEmpty", R"(,"tools":[])", "tools", "empty_array"},
      {"ToolsNoArray", R"(,"tools":{})", "tools", "invalid_type"},
      {"ToolNoObject", R"(,"tools":["f"])", "tools[0]", "invalid_type"},
      {"ToolWithoutType", R"(,"tools":[{"function":{"name":"f"}}])", "tools[0].type",
       "missing_required_parameter"},
      {"ToolOfUnknownType", R"(,"tools":[{"type":"f"}])", "tools[0].type", "invalid_value"},
      {"ToolFlat", R"(,"tools":[{"type":"function","name":"f"}])", "tools[0].function",
       "missing_required_parameter"},
      {"ToolWithoutName", OneTool("{}"), "tools[0].function.name", "missing_required_parameter"},
      {"ToolNameEmpty", OneTool(R"({"name":""})"), "tools[0].function.name", "empty_string"},
      {"ToolNameWithSpace", OneTool(R"({"name":"a b"})"), "tools[0].function.name",
       "invalid_value"},
      {"ToolNameLong", OneTool("{\"name\":\"" + std::string(65, 'a') + "\"}"),
       "tools[0].function.name", "string_above_max_length"},
      {"ParametersNoObject", OneTool(R"({"name":"f","parameters":[]})"),
       "tools[0].function.parameters", "invalid_type"},
      {"ParametersOfOtherType", OneTool(R"({"name":"f","parameters":{"type":"string"}})"),
       "tools[0].function.parameters", "invalid_function_parameters"},
      {"ParametersWithoutType", OneTool(R"({"name":"f","parameters":{"properties":{}}})"),
       "tools[0].function.parameters", "invalid_function_parameters"},
      {"ArrayWithoutItems",
       OneTool(
           R"({"name":"f","parameters":{"type":"object","properties":{"a":{"type":"array"}}}})"),
       "tools[0].function.parameters", "invalid_function_parameters"},
      {"StrictWithoutAdditional",
       OneTool(R"({"name":"f","strict":true,"parameters":{"type":"object"}})"),
       "tools[0].function.parameters", "invalid_function_parameters"},
      {"StrictWithoutRequired",
       OneTool(
           R"({"name":"f","strict":true,"parameters":{"type":"object","additionalProperties":false,)"
           R"("properties":{"a":{"type":"string"}}}})"),
       "tools[0].function.parameters", "invalid_function_parameters"},
      {"ChoiceWithoutTools", R"(,"tool_choice":"auto")", "tool_choice", nullptr},
      {"ParallelWithoutTools", R"(,"parallel_tool_calls":true)", "parallel_tool_calls", nullptr},
      {"ChoiceUnknown", one + R"(,"tool_choice":"any")", "tool_choice", "invalid_value"},
      {"ChoiceNumber", one + R"(,"tool_choice":1)", "tool_choice", "invalid_type"},
      {"ChoiceWithoutName", one + R"(,"tool_choice":{"type":"function"})", "tool_choice.function",
       "missing_required_parameter"},
      {"ChoiceOfUnknownTool", one + R"(,"tool_choice":{"type":"function","function":{"name":"g"}})",
       "tool_choice", nullptr},
      {"FormatNoObject", Format(R"("json_object")"), "response_format", "invalid_type"},
      {"FormatWithoutType", Format("{}"), "response_format.type", "missing_required_parameter"},
      {"FormatUnknown", Format(R"({"type":"xml"})"), "response_format.type", "invalid_value"},
      {"FormatWithoutTheWord", Format(R"({"type":"json_object"})"), "messages", nullptr},
      {"FormatSchemaMissing", Format(R"({"type":"json_schema"})"), "response_format.json_schema",
       "missing_required_parameter"},
      {"FormatNameMissing", Format(R"({"type":"json_schema","json_schema":{"schema":{}}})"),
       "response_format.json_schema.name", "missing_required_parameter"},
      {"FormatWithoutSchema", Format(R"({"type":"json_schema","json_schema":{"name":"s"}})"),
       "response_format.json_schema.schema", "missing_required_parameter"},
      {"FormatSchemaOfOtherType",
       Format(R"({"type":"json_schema","json_schema":{"name":"s","schema":{"type":"array"}}})"),
       "response_format", nullptr},
  };
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Requests, ToolValidation, ::testing::ValuesIn(RefusedTools()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(OpenAiRefusals, RefusesCallsWithoutResultsAndResultsWithoutCalls) {
  const auto error = [this](const std::string& messages) {
    return Error(R"({"model":"m","messages":[{"role":"user","content":"x"},)" + messages + "]}");
  };
  const std::string calls =
      R"({"role":"assistant","tool_calls":[{"id":"a","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}}]})";
  const auto result = [](const std::string& id) {
    return R"(,{"role":"tool","tool_call_id":")" + id + R"(","content":"x"})";
  };
  const std::string user = R"(,{"role":"user","content":"x"})";
  const std::string unanswered = "did not have response messages: ";
  EXPECT_THAT(error(calls)["message"].get<std::string>(), HasSubstr(unanswered + "a, b"));
  json refused = error(calls + result("b") + user);
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr(unanswered + "a"));
  EXPECT_EQ(refused["param"], "messages.[3].role");
  refused = error(R"({"role":"tool","tool_call_id":"a","content":"x"})");
  EXPECT_THAT(refused["message"].get<std::string>(),
              HasSubstr("must be a response to a preceeding message with 'tool_calls'"));
  EXPECT_EQ(refused["param"], "messages.[1].role");
  EXPECT_THAT(error(calls + result("c"))["message"].get<std::string>(),
              HasSubstr("'tool_call_id' of 'c' not found"));
  EXPECT_THAT(
      error(calls + result("a") + result("b") + user + result("a"))["message"].get<std::string>(),
      HasSubstr("must be a response"));
  EXPECT_EQ(error(R"({"role":"assistant","tool_calls":[]})")["code"], "empty_array");
  EXPECT_EQ(error(R"({"role":"assistant","tool_calls":[{"id":"a"}]})")["param"],
            "messages[1].tool_calls[0].type");
  EXPECT_EQ(error(R"({"role":"assistant","tool_calls":[{"id":"a","type":"function",)"
                  R"("function":{"name":"f","arguments":{}}}]})")["param"],
            "messages[1].tool_calls[0].function.arguments");
}

}  // namespace
}  // namespace llmload::fake_server
