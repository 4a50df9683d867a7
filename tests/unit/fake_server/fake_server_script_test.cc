// When faults strike: order, probability, windows of arrivals and of time, changes at run time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/mocks/virtual_time.h"
#include "llmload/simulation/fault_spec.h"
#include "llmload/simulation/simulated_provider.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using simulation::Fault;
using simulation::FaultKind;
using simulation::LatencyModel;
using simulation::ParseFault;
using std::chrono::milliseconds;
using test_support::Stopwatch;
using test_support::WaitUntil;

FakeLlmServerOptions FastOptions() {
  FakeLlmServerOptions options;
  options.latency.ttft_median = options.latency.gap_median = Duration::zero();
  options.latency.tokens_min = options.latency.tokens_max = 6;
  return options;
}

RawResponse AskOnce(RawClient& client) {
  client.SendPost("/v1/chat/completions", ChatBody());
  return client.Read();
}

class FaultScript : public ::testing::Test {
 protected:
  FakeLlmServer server_{FastOptions()};
};

TEST_F(FaultScript, ModifiersAddToOtherFaultsAndTheFirstOfTheOthersWins) {
  server_.SetFaults({ParseFault("latency=100ms"), ParseFault("status=500"),
                     ParseFault("status=503"), ParseFault("connection-close")});
  RawClient client(server_.port(), server_.ca_pem());
  const Stopwatch stopwatch;
  RawResponse response = AskOnce(client);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.fields["connection"], "close");
  EXPECT_TRUE(stopwatch.AtLeast(milliseconds(100)));
  EXPECT_EQ(server_.counters().faults(FaultKind::kHttpError), 1U);
  EXPECT_EQ(server_.counters().faults(FaultKind::kExtraLatency), 1U);
}

std::vector<int> Statuses(FakeLlmServer& server, int requests) {
  RawClient client(server.port(), server.ca_pem());
  std::vector<int> statuses;
  for (int i = 0; i < requests; ++i) {
    client.SendPost("/v1/chat/completions", ChatBody());
    statuses.push_back(client.Read().status);
  }
  return statuses;
}

TEST_F(FaultScript, ProbabilityIsDrawnFromTheSeed) {
  const auto run = [](std::uint64_t seed) {
    FakeLlmServerOptions options = FastOptions();
    options.seed = seed;
    options.faults = {ParseFault("status=500,p=0.4")};
    FakeLlmServer server(options);
    return Statuses(server, 400);
  };
  const auto first = run(3);
  EXPECT_EQ(first, run(3));
  EXPECT_NE(first, run(4));
  const auto failed = std::count(first.begin(), first.end(), 500);
  EXPECT_GT(failed, 120);  // 400 draws at 0.4: more than 4 sigma below
  EXPECT_LT(failed, 200);
}

TEST_F(FaultScript, ArrivalRangeCountsFromSetFaults) {
  server_.SetFaults({ParseFault("status=500,arrivals=2-3")});
  EXPECT_THAT(Statuses(server_, 5), ::testing::ElementsAre(200, 500, 500, 200, 200));
  server_.SetFaults({ParseFault("status=503,first=2")});
  EXPECT_THAT(Statuses(server_, 4), ::testing::ElementsAre(503, 503, 200, 200));
}

TEST_F(FaultScript, OneSeedFailsTheSameArrivalsOnTheWireAndInASimulation) {
  const std::vector<Fault> faults = {ParseFault("status=503,p=0.2"), ParseFault("status=500,p=0.4"),
                                     ParseFault("status=429,arrivals=90-95")};
  FakeLlmServerOptions options = FastOptions();
  options.seed = 11;
  options.faults = faults;
  FakeLlmServer server(options);
  const std::vector<int> on_the_wire = Statuses(server, 100);

  VirtualClock clock;
  simulation::SimulatedProvider simulated({.seed = 11, .faults = faults}, clock);
  std::vector<int> in_simulation;
  for (int i = 0; i < 100; ++i) {
    const CompletionRequest request{.model = "m", .messages = {{.content = "hi"}}};
    const auto answer = mocks::RunInVirtualTime(clock, simulated.Complete(request, nullptr));
    in_simulation.push_back(answer ? 200 : answer.error().http_status);
  }
  EXPECT_EQ(on_the_wire, in_simulation);
  EXPECT_THAT(on_the_wire, ::testing::IsSupersetOf({200, 429, 500, 503}));
}

