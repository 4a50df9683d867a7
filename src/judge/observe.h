// What the metrics of requests have in common.
#ifndef LLMLOAD_SRC_JUDGE_OBSERVE_H_
#define LLMLOAD_SRC_JUDGE_OBSERVE_H_

#include "llmload/judge/criterion.h"
#include "src/judge/dependence.h"

namespace llmload::judge {

/// Whether `observed` is what `comparison` with `bound` asks for.
bool Holds(double observed, Comparison comparison, double bound);

/// Says in the observation what its sample is worth, and why.
void NoteWorth(const SampleWorth& worth, const Blocks& blocks, Observation& observation);

}  // namespace llmload::judge

#endif  // LLMLOAD_SRC_JUDGE_OBSERVE_H_
