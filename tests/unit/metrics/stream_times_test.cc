// Whether the tokens of a stream came as the service made them.
#include "llmload/metrics/stream_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;
using ::testing::ElementsAre;

// `bursts` bursts of `each` events, `apart` from one another.
StreamTimes Bursts(int bursts, int each, Duration apart) {
  StreamTimes times;
  for (int burst = 0; burst < bursts; ++burst) {
    for (int i = 0; i < each; ++i) times.Event(kStart + burst * apart);
  }
  return times;
}

TEST(StreamTimes, TellsHowEventsArrived) {
  const struct {
    const char* what;
    StreamTimes times;
    StreamArrival expected;
  } rows[] = {
      {"too few to say", Bursts(1, 15, 0ms), StreamArrival::kFewEvents},
      {"one read", Bursts(1, 16, 0ms), StreamArrival::kOnePiece},
      {"a whole answer in 40 reads", Bursts(40, 2, 100us), StreamArrival::kOnePiece},
      {"20 tokens a second", Bursts(50, 1, 50ms), StreamArrival::kSteady},
      {"1000 tokens a second", Bursts(50, 1, 1ms), StreamArrival::kSteady},
      {"two at a time", Bursts(50, 2, 30ms), StreamArrival::kSteady},
      {"a late reader of 1000 tokens a second", Bursts(10, 10, 10ms), StreamArrival::kSteady},
      {"a buffer of 4 KB at 100 tokens a second", Bursts(10, 16, 160ms), StreamArrival::kBursts},
      {"a timer of 100 ms", Bursts(10, 10, 100ms), StreamArrival::kBursts},
  };
  for (const auto& row : rows) EXPECT_EQ(row.times.Arrival(), row.expected) << row.what;
}

TEST(StreamTimes, ReadsWithinAMillisecondAreOneGroup) {
  StreamTimes times;
  for (int burst = 0; burst < 5; ++burst) {
    for (int i = 0; i < 4; ++i) times.Event(kStart + burst * 40ms + i * 300us);
  }
  EXPECT_EQ(times.Arrival(), StreamArrival::kBursts);
  EXPECT_EQ(times.EventsAfterFirst(), 16u);
  EXPECT_EQ(times.GroupDistance(), (160ms + 900us) / 4);
}

TEST(StreamTimes, AReadHasNoGapInside) {
  StreamTimes times;
  for (const Duration at : {0ms, 0ms, 50ms, 50ms, 120ms}) times.Event(kStart + at);
  EXPECT_THAT(times.gaps(), ElementsAre(Duration(50ms), Duration(70ms)));
  EXPECT_EQ(times.LongestGap(), Duration(70ms));
  EXPECT_EQ(StreamTimes().LongestGap(), std::nullopt);
}

}  // namespace
}  // namespace llmload
