// What happened, in ten lines at the end of the screen.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "llmload/report/text_writer.h"
#include "src/report/text_parts.h"

namespace llmload::report {
namespace {

// The longest message that explains failures, in bytes.
constexpr std::size_t kCauseBytes = 120;
constexpr std::size_t kSummaryWidth = 80;
// Before what a line says.
constexpr std::size_t kLabelColumns = 15;
// Of the verdict's reason.
constexpr std::size_t kReasonLines = 2;
constexpr std::size_t kMostKinds = 4;

// The reason as far as it fits into `room` bytes: up to the end of a sentence, or of a part of one.
std::string ShortReason(const std::string& text, std::size_t room) {
  if (text.size() <= room) return text;
  constexpr std::string_view kMore = "; and more.";
  const std::size_t most = room - kMore.size();
  // A place in the first half would leave out what there is room for.
  const auto last = [&text](std::string_view end, std::size_t within, std::size_t least) {
    const std::size_t at = text.rfind(end, within);
    return at != std::string::npos && at >= least ? at : 0;
  };
  if (const std::size_t at = last(". ", room - 1, room / 2)) return text.substr(0, at + 1);
  std::size_t at = last("; ", most, room / 2);
  if (at == 0) at = std::max(last(", ", most, 1), last(" (", most, 1));
  // Not in the middle of what stands in parentheses.
  const std::size_t open = text.rfind(" (", at);
  const std::size_t close = text.rfind(')', at);
  if (open != std::string::npos && (close == std::string::npos || close < open)) at = open;
  if (at == 0) return text.substr(0, last(" ", most - 3, 1)).append("...").append(kMore);
  return text.substr(0, at).append(kMore);
}

// The reason in at most `kReasonLines`.
std::string ReasonFor(const std::string& text, std::size_t width) {
  std::size_t room = kReasonLines * width;
  std::string reason = ShortReason(text, room);
  while (room > width && text::WrapLines(reason, width).size() > kReasonLines) {
    reason = ShortReason(text, room -= 2);
  }
  return reason;
}

std::string ReasonOf(const RunReport& report) {
  const Judgement& judgement = report.judgement;
  if (judgement.verdict == Verdict::kInconclusive && judgement.criteria.empty() &&
      report.record.metrics[Counter::kSucceeded] > 0) {
    return "The measurement is valid. No criterion was given, so there is nothing to judge.";
  }
  return text::CleanLine(Explain(judgement));
}

// "98.5 %", never rounded to all or none.
std::string ShareOf(std::uint64_t part, std::uint64_t whole) {
  if (part == 0 || part == whole) return part == 0 ? "0 %" : "100 %";
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  const double percent = std::floor(share * 1000) / 10;
  return percent < 0.1 ? "under 0.1 %" : text::FormatNumber(percent, 3) + " %";
}

std::string RateText(double per_second) { return RateNumber(per_second) + "/s"; }

std::string TargetText(const RunConfiguration& configuration) {
  std::string text;
  for (const TargetRecord& target : configuration.targets) {
    if (!text.empty()) text += "; ";
    if (!target.name.empty()) text += target.name + ": ";
    text += target.provider.name;
    if (configuration.targets.size() == 1 && !configuration.models.empty()) {
      text += ", " + Joined(configuration.models);
    }
    if (!target.url.empty()) text += " at " + target.url;
  }
  return text::CleanLine(text);
}

std::string LoadText(const RunRecord& run) {
  const auto answered = run.metrics.CompletedThroughput();
  std::string text;
  if (const auto offered = run.OfferedRate()) text = RateText(*offered) + " offered, ";
  text += (answered ? RateText(*answered) : "none") + " answered";
  if (run.configuration.closed_loop) text += " (closed loop)";
  text += ", in " + (run.duration < std::chrono::minutes(2) ? text::FormatDuration(run.duration)
                                                            : text::FormatSpan(run.duration));
  return text + (run.interrupted ? ", interrupted" : "");
}

std::string SuccessText(const MetricsSnapshot& m) {
  const std::uint64_t scheduled = m[Counter::kScheduled];
  if (scheduled == 0) return "no requests were made";
  std::string text = text::FormatCount(m[Counter::kSucceeded]) + " of " +
                     text::FormatCount(scheduled) + " requests (" +
                     ShareOf(m[Counter::kSucceeded], scheduled) + ")";
  const auto add = [&](Counter counter, std::string_view what) {
    if (m[counter] > 0) text.append(", ").append(text::FormatCount(m[counter])).append(what);
  };
  add(Counter::kDropped, " never sent");
  add(Counter::kUnfinished, " unfinished");
  return text;
}

// What the most frequent kind of error says most often; empty without a message.
std::string CauseText(const MetricsSnapshot& m) {
  const std::vector<ErrorKindCount> kinds = ErrorsByFrequency(m);
  if (kinds.empty()) return "";
  const auto& examples = m[kinds.front().kind].examples;
  const auto most =
      std::max_element(examples.begin(), examples.end(),
                       [](const auto& a, const auto& b) { return a.count < b.count; });
  return most == examples.end() ? "" : text::Excerpt(text::CleanLine(most->message), kCauseBytes);
}

// "15: 8 rate_limited (please slow down), 7 server_error".
std::string FailureText(const MetricsSnapshot& m) {
  const std::vector<ErrorKindCount> kinds = ErrorsByFrequency(m);
  const std::string cause = CauseText(m);
  std::string text = text::FormatCount(m[Counter::kFailed]);
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (i < kMostKinds) {
      text += (i == 0 ? ": " : ", ") + KindText(kinds[i]);
      if (i == 0 && !cause.empty()) text += " (" + cause + ")";
    } else {
      others += kinds[i].count;
    }
  }
  if (others > 0) text += ", " + text::FormatCount(others) + " of other kinds";
  return text;
}

// "p50 1.90 s   p95 3.22 s   p99 3.34 s", the columns of two such lines below each other.
std::string TimesText(const Distribution& values) {
  constexpr std::size_t kColumns = 11;
  std::string text;
  for (const double quantile : {0.50, 0.95, 0.99}) {
    std::string cell = "p" + text::FormatNumber(quantile * 100) + " " +
                       text::FormatDuration(values.ValueAtQuantile(quantile));
    const std::size_t columns = text::DisplayWidth(cell);
    text += cell.append(kColumns - std::min(kColumns, columns) + 3, ' ');
  }
  return text;
}

std::string TokensText(const MetricsSnapshot& m) {
  const auto rate = m.OutputTokensPerSecond();
  return (rate ? RateText(*rate) + " of output; " : "") + "in total " +
         text::FormatCount(m[Counter::kOutputTokens]) + " out, " +
         text::FormatCount(m[Counter::kInputTokens]) + " in";
}

// As it would be typed in the working directory, where that is shorter.
std::string ShownPath(const std::string& path) {
  std::error_code error;
  const std::string near = std::filesystem::proximate(path, error).string();
  return text::CleanLine(!error && !near.empty() && near.size() < path.size() ? near : path);
}

// The names of `files`. Where they take more than one line, a table is only mentioned beside its
// report.
std::string FilesText(const std::vector<std::string>& files, std::size_t width) {
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(ShownPath(file));
  if (text::DisplayWidth(Joined(names)) <= width) return Joined(names);
  std::vector<std::string> fewer;
  for (const std::string& name : names) {
    const std::string stem = name.substr(0, name.rfind('.'));
    if (!fewer.empty() && name == stem + ".txt" && fewer.back() == stem + ".json") {
      fewer.back() += " (and .txt)";
    } else {
      fewer.push_back(name);
    }
  }
  return Joined(fewer);
}

}  // namespace
}  // namespace llmload::report

