#include "src/metrics/series_recorder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/start.h"

namespace llmload {
namespace {

using test_support::kStart;
using namespace std::chrono_literals;

TEST(SeriesRecorder, CountsWhatHappenedInEachSecond) {
  SeriesRecorder recorder(kStart);
  recorder.Count(SeriesRecorder::kScheduled, kStart);
  recorder.Count(SeriesRecorder::kSent, kStart);
  recorder.Count(SeriesRecorder::kScheduled, kStart + 999'999'999ns);
  recorder.Count(SeriesRecorder::kDropped, kStart + 999'999'999ns);
  recorder.Count(SeriesRecorder::kTokens, kStart + 1s);
  recorder.Succeeded(kStart + 3s, 3s);
  const TimeSeries series = recorder.Snapshot();
  ASSERT_EQ(series.interval, Duration(1s));
  ASSERT_EQ(series.points.size(), 4u);
  EXPECT_EQ(series.points[0].scheduled, 2u);
  EXPECT_EQ(series.points[0].sent, 1u);
  EXPECT_EQ(series.points[0].dropped, 1u);
  EXPECT_EQ(series.points[1].token_events, 1u);
  EXPECT_EQ(series.points[3].succeeded, 1u);
  for (const std::size_t second : {0u, 1u, 2u}) {
    EXPECT_EQ(series.InFlight()[second], 1u) << second;
    EXPECT_FALSE(series.points[second].LatencyQuantile(0.50)) << second;
  }
  EXPECT_EQ(series.InFlight()[3], 0u);
  ASSERT_TRUE(series.points[3].LatencyQuantile(0.99));
  EXPECT_GE(*series.points[3].LatencyQuantile(0.99), Duration(3s));
  EXPECT_LE(*series.points[3].LatencyQuantile(0.99), Duration(3s) * 9 / 8);
}

TEST(SeriesRecorder, InstantsBeforeTheStartCountForTheFirstSecond) {
  SeriesRecorder recorder(kStart);
  recorder.Count(SeriesRecorder::kSent, kStart - 1h);
  EXPECT_EQ(recorder.Snapshot().points.at(0).sent, 1u);
}

TEST(SeriesRecorder, PercentilesAreOfTheRequestsOfTheirSecond) {
  SeriesRecorder recorder(kStart);
  for (int i = 1; i <= 100; ++i) {
    recorder.Succeeded(kStart, i * 10ms);
    recorder.Succeeded(kStart + 1s, i * 100ms);
  }
  const TimeSeries series = recorder.Snapshot();
  const auto expect = [&](std::size_t second, Duration p50, Duration p95) {
    const SeriesPoint& point = series.points.at(second);
    EXPECT_GE(*point.LatencyQuantile(0.50), p50);
    EXPECT_LE(*point.LatencyQuantile(0.50), p50 * 9 / 8);
    EXPECT_GE(*point.LatencyQuantile(0.95), p95);
    EXPECT_LE(*point.LatencyQuantile(0.95), p95 * 9 / 8);
  };
  expect(0, 500ms, 950ms);
  expect(1, 5s, 9500ms);
}

TEST(SeriesRecorder, LongRunsAreKeptInLongerIntervalsWithoutLosingACount) {
  SeriesRecorder recorder(kStart);
  for (int second = 0; second < 10'000; ++second) {
    recorder.Succeeded(kStart + second * 1s + 500ms, second < 5'000 ? 1s : 2s);
  }
  const TimeSeries series = recorder.Snapshot();
  EXPECT_EQ(series.interval, Duration(4s));
  ASSERT_EQ(series.points.size(), 2'500u);
  for (std::size_t i = 0; i < series.points.size(); ++i) {
    ASSERT_EQ(series.points[i].succeeded, 4u) << i;
    ASSERT_GE(*series.points[i].LatencyQuantile(0.50), Duration(i < 1250 ? 1s : 2s)) << i;
    ASSERT_LE(*series.points[i].LatencyQuantile(0.50), Duration(i < 1250 ? 1s : 2s) * 9 / 8) << i;
  }
}

TEST(SeriesRecorder, AYearOfSilenceIsBounded) {
  SeriesRecorder recorder(kStart);
  recorder.Count(SeriesRecorder::kSent, kStart);
  recorder.Count(SeriesRecorder::kSent, kStart + 24h * 365);
  const TimeSeries series = recorder.Snapshot();
  EXPECT_LE(series.points.size(), SeriesRecorder::kMaxPoints);
  EXPECT_EQ(series.points.front().sent, 1u);
  EXPECT_EQ(series.points.back().sent, 1u);
}

TEST(SeriesRecorder, MayBeReadWhileItIsWritten) {
  SeriesRecorder recorder(kStart);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 50'000; ++i) recorder.Succeeded(kStart + i * 500ms, 1ms);
    done = true;
  });
  while (!done) {
    const TimeSeries series = recorder.Snapshot();
    EXPECT_LE(series.points.size(), SeriesRecorder::kMaxPoints);
  }
  writer.join();
  const TimeSeries series = recorder.Snapshot();
  std::uint64_t sum = 0;
  for (const SeriesPoint& point : series.points) sum += point.succeeded;
  EXPECT_EQ(sum, 50'000u);
}

}  // namespace
}  // namespace llmload
