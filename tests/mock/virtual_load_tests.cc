// The five documented load tests in virtual time: same fixtures, same criteria, simulated
// providers. And the proof that each of them fails when it should.
#include <gmock/gmock.h>

#include <cmath>
#include <memory>
#include <optional>

#include "llmload/mocks/mock_provider.h"
#include "llmload/testing/failover_tests.h"
#include "llmload/testing/memory_usage_test.h"
#include "llmload/testing/open_loop_test.h"
#include "llmload/world/in_virtual_time.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using mocks::RespondAfter;
using simulation::FaultKind;
using simulation::SimulationOptions;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using namespace std::chrono_literals;

// Runs a fixture whose verdict is the subject: keeps it instead of failing the test.
template <class Fixture>
class Judged : public Fixture {
 protected:
  void Enforce(const RunReport&) override {}

  void ExpectFailureNaming(const std::string& criterion) {
    EXPECT_EQ(this->Report().verdict, Verdict::kFail) << Explain(this->Report());
    EXPECT_THAT(Explain(this->Report()), HasSubstr(criterion))
        << "LLMLOAD_SEED=" << this->Environment().seed;
    EXPECT_FALSE(CheckAccounting(this->Report().metrics));
  }
};

// --- Sustained load

class VirtualSustainedLoad : public InVirtualTime<SustainedLoadTest> {};
TEST_F(VirtualSustainedLoad, Handles1000RequestsPerMinute) {
  RunAndJudge();
  EXPECT_EQ(Report().metrics.scheduled, 1000u);
}

class VirtualSustainedLoadWithErrors : public Judged<InVirtualTime<SustainedLoadTest>> {
  SimulationOptions Simulation() const override {
    return {.seed = Environment().seed,
            .faults = {{.kind = FaultKind::kHttpError, .probability = 0.4, .status = 500}}};
  }
};
TEST_F(VirtualSustainedLoadWithErrors, FailsAt40PercentServerErrorsNamingTheSuccessRate) {
  RunAndJudge();
  ExpectFailureNaming("success rate");
  EXPECT_GT(Report().metrics.errors[static_cast<int>(ErrorKind::kServerError)].count, 300u);
}

class VirtualSustainedLoadSlow : public Judged<InVirtualTime<SustainedLoadTest>> {
  SimulationOptions Simulation() const override {
    return {.seed = Environment().seed,
            .faults = {{.kind = FaultKind::kSlowFirstToken, .delay = 12s}}};
  }
};
TEST_F(VirtualSustainedLoadSlow, FailsAt12SecondsOfLatencyNamingP95) {
  RunAndJudge();
  ExpectFailureNaming("p95");
}

class VirtualSustainedLoadDown : public Judged<InVirtualTime<SustainedLoadTest>> {
  SimulationOptions Simulation() const override {
    return {.seed = Environment().seed,
            .faults = {{.kind = FaultKind::kConnectionRefused, .from = 30s}}};
  }
};
TEST_F(VirtualSustainedLoadDown, CountsEveryRequestWhenTheServerDiesHalfWay) {
  RunAndJudge();
  ExpectFailureNaming("success rate");
  const MetricsSummary& metrics = Report().metrics;
  EXPECT_EQ(metrics.scheduled, 1000u);
  EXPECT_EQ(metrics.errors[static_cast<int>(ErrorKind::kConnectFailure)].count, 500u);
}

// --- Production readiness

class VirtualProductionReadiness : public InVirtualTime<ProductionReadinessTest> {};
TEST_F(VirtualProductionReadiness, MeetsCombinedCriteria) {
  RunAndJudge();
  EXPECT_EQ(Report().metrics.scheduled, 1200u);
}

class VirtualReadinessWithTail : public Judged<InVirtualTime<ProductionReadinessTest>> {
  SimulationOptions Simulation() const override {
    return {.seed = Environment().seed,
            .faults = {{.kind = FaultKind::kSlowFirstToken, .probability = 0.03, .delay = 11s}}};
  }
};
TEST_F(VirtualReadinessWithTail, FailsOnALongTailNamingP99AndNotP95) {
  RunAndJudge();
  ExpectFailureNaming("p99");
  EXPECT_THAT(Explain(Report()), ::testing::Not(HasSubstr("p95")));
}

// --- Memory

class VirtualMemoryUsage : public InVirtualTime<MemoryUsageTest> {};
TEST_F(VirtualMemoryUsage, StaysStableUnderLoad) {
  RunAndJudge();
  EXPECT_EQ(Report().metrics.succeeded, 500u);
}

class VirtualMemoryLeak : public Judged<InVirtualTime<MemoryUsageTest>> {
  std::vector<std::unique_ptr<ResourceProbe>> MakeProbes() override {
    auto probes = InVirtualTime::MakeProbes();
    probes.push_back(std::make_unique<SimulatedProbe>("local server", [this] {
      return (std::uint64_t{20} << 20) + Simulated().arrivals().size() * 200'000;
    }));
    return probes;
  }
};
TEST_F(VirtualMemoryLeak, FailsOnALeakingServerNamingMemory) {
  RunAndJudge();
  ExpectFailureNaming("memory");
  EXPECT_THAT(Explain(Report()), HasSubstr("local server"));
}

// A server whose memory is a function of the requests that have arrived, warm-up included.
class VirtualServerMemory : public Judged<InVirtualTime<MemoryUsageTest>> {
 protected:
  virtual double ServerBytes(double requests) const = 0;

