// What the fake server answers to valid requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using simulation::LatencyModel;
using std::chrono::milliseconds;
using test_support::Stopwatch;
using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

FakeLlmServerOptions Instant(int tokens = 4) {
  FakeLlmServerOptions options;
  options.latency.ttft_median = Duration::zero();
  options.latency.gap_median = Duration::zero();
  options.latency.tokens_min = options.latency.tokens_max = tokens;
  return options;
}

RawResponse Ask(RawClient& client, const std::string& more = "") {
  client.SendPost("/v1/chat/completions", ChatBody(more));
  return client.Read();
}

std::string Text(const std::vector<std::string>& events) {
  std::string text;
  for (const std::string& event : events) {
    if (event == "[DONE]") continue;
    const json chunk = json::parse(event);
    if (!chunk["choices"].empty() && chunk["choices"][0]["delta"].contains("content")) {
      text += chunk["choices"][0]["delta"]["content"].get<std::string>();
    }
  }
  return text;
}

TEST(FakeServerProtocol, StreamHasTheDocumentedShape) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  ASSERT_EQ(client.error(), "");
  RawResponse response = Ask(client, R"(,"stream":true,"stream_options":{"include_usage":true})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.end, End::kComplete);
  EXPECT_THAT(response.fields["content-type"], StartsWith("text/event-stream"));
  EXPECT_EQ(response.fields["transfer-encoding"], "chunked");
  EXPECT_THAT(response.fields["x-request-id"], MatchesRegex("req_[0-9a-z]{32}"));
  EXPECT_THAT(response.fields["openai-processing-ms"], MatchesRegex("[0-9]+"));
  EXPECT_THAT(response.fields["x-ratelimit-remaining-requests"], MatchesRegex("[0-9]+"));
  EXPECT_THAT(response.fields["x-ratelimit-reset-requests"], MatchesRegex("[0-9]+ms"));

  const std::vector<std::string> events = response.Events();
  ASSERT_EQ(events.size(), 1U + 4 + 1 + 1 + 1);
  EXPECT_EQ(events.back(), "[DONE]");
  std::string id;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const json chunk = json::parse(events[i]);
    if (i == 0) id = chunk["id"];
    EXPECT_EQ(chunk["id"], id);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["model"], "gpt-3.5-turbo");
    if (i == 6) {
      EXPECT_TRUE(chunk["choices"].empty());
      EXPECT_EQ(chunk["usage"]["prompt_tokens"], 3);  // ceil(10 / 4)
      EXPECT_EQ(chunk["usage"]["completion_tokens"], 4);
      EXPECT_EQ(chunk["usage"]["total_tokens"], 7);
      continue;
    }
    EXPECT_TRUE(chunk.contains("usage") && chunk["usage"].is_null()) << events[i];
    const json& choice = chunk["choices"][0];
    if (i == 0) {
      EXPECT_EQ(choice["delta"]["role"], "assistant");
      EXPECT_EQ(choice["delta"]["content"], "");
    } else if (i == 5) {
      EXPECT_EQ(choice["delta"], json::object());
    } else {
      EXPECT_NE(choice["delta"]["content"], "");
    }
    EXPECT_EQ(choice["finish_reason"], i == 5 ? json("stop") : json(nullptr));
  }
  EXPECT_THAT(id, MatchesRegex("chatcmpl-[0-9a-z]{29}"));
  WaitUntil([&] { return server.counters().tokens_sent == 4; });
}

TEST(FakeServerProtocol, StreamHasNoUsageUnlessAsked) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  const auto events = Ask(client, R"(,"stream":true)").Events();
  ASSERT_EQ(events.size(), 1U + 4 + 1 + 1);
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_FALSE(json::parse(events[i]).contains("usage"));
  }
}

TEST(FakeServerProtocol, UnaryAnswerHasTheDocumentedShape) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  RawResponse response = Ask(client);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.fields["content-type"], "application/json");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["object"], "chat.completion");
  ASSERT_EQ(body["choices"].size(), 1U);
  EXPECT_EQ(body["choices"][0]["message"]["role"], "assistant");
  EXPECT_NE(body["choices"][0]["message"]["content"], "");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["usage"]["completion_tokens"], 4);
  EXPECT_EQ(body["usage"]["prompt_tokens"], 3);
}

