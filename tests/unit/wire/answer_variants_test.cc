// What services really send, in every API, streamed and whole, and at every place of an answer: see
// the table of docs/providers.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "src/wire/anthropic_codec.h"
#include "src/wire/openai_codec.h"
#include "src/wire/service_error.h"
#include "tests/support/api_dialects.h"
#include "tests/unit/wire/wire_fixture.h"

namespace llmload::wire {
namespace {

using test_support::ApiDialect;
using test_support::DecodeStream;
using test_support::DecodeWhole;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kMostPieces = 3;

std::string Pieces(const ApiDialect& api, int count) {
  std::string pieces;
  for (int i = 0; i < count; ++i) pieces += api.piece("word ");
  return pieces;
}

std::string Ending(const ApiDialect& api, const std::string& reason, int output) {
  return api.finish(reason) + api.end(reason, output);
}

// The last line of a recording: "done=" or "KIND=CODE: MESSAGE".
std::string LastLine(const std::string& recording) {
  const std::size_t before = recording.rfind('\n', recording.size() - 2);
  return before == std::string::npos ? recording : recording.substr(before + 1);
}

class EveryDialect : public ::testing::TestWithParam<ApiDialect> {};

TEST_P(EveryDialect, IsASuccessWithAFinishReason) {
  const ApiDialect& api = GetParam();
  for (int count = 0; count <= kMostPieces; ++count) {
    EXPECT_THAT(DecodeStream(api.make, {api.start + Pieces(api, count) +
                                        Ending(api, api.good_reason, count)}),
                EndsWith("done=\n"));
  }
  EXPECT_THAT(DecodeWhole(api.make, api.whole("text", api.good_reason, 3)), EndsWith("done=\n"));
  EXPECT_THAT(DecodeWhole(api.make, api.whole("", api.good_reason, 0)), EndsWith("done=\n"));
}

TEST_P(EveryDialect, IsNoSuccessIfNothingWasAnsweredAndNobodySaidWhy) {
  const ApiDialect& api = GetParam();
  EXPECT_THAT(LastLine(DecodeStream(api.make, {api.start + api.bare_end})),
              StartsWith("truncated_stream="));
  EXPECT_THAT(LastLine(DecodeStream(api.make, {api.start + Ending(api, "", 0)})),
              StartsWith("truncated_stream="));
  EXPECT_THAT(LastLine(DecodeWhole(api.make, api.whole("", "", 0))),
              StartsWith("malformed_response="));
}

TEST_P(EveryDialect, IsNoSuccessIfTheStreamHasAnEndButNoReason) {
  const ApiDialect& api = GetParam();
  // Servers of older versions name no reason, and "done" is no event of a gateway's own.
  const bool needs_reason = api.name != "Ollama";
  for (int count = 1; count <= kMostPieces; ++count) {
    const std::string outcome =
        LastLine(DecodeStream(api.make, {api.start + Pieces(api, count) + api.bare_end}));
    EXPECT_THAT(outcome, StartsWith(needs_reason ? "truncated_stream=" : "done="));
  }
}

TEST_P(EveryDialect, IsNoSuccessIfTheReasonIsAFailure) {
  const ApiDialect& api = GetParam();
  for (const std::string reason :
       {"error", "abort", "ABORTED", "cancelled", "failed", "network_error", "timeout",
        "insufficient_system_resource", "engine_overloaded"}) {
    for (int count = 0; count <= kMostPieces; ++count) {
      const std::string outcome = LastLine(
          DecodeStream(api.make, {api.start + Pieces(api, count) + Ending(api, reason, count)}));
      EXPECT_THAT(outcome, StartsWith((count == 0 ? "server_error=" : "stream_error=") + reason +
                                      ": the service ended the answer with the finish reason"));
    }
    EXPECT_THAT(LastLine(DecodeWhole(api.make, api.whole("half a", reason, 2))),
                StartsWith("server_error=" + reason));
  }
}

struct InBandError {
  std::string json;
  std::string message;
  ErrorKind kind;
};

std::vector<InBandError> InBandErrors() {
  std::vector<InBandError> errors;
  const struct {
    const char* name;
    int status;
    ErrorKind kind;
  } kCauses[] = {{"invalid_request_error", 400, ErrorKind::kInvalidRequest},
                 {"context_length_exceeded", 400, ErrorKind::kContextLength},
                 {"exceed_context_size_error", 400, ErrorKind::kContextLength},
                 {"authentication_error", 401, ErrorKind::kCredential},
                 {"insufficient_quota", 429, ErrorKind::kQuotaExhausted},
                 {"rate_limit_error", 429, ErrorKind::kRateLimited},
                 {"InternalServerError", 500, ErrorKind::kServerError},
                 {"overloaded_error", 503, ErrorKind::kOverloaded}};
  for (const auto& [name, status, kind] : kCauses) {
    const std::string type = "\"type\":\"" + std::string(name) + "\"";
    const std::string code = "\"code\":" + std::to_string(status);
    errors.push_back({R"({"error":{"message":"words",)" + type + "," + code + "}}", "words", kind});
    errors.push_back({R"({"error":{"message":"words",)" + type + "}}", "words", kind});
    errors.push_back(
        {R"({"type":"error","error":{)" + type + R"(,"message":"words"}})", "words", kind});
    errors.push_back(
        {R"({"object":"error","message":"words",)" + type + R"(,"param":null,)" + code + "}",
         "words", kind});
    errors.push_back(
        {R"([{"error":{"message":"words",)" + type + "," + code + "}}]", "words", kind});
  }
  errors.push_back({R"({"error":"words"})", "words", ErrorKind::kServerError});
  errors.push_back({R"({"error":{}})", "", ErrorKind::kServerError});
  return errors;
}

TEST_P(EveryDialect, ErrorInAStreamKeepsItsCodeBeforeTheFirstTokenAndInterruptsAfterIt) {
  const ApiDialect& api = GetParam();
  if (api.name == "Converse") return;  // its errors are exceptions: the next test
  for (const InBandError& error : InBandErrors()) {
    for (int count = 0; count <= kMostPieces; ++count) {
      // Gateways send the end of the stream behind the error.
      const std::string stream = api.start + Pieces(api, count) + api.event(error.json) +
                                 Ending(api, api.good_reason, count);
      const ErrorKind kind = count == 0 ? error.kind : ErrorKind::kStreamError;
      const std::string outcome = LastLine(DecodeStream(api.make, {stream}));
      EXPECT_THAT(outcome, StartsWith(std::string(ToString(kind)) + "=")) << error.json;
      EXPECT_THAT(outcome, HasSubstr(error.message)) << error.json;
    }
    EXPECT_THAT(LastLine(DecodeWhole(api.make, error.json)),
                StartsWith(std::string(ToString(error.kind)) + "="))
        << error.json;
  }
}

TEST_P(EveryDialect, ErrorOfAWholeAnswerIsFoundWhateverItsForm) {
  for (const InBandError& error : InBandErrors()) {
    for (const std::string& body :
         {error.json, error.json + "\n", "data: " + error.json + "\n\n"}) {
      EXPECT_THAT(LastLine(DecodeWhole(GetParam().make, body)),
                  StartsWith(std::string(ToString(error.kind)) + "="))
          << body;
    }
  }
}

TEST(BedrockExceptions, KeepTheirKindBeforeTheFirstTokenAndInterruptAfterIt) {
  const struct {
    const char* name;
    ErrorKind kind;
  } kExceptions[] = {{"throttlingException", ErrorKind::kRateLimited},
                     {"validationException", ErrorKind::kInvalidRequest},
                     {"serviceUnavailableException", ErrorKind::kOverloaded},
                     {"internalServerException", ErrorKind::kServerError},
                     {"modelStreamErrorException", ErrorKind::kServerError},
                     {"modelTimeoutException", ErrorKind::kServerError},
                     {"somethingNewException", ErrorKind::kServerError}};
  for (const ApiDialect& api : test_support::AllDialects()) {
    if (api.media_type != "application/vnd.amazon.eventstream") continue;
    for (const auto& [name, kind] : kExceptions) {
      for (int count = 0; count <= kMostPieces; ++count) {
        const std::array headers = {TextHeader(":exception-type", name),
                                    TextHeader(":message-type", "exception")};
        std::string frame;
        AppendEventStreamMessage(headers, R"({"message":"words"})", frame);
        const ErrorKind expected = count == 0 ? kind : ErrorKind::kStreamError;
        EXPECT_EQ(LastLine(DecodeStream(api.make, {api.start + Pieces(api, count) + frame})),
                  std::string(ToString(expected)) + "=" + name + ": words\n")
            << api.name;
      }
    }
  }
}

// What only AWS's own names and words tell, in a stream as in an error answer.
TEST(BedrockExceptions, AreReadByTheirWordsToo) {
  const std::array headers = {TextHeader(":exception-type", "validationException"),
                              TextHeader(":message-type", "exception")};
  std::string frame;
  AppendEventStreamMessage(headers, R"({"message":"the conversation is too long"})", frame);
  for (const ApiDialect& api : test_support::AllDialects()) {
    if (api.media_type != "application/vnd.amazon.eventstream") continue;
    EXPECT_EQ(LastLine(DecodeStream(api.make, {api.start + frame})),
              "context_length=validationException: the conversation is too long\n")
        << api.name;
  }
}

TEST_P(EveryDialect, OddEventsAreIgnoredAtEveryPlace) {
  const ApiDialect& api = GetParam();
  std::vector<std::string> odd = {R"({"type":"ping"})",
                                  R"({"x":NaN,"y":[-Infinity,Infinity]})",
                                  "{\"x\":" + std::string(200, '[') + std::string(200, ']') + "}",
                                  R"({"x":"\ud83d"})",
                                  "{\"x\":\"\xF0\x9F\"}",
                                  "null"};
  if (api.name == "Converse") odd.clear();
  const std::string plain = DecodeStream(
      api.make, {api.start + Pieces(api, kMostPieces) + Ending(api, api.good_reason, 3)});
  for (const std::string& json : odd) {
    for (int place = 0; place <= kMostPieces; ++place) {
      EXPECT_EQ(DecodeStream(api.make,
                             {api.start + Pieces(api, place) + api.event(json) +
                              Pieces(api, kMostPieces - place) + Ending(api, api.good_reason, 3)}),
                plain)
          << json << " at " << place;
    }
  }
}

TEST_P(EveryDialect, TextThatIsNotUtf8IsReplaced) {
  const ApiDialect& api = GetParam();
  const std::string mark = "\xEF\xBF\xBD";
  const std::vector<std::pair<std::string, std::string>> texts = {
      {R"(a\ud83d)", "a" + mark},
      {R"(\ude00b)", mark + "b"},
      {"\xF0\x9F", mark + mark},
      {"\x98\x80!", mark + mark + "!"},
      {R"(\ud83d\ude00)", "\xF0\x9F\x98\x80"}};
  for (const auto& [sent, seen] : texts) {
    const std::string stream = api.start + api.piece(sent) + Ending(api, api.good_reason, 1);
    for (const std::string& recording :
         {DecodeStream(api.make, {stream}),
          DecodeWhole(api.make, api.whole(sent, api.good_reason, 1))}) {
      EXPECT_THAT(recording, HasSubstr("content=" + seen + "\n"));
      EXPECT_THAT(recording, EndsWith("done=\n"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryDialect, ::testing::ValuesIn(test_support::AllDialects()),
                         [](const auto& test) { return test.param.name; });

std::string ChoiceChunk(const std::string& choice) {
  return "data: {\"choices\":[{\"index\":0," + choice + "}]}\n\n";
}

// Every form in which providers and gateways send tokens, streamed and whole.
TEST(OpenAiTokens, AreSeenWhereverTheyAre) {
  const struct {
    const char* body;
    const char* seen;
  } kForms[] = {
      {R"({"content":"t"})", "content=t\n"},
      {R"({"content":[{"type":"text","text":"t"}]})", "content=t\n"},
      {R"({"content":[{"type":"output_text","text":"t"},{"type":"text","text":"u"}]})",
       "content=tu\n"},
      {R"({"content":["t"]})", "content=t\n"},
      {R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]}]})",
       "reasoning=t\n"},
      {R"({"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"u"}]})",
       "reasoning=t\ncontent=u\n"},
      {R"({"content":[{"type":"refusal","refusal":"t"}]})", "content=t\n"},
      {R"({"content":null,"refusal":"t"})", "content=t\n"},
      {R"({"content":"","reasoning":"t"})", "reasoning=t\n"},
      {R"({"reasoning_content":"t"})", "reasoning=t\n"},
      {R"({"reasoning_text":"t"})", "reasoning=t\n"},
      {R"({"thinking":"t"})", "reasoning=t\n"},
      {R"({"reasoning":{"content":"t"}})", "reasoning=t\n"},
      {R"({"reasoning_details":[{"type":"reasoning.text","text":"t","index":0}]})",
       "reasoning=t\n"},
      {R"({"reasoning_details":[{"type":"reasoning.summary","summary":"t"}]})", "reasoning=t\n"},
      {R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"t"}]})", "reasoning=t\n"},
      {R"({"reasoning":"t","reasoning_details":[{"text":"t"}]})", "reasoning=t\n"},
      {R"({"thinking_blocks":[{"type":"thinking","thinking":"t","signature":""}]})",
       "reasoning=t\n"},
      {R"({"audio":{"id":"a","transcript":"t"}})", "content=t\n"},
      {R"({"tool_calls":[{"index":0,"function":{"name":"f","arguments":"t"}}]})", "tool=t\n"},
      {R"({"tool_calls":[{"index":0,"function":{"name":"t","arguments":""}}]})", "tool=t\n"},
      {R"({"tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]})", "tool={\"x\":1}\n"},
      {R"({"tool_calls":[{"type":"custom","custom":{"name":"f","input":"t"}}]})", "tool=t\n"},
      {R"({"function_call":{"name":"f","arguments":"t"}})", "tool=t\n"},
  };
  const auto make = [] { return std::make_unique<OpenAiAnswerDecoder>(kLimit); };
  for (const auto& [body, seen] : kForms) {
    for (const char* member : {"delta", "message"}) {
      const std::string choice = "\"" + std::string(member) + "\":" + body;
      EXPECT_EQ(DecodeStream(make, {ChoiceChunk(choice) +
                                    ChoiceChunk(R"("delta":{},"finish_reason":"stop")")}),
                std::string(seen) + "finish=stop\ndone=\n")
          << choice;
      EXPECT_EQ(DecodeWhole(make, "{\"choices\":[{" + choice + "}]}"),
                std::string(seen) + "done=\n")
          << choice;
    }
  }
  EXPECT_EQ(
      DecodeStream(make, {ChoiceChunk(R"("text":"t")") + ChoiceChunk(R"("finish_reason":"stop")")}),
      "content=t\nfinish=stop\ndone=\n");
  // The message so far beside the piece is not the piece.
  EXPECT_EQ(DecodeStream(
                make, {ChoiceChunk(R"("message":{"content":"so far t"},"delta":{"content":"t"})") +
                       ChoiceChunk(R"("delta":{},"finish_reason":"stop")")}),
            "content=t\nfinish=stop\ndone=\n");
}

