// Answers as they come over HTTP: that bytes decide and not the header, whatever the API.
#include "src/service/answer_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/api_dialects.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::ApiDialect;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  bool stream = true;
  int status = 200;
  Fields fields = {};
  std::vector<std::string> pieces;
};

// What a provider makes of an answer, of which each piece comes a second after the one before.
Result<Completion> Take(const ApiDialect& api, const Answer& answer) {
  const auto decoder = api.make();
  const ProviderLimits limits;
  const Redactor redact;
  AnswerSink sink(answer.stream, limits, redact, *decoder, nullptr);
  net::ResponseHead head;
  head.status = answer.status;
  for (const auto& [name, value] : answer.fields) head.Add(name, value);
  TimePoint at{};
  auto next = sink.OnHead(head, at);
  for (const std::string& piece : answer.pieces) {
    at += 1s;
    if (next == AnswerSink::Next::kContinue) next = sink.OnBody(piece, at);
  }
  net::Exchange exchange;
  exchange.completed = at;
  return sink.Finish(exchange);
}

std::vector<std::string> StreamOf(const ApiDialect& api, int output = 2) {
  return {api.start, api.piece("a"), api.piece("b"),
          api.finish(api.good_reason) + api.end(api.good_reason, output)};
}

std::string Joined(const std::vector<std::string>& pieces) {
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  return joined;
}

class EveryAnswer : public ::testing::TestWithParam<ApiDialect> {};

TEST_P(EveryAnswer, IsReadAsWhatItIsUnderAnyMediaType) {
  const ApiDialect& api = GetParam();
  for (const char* type : {"", "text/event-stream; charset=utf-8", "application/json",
                           "application/x-ndjson", "application/vnd.amazon.eventstream",
                           "text/plain", "text/html", "application/octet-stream", "nonsense"}) {
    Fields fields;
    if (*type != '\0') fields.emplace_back("content-type", type);
    const auto stream = Take(api, {.fields = fields, .pieces = StreamOf(api)});
    ASSERT_TRUE(stream.has_value()) << type << ": " << Describe(stream.error());
    EXPECT_EQ(stream->text, "ab") << type;
    EXPECT_EQ(stream->timings.first_token, TimePoint(2s)) << type;
    const auto whole = Take(
        api, {.stream = false, .fields = fields, .pieces = {api.whole("ab", api.good_reason, 2)}});
    ASSERT_TRUE(whole.has_value()) << type << ": " << Describe(whole.error());
    EXPECT_EQ(whole->text, "ab") << type;
  }
}

TEST_P(EveryAnswer, IsReadAlikeWhereverItIsCut) {
  const ApiDialect& api = GetParam();
  const std::string bytes = Joined(StreamOf(api));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    const auto completion = Take(api, {.pieces = {bytes.substr(0, cut), bytes.substr(cut)}});
    ASSERT_TRUE(completion.has_value()) << "cut at " << cut << ": " << Describe(completion.error());
    EXPECT_EQ(completion->text, "ab") << "cut at " << cut;
  }
}

TEST_P(EveryAnswer, MayBeginWithAByteOrderMarkOrWhiteSpace) {
  const ApiDialect& api = GetParam();
  const std::string mark = "\xEF\xBB\xBF";
  const bool is_text = api.media_type != "application/vnd.amazon.eventstream";
  for (const std::string& before : {mark, std::string("\r\n \n"), mark + "\n"}) {
    const auto whole =
        Take(api, {.stream = false, .pieces = {before + api.whole("ab", api.good_reason, 2)}});
    EXPECT_TRUE(whole.has_value()) << Describe(whole.error());
    if (!is_text || (api.name == "Ollama" && before != "\r\n \n")) continue;
    const std::string bytes = before + Joined(StreamOf(api));
    for (std::size_t cut = 1; cut <= before.size(); ++cut) {
      const auto stream = Take(api, {.pieces = {bytes.substr(0, cut), bytes.substr(cut)}});
      ASSERT_TRUE(stream.has_value()) << Describe(stream.error());
      EXPECT_EQ(stream->text, "ab");
    }
  }
}

TEST_P(EveryAnswer, ThatIsAPageIsNamedByItsTitle) {
  const ApiDialect& api = GetParam();
  const std::string page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>";
  for (const bool stream : {false, true}) {
    for (const int status : {200, 403, 502}) {
      const auto outcome = Take(api, {.stream = stream, .status = status, .pieces = {page}});
      ASSERT_TRUE(outcome.has_error());
      EXPECT_THAT(outcome.error().message, HasSubstr("Sign in"));
      EXPECT_EQ(outcome.error().message.find('<'), std::string::npos);
    }
  }
}

