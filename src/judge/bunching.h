// Whether answers arrived as the service made them.
#ifndef LLMLOAD_SRC_JUDGE_BUNCHING_H_
#define LLMLOAD_SRC_JUDGE_BUNCHING_H_

#include <string>

#include "llmload/record/run_record.h"

namespace llmload::judge {

/// Why the times between tokens are not those of the service, with the usual causes: a twentieth of
/// the streams of 16 token events or more arrived in one piece or in bursts. Empty if they did not.
std::string WhyTokenTimesSayNothing(const RunRecord& record);

}  // namespace llmload::judge

#endif  // LLMLOAD_SRC_JUDGE_BUNCHING_H_
