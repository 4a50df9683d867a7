#include "src/report/series_csv.h"

#include <gtest/gtest.h>

#include "llmload/metrics/time_series.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

TEST(SeriesCsv, HasALineForEachInterval) {
  TimeSeries series{.interval = 2s, .points = {}};
  SeriesPoint& point = series.points.emplace_back(SeriesPoint{.scheduled = 5,
                                                              .sent = 4,
                                                              .succeeded = 1,
                                                              .failed = 1,
                                                              .unfinished = 0,
                                                              .dropped = 1,
                                                              .token_events = 70});
  const auto cell = static_cast<std::uint16_t>(SeriesCells::Of(1s));
  point.latency = {{.index = cell, .count = 1}};
  series.points.push_back({});
  EXPECT_EQ(report::SeriesCsv(series),
            "time_seconds,scheduled,sent,succeeded,failed,unfinished,dropped,token_events,"
            "in_flight,p50_seconds,p95_seconds,p99_seconds\n"
            "0,5,4,1,1,0,1,70,2,1.006632,1.006632,1.006632\n"
            "2,0,0,0,0,0,0,0,2,,,\n");
}

TEST(SeriesCsv, OfNothingIsTheNamesAlone) {
  EXPECT_EQ(report::SeriesCsv({}),
            "time_seconds,scheduled,sent,succeeded,failed,unfinished,dropped,token_events,"
            "in_flight,p50_seconds,p95_seconds,p99_seconds\n");
}

}  // namespace
}  // namespace llmload
