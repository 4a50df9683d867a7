// What the APIs of Anthropic, Bedrock and Ollama refuse, in the words of each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/fake_server/api_requests.h"

namespace llmload::fake_server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct RefusedRequest {
  const char* name;
  std::string target;
  std::string body;
  std::string message;  // part of it
  int status = 400;
};

class ApiRefusals : public ::testing::TestWithParam<RefusedRequest> {};

TEST_P(ApiRefusals, AreWordedAsTheServiceDoes) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const RawResponse answer = PostTo(server, GetParam().target, GetParam().body);
  EXPECT_EQ(answer.status, GetParam().status) << GetParam().body;
  const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, false);
  ASSERT_TRUE(body.is_object()) << answer.raw;
  std::string message;
  if (GetParam().target == "/v1/messages") {
    EXPECT_EQ(body["type"], "error");
    EXPECT_EQ(body["error"]["type"], "invalid_request_error");
    message = body["error"].value("message", "");
  } else if (GetParam().target.starts_with("/model/")) {
    EXPECT_THAT(answer.fields.at("x-amzn-errortype"), StartsWith("ValidationException"));
    message = body.value("message", "");
  } else {
    message = body.value("error", "");
  }
  EXPECT_THAT(message, HasSubstr(GetParam().message)) << GetParam().body;
  EXPECT_EQ(server.counters().validation_failures, 1U);
}