TEST(OpenAiErrors, AreFoundInTheChoice) {
  const auto make = [] { return std::make_unique<OpenAiAnswerDecoder>(kLimit); };
  const std::string choice =
      R"("delta":{"content":""},"finish_reason":"error","error":{"code":502,"message":"gone"})";
  EXPECT_EQ(DecodeStream(make, {ChoiceChunk(choice)}), "server_error=502: gone\n");
  EXPECT_EQ(DecodeWhole(make, "{\"choices\":[{" + choice + "}]}"), "server_error=502: gone\n");
  EXPECT_EQ(DecodeStream(make, {ChoiceChunk(R"("delta":{"content":"a"})") + ChoiceChunk(choice)}),
            "content=a\nstream_error=502: gone\n");
}

TEST(OpenAiUsage, IsFoundWhereverItIs) {
  const auto make = [] { return std::make_unique<OpenAiAnswerDecoder>(kLimit); };
  const std::string usage = R"({"prompt_tokens":9,"completion_tokens":3})";
  const std::string answered = ChoiceChunk(R"("delta":{"content":"t"})");
  const std::string finish = R"("delta":{},"finish_reason":"stop")";
  for (const std::string& last :
       {ChoiceChunk(finish) + "data: {\"choices\":[],\"usage\":" + usage + "}\n\n",
        ChoiceChunk(finish + ",\"usage\":" + usage),
        ChoiceChunk(R"("delta":{"usage":)" + usage + R"(},"finish_reason":"stop")"),
        "data: {\"choices\":[{" + finish + "}],\"usage\":" + usage + "}\n\n",
        "data: {\"choices\":[{" + finish + "}],\"x_groq\":{\"id\":\"r\",\"usage\":" + usage +
            "}}\n\n",
        "data: {\"choices\":[{" + finish +
            R"(}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3}})" + "\n\n",
        "data: {\"choices\":[{" + finish + R"(}],"usage":{"input_tokens":9,"output_tokens":3}})" +
            "\n\n",
        "data: {\"choices\":[{" + finish + R"(}],"usage":{"prompt_tokens":9,"total_tokens":12}})" +
            "\n\n"}) {
    const std::string recording = DecodeStream(make, {answered + last + "data: [DONE]\n\n"});
    EXPECT_THAT(recording, HasSubstr("usage=9/0/0 3/0 ")) << last;
    EXPECT_THAT(recording, EndsWith("done=\n")) << last;
  }
  // In every chunk: the last counts, and none of them is the end of the stream.
  const std::string each =
      "data: {\"choices\":[{\"delta\":{\"content\":\"t\"}}],\"usage\":" + usage + "}\n\n";
  EXPECT_THAT(DecodeStream(make, {each + each + "data: [DONE]\n\n"}),
              HasSubstr("truncated_stream="));
  for (const char* odd : {"null", "[]", "{}", R"({"completion_tokens":null})",
                          R"({"completion_tokens":-1})", R"({"prompt_tokens":9})"}) {
    EXPECT_THAT(DecodeStream(make, {answered + "data: {\"choices\":[{" + finish +
                                    "}],\"usage\":" + odd + "}\n\n"}),
                Not(HasSubstr("usage=")))
        << odd;
  }
}

TEST(AnthropicStream, TakesAnEventWithoutTypeByItsName) {
  const auto make = [] { return std::make_unique<AnthropicAnswerDecoder>(kLimit); };
  EXPECT_EQ(DecodeStream(make, {"event: content_block_delta\ndata: {\"delta\":{\"text\":\"t\"}}\n\n"
                                "event: message_delta\n"
                                "data: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n"
                                "event: message_stop\ndata: {}\n\n"}),
            "content=t\nfinish=end_turn\ndone=\n");
}

TEST(AnthropicStream, IgnoresTheEndOfAnotherApi) {
  const auto make = [] { return std::make_unique<AnthropicAnswerDecoder>(kLimit); };
  EXPECT_EQ(DecodeStream(make, {"data: [DONE]\n\n"}),
            "truncated_stream=: the stream ended without message_stop\n");
}

}  // namespace
}  // namespace llmload::wire