  std::vector<std::unique_ptr<ResourceProbe>> MakeProbes() override {
    auto probes = InVirtualTime::MakeProbes();
    probes.push_back(std::make_unique<SimulatedProbe>("local server", [this] {
      return static_cast<std::uint64_t>(
          ServerBytes(static_cast<double>(Simulated().arrivals().size())));
    }));
    return probes;
  }
  Verdict VerdictOn(const std::string& metric) {
    for (const CriterionResult& result : Report().criteria) {
      if (result.name == metric) return result.verdict;
    }
    ADD_FAILURE() << "no criterion on " << metric;
    return Verdict::kInvalid;
  }
};

class VirtualSmallLeak : public VirtualServerMemory {
  double ServerBytes(double requests) const override { return 100e6 + 20e3 * requests; }
};
TEST_F(VirtualSmallLeak, OfATenthOfTheMemoryIsFoundByItsSlopeAlone) {
  RunAndJudge();
  ExpectFailureNaming("memory left per request is 20.0 kB");
  EXPECT_THAT(Explain(Report()), HasSubstr("1 of 4 criteria is violated"));
  EXPECT_THAT(Explain(Report()), HasSubstr("local server"));
}

class VirtualWarmUp : public VirtualServerMemory {
  double ServerBytes(double requests) const override {
    return 100e6 - 20e6 * std::exp(-requests / 250);
  }
};
TEST_F(VirtualWarmUp, ThatTakesAHalfOfTheRunIsNoLeak) {
  RunAndJudge();
  EXPECT_EQ(VerdictOn("memory left per request"), Verdict::kInconclusive) << Explain(Report());
  EXPECT_THAT(Explain(Report()), HasSubstr("growth was slowing down"));
}

class VirtualShortWarmUp : public VirtualServerMemory {
  double ServerBytes(double requests) const override {
    return 100e6 - 20e6 * std::exp(-requests / 40);
  }
};
TEST_F(VirtualShortWarmUp, Passes) {
  RunAndJudge();
  EXPECT_EQ(Report().verdict, Verdict::kPass) << Explain(Report());
}

// --- Circuit breaker

template <class Base>
class BreakerPair : public Base {
 protected:
  // Fails this many times, then works.
  virtual int PrimaryFailures() const { return 1'000'000; }

  std::shared_ptr<Provider> MakePrimary() override {
    auto primary = std::make_shared<NiceMock<MockProvider>>("primary");
    EXPECT_CALL(*primary, Complete).WillRepeatedly(RespondAfter(this->clock(), 5ms));
    EXPECT_CALL(*primary, Complete)
        .Times(::testing::AtMost(PrimaryFailures()))
        .WillRepeatedly(FailAfter(this->clock(), 5ms, ErrorKind::kServerError))
        .RetiresOnSaturation();
    return primary;
  }
  std::shared_ptr<Provider> MakeFallback() override {
    auto fallback = std::make_shared<NiceMock<MockProvider>>("fallback");
    ON_CALL(*fallback, Complete).WillByDefault(RespondAfter(this->clock(), 5ms));
    return fallback;
  }
};

class VirtualCircuitBreakerUnderLoad : public BreakerPair<PairInVirtualTime<CircuitBreakerTest>> {};
TEST_F(VirtualCircuitBreakerUnderLoad, OpensUnderHighErrorRate) {
  RunAndJudge();
  EXPECT_EQ(Primary().Calls().size(), 5u);
  EXPECT_EQ(Fallback().Calls().size(), 20u);
}

class VirtualRecoveringPrimary : public Judged<BreakerPair<PairInVirtualTime<CircuitBreakerTest>>> {
  int PrimaryFailures() const override { return 3; }
};
TEST_F(VirtualRecoveringPrimary, FailsTheBreakerTestNamingTheOpenings) {
  RunAndJudge();
  ExpectFailureNaming("breaker openings");
}

// --- Failover

class VirtualFailoverTime : public PairInVirtualTime<FailoverTimeTest> {
 protected:
  std::shared_ptr<Provider> MakePrimary() override {
    auto aws = std::make_shared<NiceMock<MockProvider>>("aws");
    ON_CALL(*aws, Complete).WillByDefault(FailAfter(clock(), 50ms, ErrorKind::kOverloaded));
    return aws;
  }
  std::shared_ptr<Provider> MakeFallback() override {
    auto local = std::make_shared<NiceMock<MockProvider>>("local");
    ON_CALL(*local, Complete).WillByDefault(RespondAfter(clock(), 20ms));
    return local;
  }
};
TEST_F(VirtualFailoverTime, FromAwsToLocal) {
  RunAndJudge();
  ASSERT_EQ(Report().distributions.size(), 1u);
  EXPECT_EQ(Report().distributions[0].summary.count, 10u);
  EXPECT_EQ(Report().distributions[0].summary.mean, Duration(70ms));
  EXPECT_EQ(Report().metrics.failover_overhead.count, 10u);
  EXPECT_EQ(Report().metrics.failover_overhead.max, Duration(0));
}

class VirtualFailoverToNowhere : public Judged<VirtualFailoverTime> {
  std::shared_ptr<Provider> MakeFallback() override {
    auto local = std::make_shared<NiceMock<MockProvider>>("local");
    ON_CALL(*local, Complete).WillByDefault(FailAfter(clock(), 1ms, ErrorKind::kConnectFailure));
    return local;
  }
};
TEST_F(VirtualFailoverToNowhere, FailsWhenTheFallbackIsDownTooNamingFailover) {
  RunAndJudge();
  ExpectFailureNaming("failed over");
}

}  // namespace
}  // namespace llmload
