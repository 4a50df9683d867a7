// The five documented load tests in virtual time: same fixtures, same criteria, simulated
// providers. And the proof that each of them fails when it should.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "llmload/mocks/mock_provider.h"
#include "llmload/testing/failover_tests.h"
#include "llmload/testing/memory_usage_test.h"
#include "llmload/testing/open_loop_test.h"
#include "llmload/world/world.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using mocks::RespondAfter;
using simulation::Fault;
using simulation::FaultKind;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using namespace std::chrono_literals;

// Runs a fixture whose verdict is the subject: keeps it instead of failing the test.
template <class Fixture>
class Judged : public Fixture {
 protected:
  void Enforce(const RunReport&) override {}

  const MetricsSnapshot& Metrics() const { return this->Report().record.metrics; }
  std::string Reason() const { return Explain(this->Report().judgement); }

  void ExpectFailureNaming(const std::string& criterion) {
    EXPECT_EQ(this->Report().judgement.verdict, Verdict::kFail) << Reason();
    EXPECT_THAT(Reason(), HasSubstr(criterion)) << "LLMLOAD_SEED=" << this->Environment().seed;
    EXPECT_FALSE(CheckAccounting(Metrics()));
  }
};

// A fixture in virtual time, against a simulated provider with `Faults`.
template <class Fixture>
class Simulated : public Fixture {
 protected:
  virtual std::vector<Fault> Faults() const { return {}; }
  World MakeWorld() override {
    return VirtualWorld({.seed = this->Environment().seed, .faults = Faults()});
  }
};

// --- Sustained load

class VirtualSustainedLoad : public Simulated<SustainedLoadTest> {};
TEST_F(VirtualSustainedLoad, Handles1000RequestsPerMinute) {
  RunAndJudge();
  EXPECT_EQ(Report().record.metrics[Counter::kScheduled], 1000u);
}

class VirtualSustainedLoadWithErrors : public Judged<Simulated<SustainedLoadTest>> {
  std::vector<Fault> Faults() const override {
    return {{.kind = FaultKind::kHttpError, .probability = 0.4, .status = 500}};
  }
};
TEST_F(VirtualSustainedLoadWithErrors, FailsAt40PercentServerErrorsNamingTheSuccessRate) {
  RunAndJudge();
  ExpectFailureNaming("success rate");
  EXPECT_GT(Metrics()[ErrorKind::kServerError].count, 300u);
}

class VirtualSustainedLoadSlow : public Judged<Simulated<SustainedLoadTest>> {
  std::vector<Fault> Faults() const override {
    return {{.kind = FaultKind::kSlowFirstToken, .delay = 12s}};
  }
};
TEST_F(VirtualSustainedLoadSlow, FailsAt12SecondsOfLatencyNamingP95) {
  RunAndJudge();
  ExpectFailureNaming("p95");
}

class VirtualSustainedLoadDown : public Judged<Simulated<SustainedLoadTest>> {
  std::vector<Fault> Faults() const override {
    return {{.kind = FaultKind::kConnectionRefused, .from = 30s}};
  }
};
TEST_F(VirtualSustainedLoadDown, CountsEveryRequestWhenTheServerDiesHalfWay) {
  RunAndJudge();
  ExpectFailureNaming("success rate");
  EXPECT_EQ(Metrics()[Counter::kScheduled], 1000u);
  EXPECT_EQ(Metrics()[ErrorKind::kConnectFailure].count, 500u);
}

// --- Production readiness

class VirtualProductionReadiness : public Simulated<ProductionReadinessTest> {};
TEST_F(VirtualProductionReadiness, MeetsCombinedCriteria) {
  RunAndJudge();
  EXPECT_EQ(Report().record.metrics[Counter::kScheduled], 1200u);
}

// Of 1200 requests, exactly 48 fail, evenly spread: 96 % succeed.
class VirtualReadinessWith48Failures : public Judged<Simulated<ProductionReadinessTest>> {
  std::vector<Fault> Faults() const override {
    std::vector<Fault> faults;
    for (std::uint64_t i = 1; i <= 48; ++i) {
      faults.push_back(
          {.kind = FaultKind::kHttpError, .first_arrival = 25 * i, .last_arrival = 25 * i});
    }
    return faults;
  }
};
TEST_F(VirtualReadinessWith48Failures, PassesAsObservedAndSaysThatARepeatCouldMissIt) {
  RunAndJudge();
  EXPECT_EQ(Metrics()[Counter::kFailed], 48u);
  EXPECT_EQ(Report().judgement.verdict, Verdict::kPass) << Reason();
  EXPECT_THAT(Report().judgement.criteria[0].remark,
              HasSubstr("holds in this run; a repeat could miss it"));
}

