// Prompts that end with a code that their answers have to repeat.
#ifndef LLMLOAD_SRC_LOAD_ECHO_PROMPTS_H_
#define LLMLOAD_SRC_LOAD_ECHO_PROMPTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "llmload/load/answer_check.h"
#include "llmload/load/prompt_source.h"

namespace llmload {

/// `prompts`, and where one of `checks` needs codes, the same with a code of its own at the end of
/// each; codes follow from `seed`.
std::shared_ptr<const PromptSource> WithCodesFor(const std::vector<AnswerCheck>& checks,
                                                 std::shared_ptr<const PromptSource> prompts,
                                                 std::uint64_t seed);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_ECHO_PROMPTS_H_
