// A run's record as JSON: the part of the schema llmload.report/2 that is measured
// (docs/report.md).
#ifndef LLMLOAD_SRC_RECORD_RECORD_JSON_H_
#define LLMLOAD_SRC_RECORD_RECORD_JSON_H_

#include <chrono>
#include <string>

#include "llmload/record/run_record.h"
#include "src/record/json_archive.h"

namespace llmload::record {

/// "2026-11-30T02:13:49.000Z".
std::string Timestamp(std::chrono::system_clock::time_point at);

/// Adds the members of `record` to the object `json`.
void WriteRecord(const RunRecord& record, Json& json);

/// The record in the members of the object `json`. `file` names it in messages. Throws
/// `ConfigurationError` that names file and field of what is missing or makes no sense.
RunRecord ReadRecord(const Json& json, const std::string& file);

}  // namespace llmload::record

#endif  // LLMLOAD_SRC_RECORD_RECORD_JSON_H_
