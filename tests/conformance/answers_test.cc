// Answers: text, tokens, usage, instants, sizes.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "llmload/load/answer_check.h"
#include "src/core/text/echo_code.h"
#include "tests/conformance/provider_conformance.h"

namespace llmload::test_support {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

using ConformingAnswers = ProviderConformance;

std::string Joined(const RecordingObserver& observer) {
  return std::accumulate(observer.texts.begin(), observer.texts.end(), std::string());
}

TEST_P(ConformingAnswers, UnaryAnswerIsWhole) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  const Completion completion = Value(*provider, Request(false));
  EXPECT_FALSE(completion.text.empty());
  EXPECT_FALSE(completion.finish_reason.empty());
  EXPECT_EQ(completion.provider, provider->Identity().name);
  ASSERT_EQ(completion.attempts.size(), 1u);
  EXPECT_EQ(completion.attempts.front().provider, provider->Identity().name);
  EXPECT_FALSE(completion.attempts.front().error);
  EXPECT_EQ(completion.token_events, 0);
  EXPECT_FALSE(completion.timings.first_token);
  EXPECT_EQ(server.counters().arrivals, 1u);
  EXPECT_EQ(server.counters().validation_failures, 0u);
}

TEST_P(ConformingAnswers, StreamedTokensComeInOrderAndMakeUpTheText) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  RecordingObserver observer;
  const Completion completion = Value(*provider, Request(true), &observer);
  EXPECT_EQ(Joined(observer), completion.text);
  EXPECT_EQ(completion.token_events, 8);
  EXPECT_EQ(observer.texts.size(), 8u);
  EXPECT_FALSE(completion.finish_reason.empty());
  for (const std::string& text : observer.texts) EXPECT_NE(text, "");
  EXPECT_TRUE(std::is_sorted(observer.instants.begin(), observer.instants.end()));
}

TEST_P(ConformingAnswers, StreamedAndUnaryTextsAreTheSame) {
  fake_server::FakeLlmServer unary(Fast());
  fake_server::FakeLlmServer streaming(Fast());
  EXPECT_EQ(Value(*Make(unary), Request(false)).text, Value(*Make(streaming), Request(true)).text);
}

TEST_P(ConformingAnswers, BeginWithTheCodeThatThePromptAsksFor) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const bool stream : {false, true}) {
    CompletionRequest request = Request(stream);
    const std::string code = text::EchoCode(stream ? 17 : 71);
    text::AppendEchoRequest(request.messages.back().content, code);
    const Completion answer = Value(*provider, request);
    EXPECT_THAT(answer.text, StartsWith(code + " "));
    EXPECT_EQ(AnswerEchoes().WhatIsWrong(request, answer), std::nullopt);
  }
}

TEST_P(ConformingAnswers, InstantsAreInOrder) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  RecordingObserver observer;
  const Completion completion = Value(*provider, Request(true), &observer);
  const Timings& timings = completion.timings;
  ASSERT_TRUE(timings.sent && timings.first_byte && timings.first_token &&
              timings.first_output_token && timings.last_token && timings.completed);
  EXPECT_LE(completion.attempts.front().started, *timings.sent);
  EXPECT_LE(*timings.sent, *timings.first_byte);
  EXPECT_LE(*timings.first_byte, *timings.first_token);
  EXPECT_LE(*timings.first_token, *timings.first_output_token);
  EXPECT_LE(*timings.first_output_token, *timings.last_token);
  EXPECT_LE(*timings.last_token, *timings.completed);
  EXPECT_LE(*timings.completed, completion.attempts.front().finished);
  EXPECT_EQ(observer.instants.front(), *timings.first_token);
  EXPECT_EQ(observer.instants.back(), *timings.last_token);
}

TEST_P(ConformingAnswers, UsageIsNormalisedAndTheRawNumbersAreKept) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const bool stream : {false, true}) {
    const Completion completion = Value(*provider, Request(stream));
    EXPECT_EQ(completion.usage.output, 8) << "stream: " << stream;
    if (!GetParam().reports_usage) continue;
    EXPECT_EQ(completion.token_source, TokenSource::kUsage);
    EXPECT_GT(completion.usage.input, 0);
    EXPECT_GE(completion.usage.input,
              completion.usage.cached_input + completion.usage.cache_write_input);
    EXPECT_THAT(completion.raw_usage, ::testing::AnyOf(StartsWith("{"), StartsWith("[")));
    EXPECT_THAT(completion.raw_usage, HasSubstr("8"));
  }
}