std::vector<RefusedRequest> AnthropicRefusals() {
  const std::string at = "/v1/messages";
  const auto image = [](const std::string& type, const std::string& data) {
    return AnthropicContent(R"([{"type":"image","source":{"type":"base64","media_type":")" + type +
                            R"(","data":")" + data + "\"}}]");
  };
  const std::string call =
      R"({"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"x"},)"
      R"({"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}]})";
  const auto result = [](const std::string& id) {
    return R"({"type":"tool_result","tool_use_id":")" + id + R"(","content":"7"})";
  };
  const auto answered = [&](const std::string& blocks) {
    return Anthropic("[" + call + R"(,{"role":"user","content":[)" + blocks + "]}]", kTool);
  };
  return {
      {"ContentEmptyText", at, AnthropicContent("\"\""),
       "messages.0: all messages must have non-empty content"},
      {"ContentEmptyList", at, AnthropicContent("[]"),
       "messages.0: all messages must have non-empty content"},
      {"ContentBlank", at, AnthropicContent("\"  \""), "must contain non-whitespace text"},
      {"ContentNumber", at, AnthropicContent("7"),
       "messages.0.content: Input should be a valid list"},
      {"ContentMissing", at, Anthropic(R"([{"role":"user"}])"),
       "messages.0.content: Field required"},
      {"TextBlockEmpty", at, AnthropicContent(R"([{"type":"text","text":""}])"),
       "messages: text content blocks must be non-empty"},
      {"TextBlockWithoutText", at, AnthropicContent(R"([{"type":"text"}])"),
       "messages.0.content.0.text.text: Field required"},
      {"BlockWithoutType", at, AnthropicContent(R"([{"text":"x"}])"),
       "messages.0.content.0.type: Field required"},
      {"BlockOfUnknownType", at, AnthropicContent(R"([{"type":"image_url","image_url":{}}])"),
       "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the "
       "expected tags: "},
      {"BlockNotAnObject", at, AnthropicContent(R"(["x"])"),
       "messages.0.content.0: Input should be a valid dictionary"},
      {"UnknownMemberOfABlock", at, AnthropicContent(R"([{"type":"text","text":"x","name":"y"}])"),
       "messages.0.content.0.text.name: Extra inputs are not permitted"},
      {"UnknownRole", at, Anthropic(R"([{"role":"tool","content":"x"}])"),
       "messages.0.role: Input should be 'user' or 'assistant'"},
      {"PrefillWithTrailingSpace", at,
       Anthropic(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Well, "}])"),
       "final assistant content cannot end with trailing whitespace"},
      {"SystemBlockOfUnknownType", at, Anthropic(kHi, R"(,"system":[{"type":"image"}])"),
       "system.0: Input tag 'image'"},
      {"ResultWithoutCall", at, AnthropicContent("[" + result("toolu_9") + "]"),
       "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9. "
       "Each "
       "`tool_result` block must have a corresponding `tool_use` block in the previous message."},
      {"ResultOfAnotherCall", at, answered(result("toolu_2")),
       "messages.2.content.0: unexpected `tool_use_id`"},
      {"SecondResult", at, answered(result("toolu_1") + "," + result("toolu_1")),
       "messages.2.content.1: each tool_use must have a single result"},
      {"CallUnanswered", at, answered(R"({"type":"text","text":"x"})"),
       "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
       "toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next "
       "message."},
      {"CallUnansweredAtTheEnd", at, Anthropic("[" + call + "]", kTool),
       "messages.1: `tool_use` ids were found without"},
      {"TextBeforeTheResult", at, answered(R"({"type":"text","text":"x"},)" + result("toolu_1")),
       "messages.1: `tool_use` ids were found without"},
      {"CallOfTheUser", at,
       AnthropicContent(R"([{"type":"tool_use","id":"a","name":"b","input":{}}])"),
       "messages.0: `tool_use` blocks can only be in `assistant` messages"},
      {"CallWithTextInput", at,
       Anthropic(
           R"([{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"{}"}]}])"),
       "messages.0.content.0.tool_use.input: Input should be a valid dictionary"},
      {"ToolsNotAList", at, Anthropic(kHi, R"(,"tools":{})"),
       "tools: Input should be a valid list"},
      {"ToolOfOpenAi", at,
       Anthropic(kHi, R"(,"tools":[{"type":"function","function":{"name":"f"}}])"),
       "tools.0: Input tag 'function' found using 'type'"},
      {"ToolWithoutName", at, Anthropic(kHi, R"(,"tools":[{"input_schema":{"type":"object"}}])"),
       "tools.0.custom.name: Field required"},
      {"ToolNameWithSpace", at,
       Anthropic(kHi, R"(,"tools":[{"name":"a b","input_schema":{"type":"object"}}])"),
       "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"},
      {"ToolWithoutSchema", at, Anthropic(kHi, R"(,"tools":[{"name":"f"}])"),
       "tools.0.custom.input_schema: Field required"},
      {"ToolSchemaNotOfAnObject", at,
       Anthropic(kHi, R"(,"tools":[{"name":"f","input_schema":{"type":"string"}}])"),
       "tools.0.custom.input_schema.type: Input should be 'object'"},
      {"ToolTwice", at,
       Anthropic(
           kHi,
           R"(,"tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"f","input_schema":{"type":"object"}}])"),
       "tools: Tool names must be unique."},
      {"ChoiceNotAnObject", at, Anthropic(kHi, std::string(kTool) + R"(,"tool_choice":"auto")"),
       "tool_choice: Input should be a valid dictionary"},
      {"ChoiceUnknown", at,
       Anthropic(kHi, std::string(kTool) + R"(,"tool_choice":{"type":"required"})"),
       "tool_choice: Input tag 'required'"},
      {"AnyWithoutTools", at, Anthropic(kHi, R"(,"tool_choice":{"type":"any"})"),
       "tool_choice.any may only be specified while providing tools"},
      {"ChosenToolWithoutTools", at, Anthropic(kHi, R"(,"tool_choice":{"type":"tool","name":"f"})"),
       "Tool 'f' not found in provided tools"},
      {"MaxTokensAbsurd", at,
       R"({"model":"claude-sonnet-5","max_tokens":1000000,"messages":[{"role":"user","content":"x"}]})",
       "max_tokens: 1000000 > 128000, which is the maximum allowed number of output tokens for "
       "claude-sonnet-5"},
      {"MaxTokensOfASmallModel", at,
       R"({"model":"claude-3-haiku-20240307","max_tokens":5000,"messages":[{"role":"user","content":"x"}]})",
       "max_tokens: 5000 > 4096"},
      {"MaxTokensText", at,
       R"({"model":"m","max_tokens":"5","messages":[{"role":"user","content":"x"}]})",
       "max_tokens: Input should be a valid integer"},
      {"StopBlank", at, Anthropic(kHi, R"(,"stop_sequences":[" "])"),
       "stop_sequences: each stop sequence must contain non-whitespace"},
      {"StopNumber", at, Anthropic(kHi, R"(,"stop_sequences":[1])"),
       "stop_sequences.0: Input should be a valid string"},
      {"EffortUnknown", at, Anthropic(kHi, R"(,"output_config":{"effort":"some"})"),
       "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"},
      {"FormatUnknown", at, Anthropic(kHi, R"(,"output_config":{"format":{"type":"json_object"}})"),
       "output_config.format.type: Input should be 'json_schema'"},
      {"FormatWithoutSchema", at,
       Anthropic(kHi, R"(,"output_config":{"format":{"type":"json_schema"}})"),
       "output_config.format.schema: Field required"},
      {"FormatWithOpenSchema", at,
       Anthropic(
           kHi,
           R"(,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{}}}})"),
       "'additionalProperties' must be explicitly set to false"},
      {"CacheControlUnknown", at, Anthropic(kHi, R"(,"cache_control":{"type":"permanent"})"),
       "cache_control: Input tag 'permanent'"},
      {"CacheControlOfUnknownLife", at,
       AnthropicContent(
           R"([{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"2d"}}])"),
       "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'"},
      {"CacheControlFiveTimes", at,
       AnthropicContent(R"([{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},)"
                        R"({"type":"text","text":"b","cache_control":{"type":"ephemeral"}},)"
                        R"({"type":"text","text":"c","cache_control":{"type":"ephemeral"}},)"
                        R"({"type":"text","text":"d","cache_control":{"type":"ephemeral"}}])",
                        R"(,"cache_control":{"type":"ephemeral"})"),
       "A maximum of 4 blocks with cache_control may be provided. Found 5."},
      {"ThinkingBudgetSmall", at,
       Anthropic(kHi, R"(,"thinking":{"type":"enabled","budget_tokens":10})"),
       "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
      {"ThinkingBudgetAboveMaxTokens", at,
       Anthropic(kHi, R"(,"thinking":{"type":"enabled","budget_tokens":1024})"),
       "`max_tokens` must be greater than `thinking.budget_tokens`"},
      {"ThinkingAtALowTemperature", at,
       R"({"model":"m","max_tokens":2000,"temperature":0,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"x"}]})",
       "`temperature` may only be set to 1 when thinking is enabled."},
      {"ThinkingWithAForcedCall", at,
       R"({"model":"m","max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},"tool_choice":{"type":"any"},"messages":[{"role":"user","content":"x"}])" +
           std::string(kTool) + "}",
       "Thinking may not be enabled when tool_choice forces tool use."},
      {"ImageWithoutSource", at, AnthropicContent(R"([{"type":"image"}])"),
       "messages.0.content.0.image.source: Field required"},
      {"ImageOfUnknownType", at, image("image/bmp", Png()),
       "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', "
       "'image/png', 'image/gif' or 'image/webp'"},
      {"ImageNotBase64", at, image("image/png", "data:image/png;base64,AAAA"),
       "messages.0.content.0.image.source.base64: invalid base64 data"},
      {"ImageThatIsNone", at, image("image/png", "SGVsbG8="), "Could not process image"},
      {"ImageOfAnotherType", at, image("image/jpeg", Png()),
       "The image was specified using the image/jpeg media type, but the image appears to be a "
       "image/png image"},
      {"ImageOverHttp", at,
       AnthropicContent(R"([{"type":"image","source":{"type":"url","url":"http://x/y.png"}}])"),
       "Only HTTPS URLs are supported."},
      {"InvokeBlockWithoutType", kInvokeTarget,
       R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":[{}]}]})",
       "messages.0.content.0.type: Field required"},
      {"InvokeOfAnotherVersion", kInvokeTarget,
       R"({"anthropic_version":"2023-06-01","max_tokens":9,"messages":[{"role":"user","content":"x"}]})",
       "anthropic_version"},
  };
}

