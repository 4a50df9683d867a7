#include "llmload/resilience/recording_provider.h"

#include <memory>

#include "llmload/core/deadline.h"
#include "llmload/mocks/mock_provider.h"
#include "llmload/mocks/virtual_time.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::Hang;
using mocks::MockProvider;
using mocks::RespondAfter;
using namespace std::chrono_literals;

using RecordingProviderTest = mocks::VirtualTimeTest;

TEST_F(RecordingProviderTest, KeepsInstantsAndOutcomesInOrderOfTheStarts) {
  auto inner = std::make_shared<MockProvider>("inner");
  EXPECT_CALL(*inner, Complete)
      .WillOnce(RespondAfter(clock(), 10ms))
      .WillOnce(FailAfter(clock(), 20ms, ErrorKind::kOverloaded))
      .WillOnce(Hang(clock()));
  RecordingProvider recorder(inner, clock());
  const CompletionRequest request{.model = "m"};
  const TimePoint start = clock().Now();
  static_cast<void>(Ask(recorder, request));
  static_cast<void>(Ask(recorder, request));
  Run(RunUntilDeadline(clock(), clock().Now() + 1s, recorder.Complete(request, nullptr)));

  const auto calls = recorder.Calls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_TRUE(calls[0].succeeded);
  EXPECT_EQ(calls[0].started, start);
  EXPECT_EQ(calls[0].finished, start + 10ms);
  EXPECT_FALSE(calls[1].succeeded);
  EXPECT_EQ(calls[1].error, ErrorKind::kOverloaded);
  EXPECT_EQ(calls[1].finished, start + 30ms);
  EXPECT_FALSE(calls[2].succeeded);
  EXPECT_FALSE(calls[2].error);
  EXPECT_EQ(calls[2].finished, calls[2].started);
  EXPECT_EQ(recorder.Identity().name, "inner");
}

}  // namespace
}  // namespace llmload
