// A part of a record, as if it were the record of a run of its own.
#ifndef LLMLOAD_RECORD_RECORD_SLICE_H_
#define LLMLOAD_RECORD_RECORD_SLICE_H_

#include <optional>
#include <string>
#include <vector>

#include "llmload/metrics/cells.h"
#include "llmload/record/run_record.h"

namespace llmload {

/// What the record says of the requests of `slice`: their figures and cells, the arrivals and the
/// length of its phase, and of the whole run the configuration and the generator's health. Without
/// processes, timeline, and figures beyond the catalogue, which are of the whole run. Empty if no
/// request was of the slice.
std::optional<RunRecord> SliceOf(const RunRecord& record, const Slice& slice);

/// Whether requests of the slice may have been counted as "(other)", so that it lacks them.
bool MayLackRequests(const RunRecord& record, const Slice& slice);

/// The parts that a report shows beside each other.
struct RecordGroups {
  std::vector<Slice> phases;  ///< that were measured, in their order, if there are several
  std::vector<Slice> models;  ///< if there are several
  std::vector<std::vector<Slice>> tags;  ///< for each name, its values
};
/// At most 20 of a kind, with those of most requests.
RecordGroups GroupsOf(const RunRecord& record);

}  // namespace llmload

#endif  // LLMLOAD_RECORD_RECORD_SLICE_H_
