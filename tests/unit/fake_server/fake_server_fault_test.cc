// Every fault, as it looks on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/simulation/fault_spec.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using simulation::Fault;
using simulation::FaultKind;
using simulation::ParseFault;
using std::chrono::milliseconds;
using test_support::Stopwatch;
using test_support::WaitUntil;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kTokens = 6;

class FaultOnTheWire : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Options() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = milliseconds(1);
    options.latency.gap_median = milliseconds(1);
    options.latency.tokens_min = options.latency.tokens_max = kTokens;
    return options;
  }

  RawResponse Ask(RawClient& client, bool stream, RawClient::Silence silence = std::nullopt) {
    client.SendPost("/v1/chat/completions", ChatBody(stream ? R"(,"stream":true)" : ""));
    return client.Read(silence);
  }

  // One request on a connection of its own, under the fault.
  RawResponse AskUnder(const std::string& spec, bool stream,
                       RawClient::Silence silence = std::nullopt) {
    const Fault fault = ParseFault(spec);
    server_.SetFaults({fault});
    const std::uint64_t before = server_.counters().faults(fault.kind);
    RawClient client(server_.port(), server_.ca_pem());
    RawResponse response = Ask(client, stream, silence);
    // A server that says nothing may be late to take up the request.
    WaitUntil([&] { return server_.counters().faults(fault.kind) > before; });
    EXPECT_EQ(server_.counters().faults(fault.kind), before + 1) << spec;
    return response;
  }

  static int Tokens(const RawResponse& response) {
    int tokens = 0;
    for (const std::string& event : response.Events()) {
      const json chunk = json::parse(event, nullptr, false);
      if (!chunk.is_object() || !chunk.contains("choices") || chunk["choices"].empty()) continue;
      const json& delta = chunk["choices"][0]["delta"];
      tokens += delta.contains("content") && delta["content"] != "" ? 1 : 0;
    }
    return tokens;
  }

  // The server is still well once the fault is gone.
  void TearDown() override {
    server_.SetFaults({});
    RawClient client(server_.port(), server_.ca_pem());
    const RawResponse response = Ask(client, true);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(Tokens(response), kTokens);
    EXPECT_EQ(response.end, End::kComplete);
  }

  FakeLlmServer server_{Options()};
};

TEST_F(FaultOnTheWire, HttpErrorsHaveTheBodyOfTheService) {
  struct Case {
    const char* spec;
    int status;
    const char* type;
    const char* code;  // null: JSON null
  };
  const std::vector<Case> cases = {
      {"status=400", 400, "invalid_request_error", nullptr},
      {"status=400,code=context_length_exceeded", 400, "invalid_request_error",
       "context_length_exceeded"},
      {"status=401", 401, "invalid_request_error", "invalid_api_key"},
      {"status=403", 403, "request_forbidden", "unsupported_country_region_territory"},
      {"status=404", 404, "invalid_request_error", "model_not_found"},
      {"status=429", 429, "requests", "rate_limit_exceeded"},
      {"status=429,code=insufficient_quota", 429, "insufficient_quota", "insufficient_quota"},
      {"status=429,code=slow_down", 429, "rate_limit_error", "slow_down"},
      {"status=500", 500, "server_error", nullptr},
      {"status=503", 503, "service_unavailable_error", "server_is_overloaded"},
      {"status=529", 529, "overloaded_error", "overloaded_error"},
  };
  for (const Case& c : cases) {
    for (const bool stream : {false, true}) {
      const RawResponse response = AskUnder(c.spec, stream);
      EXPECT_EQ(response.status, c.status) << c.spec;
      EXPECT_EQ(response.end, End::kComplete) << c.spec;
      const json error = json::parse(response.body)["error"];
      EXPECT_EQ(error["type"], c.type) << c.spec;
      EXPECT_EQ(error["code"], c.code == nullptr ? json(nullptr) : json(c.code)) << c.spec;
      EXPECT_TRUE(error["message"].is_string() && error.contains("param")) << c.spec;
    }
  }
}

TEST_F(FaultOnTheWire, GatewayErrorsAreHtml) {
  for (const int status : {502, 504}) {
    RawResponse response = AskUnder("status=" + std::to_string(status), false);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.fields["content-type"], "text/html");
    EXPECT_THAT(response.body, HasSubstr("<h1>" + std::to_string(status)));
  }
}

