// One request as one line: JSON or CSV. Schema: docs/records.md.
#ifndef LLMLOAD_SRC_REPORT_REQUEST_LINE_H_
#define LLMLOAD_SRC_REPORT_REQUEST_LINE_H_

#include <cstdint>
#include <string>

#include "llmload/core/time.h"
#include "llmload/load/request_observer.h"
#include "llmload/run/run_observer.h"

namespace llmload::report {

enum class LineFormat : std::uint8_t { kJson, kCsv };

/// What the lines of one file have in common.
struct RequestLines {
  LineFormat format = LineFormat::kJson;
  bool with_text = false;  ///< prompts and answers, too
  std::string run_id = {};
  TimePoint start{};  ///< instants count from it
};

/// The first line of the file, with its newline: what run it is of, as JSON, or the names of the
/// columns.
std::string HeaderLine(const RequestLines& lines, const RunStart& run);

/// Appends the line of `request`, with its newline.
void AppendRequestLine(const RequestLines& lines, const EndedRequest& request, std::string& out);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_REQUEST_LINE_H_
