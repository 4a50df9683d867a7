// The request of tests that are not about requests.
#ifndef LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_
#define LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_

#include <cstdint>
#include <memory>

#include "llmload/load/prompt_source.h"
#include "tests/support/prompts_from.h"

namespace llmload {

inline CompletionRequest MakeRequest(std::uint64_t) {
  return {.model = "model", .messages = {{.role = Role::kUser, .content = "hello"}}};
}

inline std::shared_ptr<const PromptSource> Hello() {
  return test_support::PromptsFrom(MakeRequest);
}

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_