TEST(FakeServerProtocol, MaxTokensCutsAndSaysSo) {
  FakeLlmServer server(Instant(4));
  RawClient client(server.port(), server.ca_pem());
  const auto finish = [&client](const std::string& more) {
    const json body = json::parse(Ask(client, more).body);
    return body["choices"][0]["finish_reason"].get<std::string>() + " " +
           body["usage"]["completion_tokens"].dump();
  };
  EXPECT_EQ(finish(R"(,"max_tokens":3)"), "length 3");
  EXPECT_EQ(finish(R"(,"max_tokens":4)"), "stop 4");
  EXPECT_EQ(finish(R"(,"max_completion_tokens":1)"), "length 1");
  EXPECT_EQ(Ask(client, R"(,"stream":true,"max_tokens":2)").Events().size(), 1U + 2 + 1 + 1);
}

TEST(FakeServerProtocol, AnswersSeveralChoices) {
  FakeLlmServer server(Instant(2));
  RawClient client(server.port(), server.ca_pem());
  const json body = json::parse(Ask(client, R"(,"n":12)").body);
  EXPECT_EQ(body["choices"].size(), 12U);
  EXPECT_EQ(body["choices"][11]["index"], 11);
  EXPECT_EQ(body["usage"]["completion_tokens"], 24);
  std::vector<int> tokens(12);
  for (const std::string& event : Ask(client, R"(,"n":12,"stream":true)").Events()) {
    if (event == "[DONE]") continue;
    const json choice = json::parse(event)["choices"][0];
    const bool is_token = choice["delta"].contains("content") && choice["delta"]["content"] != "";
    if (is_token) ++tokens[choice["index"].get<std::size_t>()];
  }
  EXPECT_THAT(tokens, ::testing::Each(2));
}

TEST(FakeServerProtocol, SameSeedSameAnswersOtherSeedOthers) {
  const auto answers = [](std::uint64_t seed, bool stream) {
    FakeLlmServerOptions options = Instant();
    options.seed = seed;
    options.latency.tokens_max = 32;
    FakeLlmServer server(options);
    RawClient client(server.port(), server.ca_pem());
    std::vector<std::string> texts;
    for (int i = 0; i < 5; ++i) {
      const RawResponse response = Ask(client, stream ? R"(,"stream":true)" : "");
      texts.push_back(
          stream
              ? Text(response.Events())
              : json::parse(response.body)["choices"][0]["message"]["content"].get<std::string>());
    }
    return texts;
  };
  const auto first = answers(7, true);
  EXPECT_EQ(first, answers(7, true));
  EXPECT_EQ(first, answers(7, false));
  EXPECT_NE(first, answers(8, true));
}

// Takes exactly these times.
LatencyModel Timed(int tokens, Duration ttft, Duration gap) {
  return {.ttft_median = ttft,
          .ttft_sigma = 0,
          .gap_median = gap,
          .gap_sigma = 0,
          .tokens_min = tokens,
          .tokens_max = tokens};
}

TEST(FakeServerProtocol, TakesTheTimeItsModelSays) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  RawClient other(server.port(), server.ca_pem());
  for (const bool stream : {true, false}) {
    server.SetLatency(Timed(5, milliseconds(60), milliseconds(20)));
    const std::uint64_t arrivals = server.counters().arrivals;
    const Stopwatch stopwatch;
    client.SendPost("/v1/chat/completions", ChatBody(stream ? R"(,"stream":true)" : ""));
    WaitUntil([&] { return server.counters().arrivals > arrivals; });
    // Not much more either: an answer that is asked for later, and due 10 ms after this one, comes
    // after it. One thread of the server sends both, in the order in which they are due.
    server.SetLatency(Timed(1, milliseconds(60 + 4 * 20 + 10), Duration::zero()));
    EXPECT_EQ(Ask(other).status, 200);
    EXPECT_EQ(server.counters().in_flight, 0U) << "stream " << stream;
    if (stream) {
      EXPECT_TRUE(client.ReadUntil(R"("delta":{"content")"));
      EXPECT_TRUE(stopwatch.AtLeast(milliseconds(60)));
    }
    EXPECT_EQ(client.Read().end, End::kComplete);
    EXPECT_TRUE(stopwatch.AtLeast(milliseconds(60 + 4 * 20)));
  }
}

