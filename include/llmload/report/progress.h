// One line that tells how a run is doing.
#ifndef LLMLOAD_REPORT_PROGRESS_H_
#define LLMLOAD_REPORT_PROGRESS_H_

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>

#include "llmload/core/time.h"
#include "llmload/run/run_observer.h"

namespace llmload {

/// "[===>       ] 12s/1m00s  16.6/16.7 per s  p95 812 ms  TTFT 240 ms  3 in flight", and what was
/// dropped or failed with the kinds of errors that came most often. Takes at most `width` columns:
/// what matters least is left out, and no number is cut. `rate` is completed requests per second
/// over the time since the line before, and stands beside the rate that is due where there is one.
/// `bar`: with a bar of progress, where the end is known.
std::string FormatProgress(const RunSnapshot& snapshot, std::optional<double> rate,
                           std::size_t width, bool bar);

/// "waiting for the first answer of https://llm.example.com/v1, 2 s so far; gives up after 30 s at
/// the latest".
std::string FormatWait(const TargetWait& wait);

/// Prints the line when it is due: on a terminal once per second, rewriting itself; in a file, a
/// pipe or the job of a CI every 10 s as a plain line. Not thread-safe: one thread calls it.
class ProgressPrinter final : public RunObserver {
 public:
  /// `out` must outlive the printer. `terminal`, whether the line is rewritten, is found out from
  /// `out` and the environment (TERM, CI) where not given.
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