TEST_P(EveryAnswer, ThatIsAnErrorInPlaceOfAStreamKeepsItsKind) {
  const ApiDialect& api = GetParam();
  const std::string error =
      R"({"error":{"message":"queue full, try again in 20s","type":"rate_limit_error","code":429}})";
  for (const char* type : {"application/json", "text/event-stream", "text/plain"}) {
    const auto outcome = Take(api, {.fields = {{"content-type", type}}, .pieces = {error}});
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(ToString(outcome.error().kind), "rate_limited") << Describe(outcome.error());
    EXPECT_EQ(outcome.error().retry_after, Duration(20s));
  }
}

TEST_P(EveryAnswer, ThatIsEmptyIsNoSuccess) {
  for (const std::string& body : {std::string(), std::string("\r\n\r\n")}) {
    EXPECT_TRUE(Take(GetParam(), {.pieces = {body}}).has_error());
    EXPECT_TRUE(Take(GetParam(), {.stream = false, .pieces = {body}}).has_error());
  }
}

// A service that counts no output although it sent some: the events are counted, and the figures
// say so.
TEST_P(EveryAnswer, WhoseUsageIsImpossibleHasItsEventsCounted) {
  const ApiDialect& api = GetParam();
  const auto completion = Take(api, {.pieces = StreamOf(api, 0)});
  ASSERT_TRUE(completion.has_value()) << Describe(completion.error());
  EXPECT_EQ(completion->usage.output, 2);
  EXPECT_EQ(completion->token_source, TokenSource::kCountedEvents);
  EXPECT_EQ(completion->usage.input, 9) << "what it read it may have counted well";
  const auto credible = Take(api, {.pieces = StreamOf(api, 7)});
  EXPECT_EQ(credible->usage.output, 7);
  EXPECT_EQ(credible->token_source, TokenSource::kUsage);
}

TEST_P(EveryAnswer, ThatIsAnErrorIsReadInEveryFrame) {
  const ApiDialect& api = GetParam();
  const std::string json =
      R"({"error":{"message":"too many tokens","code":"context_length_exceeded"}})";
  for (const std::string& body :
       {json, "data: " + json + "\n\n", json + "\n", "\xEF\xBB\xBF" + json, "[" + json + "]"}) {
    for (const bool stream : {false, true}) {
      const auto outcome = Take(api, {.stream = stream, .status = 400, .pieces = {body}});
      ASSERT_TRUE(outcome.has_error());
      EXPECT_EQ(ToString(outcome.error().kind), "context_length") << body;
      EXPECT_EQ(outcome.error().message, "too many tokens") << body;
    }
  }
}

TEST_P(EveryAnswer, ThatAsksToWaitIsUnderstoodWhereverItSaysSo) {
  const ApiDialect& api = GetParam();
  const struct {
    Fields fields;
    std::string body;
  } kHints[] = {
      {{{"Retry-After", "45"}}, "{}"},
      {{{"x-ratelimit-reset-tokens", "45"}, {"x-ratelimit-remaining-tokens", "0"}}, "{}"},
      {{{"x-rate-limit-reset-tokens", "45"}, {"x-ratelimit-remaining-requests", "12"}}, "{}"},
      {{},
       R"({"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","retryDelay":"45s"}})"},
      {{}, R"({"error":{"message":"m","details":[{"retryDelay":"45s"}]}})"},
      {{}, R"({"error":{"message":"Please wait 45 seconds."}})"},
      {{}, "try again in 45s"},
  };
  for (const auto& [fields, body] : kHints) {
    const auto outcome = Take(api, {.status = 429, .fields = fields, .pieces = {body}});
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().retry_after, Duration(45s)) << body;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryAnswer, ::testing::ValuesIn(test_support::AllDialects()),
                         [](const auto& test) { return test.param.name; });

TEST(WholeAnswer, InPlaceOfAStreamIsNamedAsThat) {
  for (const ApiDialect& api : test_support::AllDialects()) {
    if (api.name == "Ollama") continue;  // a whole answer is a stream of one line
    const auto outcome = Take(api, {.pieces = {api.whole("ab", api.good_reason, 2)}});
    ASSERT_TRUE(outcome.has_error()) << api.name;
    EXPECT_EQ(outcome.error().message,
              "the answer is not a stream of this API: a whole answer came instead");
  }
}

}  // namespace
}  // namespace llmload