TEST(FakeServerProtocol, SendsHeaderAndRoleAtOnceAndNotWithTheFirstToken) {
  FakeLlmServerOptions options = Instant();
  options.latency.ttft_median = std::chrono::hours(1);
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  client.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  EXPECT_TRUE(client.ReadUntil(R"("role":"assistant")"));
}

TEST(FakeServerProtocol, TimestampsTokensIfAsked) {
  FakeLlmServerOptions options = Instant(1);
  options.timestamp_tokens = true;
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  const Stopwatch before;
  const auto events = Ask(client, R"(,"stream":true)").Events();
  const Stopwatch after;
  const TimePoint sent{Duration(std::stoll(Text(events)))};
  EXPECT_TRUE(before.StartedBefore(sent));
  EXPECT_TRUE(after.StartedAfter(sent));
}

TEST(FakeServerProtocol, KeepsTheConnectionAndServesPipelinedRequestsInOrder) {
  FakeLlmServerOptions options = Instant();
  options.latency.ttft_median = milliseconds(2);
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  std::string pipeline;
  constexpr int kRequests = 200;  // more than the server buffers ahead of an answer
  const std::string body = ChatBody(R"(,"max_tokens":2,"user":")" + std::string(800, 'u') + "\"");
  for (int i = 0; i < kRequests; ++i) {
    pipeline +=
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  client.Send(pipeline);
  for (int i = 0; i < kRequests; ++i) {
    const RawResponse response = client.Read();
    ASSERT_EQ(response.status, 200) << "request " << i << ", " << response.end;
  }
  EXPECT_EQ(server.counters().connections, 1U);
  EXPECT_EQ(server.counters().arrivals, static_cast<std::uint64_t>(kRequests));
  EXPECT_EQ(server.ArrivalInstants().size(), static_cast<std::size_t>(kRequests));
}

TEST(FakeServerProtocol, ReadsRequestsHoweverTheyAreSplit) {
  FakeLlmServer server(Instant(1));
  RawClient client(server.port(), server.ca_pem());
  const std::string body = ChatBody();
  const std::string request =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  for (std::size_t split = 1; split < request.size(); split += 3) {
    client.Send(request.substr(0, split));
    client.Send(request.substr(split));
    ASSERT_EQ(client.Read().status, 200) << "split at " << split;
  }
  client.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  for (const char c : body) client.Send(std::string("1\r\n") + c + "\r\n");
  client.Send("0\r\n\r\n");
  EXPECT_EQ(client.Read().status, 200);
}

TEST(FakeServerProtocol, AnswersContinueToWhoWaitsForIt) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  const std::string body = ChatBody();
  client.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  client.Send(body);
  EXPECT_EQ(client.Read().status, 200);
}

TEST(FakeServerProtocol, SpeaksHttp10WithoutChunks) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  const std::string body = ChatBody(R"(,"stream":true)");
  client.Send(
      "POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  const RawResponse response = client.Read();
  EXPECT_EQ(response.end, End::kCloseNotify);
  EXPECT_FALSE(response.fields.contains("transfer-encoding"));
  EXPECT_EQ(response.Events().back(), "[DONE]");
}

TEST(FakeServerProtocol, HonoursConnectionClose) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  client.SendPost("/v1/chat/completions", ChatBody(), "Connection: close\r\n");
  EXPECT_EQ(client.Read().fields["connection"], "close");
  EXPECT_EQ(client.ReadToEnd(), End::kCloseNotify);
}

