#include "llmload/metrics/cohorts.h"

#include "src/metrics/intervals.h"

namespace llmload {

void Cohort::Merge(const Cohort& other) {
  scheduled += other.scheduled;
  succeeded += other.succeeded;
  lost += other.lost;
  completed += other.completed;
  good += other.good;
  attempts += other.attempts;
  output_tokens += other.output_tokens;
  for (std::size_t i = 0; i < figures.size(); ++i) MergeCells(figures[i], other.figures[i]);
}

void Cohorts::Merge(const Cohorts& other) {
  metrics::MergeIntervals(cohorts, interval, other.cohorts, other.interval);
}

void Cohorts::DoubleInterval() { metrics::DoubleInterval(cohorts, interval); }

}  // namespace llmload
