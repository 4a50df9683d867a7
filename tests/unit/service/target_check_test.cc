#include "llmload/service/target_check.h"

#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using test_support::Answer;
using test_support::Close;
using test_support::CompletionBody;
using test_support::Hang;
using test_support::ReadRequest;
using test_support::Send;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// A service that refuses the first requests for their form, one connection each.
class TargetCheckTest : public OpenAiProviderTest {
 protected:
  struct Outcome {
    TargetCheck check;
    std::vector<std::string> requests;
  };

  Outcome Check(const std::vector<std::string>& refusals, bool stream,
                const OpenAiOptions& more = {}) {
    std::vector<Script> scripts;
    for (const std::string& refusal : refusals) {
      scripts.push_back({ReadRequest(), Send(refusal), Close()});
    }
    const std::string stream_answer = test_support::StreamHead() +
                                      test_support::TokenEvents({"a"}) +
                                      test_support::FinishEvent() + test_support::LastChunk();
    scripts.push_back(
        {ReadRequest(), Send(stream ? stream_answer : Answer(200, CompletionBody())), Hang()});
    const auto server = Serve(scripts);
    OpenAiOptions options = Options(*server);
    options.max_tokens_field = more.max_tokens_field;
    CompletionRequest request = test_support::TestRequest(stream);
    request.max_tokens = 16;
    Target target{.provider = std::make_shared<OpenAiProvider>(options), .url = server->url()};
    TargetCheck check = CheckTarget(target, request, SystemClock::Instance());
    return {std::move(check), server->requests()};
  }
};

TEST_F(TargetCheckTest, LeavesOutStreamOptionsThatTheServiceRefuses) {
  for (const std::string& refusal :
       {Answer(422, R"({"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],)"
                    R"("msg":"Extra inputs are not permitted"}]})"),
        Answer(400, R"({"error":{"message":"Unknown parameter: 'stream_options'.",)"
                    R"("type":"invalid_request_error","code":"unknown_parameter"}})"),
        Answer(400, R"({"error":{"message":"stream_options is not supported"}})")}) {
    const Outcome outcome = Check({refusal}, true);
    EXPECT_EQ(outcome.check.state, TargetState::kReady) << outcome.check.message;
    EXPECT_THAT(outcome.check.adaptations, ElementsAre(HasSubstr("without stream_options")));
    ASSERT_THAT(outcome.requests, SizeIs(2));
    EXPECT_THAT(outcome.requests[0], HasSubstr("stream_options"));
    EXPECT_THAT(outcome.requests[1], Not(HasSubstr("stream_options")));
  }
}

TEST_F(TargetCheckTest, LimitsOutputByTheFieldThatTheServiceTakes) {
  const Outcome newer = Check(
      {Answer(400, R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not supported )"
                   R"(with this model. Use 'max_completion_tokens' instead.","param":"max_tokens",)"
                   R"("type":"invalid_request_error","code":"unsupported_parameter"}})")},
      false);
  EXPECT_EQ(newer.check.state, TargetState::kReady) << newer.check.message;
  EXPECT_THAT(newer.check.adaptations, ElementsAre(HasSubstr("by max_completion_tokens")));
  EXPECT_THAT(newer.requests.at(1), HasSubstr("\"max_completion_tokens\":16"));

  OpenAiOptions options;
  options.max_tokens_field = OpenAiOptions::MaxTokensField::kMaxCompletionTokens;
  const Outcome older = Check(
      {Answer(422, R"({"detail":[{"loc":["body","max_completion_tokens"],"msg":"Extra inputs are )"
                   R"(not permitted"}]})")},
      false, options);
  EXPECT_EQ(older.check.state, TargetState::kReady) << older.check.message;
  EXPECT_THAT(older.check.adaptations, ElementsAre(HasSubstr("by max_tokens")));
  EXPECT_THAT(older.requests.at(1), HasSubstr("\"max_tokens\":16"));
}

TEST_F(TargetCheckTest, AdaptsToSeveralRefusalsInTurn) {
  const Outcome outcome =
      Check({Answer(400, R"({"error":{"message":"unsupported parameter: max_tokens"}})"),
             Answer(400, R"({"error":{"message":"unknown field stream_options"}})")},
            true);
  EXPECT_EQ(outcome.check.state, TargetState::kReady) << outcome.check.message;
  EXPECT_THAT(outcome.check.adaptations, SizeIs(2));
}

