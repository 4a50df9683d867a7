#include "llmload/metrics/cells.h"

#include <algorithm>

namespace llmload {

void AddCells(std::vector<MetricsCell>& cells, const std::vector<MetricsCell>& more) {
  for (const MetricsCell& cell : more) {
    const auto at = std::lower_bound(
        cells.begin(), cells.end(), cell.key,
        [](const MetricsCell& known, const CellKey& key) { return known.key < key; });
    if (at != cells.end() && at->key == cell.key) {
      at->figures.Merge(cell.figures);
    } else {
      cells.insert(at, cell);
    }
  }
}

std::string Describe(const Slice& slice) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (slice.phase) add("phase " + *slice.phase);
  if (slice.model) add("model " + *slice.model);
  for (const RequestTag& tag : slice.tags) add("tag " + tag.name + "=" + tag.value);
  return text;
}

}  // namespace llmload
