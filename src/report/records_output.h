// The output "records": a line for each request, written while the run goes on.
#ifndef LLMLOAD_SRC_REPORT_RECORDS_OUTPUT_H_
#define LLMLOAD_SRC_REPORT_RECORDS_OUTPUT_H_

#include <memory>

#include "llmload/report/output.h"
#include "src/report/written_files.h"

namespace llmload::report {

/// `spec.where` is the path of a file that ends in .jsonl, .ndjson or .csv, or of a folder, which
/// gets a JSON file for each run. Throws `ConfigurationError` for any other, and for a file that
/// cannot be written. A run whose file cannot be opened any more has a failure to deliver.
///
/// @param with_text  the lines hold prompts and answers, too
/// @param written    gets the name of each file
std::unique_ptr<Output> OpenRecords(const OutputSpec& spec, bool with_text, WrittenFiles written);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_RECORDS_OUTPUT_H_
