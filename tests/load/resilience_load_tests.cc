// The documented load tests of the resilience layer: gmock providers, real time, no socket.
#include <gmock/gmock.h>

#include <memory>

#include "llmload/mocks/mock_provider.h"
#include "llmload/testing/failover_tests.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using mocks::RespondAfter;
using ::testing::Exactly;
using namespace std::chrono_literals;

class CircuitBreakerUnderLoad : public CircuitBreakerTest {
 protected:
  std::shared_ptr<Provider> MakePrimary() override {
    auto primary = std::make_shared<MockProvider>("primary");
    EXPECT_CALL(*primary, Complete)
        .Times(Exactly(5))
        .WillRepeatedly(FailAfter(TestClock(), 5ms, ErrorKind::kServerError));
    return primary;
  }

  std::shared_ptr<Provider> MakeFallback() override {
    auto fallback = std::make_shared<MockProvider>("fallback");
    EXPECT_CALL(*fallback, Complete)
        .Times(Exactly(20))
        .WillRepeatedly(RespondAfter(TestClock(), 5ms));
    return fallback;
  }
};

TEST_F(CircuitBreakerUnderLoad, DISABLED_OpensUnderHighErrorRate) { RunAndJudge(); }

class FailoverTime : public FailoverTimeTest {
 protected:
  std::shared_ptr<Provider> MakePrimary() override {
    auto aws = std::make_shared<MockProvider>("aws");
    EXPECT_CALL(*aws, Complete)
        .WillRepeatedly(FailAfter(TestClock(), 50ms, ErrorKind::kOverloaded));
    return aws;
  }

  std::shared_ptr<Provider> MakeFallback() override {
    auto local = std::make_shared<MockProvider>("local");
    EXPECT_CALL(*local, Complete).WillRepeatedly(RespondAfter(TestClock(), 20ms));
    return local;
  }
};

TEST_F(FailoverTime, DISABLED_FromAwsToLocal) { RunAndJudge(); }

}  // namespace
}  // namespace llmload
