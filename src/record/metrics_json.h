// The figures of a run as JSON: distributions with their histograms, series, counters, providers.
#ifndef LLMLOAD_SRC_RECORD_METRICS_JSON_H_
#define LLMLOAD_SRC_RECORD_METRICS_JSON_H_

#include <string>
#include <vector>

#include "llmload/metrics/cells.h"
#include "llmload/metrics/metrics_snapshot.h"
#include "src/record/json_archive.h"

// Forms that archives find by the namespace of the structures (json_archive.h).
namespace llmload {

record::Json WriteForm(const Distribution& values);
void ReadForm(const record::Json& json, const std::string& place, Distribution& values);

record::Json WriteForm(const MetricsSnapshot& metrics);
void ReadForm(const record::Json& json, const std::string& place, MetricsSnapshot& metrics);

/// Of all cells; a single one is written without its figures.
record::Json WriteMetricsCells(const std::vector<MetricsCell>& cells);
void ReadMetricsCells(const record::Json& json, const std::string& place,
                      std::vector<MetricsCell>& cells);

}  // namespace llmload

#endif  // LLMLOAD_SRC_RECORD_METRICS_JSON_H_
