// Is the resilience layer itself ready? Load tests of the circuit breaker and of failover.
#ifndef LLMLOAD_TESTING_FAILOVER_TESTS_H_
#define LLMLOAD_TESTING_FAILOVER_TESTS_H_

#include <memory>
#include <vector>

#include "llmload/judge/criterion.h"
#include "llmload/resilience/circuit_breaker.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/recording_provider.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// A primary and a fallback provider, each recorded, under a `FailoverProvider`.
class FailoverPairTest : public LoadTest {
 protected:
  ~FailoverPairTest() override;

  virtual std::shared_ptr<Provider> MakePrimary() = 0;
  virtual std::shared_ptr<Provider> MakeFallback() = 0;
  /// Of the primary; null: none.
  virtual std::shared_ptr<CircuitBreaker> MakeBreaker() { return nullptr; }

  Target MakeTarget() override;
  /// A failing primary is the subject, not a misconfiguration.
  bool ChecksTarget() const override { return false; }

  /// `requests` one after the other.
  LoadResult RunOneByOne(std::uint64_t requests);

  RecordingProvider& Primary() { return *primary_; }
  RecordingProvider& Fallback() { return *fallback_; }
  RecordingProvider& Chain() { return *chain_; }

 private:
  std::shared_ptr<RecordingProvider> primary_;
  std::shared_ptr<RecordingProvider> fallback_;
  std::shared_ptr<RecordingProvider> chain_;
};

/// Load and criteria of `CircuitBreakerTest`.
struct CircuitBreakerTestOptions {
  CircuitBreakerOptions breaker;  ///< opens at the 5th consecutive failure
  std::uint64_t requests = 20;
  std::vector<Criterion> criteria;  ///< besides the test's own
};

/// Does the circuit breaker open under a high error rate, and keep load off a failing primary?
/// Passes if it opens at exactly the threshold's failure, the primary sees exactly that many calls,
/// every request is answered, and the transitions are recorded.
class CircuitBreakerTest : public FailoverPairTest {
 protected:
  ~CircuitBreakerTest() override;

  std::shared_ptr<CircuitBreaker> MakeBreaker() override;
  virtual void Configure(CircuitBreakerTestOptions& options) { static_cast<void>(options); }
  void RunAndJudge();

  CircuitBreaker& Breaker() { return *breaker_; }

 private:
  CircuitBreakerTestOptions options_;
  std::shared_ptr<CircuitBreaker> breaker_;
};

/// Load and criteria of `FailoverTimeTest`.
struct FailoverTimeTestOptions {
  std::uint64_t attempts = 10;
  std::uint64_t min_failed_over = 8;
  Duration max_mean = std::chrono::seconds(5);
  Duration max_single = std::chrono::seconds(10);
  std::vector<Criterion> criteria;  ///< besides the test's own
};

/// How long does failover from the primary to the fallback take?
///
/// No breaker: each of the attempts meets the failing primary, as the first request after the onset
/// of an outage does. The failover time of a request runs from the start of its first failed
/// primary attempt to the fallback's success; the overhead (primary known to have failed to
/// fallback dispatched) is reported apart.
class FailoverTimeTest : public FailoverPairTest {
 protected:
  virtual void Configure(FailoverTimeTestOptions& options) { static_cast<void>(options); }
  void RunAndJudge();
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_FAILOVER_TESTS_H_
