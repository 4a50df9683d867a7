// Reports in which every field of every structure has a value of its own.
#ifndef LLMLOAD_TESTS_UNIT_RECORD_RANDOM_REPORT_H_
#define LLMLOAD_TESTS_UNIT_RECORD_RANDOM_REPORT_H_

#include "llmload/core/random.h"
#include "llmload/run/run_report.h"

namespace llmload {

/// A report drawn from `random`: lists of up to three entries, optional values that are there or
/// not, texts with characters that JSON escapes.
RunReport RandomReport(Random& random);

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_RECORD_RANDOM_REPORT_H_