namespace llmload {

std::string ToSummary(const RunReport& report, const std::vector<std::string>& files,
                      std::string_view advice, bool colour, std::size_t width) {
  using namespace report;  // NOLINT(google-build-using-namespace): its parts make up the text
  width = std::min(width, kSummaryWidth);
  const RunRecord& run = report.record;
  const MetricsSnapshot& m = run.metrics;
  const std::string verdict(ToString(report.judgement.verdict));
  std::string out;
  Wrap(out, text::CleanLine(run.name), width, verdict.size() + 2);
  out.replace(0, verdict.size(), Coloured(report.judgement.verdict, colour));
  Wrap(out, ReasonFor(ReasonOf(report), width - 2), width);

  text::Table rows(1);
  const auto add = [&rows](std::string label, std::string value) {
    if (!value.empty()) rows.Add({std::move(label), std::move(value)});
  };
  add("target", TargetText(run.configuration));
  add("rate", LoadText(run));
  add("success", SuccessText(m));
  if (m[Counter::kFailed] > 0) add("failed", FailureText(m));
  if (const Distribution& values = m[Figure::kScheduledLatency]; !values.empty()) {
    add("latency", TimesText(values) + (m[Counter::kFailed] > 0 ? "of successes" : ""));
  }
  if (const Distribution& values = m[Figure::kTtft]; !values.empty()) {
    add("first token", TimesText(values));
  }
  if (m[Counter::kOutputTokens] > 0) add("tokens", TokensText(m));
  // The record holds no cost yet: its line belongs here.
  add("report", files.empty() ? std::string(advice) : FilesText(files, width - kLabelColumns));
  rows.Print(out, width);
  return out;
}

}  // namespace llmload
