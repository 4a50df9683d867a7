#include "llmload/report/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/metrics/error_counts.h"
#include "src/core/text/format.h"
#include "src/report/terminal.h"
#include "src/report/text_parts.h"

namespace llmload {
namespace {

constexpr Duration kTerminalInterval = std::chrono::seconds(1);
constexpr Duration kLogInterval = std::chrono::seconds(10);

// One piece of the line.
struct Part {
  std::string text = {};
  int importance = 0;  // what has the highest is shown first
  std::string details = {};
  int of_details = 0;  // their importance: less than that of the text before them
  bool shown = false;
  bool detailed = false;
};

// In their order on the line.
using Parts = std::vector<Part>;

constexpr std::size_t kBarCells = 10;
constexpr std::size_t kMostKinds = 2;
constexpr std::string_view kBetween = "  ";

std::optional<double> ShareDone(const RunSnapshot& snapshot) {
  const LiveCounters& live = snapshot.counters;
  const std::uint64_t ended = live.succeeded + live.failed + live.dropped + live.unfinished;
  std::optional<double> share;
  if (snapshot.total && *snapshot.total > Duration::zero()) {
    share = ToSeconds(snapshot.elapsed) / ToSeconds(*snapshot.total);
  } else if (snapshot.planned_requests && *snapshot.planned_requests > 0) {
    share = static_cast<double>(ended) / static_cast<double>(*snapshot.planned_requests);
  }
  if (share) share = std::clamp(*share, 0.0, 1.0);
  return share;
}

std::string Bar(double share) {
  const auto full = static_cast<std::size_t>(share * kBarCells);
  std::string bar(full, '=');
  if (full < kBarCells) bar += '>';
  bar.resize(kBarCells, ' ');
  return "[" + bar + "]";
}

// "12s/1m00s", or of a run whose end is a number of requests "200/2,000, 45s left".
std::string ClockText(const RunSnapshot& snapshot) {
  std::string text = text::FormatSpan(snapshot.elapsed);
  if (snapshot.total) return text + "/" + text::FormatSpan(*snapshot.total);
  const auto share = ShareDone(snapshot);
  if (!share || *share <= 0) return text;
  const double left = std::min(ToSeconds(snapshot.elapsed) * (1 - *share) / *share, 1e9);
  return text + ", about " + text::FormatSpan(std::chrono::seconds(std::llround(left))) + " left";
}

// "28.3/40 per s": the rate, and the one that is due.
std::string RatesText(const RunSnapshot& snapshot, std::optional<double> rate) {
  std::string text = rate ? report::RateNumber(*rate) : "-";
  if (snapshot.target_rate) text += "/" + report::RateNumber(*snapshot.target_rate);
  return text + " per s";
}

// "15 failed", with ": 8 rate_limited, 7 server_error".
Part FailurePart(const LiveCounters& live) {
  Part part{.text = text::FormatCount(live.failed) + " failed", .importance = 80};
  const std::vector<ErrorKindCount> kinds = ErrorsByFrequency(live);
  if (kinds.empty()) return part;
  part.of_details = 65;
  for (std::size_t i = 0; i < std::min(kMostKinds, kinds.size()); ++i) {
    part.details += (i == 0 ? ": " : ", ") + report::KindText(kinds[i]);
  }
  if (kinds.size() > kMostKinds) part.details += ", ...";
  return part;
}

std::string TimeText(std::string_view name, const std::optional<Duration>& value) {
  return std::string(name) + " " + (value ? text::FormatDuration(*value) : "-");
}

Parts PartsOf(const RunSnapshot& snapshot, std::optional<double> rate, bool bar) {
  const LiveCounters& live = snapshot.counters;
  Parts parts;
  const auto add = [&parts](std::string text, int importance) {
    parts.push_back({.text = std::move(text), .importance = importance});
  };
  const auto share = ShareDone(snapshot);
  if (bar && share) add(Bar(*share), 45);
  add(ClockText(snapshot), 100);
  add(RatesText(snapshot, rate), 90);
  if (live.failed > 0) parts.push_back(FailurePart(live));
  if (live.dropped > 0) add(text::FormatCount(live.dropped) + " dropped", 75);
  add(TimeText("p95", live.p95), 70);
  if (live.ttft_p95) add(TimeText("TTFT", live.ttft_p95), 60);
  add(text::FormatCount(live.in_flight) + " in flight", 50);
  add(text::FormatCount(live.succeeded) + " ok", 40);
  if (snapshot.rss_bytes) {
    add("rss " + text::FormatBytes(static_cast<double>(*snapshot.rss_bytes)), 10);
  }
  return parts;
}

std::string ShownParts(const Parts& parts) {
  std::string line;
  for (const Part& part : parts) {
    if (!part.shown) continue;
    line.append(line.empty() ? "" : kBetween).append(part.text);
    if (part.detailed) line += part.details;
  }
  return line;
}

}  // namespace

std::string FormatProgress(const RunSnapshot& snapshot, std::optional<double> rate,
                           std::size_t width, bool bar) {
  Parts parts = PartsOf(snapshot, rate, bar);
  struct Choice {
    int importance;
    bool* shown;
  };
  std::vector<Choice> choices;
  for (Part& part : parts) {
    choices.push_back({part.importance, &part.shown});
    if (!part.details.empty()) choices.push_back({part.of_details, &part.detailed});
  }
  std::stable_sort(choices.begin(), choices.end(),
                   [](const Choice& a, const Choice& b) { return a.importance > b.importance; });
  std::string line;
  for (const Choice& choice : choices) {
    *choice.shown = true;
    std::string with = ShownParts(parts);
    // The most important part is there however narrow the place is.
    if (line.empty() || text::DisplayWidth(with) <= width) {
      line = std::move(with);
    } else {
      *choice.shown = false;
    }
  }
  return line;
}

std::string FormatWait(const TargetWait& wait) {
  return "waiting for the first answer of " + text::CleanLine(wait.url) + ", " +
         text::FormatNumber(ToSeconds(wait.so_far)) + " s so far; gives up after " +
         text::FormatNumber(ToSeconds(wait.limit)) + " s at the latest";
}

ProgressPrinter::ProgressPrinter(std::FILE* out, std::optional<bool> terminal)
    : out_(out),
      terminal_(terminal ? *terminal : report::IsLive(out)),
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

  // A line that fills the terminal would wrap, and could not be rewritten.
  std::string line = FormatProgress(snapshot, rate, report::ColumnsOf(out_) - 1, terminal_);
  if (terminal_) {
    line = "\r" + line + "\033[K";
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
