#include "llmload/metrics/histogram.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "llmload/core/random.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, IsEmptyBeforeTheFirstValue) {
  const Histogram histogram;
  EXPECT_EQ(histogram.Snapshot(), Distribution());
}

TEST(Histogram, RecordsExactlyWhatADistributionRecords) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Random random(seed);
    Histogram histogram;
    Distribution expected;
    for (int i = 0; i < 5'000; ++i) {
      // Some are negative, some beyond an hour.
      const Duration value = random.LogNormal(20ms, 4.0) - 1ms;
      histogram.Record(value);
      expected.Record(value);
    }
    ASSERT_EQ(histogram.Snapshot(), expected) << "seed " << seed;
  }
}

TEST(Histogram, RecordsTheLimitsOfItsLayout) {
  Histogram histogram;
  Distribution expected;
  for (const Duration value : {Duration::min(), Duration(-1), Duration(0), Duration(1),
                               Duration(1us), Duration(1h), Duration(1h) + 1ns, Duration::max()}) {
    histogram.Record(value);
    expected.Record(value);
  }
  EXPECT_EQ(histogram.Snapshot(), expected);
  EXPECT_EQ(expected.overflow_count(), 2u);
  EXPECT_EQ(expected.negative_count(), 2u);
}

TEST(Histogram, CanBeReadWhileAnotherThreadRecords) {
  Histogram histogram;
  std::atomic<bool> started{false};
  std::atomic<bool> done{false};
  std::thread writer([&] {
    Random random(5);
    for (int i = 0; i < 200'000; ++i) {
      histogram.Record(1ms + Duration(static_cast<Duration::rep>(random.Below(1'000'000))));
      if (i == 0) started = true;
    }
    done = true;
  });
  while (!started) std::this_thread::yield();
  std::uint64_t last = 0;
  int reads = 0;
  do {
    const Distribution snapshot = histogram.Snapshot();
    EXPECT_GE(snapshot.count(), last);
    last = snapshot.count();
    const Duration p95 = snapshot.ValueAtQuantile(0.95);
    EXPECT_GE(p95, 1ms);
    EXPECT_LE(p95, 2ms);
    ++reads;
  } while (!done);
  writer.join();
  EXPECT_GT(reads, 0);
  EXPECT_EQ(histogram.Snapshot().count(), 200'000u);
}

}  // namespace
}  // namespace llmload
