#include "llmload/resilience/recording_provider.h"

#include <memory>

#include "tests/unit/resilience/test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

using RecordingProviderTest = VirtualTimeTest;

TEST_F(RecordingProviderTest, KeepsInstantsAndOutcomesInOrderOfTheStarts) {
  auto inner = std::make_shared<ScriptedProvider>(
      clock_, "inner",
      std::vector<Step>{Answers(10ms), Fails(ErrorKind::kOverloaded, 20ms), Step{.hang = true}});
  RecordingProvider recorder(inner, clock_);
  EXPECT_TRUE(Ask(recorder).ok());
  EXPECT_EQ(Ask(recorder).error().kind, ErrorKind::kOverloaded);
  boost::asio::cancellation_signal signal;
  const auto cancelled = Start(recorder, {}, nullptr, &signal);
  CancelAfter(1s, signal);
  Run();
  EXPECT_TRUE(cancelled->aborted());

  const auto calls = recorder.Calls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_TRUE(calls[0].succeeded);
  EXPECT_EQ(calls[0].started, start_);
  EXPECT_EQ(calls[0].finished, start_ + 10ms);
  EXPECT_FALSE(calls[1].succeeded);
  EXPECT_EQ(calls[1].error, ErrorKind::kOverloaded);
  EXPECT_EQ(calls[1].finished, start_ + 30ms);
  EXPECT_FALSE(calls[2].succeeded);
  EXPECT_FALSE(calls[2].error);
  EXPECT_EQ(calls[2].finished, calls[2].started);
  EXPECT_EQ(recorder.Identity().name, "inner");
}

}  // namespace
}  // namespace llmload
