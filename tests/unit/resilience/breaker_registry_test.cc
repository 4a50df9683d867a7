#include "llmload/resilience/breaker_registry.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "llmload/core/environment.h"
#include "tests/unit/resilience/breaker_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

class BreakerRegistryTest : public ::testing::Test {
 protected:
  void Trip(BreakerRegistry& registry, const BreakerKey& key) {
    for (int i = 0; i < 5; ++i) {
      Admission admission = registry.Get(key)->Admit();
      ASSERT_TRUE(admission);
      admission.permit().Settle(Error{.kind = ErrorKind::kModelUnavailable});
    }
  }
  VirtualClock clock_;
};

TEST_F(BreakerRegistryTest, B39_OneBadModelLeavesItsNeighboursClosed) {
  BreakerRegistry registry(CircuitBreakerOptions{}, clock_);
  const BreakerKey bad{"openai", "eu", "gpt-bad", "key-1"};
  std::vector<BreakerKey> neighbours(4, bad);
  neighbours[0].provider = "bedrock";
  neighbours[1].region = "us";
  neighbours[2].model = "gpt-good";
  neighbours[3].credential = "key-2";
  for (const BreakerKey& key : neighbours) EXPECT_TRUE(registry.Get(key)->Admit());
  Trip(registry, bad);
  EXPECT_EQ(registry.Get(bad)->state(), BreakerState::kOpen);
  for (const BreakerKey& key : neighbours) {
    EXPECT_EQ(registry.Get(key)->state(), BreakerState::kClosed) << key.ToString();
  }
  EXPECT_EQ(registry.Entries().size(), 5u);
}

TEST_F(BreakerRegistryTest, TheSameKeyHasTheSameBreaker) {
  BreakerRegistry registry(CircuitBreakerOptions{}, clock_);
  const ProviderIdentity identity{"openai", "eu", "key-1"};
  EXPECT_EQ(registry.Find(BreakerKey::Of(identity, "gpt")), nullptr);
  const auto breaker = registry.Get(BreakerKey::Of(identity, "gpt"));
  EXPECT_EQ(registry.Get(BreakerKey::Of(identity, "gpt")), breaker);
  EXPECT_EQ(registry.Find(BreakerKey::Of(identity, "gpt")), breaker);
  EXPECT_EQ(breaker->name(), "openai/eu/gpt/key-1");
  EXPECT_EQ((BreakerKey{"openai", "", "gpt", ""}.ToString()), "openai/gpt");
}

TEST_F(BreakerRegistryTest, OptionsMayDependOnTheKey) {
  BreakerRegistry registry(
      [](const BreakerKey& key) {
        return CircuitBreakerOptions{.consecutive_failures = key.provider == "local" ? 2u : 5u};
      },
      clock_);
  EXPECT_EQ(registry.Get({.provider = "local"})->options().consecutive_failures, 2u);
  EXPECT_EQ(registry.Get({.provider = "openai"})->options().consecutive_failures, 5u);
}

TEST_F(BreakerRegistryTest, InvalidOptionsAreRejectedAtConstruction) {
  EXPECT_THROW(BreakerRegistry(CircuitBreakerOptions{.consecutive_failures = 0}, clock_),
               ConfigurationError);
}

TEST_F(BreakerRegistryTest, ObserversHearOfBreakersPresentAndFuture) {
  BreakerRegistry registry(CircuitBreakerOptions{}, clock_);
  const auto log = std::make_shared<EventLog>();
  registry.Get({.provider = "a"});
  registry.AddObserver(log, ObservedEvents::kStateChanges);
  registry.Get({.provider = "b"});
  Trip(registry, {.provider = "a"});
  Trip(registry, {.provider = "b"});
  EXPECT_EQ(log->events.size(), 2u);
}

TEST_F(BreakerRegistryTest, ThreadsThatAskForTheSameKeyGetTheSameBreaker) {
  BreakerRegistry registry(CircuitBreakerOptions{}, clock_);
  std::vector<std::vector<std::shared_ptr<CircuitBreaker>>> got(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < got.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) got[t].push_back(registry.Get({.model = std::to_string(i)}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 1; t < got.size(); ++t) EXPECT_EQ(got[t], got[0]);
  EXPECT_EQ(registry.Entries().size(), 50u);
}

}  // namespace
}  // namespace llmload
