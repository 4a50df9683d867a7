// Random runs with retries, hedges, failover, faults and cancellations against services that bill:
// the bill never exceeds the budget, and what was settled by usage is what was billed, to the
// nano-dollar.
//
// LLMLOAD_FULL_COUNTS=1 makes it a million runs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/hedging_provider.h"
#include "llmload/simulation/simulated_provider.h"
#include "llmload/spend/budgeted_provider.h"
#include "tests/support/prompts_from.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using simulation::Fault;
using simulation::FaultKind;

constexpr int kParts = 8;

int RunsOfOnePart() {
  if (std::getenv("LLMLOAD_FULL_COUNTS") != nullptr) return 1'000'000 / kParts;
  return test_support::kSanitized ? 5 : 25;
}

// What all services of a run have billed.
struct Bill {
  std::int64_t nanos = 0;           // in all
  std::int64_t reported_nanos = 0;  // of answers with usage
  Budget* budget = nullptr;
  Money limit;

  void Add(std::int64_t amount) {
    nanos += amount;
    // At the instant of the bill the attempt is still reserved.
    const Budget::State now = budget->Now();
    ASSERT_LE(now.settled + now.kept + now.reserved, limit);
    ASSERT_LE(Money::Nanos(nanos), limit);
  }
};

// What a token of each class costs, in thousandths of a nano-dollar: another way to write a price.
struct Tariff {
  std::int64_t input = 0;
  std::int64_t cached = 0;
  std::int64_t written = 0;
  std::int64_t output = 0;

  std::int64_t CostOf(const Usage& usage) const {
    const std::int64_t milli =
        (usage.input - usage.cached_input - usage.cache_write_input) * input +
        usage.cached_input * cached + usage.cache_write_input * written + usage.output * output;
    return (milli + 999) / 1000;
  }
  Price ToPrice() const {
    Price price;
    price.input = Money::Nanos(input * 1000);
    price.cached_input = Money::Nanos(cached * 1000);
    price.cache_write = Money::Nanos(written * 1000);
    price.output = Money::Nanos(output * 1000);
    return price;
  }
};

// A service that bills: what it answers, what it generated before it failed, and calls that were
// given up, up to all that was asked for. A refusal is free.
class BillingProvider final : public Provider {
 public:
  BillingProvider(std::shared_ptr<Provider> inner, Tariff tariff, Bill& bill, Random random)
      : inner_(std::move(inner)), tariff_(tariff), bill_(bill), random_(random) {}
  const ProviderIdentity& Identity() const noexcept override { return inner_->Identity(); }

  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override {
    Pending pending{.owner = *this, .request = request};
    Result<Completion> answer = co_await inner_->Complete(request, observer);
    pending.ended = true;
    if (answer.has_value()) {
      Usage& usage = answer->usage;
      usage.input = InputOf(request);
      usage.cached_input = Below(usage.input);
      usage.cache_write_input = Below(usage.input - usage.cached_input);
      usage.reasoning = Below(usage.output);
      const std::int64_t cost = tariff_.CostOf(usage);
      if (random_.Chance(0.05)) {
        answer->token_source = TokenSource::kCountedEvents;  // it reports no usage
      } else {
        bill_.reported_nanos += cost;
      }
      bill_.Add(cost);
    } else if (!IsFree(answer.error())) {
      BillUnknown(request);
    }
    co_return answer;
  }

 private:
  // Bills a call that is destroyed before its end.
  struct Pending {
    ~Pending() {
      if (!ended) owner.BillUnknown(request);
    }
    BillingProvider& owner;
    const CompletionRequest& request;
    bool ended = false;
  };

