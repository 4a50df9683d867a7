// Known answers over sockets: streams whose bytes are known, and exactly what the generator has to
// report of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/run/runner.h"
#include "llmload/service/openai_provider.h"
#include "tests/support/http_answers.h"
#include "tests/support/scripted_server.h"
#include "tests/support/test_certificates.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::Chunk;
using test_support::Script;
using test_support::ScriptedServer;

// What a report says of one stream.
struct Expected {
  std::uint64_t succeeded = 1;
  ErrorKind error = ErrorKind::kInternal;  // where it does not succeed
  std::int64_t output_tokens = 0;
  std::int64_t reasoning_tokens = 0;
  std::int64_t partial_output = 0;
  std::uint64_t counted_requests = 0;  // without usage
  std::uint64_t ttft = 1;              // how many there are of each
  std::uint64_t ttfo = 1;
};

// Events of one read have no time between them; two reads can have one gap.
enum class Reads { kOne, kTwo };

void ExpectMetrics(const MetricsSnapshot& metrics, const Expected& expected,
                   std::uint64_t times = 1, Reads reads = Reads::kOne) {
  EXPECT_FALSE(CheckAccounting(metrics));
  EXPECT_EQ(metrics[Counter::kScheduled], times);
  EXPECT_EQ(metrics[Counter::kSucceeded], expected.succeeded * times);
  if (expected.succeeded == 0) {
    EXPECT_EQ(metrics[expected.error].count, times);
  }
  for (std::size_t kind = 0; kind < metrics.errors.size(); ++kind) {
    const ErrorSummary& error = metrics.errors[kind];
    if (error.count > 0 && static_cast<ErrorKind>(kind) != expected.error) {
      ADD_FAILURE() << error.FirstMessage();
    }
  }
  EXPECT_EQ(metrics[Counter::kOutputTokens],
            static_cast<std::uint64_t>(expected.output_tokens) * times);
  EXPECT_EQ(metrics[Counter::kReasoningTokens],
            static_cast<std::uint64_t>(expected.reasoning_tokens) * times);
  EXPECT_EQ(metrics[Counter::kPartialOutputTokens],
            static_cast<std::uint64_t>(expected.partial_output) * times);
  EXPECT_EQ(metrics[Counter::kAnswersWithoutUsage], expected.counted_requests * times);
  EXPECT_EQ(metrics[Figure::kTtft].count(), expected.ttft * times);
  EXPECT_EQ(metrics[Figure::kTtfo].count(), expected.ttfo * times);
  const std::uint64_t most_gaps = reads == Reads::kOne ? 0 : times;
  EXPECT_LE(metrics[Figure::kTpot].count(), most_gaps);
  EXPECT_LE(metrics[Figure::kChunkGap].count(), most_gaps);
}

const test_support::TestAuthority& Authority() {
  static const test_support::TestAuthority authority;
  return authority;
}

RunPlan PlanOf(std::shared_ptr<Provider> provider, std::size_t concurrency,
               std::uint64_t requests) {
  RunPlan plan;
  plan.lanes = {{.target = {.provider = std::move(provider)}}};
  plan.load = ClosedLoop{.concurrency = concurrency, .requests = requests};
  plan.request = {.model = "m", .stream = true};
  plan.workers = 1;
  plan.checks_targets = false;
  return plan;
}

// The metrics of `requests` requests to a server that plays `scripts`.
MetricsSnapshot Measure(std::vector<Script> scripts, std::uint64_t requests = 1,
                        std::size_t concurrency = 1) {
  const ScriptedServer server(std::move(scripts), Authority().MakeServer("IP:127.0.0.1"));
  OpenAiOptions options;
  options.base_url = server.url();
  options.http.ca_pem = Authority().pem();
  options.api_key = Secret("sk-test-0123456789");
  const auto provider = std::make_shared<OpenAiProvider>(options);
  return Runner().Measure(PlanOf(provider, concurrency, requests)).metrics;
}

Script Answer(const std::string& bytes) {
  return {test_support::ReadRequest(), test_support::Send(bytes), test_support::Close()};
}

// --- Building blocks of streams, as lines of server-sent events.

