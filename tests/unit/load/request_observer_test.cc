#include "llmload/load/request_observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/mocks/mock_provider.h"
#include "tests/support/deaf_provider.h"
#include "tests/unit/load/make_request.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::Hang;
using mocks::MockProvider;
using mocks::RespondAfter;
using ::testing::NiceMock;
using namespace std::chrono_literals;

// Keeps what it is told, with copies of what is gone after the call.
class RequestLog final : public RequestObserver {
 public:
  struct Entry {
    EndedRequest ended;
    std::string phase_name = {};
    std::string model = {};
    std::string answer = {};
    std::optional<ErrorKind> error = {};
    std::size_t attempts = 0;
    unsigned worker = 0;
  };

  void OnBegin(const LoadBegin& load) override { begin = load; }
  void OnRequest(unsigned worker, const EndedRequest& request) noexcept override {
    Entry entry{.ended = request, .phase_name = std::string(request.phase_name), .worker = worker};
    if (request.request != nullptr) entry.model = request.request->model;
    if (request.completion != nullptr) {
      entry.answer = request.completion->text;
      entry.attempts = request.completion->attempts.size();
    }
    if (request.error != nullptr) {
      entry.error = request.error->kind;
      entry.attempts = request.error->attempts.size();
    }
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }

  // In the order of the index.
  std::vector<Entry> Entries() const {
    std::vector<Entry> sorted = entries_;
    std::sort(sorted.begin(), sorted.end(),
              [](const Entry& a, const Entry& b) { return a.ended.index < b.ended.index; });
    return sorted;
  }
  std::uint64_t Count(RequestOutcome outcome, bool measured) const {
    return static_cast<std::uint64_t>(
        std::count_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
          return entry.ended.outcome == outcome && entry.ended.measured == measured;
        }));
  }

  LoadBegin begin;

 private:
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

void ExpectCounts(const RequestLog& log, const LoadResult& result) {
  for (const bool measured : {true, false}) {
    const MetricsSnapshot& metrics = measured ? result.metrics : result.unmeasured;
    EXPECT_EQ(log.Count(RequestOutcome::kSucceeded, measured), metrics[Counter::kSucceeded]);
    EXPECT_EQ(log.Count(RequestOutcome::kFailed, measured), metrics[Counter::kFailed]);
    EXPECT_EQ(log.Count(RequestOutcome::kUnfinished, measured), metrics[Counter::kUnfinished]);
    EXPECT_EQ(log.Count(RequestOutcome::kDropped, measured), metrics[Counter::kDropped]);
  }
  const auto entries = log.Entries();
  for (std::size_t i = 1; i < entries.size(); ++i) {
    ASSERT_NE(entries[i - 1].ended.index, entries[i].ended.index) << "told twice";
  }
}

TEST(RequestObserver, IsToldOfEveryRequestOnceWithItsPhaseAndItsInstants) {
  VirtualClock clock;
  NiceMock<MockProvider> provider{"mock"};
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 300ms, "fine"));
  RequestLog log;
  LoadOptions options;
  options.prompts = Hello();
  options.shape =
      LoadProfile{.phases = {{.name = "warm-up",
                              .duration = 1s,
                              .shape = ConstantRate{10},
                              .pattern = ArrivalPattern::kConstant,
                              .measured = false},
                             {.name = "peak", .duration = 2s, .shape = ConstantRate{50}}}};
  options.workers = 3;
  options.request_observers = {&log};
  const LoadResult result = LoadGenerator(options, clock).Run(provider);
  EXPECT_EQ(log.begin.start, result.start);
  EXPECT_EQ(log.begin.workers, 3u);
  EXPECT_FALSE(log.begin.real_time);
  ExpectCounts(log, result);
  const auto entries = log.Entries();
  ASSERT_EQ(entries.size(), 110u);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const RequestLog::Entry& entry = entries[i];
    EXPECT_EQ(entry.ended.index, i);
    EXPECT_EQ(entry.worker, i % 3);
    EXPECT_EQ(entry.ended.phase, i < 10 ? 0u : 1u);
    EXPECT_EQ(entry.phase_name, i < 10 ? "warm-up" : "peak");
    EXPECT_EQ(entry.ended.measured, i >= 10);
    const Duration at = i < 10 ? Duration(i * 100ms) : Duration(1s + (i - 10) * 20ms);
    EXPECT_EQ(entry.ended.scheduled, result.start + at);
    EXPECT_EQ(entry.ended.dispatched, result.start + at);
    EXPECT_EQ(entry.ended.completed, result.start + at + 300ms);
    EXPECT_EQ(entry.answer, "fine");
    EXPECT_EQ(entry.attempts, 1u);
  }
}