TEST_F(TargetCheckTest, ChangesNothingForARefusalOfAValue) {
  for (const char* message :
       {"max_tokens is too large: 5000. This model supports at most 4096 completion tokens.",
        "messages: at least one is required", "Unsupported value: 'temperature'"}) {
    const std::string refusal =
        Answer(400, std::string(R"({"error":{"message":")") + message + "\"}}");
    const Outcome outcome = Check({refusal, refusal}, true);
    EXPECT_EQ(outcome.check.state, TargetState::kMisconfigured);
    EXPECT_THAT(outcome.check.adaptations, SizeIs(0));
    EXPECT_THAT(outcome.requests, SizeIs(1)) << message;
  }
}

TEST_F(TargetCheckTest, EndsIfTheServiceRefusesEveryForm) {
  const std::string refusal =
      Answer(400, R"({"error":{"message":"unsupported: max_tokens, max_completion_tokens"}})");
  const Outcome outcome = Check(std::vector<std::string>(8, refusal), false);
  EXPECT_EQ(outcome.check.state, TargetState::kMisconfigured);
  EXPECT_THAT(outcome.requests, SizeIs(4));
}

TEST_F(TargetCheckTest, NamesTheUrlThatARedirectLeadsTo) {
  struct Case {
    const char* location;
    const char* message;
  };
  const Case cases[] = {
      {"Location: https://llm.example.com/v1/chat/completions?key=hidden\r\n",
       "a redirect to https://llm.example.com/v1/chat/completions?(hidden) is not followed: set "
       "the "
       "URL to https://llm.example.com/v1"},
      {"Location: /v2/chat/completions\r\n",
       "a redirect to /v2/chat/completions is not followed: set the path of the URL to /v2"},
      {"Location: https://sso.example.com/login\r\n",
       "a redirect to https://sso.example.com/login is not followed: check the base URL"},
      {"Location: https://me:word@example.com/\r\n", "(hidden: it has an @)"},
      {"", "a redirect to nowhere is not followed: check the base URL"},
  };
  for (const Case& item : cases) {
    const Outcome outcome = Check({Answer(307, "", item.location)}, false);
    EXPECT_EQ(outcome.check.state, TargetState::kMisconfigured);
    EXPECT_THAT(outcome.check.message, HasSubstr(item.message));
    EXPECT_THAT(outcome.check.message, Not(HasSubstr("key=")));
    EXPECT_THAT(outcome.requests, SizeIs(1));
  }
}

TEST_F(TargetCheckTest, EndsEveryRefusalWithWhatToChange) {
  struct Case {
    int status;
    const char* body;
    const char* url;
    const char* provider;
    const char* advice;
  };
  const Case cases[] = {
      {404, "Not Found", "https://x.test", "openai", "is \"/v1\" missing at the end of the URL?"},
      {404, "Not Found", "https://x.test/llm", "gateway", "is \"/v1\" missing?"},
      {404, "Not Found", "https://x.test/v1", "openai", "the API is not there"},
      {405, "", "https://x.test/v1/", "anthropic", "leave \"/v1\" out of the URL"},
      {404, "", "https://x.test/api", "ollama", "the API is not there"},
      {400, "<title>400 Bad Request</title>", "http://127.0.0.1:1/v1", "openai",
       "https:// instead of http://"},
      {400, "<title>400 Bad Request</title>", "https://x.test/v1", "openai", "the request itself"},
      {407, "", "https://x.test/v1", "openai", "HTTPS_PROXY"},
      {413, "", "https://x.test/v1", "openai", "make the prompts shorter"},
      {402, "", "https://x.test/v1", "openai", "waiting does not help"},
      {401, "", "https://x.test/v1", "openai", "check the key"},
  };
  for (const Case& item : cases) {
    const auto server = Serve({{ReadRequest(), Send(Answer(item.status, item.body)), Close()}});
    OpenAiOptions options = Options(*server);
    options.name = item.provider;
    const TargetCheck check =
        CheckTarget({.provider = std::make_shared<OpenAiProvider>(options),
                     .url = item.url,
                     .credential_help = "check the key"},
                    test_support::TestRequest(false), SystemClock::Instance());
    EXPECT_EQ(check.state, TargetState::kMisconfigured);
    EXPECT_THAT(check.message, HasSubstr(item.advice)) << item.status << " of " << item.url;
  }
}

}  // namespace
}  // namespace llmload
