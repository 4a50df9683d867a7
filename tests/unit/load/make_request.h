// The request and the load of tests that are not about them, and what holds after every run.
#ifndef LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_
#define LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

#include "llmload/load/load_generator.h"
#include "tests/support/prompts_from.h"

namespace llmload {

inline CompletionRequest MakeRequest(std::uint64_t) {
  return {.model = "model", .messages = {{.role = Role::kUser, .content = "hello"}}};
}

inline std::shared_ptr<const PromptSource> Hello() {
  return test_support::PromptsFrom(MakeRequest);
}

inline LoadOptions Open(double rate, Duration duration) {
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = rate, .duration = duration};
  options.prompts = Hello();
  return options;
}

inline void ExpectIdentity(const MetricsSnapshot& metrics) {
  const auto broken = CheckAccounting(metrics);
  EXPECT_FALSE(broken) << *broken;
}

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_
