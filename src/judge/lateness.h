// What a late generator has to do with a verdict.
#ifndef LLMLOAD_SRC_JUDGE_LATENESS_H_
#define LLMLOAD_SRC_JUDGE_LATENESS_H_

#include "llmload/judge/criterion.h"
#include "llmload/record/run_record.h"

namespace llmload::judge {

/// A generator that is late sends late, and reads answers late. A FAIL that it may have made
/// becomes INVALID, with the reason; returns whether it did. A PASS stays one, with a remark:
/// lateness has made it harder. See docs/verdicts.md.
bool AccountForLateness(const RunRecord& record, const Criterion& criterion, const Judging& judging,
                        CriterionResult& result);

}  // namespace llmload::judge

#endif  // LLMLOAD_SRC_JUDGE_LATENESS_H_
