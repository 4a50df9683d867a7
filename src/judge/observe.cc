#include "src/judge/observe.h"

#include <cmath>
#include <string>

#include "src/core/text/format.h"

namespace llmload::judge {
namespace {

std::string Whole(double number) { return text::FormatNumber(std::round(number)); }

}  // namespace

void NoteWorth(const SampleWorth& worth, const Blocks& blocks, Observation& observation) {
  if (blocks.empty()) return;  // the record is not of a run in time
  if (!worth.judged) {
    observation.remarks.emplace_back(
        "the run is too short to judge whether requests resemble their neighbours");
    return;
  }
  observation.effective_samples = worth.effective;
  observation.watched = blocks.Length();
  if (worth.borrowed) {
    observation.remarks.push_back("too few slow requests to see how they are spread: widened by " +
                                  text::FormatNumber(worth.inflation, 3) +
                                  ", as a lower percentile has it");
  }
  if (worth.inflation <= kMarkedInflation) return;
  observation.notes.push_back("requests resemble their neighbours: " + Whole(worth.samples) +
                              " count like " + Whole(worth.effective));
  if (worth.worst_block) {
    observation.remarks.push_back(
        "worst from " + text::FormatDuration(blocks.BeginOf(*worth.worst_block)) + " to " +
        text::FormatDuration(blocks.EndOf(*worth.worst_block)) + " of the run");
  }
}

}  // namespace llmload::judge
