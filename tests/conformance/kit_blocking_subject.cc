// A blocking client behind `BlockingProvider`.
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "llmload/provider/blocking_provider.h"
#include "tests/conformance/kit_subjects.h"

namespace llmload::test_support {

namespace {

using namespace std::chrono_literals;

ConformanceTarget Wrap(BlockingFunction function) {
  const auto calls = std::make_shared<std::atomic<std::uint64_t>>(0);
  auto counting = [calls, function = std::move(function)](const CompletionRequest& request,
                                                          BlockingCall& call) {
    ++*calls;
    return function(request, call);
  };
  return {.provider = std::make_shared<BlockingProvider>(std::move(counting)),
          .calls_seen = [calls] { return calls->load(); }};
}

void BlockUntilStopped(const BlockingCall& call) {
  while (!call.StopToken().stop_requested()) std::this_thread::sleep_for(1ms);
}

void SayThreeWords(BlockingCall& call) {
  for (const char* word : {"one ", "two ", "three"}) {
    call.OnToken(word);
    std::this_thread::sleep_for(2ms);
  }
}

BlockingFunction AnsweringAfter(std::chrono::milliseconds delay) {
  return [delay](const CompletionRequest& request, BlockingCall& call) -> Result<Completion> {
    std::this_thread::sleep_for(delay);
    SayThreeWords(call);
    Completion answer;
    answer.text = "one two three";
    answer.model = request.model;
    answer.finish_reason = "stop";
    answer.usage = {.input = 1, .output = 3};
    return answer;
  };
}

}  // namespace

ConformanceSubject BlockingSubject() {
  ConformanceSubject subject;
  subject.healthy = [](Clock&) { return Wrap(AnsweringAfter(2ms)); };
  subject.slow = [](Clock&) { return Wrap(AnsweringAfter(100ms)); };
  subject.hanging = [](Clock&) {
    return Wrap([](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
      BlockUntilStopped(call);
      return Completion{};
    });
  };
  subject.stalling = [](Clock&) {
    return Wrap([](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
      SayThreeWords(call);
      BlockUntilStopped(call);
      return Completion{};
    });
  };
  subject.breaking = [](Clock&) {
    return Wrap([](const CompletionRequest&, BlockingCall& call) -> Result<Completion> {
      SayThreeWords(call);
      return Error{.kind = ErrorKind::kConnectionReset, .message = "cut"};
    });
  };
  subject.failing = [](Clock&, ErrorKind kind) {
    return Wrap([kind](const CompletionRequest&, BlockingCall&) -> Result<Completion> {
      return Error{.kind = kind, .message = "as asked"};
    });
  };
  subject.failures = {ErrorKind::kInvalidRequest, ErrorKind::kRateLimited, ErrorKind::kServerError};
  return subject;
}

}  // namespace llmload::test_support
