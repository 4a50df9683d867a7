// A part of a record, as if it were the record of a run of its own.
#ifndef LLMLOAD_RECORD_RECORD_SLICE_H_
#define LLMLOAD_RECORD_RECORD_SLICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/metrics/cells.h"
#include "llmload/record/run_record.h"

namespace llmload {

/// What the record says of the requests of `slice`: their figures and cells, the arrivals and the
/// length of its phases, and of the whole run the configuration and the generator's health. Without
/// processes, timeline, and figures beyond the catalogue, which are of the whole run. Empty if no
/// request was of the slice.
std::optional<RunRecord> SliceOf(const RunRecord& record, const Slice& slice);

/// Why some requests that were to be of the slice may be missing from it: they were counted as
/// "(other)", or dropped before it was known which model and tags they have. Empty if none is.
std::vector<std::string> WhyRequestsMayLack(const RunRecord& record, const Slice& slice);

/// A measured phase of a record that has steps.
struct RecordRamp {
  std::string name;             ///< of the phase; "up (2)" for the second ramp of the name "up"
  std::uint32_t phase = 0;      ///< its place in `RunConfiguration::phases`
  bool steps_are_whole = true;  ///< false if some of its requests were not told apart by step
};
/// Lists the ramps of the record in the order of their phases, with a name of its own for each.
std::vector<RecordRamp> RampsOf(const RunRecord& record);

/// What the record says of the requests of one step of the phase at the place `phase`, as `SliceOf`
/// does, without arrivals and length.
std::optional<RunRecord> StepOf(const RunRecord& record, std::uint32_t phase, std::uint32_t step);

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