std::vector<RefusedRequest> ConverseRefusals() {
  const std::string at = kConverseTarget;
  const std::string call =
      R"({"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"toolUse":)"
      R"({"toolUseId":"t1","name":"get_weather","input":{}}}]})";
  const std::string result =
      R"({"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"7"}]}}]})";
  const auto tools = [](const std::string& value) {
    return Converse(kConverseHi, R"(,"toolConfig":{"tools":)" + value + "}");
  };
  const auto choice = [](const std::string& value) {
    std::string config = kToolConfig;
    config.back() = ',';
    return Converse(kConverseHi, config + R"("toolChoice":)" + value + "}");
  };
  const auto image = [](const std::string& format, const std::string& data) {
    return ConverseContent(R"([{"image":{"format":")" + format + R"(","source":{"bytes":")" + data +
                           "\"}}}]");
  };
  return {
      {"ConverseNoMessages", at, Converse("[]"),
       "A conversation must start with a user message. Try again with a conversation that starts "
       "with a user message."},
      {"ConverseBeginsWithAssistant", at,
       Converse(R"([{"role":"assistant","content":[{"text":"Hi"}]}])"),
       "A conversation must start with a user message."},
      {"ConverseTwoTurnsOfOneRole", at,
       Converse(
           R"([{"role":"user","content":[{"text":"a"}]},{"role":"user","content":[{"text":"b"}]}])"),
       "A conversation must alternate between user and assistant roles."},
      {"ConverseUnknownRole", at, Converse(R"([{"role":"tool","content":[{"text":"a"}]}])"),
       "Value 'tool' at 'messages.0.role' failed to satisfy constraint: Member must satisfy enum "
       "value set: [user, assistant]"},
      {"ConverseEmptyTurn", at, ConverseContent("[]"),
       "The content field in the Message object at messages.0 is empty. Add a ContentBlock object "
       "to the content field and try again."},
      {"ConverseBlankText", at, ConverseContent(R"([{"text":" "}])"),
       "The text field in the ContentBlock object at messages.0.content.0 is blank."},
      {"ConverseUnknownBlock", at, ConverseContent(R"([{"type":"text"}])"),
       "ContentBlock object at messages.0.content.0 must set one of the following keys: text, "
       "image"},
      {"ConverseEmptyBlock", at, ConverseContent("[{}]"), "must set one of the following keys"},
      {"ConverseBlockOfTwoKinds", at, ConverseContent(R"([{"text":"a","cachePoint":{}}])"),
       "must set one of the following keys"},
      {"ConverseUnknownSystemBlock", at, Converse(kConverseHi, R"(,"system":[{"image":{}}])"),
       "SystemContentBlock object at system.0 must set one of the following keys: text"},
      {"ConverseCallWithoutToolConfig", at, Converse("[" + call + "," + result + "]"),
       "The toolConfig field must be defined when using toolUse and toolResult content blocks."},
      {"ConverseCallUnanswered", at,
       Converse("[" + call + R"(,{"role":"user","content":[{"text":"x"}]}])", kToolConfig),
       "Expected toolResult blocks at messages.2.content for the following Ids: t1"},
      {"ConverseResultWithoutCall", at, Converse("[" + result + "]", kToolConfig),
       "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks "
       "of previous turn."},
      {"ConverseCallWithoutId", at,
       Converse(
           R"([{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"toolUse":{"name":"f","input":{}}}]}])",
           kToolConfig),
       "Value null at 'messages.1.content.0.toolUse.toolUseId' failed to satisfy constraint: "
       "Member "
       "must not be null"},
      {"ConverseNoTools", at, tools("[]"), "toolConfig.tools"},
      {"ConverseToolsMissing", at, Converse(kConverseHi, R"(,"toolConfig":{})"),
       "Value null at 'toolConfig.tools'"},
      {"ConverseToolOfUnknownKind", at, tools(R"([{"name":"f"}])"),
       "Tool object at toolConfig.tools.0 must set one of the following keys: toolSpec"},
      {"ConverseToolWithoutSchema", at, tools(R"([{"toolSpec":{"name":"f"}}])"),
       "toolConfig.tools.0.toolSpec.inputSchema"},
      {"ConverseToolSchemaWithoutType", at,
       tools(R"([{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}])"),
       "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the "
       "following: "
       "object."},
      {"ConverseToolNameWithSpace", at,
       tools(R"([{"toolSpec":{"name":"a b","inputSchema":{"json":{"type":"object"}}}}])"),
       "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"},
      {"ConverseChoiceUnknown", at, choice(R"({"required":{}})"),
       "ToolChoice object at toolConfig.toolChoice must set one of the following keys: auto, any, "
       "tool"},
      {"ConverseChosenToolUnknown", at, choice(R"({"tool":{"name":"f"}})"),
       "The provided toolChoice f is not a tool in toolConfig.tools."},
      {"ConverseMaxTokensAbsurd", at,
       Converse(kConverseHi, R"(,"inferenceConfig":{"maxTokens":1000000})"),
       "The maximum tokens you requested exceeds the model limit of 10000. Try again with a "
       "maximum "
       "tokens value that is lower than 10000."},
      {"ConverseTemperature", at, Converse(kConverseHi, R"(,"inferenceConfig":{"temperature":2})"),
       "Value '2' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have "
       "value less than or equal to 1"},
      {"ConverseStopEmpty", at,
       Converse(kConverseHi, R"(,"inferenceConfig":{"stopSequences":[""]})"),
       "inferenceConfig.stopSequences.0"},
      {"ConverseImageOfUnknownFormat", at, image("bmp", Png()),
       "Member must satisfy enum value set: [png, jpeg, gif, webp]"},
      {"ConverseImageThatIsNone", at, image("png", "SGVsbG8="), "Could not process image"},
      {"ConverseImageNotBase64", at, image("png", "***"),
       "messages.0.content.0.image.source.bytes"},
      {"ConverseImageWithoutSource", at, ConverseContent(R"([{"image":{"format":"png"}}])"),
       "messages.0.content.0.image.source"},
      {"TitanMaxTokensAbsurd", kTitanTarget,
       R"({"inputText":"x","textGenerationConfig":{"maxTokenCount":10000}})",
       "#/textGenerationConfig/maxTokenCount: 10000 is not less or equal to 8192"},
  };
}

