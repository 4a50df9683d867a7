#include "llmload/metrics/time_series.h"

#include <gtest/gtest.h>

#include <cmath>

#include "llmload/core/random.h"
#include "src/metrics/series_recorder.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using test_support::kStart;
using namespace std::chrono_literals;

TEST(SeriesCells, EndsAreNeverBelowAValueAndAtMostAnEighthAbove) {
  constexpr std::uint64_t kSeed = 7;
  Random random(kSeed);
  for (int i = 0; i < 20'000; ++i) {
    // Evenly over the orders of magnitude from 64 us to an hour.
    const double exponent = 16 + random.Uniform() * 25.7;
    const Duration value(static_cast<Duration::rep>(std::exp2(exponent)));
    const std::size_t cell = SeriesCells::Of(value);
    ASSERT_LT(cell, SeriesCells::kCount);
    const Duration end = SeriesCells::End(cell);
    ASSERT_GE(end, value) << "seed " << kSeed;
    ASSERT_LE(static_cast<double>(end.count()), 1.125 * static_cast<double>(value.count()) + 1)
        << value.count();
  }
}

TEST(SeriesCells, CoverAllDurations) {
  EXPECT_EQ(SeriesCells::Of(-1s), 0u);
  EXPECT_EQ(SeriesCells::Of(0s), 0u);
  EXPECT_EQ(SeriesCells::Of(Duration(65'535)), 0u);
  EXPECT_EQ(SeriesCells::Of(Duration(65'536)), 1u);
  EXPECT_EQ(SeriesCells::Of(Duration::max()), SeriesCells::kCount - 1);
  EXPECT_GE(SeriesCells::End(SeriesCells::kCount - 1), Duration(1h));
}

SeriesPoint PointOf(std::initializer_list<Duration> latencies) {
  SeriesPoint point;
  for (const Duration latency : latencies) {
    SeriesPoint one{.succeeded = 1};
    one.latency = {{.index = static_cast<std::uint16_t>(SeriesCells::Of(latency)), .count = 1}};
    point.Merge(one);
  }
  return point;
}

TEST(SeriesPoint, PercentilesAreTheEndsOfTheCellsOfTheirRank) {
  const SeriesPoint point = PointOf({4s, 1s, 2s, 3s});
  EXPECT_EQ(point.LatencyQuantile(0.25), SeriesCells::End(SeriesCells::Of(1s)));
  EXPECT_EQ(point.LatencyQuantile(0.5), SeriesCells::End(SeriesCells::Of(2s)));
  EXPECT_EQ(point.LatencyQuantile(1), SeriesCells::End(SeriesCells::Of(4s)));
  EXPECT_EQ(SeriesPoint().LatencyQuantile(0.5), std::nullopt);
}

TEST(SeriesPoint, MergingIsAddingEveryField) {
  SeriesPoint a = PointOf({1s, 2s});
  a.scheduled = 1, a.sent = 2, a.failed = 3, a.unfinished = 4, a.dropped = 5, a.token_events = 6;
  const SeriesPoint once = a;
  a.Merge(once);
  EXPECT_EQ(a.scheduled, 2u);
  EXPECT_EQ(a.sent, 4u);
  EXPECT_EQ(a.succeeded, 4u);
  EXPECT_EQ(a.failed, 6u);
  EXPECT_EQ(a.unfinished, 8u);
  EXPECT_EQ(a.dropped, 10u);
  EXPECT_EQ(a.token_events, 12u);
  EXPECT_EQ(a.latency.size(), 2u);
  EXPECT_EQ(a.latency.front().count, 2u);
}

TEST(TimeSeries, DoublingTheIntervalJoinsPairsAndKeepsALastSinglePoint) {
  TimeSeries series;
  for (std::uint64_t i = 1; i <= 5; ++i) series.points.push_back({.sent = i});
  series.DoubleInterval();
  EXPECT_EQ(series.interval, Duration(2s));
  ASSERT_EQ(series.points.size(), 3u);
  EXPECT_EQ(series.points[0].sent, 3u);
  EXPECT_EQ(series.points[1].sent, 7u);
  EXPECT_EQ(series.points[2].sent, 5u);
}

TEST(TimeSeries, InFlightIsWhatWasSentAndDidNotEnd) {
  TimeSeries series;
  series.points = {{.sent = 5, .succeeded = 1},
                   {.sent = 1, .failed = 2, .unfinished = 1},
                   {.succeeded = 9}};  // a reading in between may see an end before its start
  EXPECT_EQ(series.InFlight(), (std::vector<std::uint64_t>{4, 2, 0}));
}

TEST(TimeSeries, AddsSeriesOfDifferentIntervalsInEitherOrder) {
  SeriesRecorder fine(kStart);
  SeriesRecorder coarse(kStart);
  for (int second = 0; second < 100; ++second) {
    fine.Count(SeriesRecorder::kSent, kStart + second * 1s);
    coarse.Count(SeriesRecorder::kSent, kStart + second * 1s);
  }
  coarse.Count(SeriesRecorder::kSent, kStart + 4'000s);  // now two seconds each
  for (const bool fine_first : {true, false}) {
    TimeSeries series = (fine_first ? fine : coarse).Snapshot();
    series.Merge((fine_first ? coarse : fine).Snapshot());
    EXPECT_EQ(series.interval, Duration(2s));
    ASSERT_EQ(series.points.size(), 2'001u);
    for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(series.points[i].sent, 4u) << i;
    EXPECT_EQ(series.points[2'000].sent, 1u);
  }
}

TEST(TimeSeries, MergingWithNothingChangesNothing) {
  TimeSeries series;
  series.points = {PointOf({1s})};
  const TimeSeries before = series;
  series.Merge({});
  EXPECT_EQ(series, before);
  TimeSeries empty;
  empty.Merge(before);
  EXPECT_EQ(empty, before);
}

}  // namespace
}  // namespace llmload
