// One line that tells how a run is doing.
#ifndef LLMLOAD_REPORT_PROGRESS_H_
#define LLMLOAD_REPORT_PROGRESS_H_

#include <cstdio>
#include <optional>
#include <string>

#include "llmload/core/time.h"
#include "llmload/run/run_observer.h"

namespace llmload {

/// "[  12s/60s] sent 200 | in flight 3 | ok 195 | failed 2 | 16.7/s | p95 812 ms | rss 31.2 MB".
/// `rate` is completed requests per second over the time since the line before.
std::string FormatProgress(const RunSnapshot& snapshot, std::optional<double> rate);

/// "waiting for the first answer of https://llm.example.com/v1, 2 s so far; gives up after 30 s".
std::string FormatWait(const TargetWait& wait);

/// Prints the line when it is due: on a terminal once per second, rewriting itself, in a log every
/// 10 s as a plain line. Not thread-safe: one thread calls it.
class ProgressPrinter final : public RunObserver {
 public:
  /// `out` must outlive the printer. `terminal` is found out from `out` where not given.
  explicit ProgressPrinter(std::FILE* out, std::optional<bool> terminal = std::nullopt);
  /// Calls `Finish`.
  ~ProgressPrinter() override;
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  /// Between two lines.
  Duration interval() const noexcept { return interval_; }

  /// Prints a line of its own.
  void OnWait(const TargetWait& wait) override;
  /// Prints if due.
  void OnSnapshot(const RunSnapshot& snapshot) override;
  void OnEnd(const RunRecord&) override { Finish(); }

  /// Ends the line on a terminal, so that what follows starts on one of its own. Idempotent.
  void Finish();

 private:
  std::FILE* out_;
  bool terminal_;
  Duration interval_;
  Duration next_;
  Duration last_elapsed_{};
  std::uint64_t last_completed_ = 0;
  bool line_open_ = false;
};

}  // namespace llmload

#endif  // LLMLOAD_REPORT_PROGRESS_H_