// The same with an environment variable set.
template <class Fixture>
class WithVariable : public Fixture {
 protected:
  WithVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~WithVariable() override { ::unsetenv(name_); }

 private:
  const char* name_;
};

class StrictReadinessWith48Failures : public WithVariable<VirtualReadinessWith48Failures> {
 protected:
  StrictReadinessWith48Failures() : WithVariable("LLMLOAD_CONFIDENCE", "required") {}
};
TEST_F(StrictReadinessWith48Failures, IsInconclusive) {
  RunAndJudge();
  EXPECT_EQ(Report().judgement.verdict, Verdict::kInconclusive) << Reason();
  EXPECT_THAT(Reason(), HasSubstr("success rate is 0.96 "));
}

class ProlongedReadinessWith48Failures : public WithVariable<VirtualReadinessWith48Failures> {
 protected:
  ProlongedReadinessWith48Failures() : WithVariable("LLMLOAD_UNTIL_CONCLUSIVE", "1h") {}
  RunPlan Plan() override {
    RunPlan plan = VirtualReadinessWith48Failures::Plan();
    plan.confidence_required = true;
    return plan;
  }
};
TEST_F(ProlongedReadinessWith48Failures, PassesAfterALongerRun) {
  RunAndJudge();  // no failure comes after the first 1200 requests
  EXPECT_EQ(Report().judgement.verdict, Verdict::kPass) << Reason();
  EXPECT_GT(Metrics()[Counter::kScheduled], 4000u);
}

class VirtualReadinessWithTail : public Judged<Simulated<ProductionReadinessTest>> {
  std::vector<Fault> Faults() const override {
    return {{.kind = FaultKind::kSlowFirstToken, .probability = 0.03, .delay = 11s}};
  }
};
TEST_F(VirtualReadinessWithTail, FailsOnALongTailNamingP99AndNotP95) {
  RunAndJudge();
  ExpectFailureNaming("p99");
  EXPECT_THAT(Reason(), ::testing::Not(HasSubstr("p95")));
}

// --- Memory

class VirtualMemoryUsage : public Simulated<MemoryUsageTest> {};
TEST_F(VirtualMemoryUsage, StaysStableUnderLoad) {
  RunAndJudge();
  EXPECT_GE(Report().record.metrics[Counter::kSucceeded], 500u);
}

// A server whose memory is a function of the requests that have arrived, warm-up included.
class VirtualServerMemory : public Judged<Simulated<MemoryUsageTest>> {
 protected:
  virtual double ServerBytes(double requests) const = 0;

  World MakeWorld() override {
    World world = Simulated::MakeWorld();
    simulation::SimulatedProvider* const provider = world.simulated();
    world.samplers.push_back(std::make_shared<SimulatedProbe>("local server", [this, provider] {
      return static_cast<std::uint64_t>(
          ServerBytes(static_cast<double>(provider->arrivals().size())));
    }));
    return world;
  }
  Verdict VerdictOn(const std::string& metric) {
    for (const CriterionResult& result : Report().judgement.criteria) {
      if (result.name == metric) return result.verdict;
    }
    ADD_FAILURE() << "no criterion on " << metric;
    return Verdict::kInvalid;
  }
};

class VirtualMemoryLeak : public VirtualServerMemory {
  double ServerBytes(double requests) const override { return 20e6 + 200e3 * requests; }
};
TEST_F(VirtualMemoryLeak, FailsOnALeakingServerNamingMemory) {
  RunAndJudge();
  ExpectFailureNaming("memory");
  EXPECT_THAT(Reason(), HasSubstr("local server"));
}

class VirtualSmallLeak : public VirtualServerMemory {
  double ServerBytes(double requests) const override { return 100e6 + 20e3 * requests; }
};
TEST_F(VirtualSmallLeak, OfATenthOfTheMemoryIsFoundByItsSlopeAlone) {
  RunAndJudge();
  ExpectFailureNaming("memory left per request is 20.0 kB");
  EXPECT_THAT(Reason(), HasSubstr("1 of 4 criteria is violated"));
  EXPECT_THAT(Reason(), HasSubstr("local server"));
}

