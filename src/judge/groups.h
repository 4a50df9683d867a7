// Whether criteria held in parts of a run: for information beside the verdict.
#ifndef LLMLOAD_SRC_JUDGE_GROUPS_H_
#define LLMLOAD_SRC_JUDGE_GROUPS_H_

#include <span>
#include <vector>

#include "llmload/judge/criterion.h"
#include "llmload/judge/judgement.h"
#include "llmload/record/run_record.h"

namespace llmload::judge {

/// See `Judgement::groups`.
std::vector<GroupResult> JudgeGroups(const RunRecord& record, std::span<const Criterion> criteria,
                                     Judging judging);

/// See `Judgement::ramps`. Ramps whose steps could not all be kept apart are left out.
std::vector<RampResult> JudgeRamps(const RunRecord& record, std::span<const Criterion> criteria,
                                   Judging judging);

}  // namespace llmload::judge

#endif  // LLMLOAD_SRC_JUDGE_GROUPS_H_
