// Each deadline of OpenAiProvider.
#include <optional>

#include "tests/support/black_hole.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;

struct Timed {
  Error error;
  Duration took{};
};

class OpenAiProviderDeadline : public OpenAiProviderTest {
 protected:
  Timed Call(OpenAiOptions options, bool stream, std::optional<Duration> deadline = {}) {
    OpenAiProvider provider(std::move(options));
    CompletionRequest request = TestRequest(stream);
    const TimePoint started = SteadyNow();
    if (deadline) request.deadline = started + *deadline;
    Timed timed;
    timed.error = ErrorOf(caller_.Call(provider, request));
    timed.took = SteadyNow() - started;
    return timed;
  }
};

TEST_F(OpenAiProviderDeadline, BoundsTheConnect) {
  const BlackHole hole;
  OpenAiOptions options;
  options.base_url = hole.url();
  options.timeouts.connect = 80ms;
  const Timed timed = Call(std::move(options), false);
  EXPECT_KIND(timed.error, "connect_timeout");
  EXPECT_GE(timed.took, 80ms);
  EXPECT_LT(timed.took, 2s);
}

TEST_F(OpenAiProviderDeadline, BoundsTheHandshake) {
  const ScriptedServer server({{Hang()}}, ValidServer(), /*handshake=*/false);
  OpenAiOptions options = Options(server);
  options.timeouts.tls = 80ms;
  const Timed timed = Call(std::move(options), false);
  EXPECT_KIND(timed.error, "tls_timeout");
  EXPECT_GE(timed.took, 80ms);
  EXPECT_LT(timed.took, 2s);
}

TEST_F(OpenAiProviderDeadline, BoundsTheFirstByteOfAnAnswer) {
  const auto server = Serve({{ReadRequest(), Hang()}});
  OpenAiOptions options = Options(*server);
  options.timeouts.first_token = 80ms;
  const Timed timed = Call(std::move(options), false);
  EXPECT_KIND(timed.error, "first_token_timeout");
  EXPECT_GE(timed.took, 80ms);
  EXPECT_LT(timed.took, 2s);
  EXPECT_FALSE(timed.error.after_first_token);
}

TEST_F(OpenAiProviderDeadline, BoundsTheFirstTokenWhateverElseComes) {
  Script script = {ReadRequest(), Send(StreamHead() + RoleEvent())};
  for (int i = 0; i < 40; ++i) {
    script.push_back(Send(Chunk(": ping\n\n")));
    script.push_back(Sleep(10ms));
  }
  const auto server = Serve({script});
  OpenAiOptions options = Options(*server);
  options.timeouts.first_token = 100ms;
  options.timeouts.idle = 50ms;  // does not apply before the first token
  const Timed timed = Call(std::move(options), true);
  EXPECT_KIND(timed.error, "first_token_timeout");
  EXPECT_GE(timed.took, 100ms);
  EXPECT_LT(timed.took, 350ms);
}

TEST_F(OpenAiProviderDeadline, BoundsTheSilenceBetweenReads) {
  const auto server =
      Serve({{ReadRequest(), Send(StreamHead() + TokenEvents({"a"})), Sleep(60ms),
              Send(TokenEvents({"b"})), Sleep(60ms), Send(TokenEvents({"c"})), Hang()}});
  OpenAiOptions options = Options(*server);
  options.timeouts.idle = 120ms;
  const Timed timed = Call(std::move(options), true);
  EXPECT_KIND(timed.error, "idle_timeout");
  EXPECT_EQ(timed.error.partial_text, "abc");
  EXPECT_TRUE(timed.error.after_first_token);
  EXPECT_GE(timed.took, 240ms);
  EXPECT_LT(timed.took, 2s);
}

TEST_F(OpenAiProviderDeadline, BoundsTheSilenceInsideABody) {
  const auto server =
      Serve({{ReadRequest(), Send(Answer(200, CompletionBody()).substr(0, 150)), Hang()}});
  OpenAiOptions options = Options(*server);
  options.timeouts.idle = 80ms;
  EXPECT_KIND(Call(std::move(options), false).error, "idle_timeout");
}

TEST_F(OpenAiProviderDeadline, BoundsTheWholeCall) {
  Script script = {ReadRequest(), Send(StreamHead())};
  for (int i = 0; i < 100; ++i) {
    script.push_back(Send(TokenEvents({"x"})));
    script.push_back(Sleep(5ms));
  }
  const auto server = Serve({script});
  OpenAiOptions options = Options(*server);
  options.timeouts.total = 100ms;
  const Timed timed = Call(options, true);
  EXPECT_KIND(timed.error, "total_timeout");
  EXPECT_TRUE(timed.error.after_first_token);
  EXPECT_GE(timed.took, 100ms);
  EXPECT_LT(timed.took, 400ms);
}

TEST_F(OpenAiProviderDeadline, HeedsTheDeadlineOfTheRequest) {
  const auto server = Serve({{ReadRequest(), Hang()}});
  const Timed timed = Call(Options(*server), true, 80ms);
  EXPECT_KIND(timed.error, "total_timeout");
  EXPECT_LT(timed.took, 2s);
}

TEST_F(OpenAiProviderDeadline, SendsNothingAfterTheDeadlineOfTheRequest) {
  const auto server = Serve({{ReadRequest(), Hang()}});
  EXPECT_KIND(Call(Options(*server), true, -1ms).error, "total_timeout");
  EXPECT_EQ(server->connections(), 0);
}

}  // namespace
}  // namespace llmload
