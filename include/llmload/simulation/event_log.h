// What happened in a simulated run, line by line, in virtual time.
#ifndef LLMLOAD_SIMULATION_EVENT_LOG_H_
#define LLMLOAD_SIMULATION_EVENT_LOG_H_

#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/clock.h"

namespace llmload::simulation {

/// Lines with their instants, in order. Two runs with one seed give byte-identical logs; the log
/// around a failure shows what led to it. Not thread-safe: virtual time has one thread.
class EventLog {
 public:
  /// Instants are printed relative to `clock.Now()` at construction. `clock` must outlive the log.
  explicit EventLog(const Clock& clock) : clock_(clock), origin_(clock.Now()) {}

  void Add(std::string_view what);

  /// Every line: "  12.345678901 what\n".
  std::string Text() const;

  /// The lines from `before` before to `after` after `instant`, for a failure message; at most 200,
  /// the ones nearest to the instant.
  std::string Around(TimePoint instant, Duration before, Duration after) const;

  std::size_t size() const noexcept { return lines_.size(); }

 private:
  struct Line {
    TimePoint at;
    std::string what;
  };
  std::string Format(const Line& line) const;

  const Clock& clock_;
  TimePoint origin_;
  std::vector<Line> lines_;
};

}  // namespace llmload::simulation

#endif  // LLMLOAD_SIMULATION_EVENT_LOG_H_
