// The sections of a report that show parts of a run beside each other, and the answers.
#ifndef LLMLOAD_SRC_REPORT_GROUP_TABLE_H_
#define LLMLOAD_SRC_REPORT_GROUP_TABLE_H_

#include <cstddef>
#include <string>

#include "llmload/run/run_report.h"

namespace llmload::report {

/// Appends a section each for the phases, the steps of each ramp, the models and the values of each
/// tag, where there is more than one, with what held in them, in lines of at most `width` columns.
/// Then why answers ended and how long they are.
void PrintGroups(std::string& out, const RunReport& report, std::size_t width);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_GROUP_TABLE_H_
