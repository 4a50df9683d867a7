#include "llmload/simulation/event_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "llmload/mocks/virtual_time.h"

namespace llmload::simulation {
namespace {

using namespace std::chrono_literals;

class EventLogTest : public mocks::VirtualTimeTest {
 protected:
  void LogAt(Duration after_start, std::string_view what) {
    clock().AdvanceBy(start_ + after_start - clock().Now());
    log_.Add(what);
  }

  const TimePoint start_ = clock().Now();
  EventLog log_{clock()};
};

TEST_F(EventLogTest, WritesEachLineWithItsInstant) {
  LogAt(0s, "first");
  LogAt(1500ms, "second");
  EXPECT_EQ(log_.size(), 2u);
  EXPECT_EQ(log_.Text(), "   0.000000000 first\n   1.500000000 second\n");
}

TEST_F(EventLogTest, ShowsTheLinesAroundAnInstantWithBothEnds) {
  for (int second = 0; second < 10; ++second) LogAt(second * 1s, std::to_string(second));
  EXPECT_EQ(log_.Around(start_ + 5s, 1s, 2s),
            "   4.000000000 4\n   5.000000000 5\n   6.000000000 6\n   7.000000000 7\n");
}

TEST_F(EventLogTest, ShowsTheTwoHundredLinesNearestToAnInstant) {
  for (int i = 0; i < 1000; ++i) LogAt(i * 1ms, "line");
  const std::string around = log_.Around(start_ + 500ms, 1s, 1s);
  EXPECT_EQ(std::count(around.begin(), around.end(), '\n'), 200);
  EXPECT_EQ(around.substr(0, 15), "   0.400000000 ");
}

}  // namespace
}  // namespace llmload::simulation
