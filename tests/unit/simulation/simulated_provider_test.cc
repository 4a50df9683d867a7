// What the caller of a simulated provider sees of each fault, and when.
#include "llmload/simulation/simulated_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/deadline.h"
#include "llmload/core/environment.h"
#include "llmload/mocks/matchers.h"
#include "llmload/mocks/virtual_time.h"

namespace llmload::simulation {
namespace {

using namespace std::chrono_literals;

// Five tokens: at 100, 110, 120, 130 and 140 ms.
SimulationOptions Options(std::vector<Fault> faults = {}) {
  return {.latency = {.ttft_median = 100ms,
                      .ttft_sigma = 0,
                      .gap_median = 10ms,
                      .gap_sigma = 0,
                      .tokens_min = 5,
                      .tokens_max = 5},
          .round_trip = 2ms,
          .first_token_timeout = 1s,
          .idle_timeout = 500ms,
          .total_timeout = 3s,
          .faults = std::move(faults)};
}

CompletionRequest Request(bool stream, std::string model = "m") {
  return {.model = std::move(model), .messages = {{.content = "hi"}}, .stream = stream};
}

struct Case {
  const char* name;
  std::vector<Fault> faults;
  bool stream = true;
  std::optional<ErrorKind> error;
  Duration elapsed{};
  int partial_tokens = 0;
};

class SimulatedFaults : public mocks::VirtualTimeTest,
                        public ::testing::WithParamInterface<Case> {};

TEST_P(SimulatedFaults, ShowTheirErrorAtTheirTime) {
  const Case& c = GetParam();
  SimulatedProvider provider(Options(c.faults), clock());
  const Result<Completion> answer = Ask(provider, Request(c.stream));
  EXPECT_EQ(elapsed(), c.elapsed);
  if (!c.error) {
    ASSERT_TRUE(answer) << Describe(answer.error());
    EXPECT_EQ(answer->usage.output, 5);
    return;
  }
  ASSERT_THAT(answer, mocks::FailsWith(*c.error));
  EXPECT_EQ(answer.error().partial_tokens, c.partial_tokens);
  EXPECT_EQ(answer.error().after_first_token, c.partial_tokens > 0);
  ASSERT_EQ(answer.error().attempts.size(), 1u);
  EXPECT_EQ(answer.error().attempts[0].finished - answer.error().attempts[0].started, c.elapsed);
}

INSTANTIATE_TEST_SUITE_P(
    , SimulatedFaults,
    ::testing::Values(
        Case{"None", {}, true, {}, 140ms}, Case{"NoneUnary", {}, false, {}, 140ms},
        Case{"HttpError", {{.status = 503}}, true, ErrorKind::kOverloaded, 2ms},
        Case{"Hang", {{.kind = FaultKind::kHang}}, true, ErrorKind::kFirstTokenTimeout, 1s},
        Case{"Refused",
             {{.kind = FaultKind::kConnectionRefused}},
             true,
             ErrorKind::kConnectFailure,
             2ms},
        Case{"Reset", {{.kind = FaultKind::kReset}}, true, ErrorKind::kConnectionReset, 2ms},
        Case{"SlowFirstToken",
             {{.kind = FaultKind::kSlowFirstToken, .delay = 300ms}},
             true,
             {},
             440ms},
        Case{"TooSlowFirstToken",
             {{.kind = FaultKind::kSlowFirstToken, .delay = 2s}},
             true,
             ErrorKind::kFirstTokenTimeout,
             1s},
        Case{"StallForEver",
             {{.kind = FaultKind::kStall, .after_tokens = 2}},
             true,
             ErrorKind::kIdleTimeout,
             610ms,
             2},
        Case{"StallBeforeTheFirstToken",
             {{.kind = FaultKind::kStall}},
             true,
             ErrorKind::kFirstTokenTimeout,
             1s},
        Case{"ShortStall",
             {{.kind = FaultKind::kStall, .after_tokens = 2, .delay = 300ms}},
             true,
             {},
             440ms},
        Case{"StallOfMoreThanTheIdleTimeout",
             {{.kind = FaultKind::kStall, .after_tokens = 2, .delay = 491ms}},
             true,
             ErrorKind::kIdleTimeout,
             610ms,
             2},
        Case{"StallUnary",
             {{.kind = FaultKind::kStall, .after_tokens = 2}},
             false,
             ErrorKind::kIdleTimeout,
             640ms},
        Case{"Cut",
             {{.kind = FaultKind::kCut, .after_tokens = 2}},
             true,
             ErrorKind::kTruncatedStream,
             120ms,
             2},
        Case{"CutBeyondTheEnd",
             {{.kind = FaultKind::kCut, .after_tokens = 9}},
             true,
             ErrorKind::kTruncatedStream,
             140ms,
             5},
        Case{"CutUnary", {{.kind = FaultKind::kCut}}, false, ErrorKind::kTruncatedStream, 140ms},
        Case{"CutByReset",
             {{.kind = FaultKind::kCut, .after_tokens = 2, .cut_mode = CutMode::kReset}},
             true,
             ErrorKind::kConnectionReset,
             120ms,
             2},
        Case{"Malformed",
             {{.kind = FaultKind::kMalformedJson}},
             true,
             ErrorKind::kMalformedResponse,
             100ms},
        Case{"ErrorEvent",
             {{.kind = FaultKind::kErrorEvent, .after_tokens = 2}},
             true,
             ErrorKind::kStreamError,
             120ms,
             2},
        Case{"ExtraLatency",
             {{.kind = FaultKind::kExtraLatency, .delay = 1s}},
             false,
             ErrorKind::kFirstTokenTimeout,
             1s},
        Case{"ExtraLatencyOfAnError",
             {{.kind = FaultKind::kExtraLatency, .delay = 300ms}, {.status = 503}},
             true,
             ErrorKind::kOverloaded,
             302ms}),
    [](const auto& row) { return row.param.name; });

using SimulatedProviderTest = mocks::VirtualTimeTest;

TEST_F(SimulatedProviderTest, HandsOverStatusCodeAndRetryAfterOfAnError) {
  SimulatedProvider provider(
      Options({{.status = 429, .code = "rate_limit_exceeded", .retry_after = 7s}}), clock());
  const auto answer = Ask(provider, Request(false));
  ASSERT_THAT(answer, mocks::FailsWith(ErrorKind::kRateLimited));
  EXPECT_EQ(answer.error().http_status, 429);
  EXPECT_EQ(answer.error().provider_code, "rate_limit_exceeded");
  EXPECT_EQ(answer.error().retry_after, Duration(7s));
}

TEST_F(SimulatedProviderTest, NeverReturnsUnlessItIsCancelled) {
  SimulatedProvider provider(Options({{.kind = FaultKind::kNeverReturns}}), clock());
  const auto answer =
      Run(RunUntilDeadline(clock(), clock().Now() + 1h, provider.Complete(Request(true), nullptr)));
  EXPECT_FALSE(answer.has_value());
  EXPECT_EQ(provider.in_flight(), 0u);
  EXPECT_EQ(clock().SleeperCount(), 0u);
}

TEST_F(SimulatedProviderTest, EndsAtTheDeadlineOfTheRequest) {
  SimulatedProvider provider(Options({{.kind = FaultKind::kHang}}), clock());
  CompletionRequest request = Request(true);
  request.deadline = clock().Now() + 70ms;
  EXPECT_THAT(Ask(provider, request), mocks::FailsWith(ErrorKind::kTotalTimeout));
  EXPECT_EQ(elapsed(), Duration(70ms));
}

TEST_F(SimulatedProviderTest, CountsTimesOfFaultsFromItsConstruction) {
  clock().AdvanceBy(1h);
  SimulatedProvider provider(Options({{.from = 0s, .until = 1s, .period = 500ms, .active = 1ms}}),
                             clock());
  EXPECT_FALSE(Ask(provider, Request(true)));  // at 0
  EXPECT_TRUE(Ask(provider, Request(true)));   // at 2 ms
  clock().AdvanceBy(provider.origin() + 500ms - clock().Now());
  EXPECT_FALSE(Ask(provider, Request(true)));
  clock().AdvanceBy(provider.origin() + 1s - clock().Now());
  EXPECT_TRUE(Ask(provider, Request(true)));
}

TEST_F(SimulatedProviderTest, FailsOneModelAndARangeOfArrivals) {
  SimulatedProvider provider(Options({{.first_arrival = 1, .last_arrival = 2, .model = "large"}}),
                             clock());
  EXPECT_FALSE(Ask(provider, Request(true, "large")));
  EXPECT_TRUE(Ask(provider, Request(true, "small")));
  EXPECT_TRUE(Ask(provider, Request(true, "large")));
}

TEST_F(SimulatedProviderTest, RefusesAFaultThatItCannotShow) {
  EXPECT_THROW(SimulatedProvider(Options({{.kind = FaultKind::kOversizedHeader}}), clock()),
               ConfigurationError);
}

}  // namespace
}  // namespace llmload::simulation