std::vector<RefusedRequest> OllamaRefusals() {
  const std::string at = "/api/chat";
  const std::string generate = "/api/generate";
  const auto image = [](const std::string& data) {
    return Ollama(R"([{"role":"user","content":"x","images":[")" + data + "\"]}]");
  };
  return {
      {"OllamaNoBody", at, "", "missing request body"},
      {"OllamaNoModel", generate, R"({"prompt":"x"})", "model is required"},
      {"OllamaContentList", at, Ollama(R"([{"role":"user","content":[{"type":"text"}]}])"),
       "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type "
       "string"},
      {"OllamaMessagesText", at, Ollama("\"x\""),
       "json: cannot unmarshal string into Go struct "
       "field ChatRequest.messages of type"},
      {"OllamaArgumentsText", at,
       Ollama(
           R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}])"),
       "ChatRequest.messages.tool_calls.function.arguments"},
      {"OllamaToolsText", at, Ollama(kHi, R"(,"tools":"x")"), "ChatRequest.tools"},
      {"OllamaStreamText", at, R"({"model":"m","messages":[],"stream":"no"})",
       "json: cannot unmarshal string into Go struct field ChatRequest.stream of type bool"},
      {"OllamaImageUrl", at, image("data:image/png;base64,AAAA"),
       "illegal base64 data at input byte 4"},
      {"OllamaImageThatIsNone", at, image("SGVsbG8="), "image: unknown format", 500},
      {"OllamaFormatUnknown", at, Ollama(kHi, R"(,"format":"xml")"),
       "invalid format: \"\\\"xml\\\"\"; expected \"json\" or a valid JSON Schema object", 500},
      {"OllamaOptionOfWrongType", at, Ollama(kHi, R"(,"options":{"temperature":"hot"})"),
       "option \"temperature\" must be of type float32", 500},
      {"OllamaPromptNumber", generate, R"({"model":"m","prompt":7})",
       "GenerateRequest.prompt of type string"},
      {"OllamaRawWithSystem", generate, R"({"model":"m","prompt":"x","raw":true,"system":"y"})",
       "raw mode does not support template, system, or context"},
  };
}

std::string RefusalName(const ::testing::TestParamInfo<RefusedRequest>& test) {
  return test.param.name;
}
INSTANTIATE_TEST_SUITE_P(Anthropic, ApiRefusals, ::testing::ValuesIn(AnthropicRefusals()),
                         RefusalName);
INSTANTIATE_TEST_SUITE_P(Bedrock, ApiRefusals, ::testing::ValuesIn(ConverseRefusals()),
                         RefusalName);
INSTANTIATE_TEST_SUITE_P(Ollama, ApiRefusals, ::testing::ValuesIn(OllamaRefusals()), RefusalName);

}  // namespace
}  // namespace llmload::fake_server
