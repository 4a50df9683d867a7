#include "src/report/text_sections.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "src/report/text_parts.h"

namespace llmload::report {

using text::CleanLine;
using text::FormatCount;
using text::FormatDuration;
using text::FormatNumber;
using text::Table;

namespace {

// One row of the table of times.
void AddTimes(Table& table, std::string_view name, const Distribution& values) {
  std::vector<std::string> row{std::string(name), FormatCount(values.count())};
  const auto add = [&](Duration value) {
    row.push_back(values.empty() ? std::string(kNothing) : FormatDuration(value));
  };
  for (const NamedQuantile& quantile : kQuantiles) add(values.ValueAtQuantile(quantile.quantile));
  add(values.max());
  add(values.mean());
  add(values.min());
  table.Add(std::move(row));
}

std::string Interval(const QuantileBounds& bounds) {
  return "[" + OptionalDuration(bounds.lower) + ", " + OptionalDuration(bounds.upper) + "]";
}

// What is known of the latencies beside their percentiles, with a row for each of these.
void PrintRequestLatencies(std::string& out, const MetricsSnapshot& m, std::size_t width) {
  constexpr Figure kRequestLatencies[] = {Figure::kScheduledLatency, Figure::kServiceLatency};
  const std::uint64_t failed = m[Counter::kFailed];
  const auto print = [&](std::string_view head, auto cell) {
    out += "\n";
    Table table;
    std::vector<std::string> heads{std::string(head)};
    for (const Figure figure : kRequestLatencies) heads.emplace_back(InfoOf(figure).title);
    table.Add(std::move(heads));
    for (const NamedQuantile& row : kQuantiles) {
      std::vector<std::string> cells{std::string(row.name)};
      for (const Figure figure : kRequestLatencies) cells.push_back(cell(m[figure], row.quantile));
      table.Add(std::move(cells));
    }
    table.Print(out, width);
  };
  print("with each failure as infinitely slow", [&](const Distribution& values, double quantile) {
    return OptionalDuration(values.FailureAdjustedQuantile(quantile, failed), "infinite");
  });
  if (m[Figure::kScheduledLatency].empty()) return;
  print("99 % confidence of", [](const Distribution& values, double quantile) {
    return Interval(values.BoundsAtQuantile(quantile));
  });
}

}  // namespace

void PrintRequests(std::string& out, const RunRecord& run, std::size_t width) {
  const MetricsSnapshot& m = run.metrics;
  Heading(out, "Requests");
  Table table(2);
  for (const CounterInfo& row : kCounters) {
    if (row.of_tokens || (row.counter == Counter::kGood && !m.has_objectives)) continue;
    // How streams arrived, where there is none to judge.
    const bool of_streams =
        row.counter >= Counter::kLongStreams && row.counter <= Counter::kShortStreamsInOnePiece;
    if (of_streams && m[Counter::kLongStreams] == 0) continue;
    table.Add({std::string(row.title), FormatCount(m[row.counter]), std::string(row.meaning)});
  }
  table.Add({"completed", FormatCount(m.Completed()), "succeeded or failed"});
  table.Add({"success rate", Percent(m.SuccessRate()), "succeeded / scheduled"});
  table.Add({"offered rate", Optional(run.OfferedRate(), "/s"),
             "measured arrivals / length of their phases"});
  table.Add({"throughput", Optional(m.Throughput(), "/s"),
             "succeeded / (last completion - first dispatch)"});
  table.Add({"completed throughput", Optional(m.CompletedThroughput(), "/s"),
             "completed / the same time"});
  table.Add({"attempts per request", Optional(m.AttemptsPerRequest()), ""});
  if (m.has_objectives) {
    table.Add(
        {"goodput", Optional(m.Goodput(), "/s"), "good / (last completion - first dispatch)"});
    table.Add({"good fraction", Percent(m.GoodFraction()), "good / scheduled"});
  }
  table.Print(out, width);
}

void PrintTimes(std::string& out, const RunRecord& run, std::size_t width) {
  const MetricsSnapshot& m = run.metrics;
  Heading(out, "Times");
  Table table;
  std::vector<std::string> heads{"", "count"};
  for (const NamedQuantile& row : kQuantiles) heads.emplace_back(row.name);
  table.BreakBefore(heads.size());
  heads.insert(heads.end(), {"max", "mean", "min"});
  table.Add(std::move(heads));
  for (const FigureInfo& row : kFigures) {
    const bool always = row.figure == Figure::kScheduledLatency ||
                        row.figure == Figure::kServiceLatency || row.figure == Figure::kScheduleLag;
    if (row.unit != FigureUnit::kTime) continue;
    if (always || !m[row.figure].empty()) AddTimes(table, row.title, m[row.figure]);
  }
  for (const NamedDistribution& distribution : run.distributions) {
    AddTimes(table, CleanLine(distribution.name), distribution.values);
  }
  table.Print(out, width);
  Wrap(
      out,
      "scheduled latency runs from the scheduled instant, service latency from dispatch; both over "
      "successes",
      width);
  if (m.Completed() == 0) return;
  PrintRequestLatencies(out, m, width);
}

void PrintProviders(std::string& out, const MetricsSnapshot& m, std::size_t width) {
  if (m.providers.empty()) return;
  Heading(out, "Providers");
  Table table;
  table.Add(
      {"", "attempts", "ok", "failed", "refused", "answers", "tokens", "p50", "p95", "p50 TTFT"});
  table.BreakBefore(7);
  const auto duration = [](const Distribution& values, double quantile) {
    return values.empty() ? std::string(kNothing)
                          : FormatDuration(values.ValueAtQuantile(quantile));
  };
  for (const ProviderUsage& usage : m.providers) {
    std::string name = CleanLine(usage.name);
    for (const std::string* part : {&usage.region, &usage.model}) {
      if (!part->empty()) name += ", " + CleanLine(*part);
    }
    table.Add({std::move(name), FormatCount(usage.attempts), FormatCount(usage.successes),
               FormatCount(usage.failures), FormatCount(usage.rejected),
               FormatCount(usage.answered), FormatCount(usage.output_tokens),
               duration(usage.attempt_latency, 0.50), duration(usage.attempt_latency, 0.95),
               duration(usage.attempt_ttft, 0.50)});
  }
  table.Print(out, width);
  Wrap(out, "refused: by an open circuit breaker; p50, p95: of attempts that succeeded", width);
}

void PrintTokens(std::string& out, const MetricsSnapshot& m, std::size_t width) {
  if (m[Counter::kSucceeded] == 0 && m[Counter::kPartialOutputTokens] == 0) return;
  Heading(out, "Tokens");
  Table table(2);
  for (const CounterInfo& row : kCounters) {
    if (!row.of_tokens) continue;
    table.Add({std::string(row.title), FormatCount(m[row.counter]), std::string(row.meaning)});
  }
  table.Add({"output per second", Optional(m.OutputTokensPerSecond(), "/s"), "over the run"});
  if (const Distribution& each = m[Figure::kTimePerToken]; !each.empty()) {
    const auto rate = [&each](double quantile) {
      return FormatNumber(1 / std::max(ToSeconds(each.ValueAtQuantile(quantile)), 1e-9)) + " /s";
    };
    table.Add({"per request, p50", rate(0.50), "output tokens / (completed - dispatched)"});
    table.Add({"per request, slowest 5 %", rate(0.95), "or less"});
  }
  table.Print(out, width);
}

void PrintTimeline(std::string& out, const RunRecord& run, std::size_t width) {
  if (run.timeline.empty()) return;
  Heading(out, "Timeline");
  Table table(1);
  for (const TimelineEvent& event : run.timeline) {
    table.Add({FormatDuration(event.at), CleanLine(event.what)});
  }
  table.Print(out, width);
}

void PrintMeasurements(std::string& out, const RunRecord& run, std::size_t width) {
  if (run.measurements.empty()) return;
  Heading(out, "Measurements");
  Table table;
  for (const auto& [name, value] : run.measurements) {
    table.Add({CleanLine(name), FormatNumber(value)});
  }
  table.Print(out, width);
}

}  // namespace llmload::report