  std::int64_t Below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(bound) + 1));
  }
  // A tokenizer that makes a token of every byte is the worst there is.
  std::int64_t InputOf(const CompletionRequest& request) {
    std::int64_t most = 16;
    for (const Message& message : request.messages) {
      most += static_cast<std::int64_t>(message.content.size()) + 16;
    }
    return Below(most);
  }
  static bool IsFree(const Error& error) {
    return error.kind == ErrorKind::kConnectFailure || error.http_status == 400 ||
           error.http_status == 429;
  }
  void BillUnknown(const CompletionRequest& request) {
    const std::int64_t input = InputOf(request);
    bill_.Add(tariff_.CostOf(
        {.input = input, .cache_write_input = Below(input), .output = Below(*request.max_tokens)}));
  }

  const std::shared_ptr<Provider> inner_;
  const Tariff tariff_;
  Bill& bill_;
  Random random_;
};

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed) : random_(Random::Stream(seed, 0)), seed_(seed) {}

  void Run() {
    SCOPED_TRACE("seed " + std::to_string(seed_));
    VirtualClock clock;
    Bill bill;
    const Money limit =
        Money::Nanos(static_cast<std::int64_t>(random_.LogNormal(1ms, 2.0).count()));
    Budget budget_value(limit);
    // Calls that a run gives up may end after it: they hold the budget, which is on the stack here.
    const std::shared_ptr<Budget> budget(std::shared_ptr<void>(), &budget_value);
    bill.budget = budget.get();
    bill.limit = limit;
    const bool amplifies = random_.Chance(0.7);
    std::shared_ptr<Provider> provider = Leaf(clock, bill, budget, "primary");
    if (amplifies) provider = Chain(clock, bill, budget, std::move(provider));

    LoadOptions options;
    const std::uint64_t requests = 20 + random_.Below(181);
    if (random_.Chance(0.5)) {
      options.shape = ClosedLoop{.concurrency = 1 + random_.Below(10), .requests = requests};
    } else {
      const double rate = 1 + static_cast<double>(random_.Below(100));
      options.shape =
          OpenLoop{.rate_per_second = rate,
                   .duration = std::chrono::duration_cast<Duration>(
                       std::chrono::duration<double>(static_cast<double>(requests) / rate))};
    }
    options.drain_timeout = random_.Chance(0.3) ? 200ms : 30s;  // some are given up
    const int max_tokens = 1 + static_cast<int>(random_.Below(64));
    options.prompts = test_support::PromptsFrom([=, this](std::uint64_t index) {
      return CompletionRequest{
          .model = "m",
          .messages = {{.role = Role::kUser,
                        .content = std::string((index * 7 + seed_) % 200, 'x')}},
          .max_tokens = max_tokens,
          .stream = seed_ % 2 == 0};
    });
    LoadGenerator(std::move(options), clock).Run({provider.get()});

    const Budget::State end = budget->Now();
    EXPECT_EQ(end.settled, Money::Nanos(bill.reported_nanos));
    EXPECT_EQ(end.reserved, Money());
    EXPECT_EQ(end.overrun, Money());
    EXPECT_LE(end.settled + end.kept, limit);
    EXPECT_LE(Money::Nanos(bill.nanos), end.settled + end.kept);
  }

 private:
  std::shared_ptr<Provider> Leaf(VirtualClock& clock, Bill& bill, std::shared_ptr<Budget> budget,
                                 const std::string& name) {
    const Tariff tariff{.input = Rate(), .cached = Rate(), .written = Rate(), .output = Rate()};
    auto service = std::make_shared<simulation::SimulatedProvider>(
        simulation::SimulationOptions{.identity = {.name = name, .region = {}, .credential = {}},
                                      .seed = random_.Next(),
                                      .first_token_timeout = 1s,
                                      .idle_timeout = 1s,
                                      .total_timeout = 5s,
                                      .faults = Faults()},
        clock);
    auto billing = std::make_shared<BillingProvider>(std::move(service), tariff, bill,
                                                     Random::Stream(random_.Next(), 1));
    return std::make_shared<BudgetedProvider>(std::move(billing), std::move(budget),
                                              tariff.ToPrice());
  }

  std::shared_ptr<Provider> Chain(VirtualClock& clock, Bill& bill,
                                  const std::shared_ptr<Budget>& budget,
                                  std::shared_ptr<Provider> primary) {
    if (random_.Chance(0.5)) {
      auto second = random_.Chance(0.5) ? primary : Leaf(clock, bill, budget, "hedge");
      primary = std::make_shared<HedgingProvider>(
          std::move(primary), std::move(second),
          HedgingOptions{.delay =
                             Duration(static_cast<std::int64_t>(1 + random_.Below(500'000'000)))},
          clock);
    }
    std::vector<FailoverTarget> targets;
    targets.push_back({.provider = std::move(primary)});
    if (random_.Chance(0.7)) targets.push_back({.provider = Leaf(clock, bill, budget, "fallback")});
    FailoverOptions options;
    options.retries_per_target = static_cast<int>(random_.Below(4));
    options.streaming = random_.Chance(0.5) ? StreamingPolicy::kContinueOnce : options.streaming;
    if (random_.Chance(0.3)) options.total_deadline = 800ms;
    return std::make_shared<FailoverProvider>(std::move(targets), std::move(options), clock);
  }

  // 0 to 30 dollars for a million tokens.
  std::int64_t Rate() { return static_cast<std::int64_t>(random_.Below(30'000'000)) / 1000; }

  std::vector<Fault> Faults() {
    constexpr FaultKind kKinds[] = {
        FaultKind::kHttpError,     FaultKind::kHang,       FaultKind::kSlowFirstToken,
        FaultKind::kStall,         FaultKind::kReset,      FaultKind::kCut,
        FaultKind::kMalformedJson, FaultKind::kErrorEvent, FaultKind::kConnectionRefused};
    constexpr int kStatuses[] = {400, 408, 429, 500, 503};
    std::vector<Fault> faults;
    for (std::uint64_t left = random_.Below(4); left > 0; --left) {
      Fault fault;
      fault.kind = kKinds[random_.Below(std::size(kKinds))];
      fault.probability = 0.05 + 0.3 * random_.Uniform();
      fault.status = kStatuses[random_.Below(std::size(kStatuses))];
      fault.after_tokens = static_cast<int>(random_.Below(20));
      fault.delay = 2s;
      faults.push_back(fault);
    }
    return faults;
  }

  Random random_;
  const std::uint64_t seed_;
};

class SpendCampaign : public ::testing::TestWithParam<int> {};

TEST_P(SpendCampaign, TheBudgetIsNeverExceededAndSettlesWhatWasBilled) {
  const int runs = RunsOfOnePart();
  for (int run = 0; run < runs && !HasFailure(); ++run) {
    RandomRun(static_cast<std::uint64_t>(GetParam()) * 1'000'000'000 +
              static_cast<std::uint64_t>(run))
        .Run();
  }
}

INSTANTIATE_TEST_SUITE_P(Part, SpendCampaign, ::testing::Range(0, kParts));

}  // namespace
}  // namespace llmload