TEST(FakeServerProtocol, WaitsForASlowReaderWithoutLosingAnything) {
  FakeLlmServerOptions options = Instant(20'000);  // some 5 MB of events
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  client.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  std::this_thread::sleep_for(milliseconds(100));
  const RawResponse response = client.Read();
  EXPECT_EQ(response.end, End::kComplete);
  const auto events = response.Events();
  EXPECT_EQ(events.size(), 1U + 20'000 + 1 + 1);
  EXPECT_EQ(events.back(), "[DONE]");
}

TEST(FakeServerProtocol, LimitsRequestsPerMinute) {
  FakeLlmServerOptions options = Instant();
  options.requests_per_minute = 120;  // bursts of two
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  // One every half a second, however long it takes to ask for them.
  const Stopwatch stopwatch;
  int passed = 0;
  RawResponse response = Ask(client);
  for (; response.status == 200; response = Ask(client)) ++passed;
  EXPECT_GE(passed, 2);
  EXPECT_TRUE(stopwatch.AtLeast((passed - 2) * milliseconds(500)));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.fields["retry-after"], "1");
  EXPECT_EQ(json::parse(response.body)["error"]["code"], "rate_limit_exceeded");
  EXPECT_EQ(server.counters().rate_limited, 1U);
  WaitUntil([&] { return Ask(client).status == 200; });
  EXPECT_TRUE(stopwatch.AtLeast((passed - 1) * milliseconds(500)));
}

TEST(FakeServerProtocol, LimitsConcurrency) {
  FakeLlmServerOptions options = Instant();
  options.max_concurrent = 1;
  options.latency.ttft_median = std::chrono::hours(1);
  FakeLlmServer server(options);
  RawClient first(server.port(), server.ca_pem());
  first.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  ASSERT_TRUE(first.ReadUntil("assistant"));
  RawClient second(server.port(), server.ca_pem());
  RawResponse response = Ask(second);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(json::parse(response.body)["error"]["code"], "server_is_overloaded");
  EXPECT_EQ(server.counters().in_flight, 1U);
  EXPECT_EQ(server.counters().over_capacity, 1U);
  server.SetLatency(Instant().latency);
  first.Close();
  WaitUntil([&] { return server.counters().in_flight == 0; });
  EXPECT_EQ(Ask(second).status, 200);
  WaitUntil([&] { return server.counters().in_flight == 0; });
}

TEST(FakeServerProtocol, CountsWhoLeavesBeforeTheAnswer) {
  FakeLlmServerOptions options = Instant();
  options.latency.ttft_median = std::chrono::hours(1);
  FakeLlmServer server(options);
  {
    RawClient client(server.port(), server.ca_pem());
    client.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
    ASSERT_TRUE(client.ReadUntil("assistant"));
    EXPECT_EQ(server.counters().streams_open, 1U);
    EXPECT_EQ(server.counters().in_flight, 1U);
  }
  WaitUntil([&] { return server.counters().connections_open == 0; });
  const FakeLlmServerCounters counters = server.counters();
  EXPECT_EQ(counters.aborted_by_client, 1U);
  EXPECT_EQ(counters.streams_open, 0U);
  EXPECT_EQ(counters.in_flight, 0U);
  EXPECT_EQ(counters.streams_peak, 1U);
}

TEST(FakeServerProtocol, ClosesIdleConnectionsAfterTheirTime) {
  FakeLlmServerOptions options = Instant();
  options.idle_timeout = milliseconds(100);
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  EXPECT_EQ(Ask(client).status, 200);
  EXPECT_EQ(client.ReadToEnd(), End::kTruncated);
  EXPECT_EQ(server.counters().aborted_by_client, 0U);
}

TEST(FakeServerProtocol, KeepsTheNewestArrivalInstants) {
  FakeLlmServerOptions options = Instant();
  options.arrival_log_capacity = 3;
  FakeLlmServer server(options);
  RawClient client(server.port(), server.ca_pem());
  for (int i = 0; i < 4; ++i) Ask(client);
  const Stopwatch middle;
  Ask(client);
  const auto instants = server.ArrivalInstants();
  ASSERT_EQ(instants.size(), 3U);
  EXPECT_TRUE(std::is_sorted(instants.begin(), instants.end()));
  EXPECT_TRUE(middle.StartedAfter(instants[1]));
  EXPECT_TRUE(middle.StartedBefore(instants[2]));
  EXPECT_EQ(server.ConnectionInstants().size(), 1U);
}

TEST(FakeServerProtocol, PrintsItsCountersAsJson) {
  FakeLlmServer server(Instant());
  RawClient client(server.port(), server.ca_pem());
  Ask(client);
  const std::string line = ToJson(server.counters());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const json counters = json::parse(line);
  EXPECT_EQ(counters["arrivals"], 1);
  EXPECT_EQ(counters["answers_by_status"]["200"], 1);
  EXPECT_EQ(counters["tokens_sent"], 4);
}

}  // namespace
}  // namespace llmload::fake_server
