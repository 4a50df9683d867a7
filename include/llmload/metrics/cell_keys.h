// Which cells a run has, and which of them a request belongs to. Bounded, whatever tags requests
// have.
#ifndef LLMLOAD_METRICS_CELL_KEYS_H_
#define LLMLOAD_METRICS_CELL_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "llmload/metrics/cells.h"

namespace llmload {

inline constexpr std::size_t kMostCells = 128;
/// Further tags of a request are left out.
inline constexpr std::size_t kMostTags = 8;
/// The name of a tag, and its value, are cut to this length.
inline constexpr std::size_t kMostTagBytes = 64;

/// The cells of a run, numbered from 0 in the order in which they were first seen. All workers
/// share them, so that all of them agree on what is beyond the bounds. All functions are
/// thread-safe.
class CellKeys {
 public:
  /// The number of the cell for requests of this key: one of its own for as long as there is room;
  /// then one without the step of the phase, then one with "(other)" for the values of the tags,
  /// then one with "(other)" for the model, then the one that is left for all others.
  std::size_t IdOf(CellKey key);

  /// Returns all keys, by their number.
  std::vector<CellKey> Known() const;

 private:
  mutable std::mutex mutex_;
  std::vector<CellKey> keys_;
};

/// One worker's way to the number of a request's cell. Most requests are of the same cell as the
/// one before them, for which no string is hashed or copied and no lock is taken. Only a request
/// whose model and tags this finder has not kept costs a copy and the lock of `CellKeys`.
class CellFinder {
 public:
  explicit CellFinder(CellKeys& keys) : keys_(keys) {}

  std::size_t Find(std::uint32_t phase, std::uint32_t step, const std::string& model,
                   const std::vector<RequestTag>& tags) {
    const auto is_it = [&](const Known& known) {
      return known.key.phase == phase && known.key.step == step && known.key.model == model &&
             known.key.tags == tags;
    };
    if (last_ != nullptr && is_it(*last_)) return last_->id;
    for (const Known& known : known_) {
      if (!is_it(known)) continue;
      last_ = &known;
      return known.id;
    }
    return Add({.phase = phase, .step = step, .model = model, .tags = tags});
  }

 private:
  struct Known {
    CellKey key;  // as the requests have it
    std::size_t id = 0;
  };

  std::size_t Add(CellKey key);

  CellKeys& keys_;
  std::deque<Known> known_;  // at most `kMostCells`
  const Known* last_ = nullptr;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_CELL_KEYS_H_
