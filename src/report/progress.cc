#include "llmload/report/progress.h"

#include <sys/ioctl.h>

#include <cstdlib>
#include <utility>

#include "llmload/report/text_writer.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

constexpr Duration kTerminalInterval = std::chrono::seconds(1);
constexpr Duration kLogInterval = std::chrono::seconds(10);

std::string WholeSeconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + "s";
}

// A line that wraps cannot be rewritten.
std::string FitTo(std::FILE* out, std::string line) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  while (text::DisplayWidth(line) > size.ws_col - 1u) line.pop_back();
  while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0xC0) line.pop_back();
  return line;
}

}  // namespace

std::string FormatProgress(const RunSnapshot& snapshot, std::optional<double> rate) {
  const LiveCounters& live = snapshot.counters;
  std::string clock = WholeSeconds(snapshot.elapsed);
  clock.insert(0, clock.size() < 5 ? 5 - clock.size() : 0, ' ');
  if (snapshot.total) clock += "/" + WholeSeconds(*snapshot.total);
  std::string line = "[" + clock + "] sent " + std::to_string(live.sent) + " | in flight " +
                     std::to_string(live.in_flight) + " | ok " + std::to_string(live.succeeded) +
                     " | failed " + std::to_string(live.failed);
  if (live.dropped > 0) line += " | dropped " + std::to_string(live.dropped);
  line += " | " + (rate ? text::FormatNumber(*rate, 3) : std::string("-")) + "/s";
  line += " | p95 " + (live.p95 ? text::FormatDuration(*live.p95) : std::string("-"));
  line += " | rss ";
  line += snapshot.rss_bytes ? text::FormatBytes(static_cast<double>(*snapshot.rss_bytes)) : "-";
  return line;
}

std::string FormatWait(const TargetWait& wait) {
  return "waiting for the first answer of " + text::CleanLine(wait.url) + ", " +
         text::FormatNumber(ToSeconds(wait.so_far)) + " s so far; gives up after " +
         text::FormatNumber(ToSeconds(wait.limit)) + " s";
}

ProgressPrinter::ProgressPrinter(std::FILE* out, std::optional<bool> terminal)
    : out_(out),
      terminal_(terminal ? *terminal : IsTerminal(out)),
      interval_(terminal_ ? kTerminalInterval : kLogInterval),
      next_(interval_) {}

ProgressPrinter::~ProgressPrinter() { Finish(); }

void ProgressPrinter::OnWait(const TargetWait& wait) {
  static_cast<void>(std::fprintf(out_, "%s\n", FormatWait(wait).c_str()));
  static_cast<void>(std::fflush(out_));
}

void ProgressPrinter::OnSnapshot(const RunSnapshot& snapshot) {
  if (snapshot.elapsed < next_) return;
  while (next_ <= snapshot.elapsed) next_ += interval_;
  const std::uint64_t completed = snapshot.counters.succeeded + snapshot.counters.failed;
  std::optional<double> rate;
  if (snapshot.elapsed > last_elapsed_ && completed >= last_completed_) {
    rate = static_cast<double>(completed - last_completed_) /
           ToSeconds(snapshot.elapsed - last_elapsed_);
  }
  last_elapsed_ = snapshot.elapsed;
  last_completed_ = completed;

  std::string line = FormatProgress(snapshot, rate);
  if (terminal_) {
    line = "\r" + FitTo(out_, std::move(line)) + "\033[K";
    line_open_ = true;
  } else {
    line += "\n";
  }
  // Progress is a courtesy: a closed output must not end the run.
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), out_));
  static_cast<void>(std::fflush(out_));
}

void ProgressPrinter::Finish() {
  if (!line_open_) return;
  line_open_ = false;
  static_cast<void>(std::fputc('\n', out_));
  static_cast<void>(std::fflush(out_));
}

}  // namespace llmload
