// Providers around providers report the connections of those inside.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "llmload/resilience/circuit_breaker_provider.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/hedging_provider.h"
#include "llmload/resilience/recording_provider.h"
#include "tests/unit/resilience/test_support.h"

namespace llmload {
namespace {

class ConnectedProvider final : public ScriptedProvider {
 public:
  ConnectedProvider(Clock& clock, std::uint64_t connects)
      : ScriptedProvider(clock, "connected", {Answers()}), counters_{.connects = connects} {}
  ConnectionCounters Connections() const override { return counters_; }

 private:
  const ConnectionCounters counters_;
};

class ConnectionsTest : public VirtualTimeTest {
 protected:
  const std::shared_ptr<Provider> one_ = std::make_shared<ConnectedProvider>(clock_, 1);
  const std::shared_ptr<Provider> ten_ = std::make_shared<ConnectedProvider>(clock_, 10);
};

TEST_F(ConnectionsTest, AProviderWithoutANetworkHasNone) {
  EXPECT_EQ(ScriptedProvider(clock_, "alone", {Answers()}).Connections(), ConnectionCounters());
}

TEST_F(ConnectionsTest, AWrapperOfOneProviderReportsThoseOfTheProvider) {
  EXPECT_EQ(RecordingProvider(ten_, clock_).Connections().connects, 10u);
  auto breaker = std::make_shared<CircuitBreaker>("b", CircuitBreakerOptions(), clock_);
  EXPECT_EQ(CircuitBreakerProvider(ten_, breaker).Connections().connects, 10u);
}

TEST_F(ConnectionsTest, AWrapperOfSeveralSumsThemUpAndCountsASharedOneOnce) {
  EXPECT_EQ(FailoverProvider({{one_}, {ten_}, {one_}}, {}, clock_).Connections().connects, 11u);
  EXPECT_EQ(HedgingProvider(one_, ten_, {}, clock_).Connections().connects, 11u);
  EXPECT_EQ(HedgingProvider(ten_, ten_, {}, clock_).Connections().connects, 10u);
}

}  // namespace
}  // namespace llmload