TEST(RequestObserver, IsToldOfWhatWasDroppedFailedOrNeverEnded) {
  VirtualClock clock;
  NiceMock<MockProvider> provider{"mock"};
  EXPECT_CALL(provider, Complete)
      .WillOnce(FailAfter(clock, 100ms, ErrorKind::kRateLimited))
      .WillRepeatedly(Hang(clock));
  RequestLog log;
  LoadOptions options = Open(10, 1s);
  std::get<LoadProfile>(options.shape).max_in_flight = 4;
  options.workers = 1;
  options.drain_timeout = 5s;
  options.request_observers = {&log};
  const LoadResult result = LoadGenerator(options, clock).Run(provider);
  ExpectCounts(log, result);
  EXPECT_EQ(log.Count(RequestOutcome::kFailed, true), 1u);
  EXPECT_EQ(log.Count(RequestOutcome::kUnfinished, true), 4u);
  EXPECT_EQ(log.Count(RequestOutcome::kDropped, true), 5u);
  for (const RequestLog::Entry& entry : log.Entries()) {
    EXPECT_EQ(entry.ended.dispatched.has_value(), entry.ended.outcome != RequestOutcome::kDropped);
    EXPECT_EQ(entry.error.has_value(), entry.ended.outcome == RequestOutcome::kFailed);
    if (entry.ended.outcome == RequestOutcome::kUnfinished) {
      EXPECT_GE(entry.ended.completed, result.start + 5s);
    }
  }
}

TEST(RequestObserver, IsToldOfARequestWhoseProviderIgnoresItsCancellation) {
  VirtualClock clock;
  test_support::DeafProvider provider(clock);
  RequestLog log;
  LoadOptions options;
  options.prompts = Hello();
  options.shape = ClosedLoop{.concurrency = 3, .requests = 3, .duration = 1s};
  options.request_observers = {&log};
  const LoadResult result = LoadGenerator(options, clock).Run(provider);
  EXPECT_FALSE(result.drained);
  ExpectCounts(log, result);
  ASSERT_EQ(log.Count(RequestOutcome::kUnfinished, true), 3u);
  for (const RequestLog::Entry& entry : log.Entries()) {
    EXPECT_EQ(entry.model, Hello()->MakeRequest(0).model) << "the request is still there";
    EXPECT_FALSE(entry.ended.phase) << "a closed loop has none";
  }
}

TEST(RequestObserver, HearsFromEveryThreadInRealTime) {
  NiceMock<MockProvider> provider{"mock"};
  ON_CALL(provider, Complete).WillByDefault(mocks::Respond(SystemClock::Instance()));
  RequestLog first;
  RequestLog second;
  LoadOptions options;
  options.prompts = Hello();
  options.shape = ClosedLoop{.concurrency = 8, .requests = 400};
  options.workers = 4;
  options.request_observers = {&first, &second};
  const LoadResult result = LoadGenerator(options).Run(provider);
  EXPECT_TRUE(first.begin.real_time);
  ExpectCounts(first, result);
  ExpectCounts(second, result);
  EXPECT_EQ(first.Entries().size(), 400u);
}

}  // namespace
}  // namespace llmload