TEST_F(FaultOnTheWire, RetryAfterIsWholeSecondsRoundedUp) {
  EXPECT_EQ(AskUnder("status=429,retry-after=20s", false).fields["retry-after"], "20");
  EXPECT_EQ(AskUnder("status=503,retry-after=1200ms", false).fields["retry-after"], "2");
  EXPECT_FALSE(AskUnder("status=429", false).fields.contains("retry-after"));
}

TEST_F(FaultOnTheWire, HangNeverAnswersAndKeepsTheConnection) {
  for (const bool stream : {false, true}) {
    const RawResponse response = AskUnder("hang", stream, milliseconds(150));
    EXPECT_EQ(response.end, End::kSilence);
    EXPECT_EQ(response.raw, "");
  }
}

TEST_F(FaultOnTheWire, HangBeforeHandshakeAcceptsAndSaysNothing) {
  server_.SetFaults({ParseFault("tls-hang")});
  const std::uint64_t handshakes = server_.counters().tls_handshakes;
  RawClient client(server_.port(),
                   RawClient::Options{.ca_pem = server_.ca_pem(), .handshake = false});
  EXPECT_EQ(client.error(), "");
  // A ClientHello's first bytes; clear-text sending, as no TLS was set up on this client.
  client.Send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9));
  WaitUntil([&] { return server_.counters().faults(FaultKind::kHangBeforeHandshake) == 1U; });
  EXPECT_EQ(client.ReadToEnd(milliseconds(150)), End::kSilence);
  EXPECT_EQ(server_.counters().tls_handshakes, handshakes);
  EXPECT_EQ(server_.counters().arrivals, 0U);
  EXPECT_FALSE(server_.ConnectionInstants().empty());
}

TEST_F(FaultOnTheWire, SlowDripSendsTheWholeAnswerInSmallPieces) {
  for (const bool stream : {false, true}) {
    const Stopwatch stopwatch;
    const RawResponse response = AskUnder("drip=100,every=10ms", stream);
    EXPECT_EQ(response.end, End::kComplete);
    EXPECT_EQ(response.status, 200);
    const auto drops = static_cast<int>(response.raw.size() / 100);
    EXPECT_TRUE(stopwatch.AtLeast(milliseconds(10) * drops));
    if (stream) {
      EXPECT_EQ(Tokens(response), kTokens);
    }
  }
  WaitUntil([&] { return server_.counters().in_flight == 0; });
}

TEST_F(FaultOnTheWire, SlowFirstTokenSendsTheHeaderAtOnce) {
  server_.SetFaults({ParseFault("slow-first-token=60m")});
  RawClient waiting(server_.port(), server_.ca_pem());
  waiting.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  EXPECT_TRUE(waiting.ReadUntil("assistant"));

  server_.SetFaults({ParseFault("slow-first-token=250ms")});
  RawClient client(server_.port(), server_.ca_pem());
  const Stopwatch stopwatch;
  client.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  EXPECT_TRUE(client.ReadUntil(R"("delta":{"content")"));
  EXPECT_TRUE(stopwatch.AtLeast(milliseconds(250)));
  EXPECT_EQ(client.Read().end, End::kComplete);
}

TEST_F(FaultOnTheWire, ExtraLatencyDelaysEverything) {
  const Stopwatch stopwatch;
  const RawResponse response = AskUnder("latency=200ms", true);
  EXPECT_EQ(response.end, End::kComplete);
  EXPECT_TRUE(stopwatch.AtLeast(milliseconds(200)));

  EXPECT_EQ(AskUnder("latency=60m", true, milliseconds(100)).raw, "");
}

TEST_F(FaultOnTheWire, StallGoesSilentMidStream) {
  server_.SetFaults({ParseFault("stall=2")});
  RawClient stream(server_.port(), server_.ca_pem());
  stream.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  ASSERT_TRUE(stream.ReadUntil(R"("delta":{"content")"));
  // The second token may still be on its way, but no third one comes.
  const RawResponse silent = stream.Read(milliseconds(200));
  EXPECT_EQ(silent.end, End::kSilence);
  EXPECT_LE(Tokens(silent), 2);

  server_.SetFaults({ParseFault("stall")});
  RawClient unary(server_.port(), server_.ca_pem());
  unary.SendPost("/v1/chat/completions", ChatBody());
  ASSERT_TRUE(unary.ReadUntil("\r\n\r\n{")) << "a part of the body";
  const RawResponse part = unary.Read(milliseconds(200));
  EXPECT_EQ(part.end, End::kSilence);
  EXPECT_EQ(part.status, 200);
}

