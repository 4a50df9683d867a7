// The report as JSON for machines. Schema: docs/report.md.
#ifndef LLMLOAD_REPORT_JSON_WRITER_H_
#define LLMLOAD_REPORT_JSON_WRITER_H_

#include <filesystem>
#include <string>

#include "llmload/report/run_report.h"

namespace llmload {

/// Indented JSON with a final newline. Durations are numbers of seconds; what was not observed, and
/// whatever is not finite, is null. Invalid UTF-8 is replaced.
std::string ToJson(const RunReport& report);

/// Where a file was written, or why not.
struct WriteOutcome {
  std::filesystem::path path;  ///< the final file, also of a failed write
  std::string error;           ///< empty on success; names path and cause

  bool ok() const noexcept { return error.empty(); }
};

/// The file name of a report: the test's name with everything but letters, digits, '.', '_' and '-'
/// replaced by '_', and ".json".
std::string JsonFileName(const RunReport& report);

/// Writes `ToJson` to `directory`/`JsonFileName`, making the directory if needed. Atomic: readers
/// see the file of an earlier run or the complete new one (a temporary file in the same directory,
/// synced, then renamed). Does not throw for anything a file system can do; a failed write leaves
/// no temporary file behind.
WriteOutcome WriteJsonFile(const RunReport& report, const std::filesystem::path& directory);

/// The same to the file `file` itself, whose directory must exist.
WriteOutcome WriteJsonTo(const RunReport& report, const std::filesystem::path& file);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_JSON_WRITER_H_
