// The fault campaign over real sockets: the scenarios of tests/mock with two fake LLM servers, real
// TLS and real time. Arrivals are what the servers counted.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/service/openai_provider.h"
#include "llmload/testing/deliver.h"
#include "llmload/testing/load_test_environment.h"
#include "tests/support/fault_campaign.h"
#include "tests/support/real_time.h"

namespace llmload {
namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using namespace std::chrono_literals;

// As in virtual time, several times faster.
CampaignTiming RealTiming() {
  CampaignTiming timing;
  timing.onset = 1500ms;
  timing.heal = 4500ms;
  timing.latency = {.ttft_median = 60ms,
                    .ttft_sigma = 0.25,
                    .gap_median = 5ms,
                    .gap_sigma = 0.3,
                    .tokens_min = 2,
                    .tokens_max = 6};
  // Time to first token at 5 standard deviations (210 ms), five gaps, TLS for a new connection.
  timing.longest_service = 300ms;
  // 62 ms + 3 gaps, and the way there and back.
  timing.mean_service = 100ms;
  timing.link = 5ms;
  timing.fast_failure = 30ms;
  timing.first_token_deadline = 1s;
  timing.idle_deadline = 400ms;
  timing.open = 600ms;
  timing.retry_after = 2s;
  timing.slow_by = 600ms;
  timing.slow_after = 500ms;
  timing.slow_window = 1s;
  timing.flap_period = 1500ms;
  timing.flap_active = 750ms;
  timing.warm_up = 1s;
  timing.fallback_capacity = 2;
  timing.sockets = true;
  timing.slack = 400ms;
  return timing;
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const FaultScenario& scenario : FaultScenarios(RealTiming())) names.push_back(scenario.name);
  return names;
}

// True if the fake server has to be suspended: it refuses connections for as long as the fault is
// in force.
bool Refuses(const FaultScenario& scenario) {
  return scenario.faults.front().kind == simulation::FaultKind::kConnectionRefused;
}

class FaultsOverTls : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    try {
      if (!LoadTestsEnabled()) {
        GTEST_SKIP() << "off, as the load tests are: SKIP_LOAD_TESTS=0 turns them on";
      }
      environment_ = LoadTestEnvironment::Read();
    } catch (const ConfigurationError& error) {
      FAIL() << "configuration: " << error.what();
    }
  }

  std::unique_ptr<FakeLlmServer> MakeServer(std::uint64_t seed, std::size_t capacity) const {
    FakeLlmServerOptions options;
    options.latency = timing_.latency;
    options.seed = seed;
    if (capacity > 0) options.max_concurrent = static_cast<int>(capacity);
    return std::make_unique<FakeLlmServer>(std::move(options));
  }

  std::shared_ptr<Provider> MakeProvider(const char* name, const FakeLlmServer& server) const {
    OpenAiOptions options;
    options.name = name;
    options.base_url = server.base_url();
    options.http.ca_pem = server.ca_pem();
    options.http.timeouts.first_token = timing_.first_token_deadline;
    options.http.timeouts.idle = timing_.idle_deadline;
    return std::make_shared<OpenAiProvider>(std::move(options));
  }

  const CampaignTiming timing_ = RealTiming();
  LoadTestEnvironment environment_;
};

// Calls that were cut short by their deadline end at the server when it sees the connection close.
std::uint64_t InFlightAtTheEnd(const FakeLlmServer& server) {
  // A call that is lost for ever is given as long as this test may take without it.
  std::uint64_t in_flight = server.counters().in_flight;
  for (int i = 0; i < 3000 && in_flight > 0; ++i) {
    std::this_thread::sleep_for(10ms);
    in_flight = server.counters().in_flight;
  }
  return in_flight;
}

TEST_P(FaultsOverTls, DISABLED_StaysWithinItsBounds) {
  const FaultScenario scenario = FindScenario(GetParam(), timing_);
  const std::uint64_t seed = environment_.seed;
  const auto primary = MakeServer(seed, 0);
  const auto fallback = MakeServer(seed + 1, scenario.fallback_capacity);
  CampaignChain chain(scenario, MakeProvider("primary", *primary),
                      MakeProvider("fallback", *fallback), seed, SystemClock::Instance(), nullptr);

  const TimePoint start = test_support::RealTimeIn(0s);
  std::future<void> outage;
  if (!Refuses(scenario)) {
    primary->SetFaults(scenario.faults);
  } else {
    outage = std::async(std::launch::async, [&] {
      std::this_thread::sleep_until(start + scenario.onset);
      primary->Suspend();
      std::this_thread::sleep_until(start + scenario.heal);
      primary->Resume();
    });
  }
  CampaignRun run = chain.Run(timing_, scenario, start);
  if (outage.valid()) outage.get();

  run.observation.primary_arrivals = primary->ArrivalInstants();
  // While the port refuses, calls fail without ever arriving.
  if (!Refuses(scenario)) run.primary_arrivals = primary->counters().arrivals;
  run.fallback_arrivals = fallback->counters().arrivals;
  run.in_flight_at_end = InFlightAtTheEnd(*primary) + InFlightAtTheEnd(*fallback);
  run.metrics = MeasureFailover(run.observation);
  for (const Violation& violation : CheckRun(scenario, timing_, run)) {
    ADD_FAILURE() << violation.what << ", at "
                  << std::chrono::duration<double>(violation.at - start).count()
                  << " s of the run, LLMLOAD_SEED=" << seed;
  }

  RunReport report = ReportCampaign(NameOfCurrentTest(), scenario, timing_, {run});
  for (const StateChange& change : run.observation.breaker) {
    report.record.timeline.push_back({.at = change.at - start,
                                      .what = "breaker " + std::string(ToString(change.from)) +
                                              " -> " + std::string(ToString(change.to)) + " (" +
                                              std::string(ToString(change.cause)) + ")"});
  }
  DeliverReport(report, OpenOutputs(environment_.outputs));
  EXPECT_TRUE(report.judgement.verdict == Verdict::kPass) << Explain(report.judgement);
}

INSTANTIATE_TEST_SUITE_P(, FaultsOverTls, ::testing::ValuesIn(Names()),
                         [](const auto& fault) { return fault.param; });

}  // namespace
}  // namespace llmload
