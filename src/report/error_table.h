// The table *Errors* of the text report.
#ifndef LLMLOAD_SRC_REPORT_ERROR_TABLE_H_
#define LLMLOAD_SRC_REPORT_ERROR_TABLE_H_

#include <cstddef>
#include <string>

#include "llmload/metrics/metrics_snapshot.h"

namespace llmload {

/// Appends a line for each kind of error that ended requests, the most frequent first: how many,
/// and when the first and the last of them ended. Below it are the messages that differ, each with
/// its count, and status, code, provider and request id of its first occurrence. Lines are
/// at most `width` columns wide, of which there are at least 40. Appends nothing without an error.
void AppendErrors(const MetricsSnapshot& metrics, std::size_t width, std::string& out);

}  // namespace llmload

#endif  // LLMLOAD_SRC_REPORT_ERROR_TABLE_H_
