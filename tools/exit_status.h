// How the llmload command ends.
#ifndef LLMLOAD_TOOLS_EXIT_STATUS_H_
#define LLMLOAD_TOOLS_EXIT_STATUS_H_

namespace llmload::tools {

inline constexpr int kExitPass = 0;
inline constexpr int kExitFail = 1;  ///< of the commands without a verdict: any failure
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInconclusive = 3;
inline constexpr int kExitInvalid = 4;
inline constexpr int kExitUnavailable = 5;  ///< of the target
inline constexpr int kExitError = 6;        ///< of llmload itself: a report that cannot be written

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_EXIT_STATUS_H_
