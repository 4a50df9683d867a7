// The per-second series of a run as CSV.
#ifndef LLMLOAD_SRC_REPORT_SERIES_CSV_H_
#define LLMLOAD_SRC_REPORT_SERIES_CSV_H_

#include <memory>
#include <string>

#include "llmload/metrics/time_series.h"
#include "llmload/report/output.h"
#include "src/report/written_files.h"

namespace llmload::report {

/// A line of names, then a line for each interval: docs/records.md.
std::string SeriesCsv(const TimeSeries& series);

/// Writes that to `spec.where`: a file, or a folder if it ends in '/', which gets a file for each
/// run and is noted in `written`. Throws `ConfigurationError` without a place.
std::unique_ptr<Output> OpenSeriesCsv(const OutputSpec& spec, WrittenFiles written);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_SERIES_CSV_H_
