// What to change if the first question to a target fails.
#ifndef LLMLOAD_SRC_SERVICE_TARGET_ADVICE_H_
#define LLMLOAD_SRC_SERVICE_TARGET_ADVICE_H_

#include <string>

#include "llmload/provider/error.h"
#include "llmload/service/target.h"

namespace llmload {

/// The end of the sentence that `error`, the answer of `target` to its first question, begins: what
/// to check or to change. Empty if the message of the error says so itself.
std::string AdviceFor(const Target& target, const Error& error);

/// Whether the same question may be answered if it is asked again at once.
bool MayPass(const Error& error);

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_TARGET_ADVICE_H_
