// Each deadline of OpenAiProvider.
#include <optional>

#include "tests/support/black_hole.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;

constexpr Duration kNever = 1h;

// `beginning`, and then `again` over and over, for longer than a test may take.
Script WithoutEnd(Script beginning, const Script& again) {
  for (int i = 0; i < 12'000; ++i) beginning.insert(beginning.end(), again.begin(), again.end());
  return beginning;
}

// All but the deadline of a test are an hour away: what ends a call says which one it was, and a
// call that no deadline ends is ended by CTest.
class OpenAiProviderDeadline : public OpenAiProviderTest {
 protected:
  static OpenAiOptions Patient(OpenAiOptions options) {
    options.http.timeouts = {
        .connect = kNever, .tls = kNever, .first_token = kNever, .idle = kNever, .total = kNever};
    return options;
  }
  static OpenAiOptions Options(const ScriptedServer& server) {
    return Patient(OpenAiProviderTest::Options(server));
  }

  Error Call(const OpenAiOptions& options, bool stream, std::optional<Duration> deadline = {}) {
    OpenAiProvider provider(options);
    CompletionRequest request = TestRequest(stream);
    if (deadline) request.deadline = RealTimeIn(*deadline);
    return ErrorOf(caller_.Call(provider, request));
  }
};

TEST_F(OpenAiProviderDeadline, BoundsTheConnect) {
  const BlackHole hole;
  OpenAiOptions options = Patient({});
  options.base_url = hole.url();
  options.http.timeouts.connect = 80ms;
  const Stopwatch stopwatch;
  EXPECT_KIND(Call(options, false), "connect_timeout");
  EXPECT_TRUE(stopwatch.AtLeast(80ms));
}

TEST_F(OpenAiProviderDeadline, BoundsTheHandshake) {
  const ScriptedServer server({{Hang()}}, ValidServer(), /*handshake=*/false);
  OpenAiOptions options = Options(server);
  options.http.timeouts.tls = 80ms;
  const Stopwatch stopwatch;
  EXPECT_KIND(Call(options, false), "tls_timeout");
  EXPECT_TRUE(stopwatch.AtLeast(80ms));
}

TEST_F(OpenAiProviderDeadline, BoundsTheFirstByteOfAStream) {
  const auto server = Serve({{ReadRequest(), Hang()}});
  OpenAiOptions options = Options(*server);
  options.http.timeouts.first_token = 80ms;
  const Stopwatch stopwatch;
  const Error error = Call(options, true);
  EXPECT_KIND(error, "first_token_timeout");
  EXPECT_TRUE(stopwatch.AtLeast(80ms));
  EXPECT_FALSE(error.after_first_token);
}

TEST_F(OpenAiProviderDeadline, LetsAWholeAnswerTakeItsTime) {
  const auto server =
      Serve({{ReadRequest(), Sleep(200ms), Send(Answer(200, CompletionBody())), Hang()}});
  OpenAiOptions options = Options(*server);
  options.http.timeouts.first_token = 20ms;
  options.http.timeouts.idle = 100ms;
  OpenAiProvider provider(options);
  const Stopwatch stopwatch;
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_TRUE(stopwatch.AtLeast(200ms));
}

TEST_F(OpenAiProviderDeadline, BoundsTheFirstTokenWhateverElseComes) {
  const auto server = Serve({WithoutEnd({ReadRequest(), Send(StreamHead() + RoleEvent())},
                                        {Send(Chunk(": ping\n\n")), Sleep(10ms)})});
  OpenAiOptions options = Options(*server);
  options.http.timeouts.first_token = 100ms;
  options.http.timeouts.idle = 5ms;  // does not apply before the first token
  const Stopwatch stopwatch;
  EXPECT_KIND(Call(options, true), "first_token_timeout");
  EXPECT_TRUE(stopwatch.AtLeast(100ms));
}

TEST_F(OpenAiProviderDeadline, BoundsTheSilenceBetweenReads) {
  // From the first token to the last one it is longer than the time-out; between two it is not,
  // unless the machine makes it so.
  DoubleUntilLongEnough(120ms, [&](Duration idle) {
    const Step sleep = Sleep(std::chrono::duration_cast<std::chrono::milliseconds>(idle * 6 / 10));
    const auto server =
        Serve({{ReadRequest(), Send(StreamHead() + TokenEvents({"a"})), sleep,
                Send(TokenEvents({"b"})), sleep, Send(TokenEvents({"c"})), Hang()}});
    OpenAiOptions options = Options(*server);
    options.http.timeouts.idle = idle;
    const Stopwatch stopwatch;
    const Error error = Call(options, true);
    EXPECT_KIND(error, "idle_timeout");
    EXPECT_TRUE(error.after_first_token);
    if (error.partial_text != "abc") return HasFailure();
    EXPECT_TRUE(stopwatch.AtLeast(idle * 22 / 10));
    return true;
  });
}

TEST_F(OpenAiProviderDeadline, BoundsTheSilenceInsideABody) {
  const auto server =
      Serve({{ReadRequest(), Send(Answer(200, CompletionBody()).substr(0, 150)), Hang()}});
  OpenAiOptions options = Options(*server);
  options.http.timeouts.idle = 80ms;
  EXPECT_KIND(Call(options, false), "idle_timeout");
}

TEST_F(OpenAiProviderDeadline, BoundsTheWholeCall) {
  const Script script =
      WithoutEnd({ReadRequest(), Send(StreamHead())}, {Send(TokenEvents({"x"})), Sleep(5ms)});
  DoubleUntilLongEnough(100ms, [&](Duration total) {
    const auto server = Serve({script});
    OpenAiOptions options = Options(*server);
    options.http.timeouts.total = total;
    const Stopwatch stopwatch;
    const Error error = Call(options, true);
    EXPECT_KIND(error, "total_timeout");
    EXPECT_TRUE(stopwatch.AtLeast(total));
    return error.after_first_token || HasFailure();
  });
}

TEST_F(OpenAiProviderDeadline, HeedsTheDeadlineOfTheRequest) {
  const auto server = Serve({{ReadRequest(), Hang()}});
  const Stopwatch stopwatch;
  EXPECT_KIND(Call(Options(*server), true, 80ms), "total_timeout");
  EXPECT_TRUE(stopwatch.AtLeast(80ms));
}

TEST_F(OpenAiProviderDeadline, SendsNothingAfterTheDeadlineOfTheRequest) {
  const auto server = Serve({{ReadRequest(), Hang()}});
  EXPECT_KIND(Call(Options(*server), true, -1ms), "total_timeout");
  EXPECT_EQ(server->connections(), 0);
}

}  // namespace
}  // namespace llmload