TEST_F(FaultOnTheWire, StallWithADurationGoesOn) {
  for (const int after : {2, 100}) {
    const Stopwatch stopwatch;
    const RawResponse response = AskUnder("stall=" + std::to_string(after) + ",for=150ms", true);
    EXPECT_EQ(response.end, End::kComplete);
    EXPECT_EQ(Tokens(response), kTokens);
    EXPECT_EQ(response.Events().back(), "[DONE]");
    EXPECT_TRUE(stopwatch.AtLeast(milliseconds(150)));
  }
  const RawResponse unary = AskUnder("stall,for=150ms", false);
  EXPECT_EQ(unary.end, End::kComplete);
  EXPECT_TRUE(json::accept(unary.body));
}

TEST_F(FaultOnTheWire, ResetComesInPlaceOfAnAnswer) {
  for (const bool stream : {false, true}) {
    const RawResponse response = AskUnder("reset", stream);
    EXPECT_EQ(response.end, End::kReset);
    EXPECT_EQ(response.raw, "");
  }
}

TEST_F(FaultOnTheWire, CutEndsTheStreamAfterItsTokens) {
  struct Case {
    const char* close;
    End end;
  };
  for (const Case& c : {Case{"abrupt", End::kTruncated}, Case{"notify", End::kCloseNotify},
                        Case{"reset", End::kReset}}) {
    server_.SetFaults({ParseFault(std::string("cut=3,close=") + c.close)});
    RawClient client(server_.port(), server_.ca_pem());
    client.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
    // Read as it comes: a reset may overtake what is still in the socket.
    const RawResponse response = client.Read();
    EXPECT_EQ(response.end, c.end) << c.close;
    EXPECT_EQ(response.status, 200);
    if (c.end != End::kReset) {
      EXPECT_EQ(Tokens(response), 3) << response.raw;
    }
    EXPECT_THAT(response.raw, Not(HasSubstr("[DONE]")));
  }
  EXPECT_EQ(Tokens(AskUnder("cut", true)), 0);
  const RawResponse late = AskUnder("cut=100", true);
  EXPECT_EQ(Tokens(late), kTokens);
  EXPECT_EQ(late.end, End::kTruncated);
  EXPECT_THAT(late.raw, Not(HasSubstr("[DONE]")));
}

TEST_F(FaultOnTheWire, CutEndsAUnaryBodyHalfWay) {
  RawResponse response = AskUnder("cut", false);
  EXPECT_EQ(response.end, End::kTruncated);
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(response.body, "");
  EXPECT_LT(response.body.size(), std::stoul(response.fields["content-length"]));
  EXPECT_EQ(AskUnder("cut,close=notify", false).end, End::kCloseNotify);
}

TEST_F(FaultOnTheWire, MalformedJsonIsOneBrokenChunkOrBody) {
  const RawResponse stream = AskUnder("malformed=2", true);
  EXPECT_EQ(stream.end, End::kComplete);
  const auto events = stream.Events();
  ASSERT_EQ(events.size(), 1U + kTokens + 1 + 1 + 1);
  EXPECT_FALSE(json::accept(events[3]));
  EXPECT_TRUE(json::accept(events[2]));
  EXPECT_TRUE(json::accept(events[4]));
  const RawResponse unary = AskUnder("malformed", false);
  EXPECT_EQ(unary.end, End::kComplete);
  EXPECT_EQ(unary.status, 200);
  EXPECT_FALSE(json::accept(unary.body));
}

TEST_F(FaultOnTheWire, ErrorEventComesInsideTheStream) {
  const RawResponse response = AskUnder("error-event=2", true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.end, End::kComplete);
  EXPECT_EQ(Tokens(response), 2);
  const json error = json::parse(response.Events().back())["error"];
  EXPECT_EQ(error["type"], "server_error");
  const RawResponse unary = AskUnder("error-event", false);
  EXPECT_EQ(unary.status, 200);
  EXPECT_EQ(json::parse(unary.body)["error"]["type"], "server_error");
}