class VirtualWarmUp : public VirtualServerMemory {
  double ServerBytes(double requests) const override {
    return 100e6 - 20e6 * std::exp(-requests / 250);
  }
};
TEST_F(VirtualWarmUp, ThatTakesAHalfOfTheRunIsNotALeak) {
  RunAndJudge();
  EXPECT_EQ(VerdictOn("memory left per request"), Verdict::kInconclusive) << Reason();
  EXPECT_THAT(Reason(), HasSubstr("growth was slowing down"));
}

class VirtualShortWarmUp : public VirtualServerMemory {
  double ServerBytes(double requests) const override {
    return 100e6 - 20e6 * std::exp(-requests / 40);
  }
};
TEST_F(VirtualShortWarmUp, Passes) {
  RunAndJudge();
  EXPECT_EQ(Report().judgement.verdict, Verdict::kPass) << Reason();
}

// --- Circuit breaker

template <class Fixture>
class PairInVirtualTime : public Fixture {
 protected:
  World MakeWorld() override { return VirtualWorld(); }
};

class VirtualBreaker : public PairInVirtualTime<CircuitBreakerTest> {
 protected:
  // Fails this many times, then works.
  virtual int PrimaryFailures() const { return 1'000'000; }

  std::shared_ptr<Provider> MakePrimary() override {
    auto primary = std::make_shared<NiceMock<MockProvider>>("primary");
    EXPECT_CALL(*primary, Complete).WillRepeatedly(RespondAfter(TestClock(), 5ms));
    EXPECT_CALL(*primary, Complete)
        .Times(::testing::AtMost(PrimaryFailures()))
        .WillRepeatedly(FailAfter(TestClock(), 5ms, ErrorKind::kServerError))
        .RetiresOnSaturation();
    return primary;
  }
  std::shared_ptr<Provider> MakeFallback() override {
    auto fallback = std::make_shared<NiceMock<MockProvider>>("fallback");
    ON_CALL(*fallback, Complete).WillByDefault(RespondAfter(TestClock(), 5ms));
    return fallback;
  }
};

class VirtualCircuitBreakerUnderLoad : public VirtualBreaker {};
TEST_F(VirtualCircuitBreakerUnderLoad, OpensUnderHighErrorRate) {
  RunAndJudge();
  EXPECT_EQ(Pair().primary().Calls().size(), 5u);
  EXPECT_EQ(Pair().fallback().Calls().size(), 20u);
}

class VirtualRecoveringPrimary : public Judged<VirtualBreaker> {
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
    ON_CALL(*aws, Complete).WillByDefault(FailAfter(TestClock(), 50ms, ErrorKind::kOverloaded));
    return aws;
  }
  std::shared_ptr<Provider> MakeFallback() override {
    auto local = std::make_shared<NiceMock<MockProvider>>("local");
    ON_CALL(*local, Complete).WillByDefault(RespondAfter(TestClock(), 20ms));
    return local;
  }
};
TEST_F(VirtualFailoverTime, FromAwsToLocal) {
  RunAndJudge();
  const RunRecord& record = Report().record;
  ASSERT_EQ(record.distributions.size(), 1u);
  EXPECT_EQ(record.distributions[0].values.count(), 10u);
  EXPECT_EQ(record.distributions[0].values.mean(), Duration(70ms));
  EXPECT_EQ(record.metrics[Figure::kFailoverOverhead].count(), 10u);
  EXPECT_EQ(record.metrics[Figure::kFailoverOverhead].max(), Duration(0));
}

class VirtualFailoverToNowhere : public Judged<VirtualFailoverTime> {
  std::shared_ptr<Provider> MakeFallback() override {
    auto local = std::make_shared<NiceMock<MockProvider>>("local");
    ON_CALL(*local, Complete)
        .WillByDefault(FailAfter(TestClock(), 1ms, ErrorKind::kConnectFailure));
    return local;
  }
};
TEST_F(VirtualFailoverToNowhere, FailsWhenTheFallbackIsDownTooNamingFailover) {
  RunAndJudge();
  ExpectFailureNaming("failed over");
}

}  // namespace
}  // namespace llmload
