// The report as JSON for machines, written and read back. Schema: docs/report.md.
#ifndef LLMLOAD_REPORT_REPORT_JSON_H_
#define LLMLOAD_REPORT_REPORT_JSON_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "llmload/run/run_report.h"

namespace llmload {

/// The schema of the JSON form.
inline constexpr std::string_view kReportSchema = "llmload.report/2";

/// The largest file that `ReadReport` takes.
inline constexpr std::size_t kMaxReportBytes = std::size_t{256} << 20;

/// JSON with a final newline. Durations are numbers of seconds; what was not observed, and whatever
/// is not finite, is null. Invalid UTF-8 is replaced.
std::string ToJson(const RunReport& report);

/// The report that `text` holds: equal to the one it was written from. `name` stands for the text
/// in messages. Throws `ConfigurationError` that names file and field of what is missing, is of
/// another schema, or makes no sense.
RunReport ReadReport(std::string_view text, const std::string& name);

/// Reads a file. Throws as above, and if the file cannot be read.
RunReport ReadReportFile(const std::filesystem::path& file);

/// The name of a file of one run in a folder: name of the test and run id, with everything but
/// letters, digits, '.', '_' and '-' replaced by '_', and `extension`. Two runs have two names.
std::string RunFileName(std::string_view test, std::string_view run_id, std::string_view extension);

/// The same for a report: with ".json".
std::string JsonFileName(std::string_view test, std::string_view run_id);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_REPORT_JSON_H_