std::string Sse(const std::string& json) { return "data: " + json + "\n\n"; }
std::string Delta(const std::string& delta) {
  return Sse(R"({"model":"m","choices":[{"index":0,"delta":{)" + delta + "}}]}");
}
std::string Content(const std::string& text) { return Delta(R"("content":")" + text + '"'); }
std::string Reasoning(const std::string& text) {
  return Delta(R"("reasoning_content":")" + text + '"');
}
std::string Role() { return Delta(R"("role":"assistant","content":"")"); }
std::string Finish() {
  return Sse(R"({"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
}
std::string UsageChunk(int output, int reasoning = 0) {
  return Sse(R"({"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":)" +
             std::to_string(output) + R"(,"total_tokens":)" + std::to_string(9 + output) +
             R"(,"completion_tokens_details":{"reasoning_tokens":)" + std::to_string(reasoning) +
             "}}}");
}
std::string Done() { return "data: [DONE]\n\n"; }

struct StreamCase {
  const char* name;
  std::string events;
  Expected expected;
};

void PrintTo(const StreamCase& stream, std::ostream* out) { *out << stream.name; }

std::vector<StreamCase> Cases() {
  const std::string plain = Role() + Content("a") + Content("b") + Content("c") + Finish();
  std::string crlf = plain + UsageChunk(3) + Done();
  for (std::size_t at = 0; (at = crlf.find('\n', at)) != std::string::npos; at += 2) {
    crlf.replace(at, 1, "\r\n");
  }
  return {
      {"Plain", plain + UsageChunk(3) + Done(), {.output_tokens = 3}},
      // One event that bundles four tokens is one chunk, and four tokens by usage: the time per
      // token is over the tokens, the gaps are between the chunks.
      {"BundledTokens",
       Role() + Content("one two three four") + Content("five six") + Finish() + UsageChunk(6) +
           Done(),
       {.output_tokens = 6}},
      {"BundledTokensWithoutUsage",
       Role() + Content("one two three four") + Content("five six") + Finish() + Done(),
       {.output_tokens = 2, .counted_requests = 1}},
      {"EmptyDeltas",
       Role() + Content("") + Delta("") + Content("a") + Content("") + Content("b") + Delta("") +
           Finish() + UsageChunk(2) + Done(),
       {.output_tokens = 2}},
      {"OnlyEmptyDeltas",
       Role() + Content("") + Delta("") + Finish() + UsageChunk(0) + Done(),
       {.ttft = 0, .ttfo = 0}},
      {"ReasoningThenAnswer",
       Role() + Reasoning("x") + Reasoning("y") + Content("a") + Finish() + UsageChunk(3, 2) +
           Done(),
       {.output_tokens = 3, .reasoning_tokens = 2}},
      {"OnlyReasoning",
       Role() + Reasoning("x") + Reasoning("y") + Finish() + UsageChunk(2, 2) + Done(),
       {.output_tokens = 2, .reasoning_tokens = 2, .ttfo = 0}},
      {"SingleToken",
       Role() + Content("a") + Finish() + UsageChunk(1) + Done(),
       {.output_tokens = 1}},
      {"CommentsAndPings",
       ": ping\n\n" + Role() + ":\n\n: keep-alive\n\n" + Content("a") + ": ping\n\n" +
           "event: ping\n\n" + Content("b") + Finish() + ": ping\n\n" + UsageChunk(2) + Done(),
       {.output_tokens = 2}},
      {"UsageOnlyChunkIsNoToken",
       plain + UsageChunk(3) + UsageChunk(3) + Done(),
       {.output_tokens = 3}},
      {"CrlfLineEnds", crlf, {.output_tokens = 3}},
      {"MissingDoneAndFinish",
       Role() + Content("a") + Content("b"),
       {.succeeded = 0,
        .error = ErrorKind::kTruncatedStream,
        .partial_output = 2,
        .ttft = 0,
        .ttfo = 0}},
      {"ErrorInTheStream",
       Role() + Content("a") + Content("b") + Content("c") +
           Sse(R"({"error":{"message":"overloaded","type":"server_error","code":500}})") + Done(),
       {.succeeded = 0,
        .error = ErrorKind::kStreamError,
        .partial_output = 3,
        .ttft = 0,
        .ttfo = 0}},
  };
}

class EveryStreamMetrics : public ::testing::TestWithParam<StreamCase> {};

TEST_P(EveryStreamMetrics, AreExactlyWhatTheStreamSays) {
  const StreamCase& stream = GetParam();
  const MetricsSnapshot metrics =
      Measure({Answer(test_support::StreamHead("Connection: close\r\n") + Chunk(stream.events) +
                      test_support::LastChunk())});
  ExpectMetrics(metrics, stream.expected);
}

// However the network cuts it.
TEST_P(EveryStreamMetrics, AreTheSameForEveryPlaceOfACut) {
  const StreamCase& stream = GetParam();
  const std::string head = test_support::StreamHead("Connection: close\r\n");
  const std::string body = Chunk(stream.events) + test_support::LastChunk();
  std::vector<Script> scripts;
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    scripts.push_back({test_support::ReadRequest(), test_support::Send(head + body.substr(0, cut)),
                       test_support::Sleep(1ms), test_support::Send(body.substr(cut)),
                       test_support::Close()});
  }
  const std::uint64_t count = scripts.size();
  ExpectMetrics(Measure(std::move(scripts), count, 8), stream.expected, count, Reads::kTwo);
}

INSTANTIATE_TEST_SUITE_P(OverTls, EveryStreamMetrics, ::testing::ValuesIn(Cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(StreamMetrics, GarbageBehindACompleteStreamDoesNotSpoilIt) {
  const std::string head = test_support::StreamHead("Connection: close\r\n");
  const std::string stream =
      Chunk(Role() + Content("a") + Content("b") + Finish() + UsageChunk(2) + Done());
  const std::string garbage = "xyz\r\n garbage";
  std::vector<Script> scripts = {Answer(head + stream + garbage)};
  for (std::size_t cut = 0; cut < garbage.size(); ++cut) {
    scripts.push_back(
        {test_support::ReadRequest(), test_support::Send(head + stream + garbage.substr(0, cut)),
         test_support::Sleep(1ms), test_support::Send(garbage.substr(cut)), test_support::Close()});
  }
  const std::uint64_t count = scripts.size();
  ExpectMetrics(Measure(std::move(scripts), count), {.output_tokens = 2}, count);
}

TEST(StreamTimes, AreThoseOfTheEventsAndNotOfTheirReading) {
  // 0: role, +60 ms: reasoning, +60 ms: two events at once, +120 ms: the last token, +80 ms: usage.
  const MetricsSnapshot metrics = Measure(
      {{test_support::ReadRequest(),
        test_support::Send(test_support::StreamHead("Connection: close\r\n") + Chunk(Role())),
        test_support::Sleep(60ms), test_support::Send(Chunk(Reasoning("r"))),
        test_support::Sleep(60ms), test_support::Send(Chunk(Content("a") + Content("b"))),
        test_support::Sleep(120ms), test_support::Send(Chunk(Content("c") + Finish())),
        test_support::Sleep(80ms),
        test_support::Send(Chunk(UsageChunk(4, 1) + Done()) + test_support::LastChunk()),
        test_support::Close()}});
  EXPECT_EQ(metrics[Counter::kSucceeded], 1u);
  EXPECT_EQ(metrics[Counter::kOutputTokens], 4u);
  EXPECT_EQ(metrics[Counter::kReasoningTokens], 1u);
  // Sums are exact, so the parts add up whatever the machine did in between. Lower bounds are from
  // the dispatch on: whoever reads one event late sees the next one sooner after it.
  const Duration first = metrics[Figure::kTtft].min();
  const Duration tpot = metrics[Figure::kTpot].min();
  EXPECT_GE(first, Duration(60ms));
  EXPECT_GE(metrics[Figure::kTtfo].min(), Duration(120ms));
  EXPECT_GE(metrics[Figure::kTtfo].min(), first);
  EXPECT_LE(metrics[Figure::kChunkGap].count(), 2u) << "four events in three reads";
  EXPECT_GT(metrics[Figure::kChunkGap].min(), Duration(0)) << "events of one read have no gap";
  EXPECT_GE(3 * tpot, metrics[Figure::kChunkGap].sum() - 3ns) << "three tokens after the first";
  EXPECT_LE(3 * tpot, metrics[Figure::kChunkGap].sum() + 3ns);
  EXPECT_GE(first + 3 * tpot, Duration(240ms) - 3ns) << "the last token";
  EXPECT_GE(metrics[Figure::kServiceLatency].min(), Duration(320ms));
  EXPECT_GE(metrics[Figure::kServiceLatency].min(), first + 3 * tpot);
}

// Sees what the generator's own observer sees, and reads the stamps the server put into the tokens.
class StampReader final : public Provider {
 public:
  struct Event {
    TimePoint sent, received;
  };

  explicit StampReader(Provider& inner) : inner_(inner) {}
  const ProviderIdentity& Identity() const noexcept override { return inner_.Identity(); }
  ConnectionCounters Connections() const override { return inner_.Connections(); }

  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override {
    Reader reader;
    reader.next = observer;
    Result<Completion> result = co_await inner_.Complete(request, &reader);
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::move(reader.events));
    co_return result;
  }

  std::vector<std::vector<Event>> streams_;

 private:
  struct Reader final : StreamObserver {
    void OnToken(const TokenEvent& event) override {
      Duration::rep stamp = 0;
      const char* const begin = event.text.data();
      std::from_chars(begin, begin + event.text.size(), stamp);
      events.push_back({TimePoint(Duration(stamp)), event.at});
      next->OnToken(event);
    }
    StreamObserver* next = nullptr;
    std::vector<Event> events;
  };

  Provider& inner_;
  std::mutex mutex_;
};

TEST(StreamTimes, AgreeWithTheInstantsTheServerSent) {
  fake_server::FakeLlmServerOptions server_options;
  server_options.timestamp_tokens = true;
  server_options.latency = {
      .ttft_median = 40ms, .gap_median = 5ms, .tokens_min = 20, .tokens_max = 20};
  server_options.seed = 11;
  fake_server::FakeLlmServer server(server_options);
  OpenAiOptions options;
  options.base_url = "https://localhost:" + std::to_string(server.port()) + "/v1";
  options.http.ca_pem = server.ca_pem();
  OpenAiProvider provider(options);
  const auto reader = std::make_shared<StampReader>(provider);
  const StampReader& stamps = *reader;
  const RunRecord record = Runner().Measure(PlanOf(reader, 10, 40));
  const MetricsSnapshot& metrics = record.metrics;

  ASSERT_EQ(metrics[Counter::kSucceeded], 40u);
  const ConnectionCounters& network = record.health.connections;
  EXPECT_GT(network.MeanDns().value(), Duration(0));
  EXPECT_GT(network.MeanConnect().value(), Duration(0));
  EXPECT_GT(network.MeanTls().value(), Duration(0));
  ASSERT_EQ(stamps.streams_.size(), 40u);
  Distribution gaps;
  std::vector<Duration> lags;
  Duration sent_gap_sum{};
  for (const auto& stream : stamps.streams_) {
    ASSERT_EQ(stream.size(), 20u);
    for (std::size_t i = 0; i < stream.size(); ++i) {
      ASSERT_GE(stream[i].received, stream[i].sent) << "received before it was sent";
      lags.push_back(stream[i].received - stream[i].sent);
      // Events of one read have one instant, and no time between them.
      const Duration gap = i > 0 ? stream[i].received - stream[i - 1].received : Duration(0);
      if (gap > Duration(0)) gaps.Record(gap);
    }
    sent_gap_sum += stream.back().sent - stream.front().sent;
  }
  // Exactly what was received is what is reported.
  EXPECT_EQ(metrics[Figure::kChunkGap].count(), gaps.count());
  EXPECT_EQ(metrics[Figure::kChunkGap].mean(), gaps.mean());
  EXPECT_EQ(metrics[Figure::kChunkGap].ValueAtQuantile(0.95), gaps.ValueAtQuantile(0.95));
  EXPECT_EQ(metrics[Figure::kChunkGap].max(), gaps.max());
  // And it differs from what was sent by the lag of delivery at the most.
  const Duration worst = *std::max_element(lags.begin(), lags.end());
  const Duration received_gap_sum = gaps.sum();
  EXPECT_LE(received_gap_sum, sent_gap_sum + 40 * worst);
  EXPECT_GE(received_gap_sum, sent_gap_sum - 40 * worst);
}

}  // namespace
}  // namespace llmload
