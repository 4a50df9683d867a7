// The request of tests that are not about requests.
#ifndef LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_
#define LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_

#include <cstdint>

#include "llmload/provider/completion.h"

namespace llmload {

inline CompletionRequest MakeRequest(std::uint64_t) {
  return {.model = "model", .messages = {{.role = Role::kUser, .content = "hello"}}};
}

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_LOAD_MAKE_REQUEST_H_