TEST_P(ConformingAnswers, OneTokenIsAnAnswer) {
  fake_server::FakeLlmServer server(Fast(1));
  const auto provider = Make(server);
  RecordingObserver observer;
  const Completion completion = Value(*provider, Request(true), &observer);
  EXPECT_EQ(completion.token_events, 1);
  EXPECT_EQ(completion.usage.output, 1);
  EXPECT_EQ(*completion.timings.first_token, *completion.timings.last_token);
  EXPECT_EQ(Value(*provider, Request(false)).usage.output, 1);
}

TEST_P(ConformingAnswers, ThousandsOfTokensAreCountedOneByOne) {
  fake_server::FakeLlmServerOptions options = Fast(8'000);
  options.latency.gap_median = 0ms;
  fake_server::FakeLlmServer server(options);
  const auto provider = Make(server);
  CompletionRequest request = Request(true);
  request.max_tokens = 8'000;
  RecordingObserver observer;
  const Completion completion = Value(*provider, request, &observer);
  EXPECT_EQ(completion.token_events, 8'000);
  EXPECT_EQ(completion.usage.output, 8'000);
  EXPECT_EQ(Joined(observer), completion.text);
  request.stream = false;
  EXPECT_EQ(Value(*provider, request).usage.output, 8'000);
}

TEST_P(ConformingAnswers, Utf8CutBetweenReadsArrivesWhole) {
  fake_server::FakeLlmServerOptions options = Fast();
  options.multibyte_text = true;
  // A byte at a time: every sequence is cut everywhere.
  options.faults = {{.kind = simulation::FaultKind::kSlowDrip, .delay = 100us, .bytes = 1}};
  fake_server::FakeLlmServer dripping(options);
  options.faults.clear();
  fake_server::FakeLlmServer whole(options);
  const std::string expected = Value(*Make(whole), Request(true)).text;
  EXPECT_TRUE(std::any_of(expected.begin(), expected.end(),
                          [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
  RecordingObserver observer;
  EXPECT_EQ(Value(*Make(dripping), Request(true), &observer).text, expected);
  EXPECT_EQ(Joined(observer), expected);
}

TEST_P(ConformingAnswers, BigPromptsArriveWhole) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  CompletionRequest request = Request(true);
  request.messages.front().content.assign(2 << 20, 'x');
  const Completion completion = Value(*provider, request);
  if (GetParam().reports_usage) {
    EXPECT_GE(completion.usage.input, (2 << 20) / 4);
  }
}

TEST_P(ConformingAnswers, ConversationsAndOptionsAreAccepted) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  CompletionRequest request = Request(true);
  request.messages = {{Role::kSystem, "Answer \"briefly\".\n\t\x01"},
                      {Role::kUser, "Grüße, 世界"},
                      {Role::kAssistant, "Yes?"},
                      {Role::kUser, "Go on."}};
  request.max_tokens = 4;
  request.temperature = 0.5;
  const Completion completion = Value(*provider, request);
  EXPECT_EQ(completion.usage.output, 4);
  EXPECT_EQ(server.counters().validation_failures, 0u);
}

TEST_P(ConformingAnswers, ConnectionsAreReusedAndNothingIsSentTwice) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (int i = 0; i < 3; ++i) Value(*provider, Request(i % 2 == 0));
  EXPECT_EQ(server.counters().connections, 1u);
  server.CloseIdleConnections();
  const auto result = caller_.Call(*provider, Request(true));
  // Found closed before the request was sent, or while it was; never answered twice.
  if (result.has_error()) {
    EXPECT_EQ(ToString(result.error().kind), "stale_connection") << Describe(result.error());
  }
  EXPECT_EQ(server.counters().arrivals, result.has_value() ? 4u : 3u);
}

TEST_P(ConformingAnswers, ManyCallsAtOnceDoNotMixUp) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const auto& result : caller_.CallTogether(*provider, Request(true), 50)) {
    ASSERT_TRUE(result.has_value()) << Describe(result.error());
    EXPECT_EQ(result->token_events, 8);
  }
  EXPECT_EQ(server.counters().arrivals, 50u);
}

INSTANTIATE_TEST_SUITE_P(Every, ConformingAnswers, ::testing::ValuesIn(AllSubjects()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace llmload::test_support
