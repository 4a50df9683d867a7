// All there is to say about a run: what was measured, and what it was judged to be.
#ifndef LLMLOAD_RUN_RUN_REPORT_H_
#define LLMLOAD_RUN_RUN_REPORT_H_

#include "llmload/judge/judgement.h"
#include "llmload/record/run_record.h"

namespace llmload {

struct RunReport {
  RunRecord record;
  Judgement judgement;

  friend bool operator==(const RunReport&, const RunReport&) = default;
};

}  // namespace llmload

#endif  // LLMLOAD_RUN_RUN_REPORT_H_