TEST_F(FaultOnTheWire, MissingDoneAndMissingFinish) {
  const RawResponse no_done = AskUnder("no-done", true);
  EXPECT_EQ(no_done.end, End::kComplete);
  EXPECT_EQ(Tokens(no_done), kTokens);
  EXPECT_THAT(no_done.raw, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(no_done.raw, HasSubstr(R"("finish_reason":"stop")"));
  const RawResponse no_finish = AskUnder("no-finish", true);
  EXPECT_EQ(no_finish.end, End::kComplete);
  EXPECT_EQ(Tokens(no_finish), kTokens);
  EXPECT_THAT(no_finish.raw, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(no_finish.raw, Not(HasSubstr(R"("finish_reason":"stop")")));
  // They have no meaning for a unary answer: it comes as usual and is not counted.
  RawClient client(server_.port(), server_.ca_pem());
  EXPECT_EQ(Ask(client, false).status, 200);
  EXPECT_EQ(server_.counters().faults(FaultKind::kMissingFinish), 1U);
}

TEST_F(FaultOnTheWire, GarbageIsNotHttp) {
  const RawResponse response = AskUnder("garbage", false);
  EXPECT_EQ(response.status, 0);
  EXPECT_NE(response.raw, "");
  EXPECT_THAT(response.raw, Not(HasSubstr("HTTP/1.")));
  EXPECT_EQ(response.end, End::kCloseNotify);
}

TEST_F(FaultOnTheWire, OversizedPartsHaveTheirSize) {
  RawResponse header = AskUnder("big-header=100KB", true);
  EXPECT_EQ(header.fields["x-padding"].size(), 100U << 10);
  EXPECT_EQ(Tokens(header), kTokens);
  EXPECT_EQ(AskUnder("big-header", false).fields["x-padding"].size(), 256U << 10);

  const RawResponse event = AskUnder("big-event=300KB,after=2", true);
  EXPECT_GT(event.Events().at(3).size(), 300U << 10);
  EXPECT_EQ(Tokens(event), kTokens + 1);

  const RawResponse body = AskUnder("big-body=3MB", false);
  EXPECT_GT(body.body.size(), 3U << 20);
  EXPECT_TRUE(json::accept(body.body));
  const RawResponse stream = AskUnder("big-body=3MB", true);
  EXPECT_GT(stream.body.size(), 3U << 20);
  EXPECT_EQ(stream.end, End::kComplete);
  for (const std::string& e : stream.Events()) ASSERT_LT(e.size(), 20U << 10);
}

TEST_F(FaultOnTheWire, WrongContentLength) {
  RawResponse longer = AskUnder("wrong-length=64", false);
  EXPECT_EQ(longer.end, End::kCloseNotify);
  EXPECT_EQ(longer.body.size() + 64, std::stoul(longer.fields["content-length"]));
  RawResponse shorter = AskUnder("wrong-length=-10", false);
  EXPECT_EQ(shorter.end, End::kComplete);
  EXPECT_FALSE(json::accept(shorter.body));
  RawResponse stream = AskUnder("wrong-length", true);
  EXPECT_FALSE(stream.fields.contains("transfer-encoding"));
  EXPECT_EQ(stream.end, End::kCloseNotify);
  EXPECT_LT(stream.body.size(), std::stoul(stream.fields["content-length"]));
}

TEST_F(FaultOnTheWire, RedirectsWith307) {
  RawResponse response = AskUnder("redirect", false);
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(response.fields["location"], server_.base_url() + "/chat/completions/elsewhere");
}

TEST_F(FaultOnTheWire, ConnectionCloseAnswersThenCloses) {
  server_.SetFaults({ParseFault("connection-close")});
  RawClient client(server_.port(), server_.ca_pem());
  RawResponse response = Ask(client, true);
  EXPECT_EQ(response.fields["connection"], "close");
  EXPECT_EQ(response.Events().back(), "[DONE]");
  EXPECT_EQ(client.ReadToEnd(), End::kCloseNotify);
}

std::uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

TEST_F(FaultOnTheWire, LeakKeepsTouchedMemory) {
  server_.SetFaults({ParseFault("leak=8MB")});
  RawClient client(server_.port(), server_.ca_pem());
  const std::uint64_t before = ResidentBytes();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Ask(client, false).status, 200);
  // Not all 80 MB: the first may come out of what earlier answers have freed.
  EXPECT_GE(ResidentBytes(), before + (60U << 20));
  WaitUntil([&] { return server_.counters().leaked_bytes == 10U * (8U << 20); });
}

}  // namespace
}  // namespace llmload::fake_server