TEST_F(FaultScript, FlappingFaultsHoldInTheirPartOfThePeriod) {
  server_.SetFaults({ParseFault("status=500,period=60m,active=59m")});
  EXPECT_THAT(Statuses(server_, 1), ::testing::ElementsAre(500));
  Fault over{.kind = FaultKind::kHttpError, .period = std::chrono::hours(1), .active = Duration(1)};
  server_.SetFaults({over});
  EXPECT_THAT(Statuses(server_, 1), ::testing::ElementsAre(200));
}

TEST_F(FaultScript, AFaultOfOneModelSparesTheOthers) {
  server_.SetFaults({ParseFault("status=500,model=gpt-4o")});
  RawClient client(server_.port(), server_.ca_pem());
  client.SendPost("/v1/chat/completions",
                  R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(client.Read().status, 500);
  client.SendPost("/v1/chat/completions",
                  R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(FaultScript, SetFaultsRefusesWhatOnlyASimulationCanShow) {
  EXPECT_THROW(server_.SetFaults({ParseFault("never-returns")}), ConfigurationError);
  EXPECT_THROW(FakeLlmServer({.faults = {ParseFault("refused")}}), ConfigurationError);
}

// A busy machine may sleep through any window: each end of it is seen apart, next to an hour.
TEST_F(FaultScript, TimeWindowScriptsAnOutageAndItsEnd) {
  RawClient client(server_.port(), server_.ca_pem());
  server_.SetFaults({ParseFault("status=500,from=60m")});
  EXPECT_EQ(AskOnce(client).status, 200);

  const Stopwatch outage;
  server_.SetFaults({ParseFault("status=500,from=150ms,until=60m")});
  WaitUntil([&] { return AskOnce(client).status == 500; });
  EXPECT_TRUE(outage.AtLeast(milliseconds(150)));

  const Stopwatch end;
  server_.SetFaults({ParseFault("status=500,until=250ms")});
  WaitUntil([&] { return AskOnce(client).status == 200; });
  EXPECT_TRUE(end.AtLeast(milliseconds(250)));
}

TEST_F(FaultScript, InvalidRequestsAreRefusedWhateverTheFault) {
  server_.SetFaults({ParseFault("status=500")});
  RawClient client(server_.port(), server_.ca_pem());
  client.SendPost("/v1/chat/completions", "{}");
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_EQ(server_.counters().faults(FaultKind::kHttpError), 0U);
}

TEST_F(FaultScript, SetFaultsRefusesNonsenseAndChangesNothing) {
  server_.SetFaults({ParseFault("status=500")});
  EXPECT_THROW(server_.SetFaults({Fault{.status = 200}}), ConfigurationError);
  EXPECT_THAT(Statuses(server_, 1), ::testing::ElementsAre(500));
}

TEST_F(FaultScript, SetLatencyTakesEffectOnTheNextRequest) {
  LatencyModel slow;
  slow.ttft_median = milliseconds(200);
  slow.ttft_sigma = 0;
  slow.gap_median = Duration::zero();
  slow.tokens_min = slow.tokens_max = 6;
  server_.SetLatency(slow);
  RawClient client(server_.port(), server_.ca_pem());
  const Stopwatch stopwatch;
  EXPECT_EQ(AskOnce(client).status, 200);
  EXPECT_TRUE(stopwatch.AtLeast(milliseconds(200)));
}

}  // namespace
}  // namespace llmload::fake_server
