#include "llmload/metrics/cohorts.h"

#include <utility>

namespace llmload {

void Cohort::Merge(const Cohort& other) {
  scheduled += other.scheduled;
  succeeded += other.succeeded;
  lost += other.lost;
  completed += other.completed;
  good += other.good;
  attempts += other.attempts;
  for (std::size_t i = 0; i < figures.size(); ++i) MergeCells(figures[i], other.figures[i]);
}

void Cohorts::Merge(const Cohorts& other) {
  while (interval < other.interval) DoubleInterval();
  const auto factor = static_cast<std::size_t>(interval / other.interval);
  const std::size_t size = (other.cohorts.size() + factor - 1) / factor;
  if (cohorts.size() < size) cohorts.resize(size);
  for (std::size_t i = 0; i < other.cohorts.size(); ++i) {
    cohorts[i / factor].Merge(other.cohorts[i]);
  }
}

void Cohorts::DoubleInterval() {
  std::vector<Cohort> joined((cohorts.size() + 1) / 2);
  for (std::size_t i = 0; i < cohorts.size(); ++i) joined[i / 2].Merge(cohorts[i]);
  cohorts = std::move(joined);
  interval *= 2;
}

}  // namespace llmload
