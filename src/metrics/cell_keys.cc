#include "llmload/metrics/cell_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/core/text/utf8.h"

namespace llmload {
namespace {

// How many cells there may be before a key has to be widened once, twice, ...
constexpr std::array<std::size_t, 5> kRoom = {96, 112, 120, kMostCells - 1, kMostCells};

void Widen(CellKey& key, std::size_t times) {
  if (times == 1) {
    key.step = CellKey::kNoStep;
  } else if (times == 2) {
    for (RequestTag& tag : key.tags) tag.value = kOtherNames;
  } else if (times == 3) {
    key.model = kOtherNames;
    key.tags.clear();
  } else {
    key.phase = CellKey::kOtherPhases;
  }
}

void Normalise(std::vector<RequestTag>& tags) {
  for (RequestTag& tag : tags) {
    tag.name.resize(text::CutUtf8(tag.name, kMostTagBytes).size());
    tag.value.resize(text::CutUtf8(tag.value, kMostTagBytes).size());
  }
  std::sort(tags.begin(), tags.end());
  const auto same_name = [](const RequestTag& a, const RequestTag& b) { return a.name == b.name; };
  tags.erase(std::unique(tags.begin(), tags.end(), same_name), tags.end());
  if (tags.size() > kMostTags) tags.resize(kMostTags);
}

}  // namespace

std::size_t CellKeys::IdOf(CellKey key) {
  const std::lock_guard lock(mutex_);
  for (std::size_t widened = 0;; Widen(key, ++widened)) {
    const auto known = std::find(keys_.begin(), keys_.end(), key);
    if (known != keys_.end()) return static_cast<std::size_t>(known - keys_.begin());
    if (keys_.size() >= kRoom[widened]) continue;
    keys_.push_back(std::move(key));
    return keys_.size() - 1;
  }
}

std::vector<CellKey> CellKeys::Known() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

std::size_t CellFinder::Add(CellKey key) {
  CellKey normal = key;
  Normalise(normal.tags);
  const std::size_t id = keys_.IdOf(std::move(normal));
  if (known_.size() < kMostCells) last_ = &known_.emplace_back(Known{std::move(key), id});
  return id;
}

}  // namespace llmload
