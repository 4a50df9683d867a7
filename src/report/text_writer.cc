#include "llmload/report/text_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>

#include "src/core/text/format.h"
#include "src/report/error_table.h"

namespace llmload {
namespace {

using text::CleanLine;
using text::FormatBytes;
using text::FormatDuration;
using text::FormatInterval;
using text::FormatNumber;
using text::FormatQuantity;
using text::Table;

constexpr std::size_t kReasonWidth = 98;
constexpr std::string_view kNothing = "-";

std::string Count(std::uint64_t count) { return std::to_string(count); }

std::string Optional(const std::optional<double>& value, std::string_view unit = "") {
  return value ? FormatQuantity(*value, unit) : std::string(kNothing);
}

std::string OptionalDuration(const std::optional<Duration>& value, std::string_view otherwise) {
  return value ? FormatDuration(*value) : std::string(otherwise);
}

std::string Percent(const std::optional<double>& ratio) {
  return ratio ? FormatNumber(*ratio * 100) + " %" : std::string(kNothing);
}

std::string Coloured(Verdict verdict, bool colour) {
  const std::string_view name = ToString(verdict);
  if (!colour) return std::string(name);
  const std::string_view code = verdict == Verdict::kPass           ? "32"
                                : verdict == Verdict::kInconclusive ? "33"
                                : verdict == Verdict::kFail         ? "31"
                                                                    : "35";
  return std::string("\033[1;").append(code).append("m").append(name).append("\033[0m");
}

void Heading(std::string& out, std::string_view title) { out.append("\n").append(title) += '\n'; }

// `text` broken at spaces, each line indented by two.
void Wrap(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > kReasonWidth) {
      end = text.rfind(' ', kReasonWidth);
      if (end == std::string_view::npos || end == 0) end = text.find(' ', kReasonWidth);
      if (end == std::string_view::npos) end = text.size();
    }
    out.append("  ").append(text.substr(0, end)) += '\n';
    text.remove_prefix(end == text.size() ? end : end + 1);
  }
}

std::string WallClock(std::chrono::system_clock::time_point at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm utc{};
  char buffer[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) {
    std::strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S UTC", &utc);
  }
  return buffer;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
  return joined;
}

// "streamed, at most 16 tokens".
std::string AnswersOf(const RunRecord& run) {
  const std::uint64_t sent = run.metrics[Counter::kSent] + run.unmeasured[Counter::kSent];
  if (sent == 0) return "";
  const std::uint64_t streamed =
      run.metrics[Counter::kStreamed] + run.unmeasured[Counter::kStreamed];
  std::string text = streamed == sent ? "streamed"
                     : streamed == 0
                         ? "whole"
                         : Count(streamed) + " streamed, " + Count(sent - streamed) + " whole";
  const auto& least = run.configuration.min_max_tokens;
  const auto& most = run.configuration.max_max_tokens;
  if (least && most) {
    text += ", at most " + std::to_string(*least);
    if (*most != *least) text += " to " + std::to_string(*most);
    text += *most == 1 ? " token" : " tokens";
  }
  return text;
}

void PrintHeader(std::string& out, const RunReport& report, bool colour) {
  const RunRecord& run = report.record;
  const RunConfiguration& configuration = run.configuration;
  const std::string rule(80, '=');
  out +=
      rule + "\n" + Coloured(report.judgement.verdict, colour) + "  " + CleanLine(run.name) + "\n";
  Wrap(out, CleanLine(Explain(report.judgement)));
  out += rule + "\n";
  Table table(1);
  const auto add = [&table](std::string name, const std::string& value) {
    if (!value.empty()) table.Add({std::move(name), CleanLine(value)});
  };
  // What is special about a test comes first.
  for (const Detail& detail : configuration.details) add(CleanLine(detail.name), detail.value);
  for (const Look& look : run.looks) {
    add("look after " + Count(look.requests) + " requests",
        FormatDuration(look.at) + ": " + look.found);
  }
  add("started", WallClock(run.started_at));
  add("duration", FormatDuration(run.duration) + (run.interrupted ? " (interrupted)" : ""));
  for (const TargetRecord& target : configuration.targets) {
    const std::string suffix = target.name.empty() ? "" : " of " + CleanLine(target.name);
    add("provider" + suffix, target.provider.name);
    add("region" + suffix, target.provider.region);
    add("target" + suffix, target.url);
    add("credential" + suffix, target.provider.credential);
  }
  add(configuration.models.size() > 1 ? "models" : "model", Joined(configuration.models));
  add("schedule", configuration.schedule);
  add("prompts", configuration.prompts);
  add("answers", AnswersOf(run));
  add("a good request has", Describe(configuration.objectives));
  if (configuration.planned_requests) {
    add("planned requests", Count(*configuration.planned_requests));
  }
  if (const std::uint64_t warm_up = run.unmeasured[Counter::kScheduled]; warm_up > 0) {
    add("warm-up and cool-down requests", Count(warm_up));
  }
  add("seed", std::to_string(configuration.seed));
  add("workers", std::to_string(configuration.workers));
  if (run.shares.of > 1) {
    add("shares",
        std::to_string(run.shares.present.size()) + " of " + std::to_string(run.shares.of));
  }
  add("run", run.run_id);
  add("llmload", run.origin.version + (run.origin.commit.empty() ? "" : " " + run.origin.commit) +
                     ", on " + run.origin.host);
  table.Print(out);
}

// "1000", and where they resemble their neighbours "1000 like 118".
std::string SamplesOf(const CriterionResult& result) {
  std::string samples = Count(result.samples);
  if (result.effective_samples) {
    samples += " like " + FormatNumber(std::floor(*result.effective_samples));
  }
  return samples;
}

// Each remark once, with the metrics it is about.
void PrintRemarks(std::string& out, const std::vector<CriterionResult>& criteria) {
  for (std::size_t i = 0; i < criteria.size(); ++i) {
    const std::string& remark = criteria[i].remark;
    const auto is_same = [&](const CriterionResult& other) { return other.remark == remark; };
    const auto first = std::find_if(criteria.begin(), criteria.end(), is_same);
    if (remark.empty() || first != criteria.begin() + static_cast<std::ptrdiff_t>(i)) continue;
    std::string names;
    for (std::size_t k = i; k < criteria.size(); ++k) {
      if (is_same(criteria[k])) names += (names.empty() ? "" : ", ") + CleanLine(criteria[k].name);
    }
    Wrap(out, names + ": " + CleanLine(remark) + ".");
  }
}

// What fits into a column: the unit of a rate is said by the metric's name.
std::string ShortUnit(const std::string& unit) {
  return unit == "requests/s" ? "/s" : CleanLine(unit);
}

void PrintCriteria(std::string& out, const RunReport& report, bool colour) {
  if (report.judgement.criteria.empty()) return;
  Heading(out, "Criteria");
  Table table(5);
  const double confidence = report.judgement.criteria.back().confidence;
  table.Add({"metric", "observed", text::FormatPercent(confidence, 4) + " confidence", "bound",
             "samples", "verdict"});
  for (const CriterionResult& result : report.judgement.criteria) {
    // Colours only in the last column: they have no width.
    const std::string unit = ShortUnit(result.unit);
    table.Add({CleanLine(result.name), Optional(result.observed, unit),
               FormatInterval(result.observed_lower, result.observed_upper, unit),
               std::string(ToString(result.comparison)) + " " + FormatQuantity(result.bound, unit),
               SamplesOf(result), Coloured(result.verdict, colour)});
  }
  table.Print(out);
  PrintRemarks(out, report.judgement.criteria);
}

void PrintRequests(std::string& out, const RunRecord& run) {
  const MetricsSnapshot& m = run.metrics;
  Heading(out, "Requests");
  Table table(2);
  for (const CounterInfo& row : kCounters) {
    if (row.of_tokens || (row.counter == Counter::kGood && !m.has_objectives)) continue;
    // How streams arrived, where there is none to judge.
    const bool of_streams =
        row.counter >= Counter::kLongStreams && row.counter <= Counter::kShortStreamsInOnePiece;
    if (of_streams && m[Counter::kLongStreams] == 0) continue;
    table.Add({std::string(row.title), Count(m[row.counter]), std::string(row.meaning)});
  }
  table.Add({"completed", Count(m.Completed()), "succeeded or failed"});
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
  table.Print(out);
}

void AddTimes(Table& table, std::string_view name, const Distribution& values) {
  std::vector<std::string> row{std::string(name), Count(values.count())};
  const auto add = [&](Duration value) {
    row.push_back(values.empty() ? std::string(kNothing) : FormatDuration(value));
  };
  add(values.min());
  add(values.mean());
  for (const NamedQuantile& quantile : kQuantiles) add(values.ValueAtQuantile(quantile.quantile));
  add(values.max());
  table.Add(std::move(row));
}

// The heads of columns with the percentiles of the catalogue.
std::vector<std::string> WithQuantiles(std::vector<std::string> heads) {
  for (const NamedQuantile& row : kQuantiles) heads.emplace_back(row.name);
  return heads;
}

std::string Interval(const QuantileBounds& bounds) {
  return "[" + OptionalDuration(bounds.lower, kNothing) + ", " +
         OptionalDuration(bounds.upper, kNothing) + "]";
}

void PrintTimes(std::string& out, const RunRecord& run) {
  const MetricsSnapshot& m = run.metrics;
  Heading(out, "Times");
  Table table;
  std::vector<std::string> heads = WithQuantiles({"", "count", "min", "mean"});
  heads.emplace_back("max");
  table.Add(std::move(heads));
  for (const FigureInfo& row : kFigures) {
    const bool always = row.figure == Figure::kScheduledLatency ||
                        row.figure == Figure::kServiceLatency || row.figure == Figure::kScheduleLag;
    if (always || !m[row.figure].empty()) AddTimes(table, row.title, m[row.figure]);
  }
  for (const NamedDistribution& distribution : run.distributions) {
    AddTimes(table, CleanLine(distribution.name), distribution.values);
  }
  table.Print(out);
  out +=
      "  scheduled latency runs from the scheduled instant, service latency from dispatch; both "
      "over successes\n";

  const std::uint64_t failed = m[Counter::kFailed];
  if (m.Completed() == 0) return;
  out += "\n";
  Table adjusted;
  adjusted.Add(WithQuantiles({"with each failure as infinitely slow", "count"}));
  constexpr Figure kRequestLatencies[] = {Figure::kScheduledLatency, Figure::kServiceLatency};
  for (const Figure figure : kRequestLatencies) {
    std::vector<std::string> cells{std::string(InfoOf(figure).title),
                                   Count(m[figure].count() + failed)};
    for (const NamedQuantile& row : kQuantiles) {
      cells.push_back(
          OptionalDuration(m[figure].FailureAdjustedQuantile(row.quantile, failed), "infinite"));
    }
    adjusted.Add(std::move(cells));
  }
  adjusted.Print(out);

  if (m[Figure::kScheduledLatency].empty()) return;
  out += "\n";
  Table bounds;
  bounds.Add(WithQuantiles({"99 % confidence of"}));
  for (const Figure figure : kRequestLatencies) {
    std::vector<std::string> cells{std::string(InfoOf(figure).title)};
    for (const NamedQuantile& row : kQuantiles) {
      cells.push_back(Interval(m[figure].BoundsAtQuantile(row.quantile)));
    }
    bounds.Add(std::move(cells));
  }
  bounds.Print(out);
}

void PrintProviders(std::string& out, const MetricsSnapshot& m) {
  if (m.providers.empty()) return;
  Heading(out, "Providers");
  Table table;
  table.Add({"", "region", "model", "attempts", "ok", "failed", "refused", "answers", "p50", "p95",
             "p50 TTFT", "tokens"});
  const auto word = [](const std::string& text) {
    return text.empty() ? std::string(kNothing) : CleanLine(text);
  };
  const auto duration = [](const Distribution& values, double quantile) {
    return values.empty() ? std::string(kNothing)
                          : FormatDuration(values.ValueAtQuantile(quantile));
  };
  for (const ProviderUsage& usage : m.providers) {
    table.Add({CleanLine(usage.name), word(usage.region), word(usage.model), Count(usage.attempts),
               Count(usage.successes), Count(usage.failures), Count(usage.rejected),
               Count(usage.answered), duration(usage.attempt_latency, 0.50),
               duration(usage.attempt_latency, 0.95), duration(usage.attempt_ttft, 0.50),
               std::to_string(usage.output_tokens)});
  }
  table.Print(out);
  out += "  refused: by an open circuit breaker; p50, p95: of attempts that succeeded\n";
}

void PrintTokens(std::string& out, const MetricsSnapshot& m) {
  if (m[Counter::kSucceeded] == 0 && m[Counter::kPartialOutputTokens] == 0) return;
  Heading(out, "Tokens");
  Table table(2);
  for (const CounterInfo& row : kCounters) {
    if (!row.of_tokens) continue;
    table.Add({std::string(row.title), Count(m[row.counter]), std::string(row.meaning)});
  }
  table.Add({"output per second", Optional(m.OutputTokensPerSecond(), "/s"), "over the run"});
  if (const Distribution& each = m[Figure::kTimePerToken]; !each.empty()) {
    const auto rate = [&each](double quantile) {
      return FormatNumber(1 / std::max(ToSeconds(each.ValueAtQuantile(quantile)), 1e-9)) + " /s";
    };
    table.Add({"per request, p50", rate(0.50), "output tokens / (completed - dispatched)"});
    table.Add({"per request, slowest 5 %", rate(0.95), "or less"});
  }
  table.Print(out);
}

std::string OfLimit(const std::optional<std::uint64_t>& peak,
                    const std::optional<std::uint64_t>& limit) {
  return (peak ? Count(*peak) : std::string(kNothing)) + " of " +
         (limit ? Count(*limit) : std::string("no known limit"));
}

void PrintGenerator(std::string& out, const GeneratorHealth& health) {
  if (!health.real_time) return;
  Heading(out, "Generator");
  Table table(1);
  std::optional<double> busiest;
  std::optional<double> saturated;
  for (const WorkerHealth& worker : health.workers) {
    if (const auto share = worker.CpuShare()) busiest = std::max(busiest.value_or(0), *share);
    if (const auto share = worker.SaturatedShare()) {
      saturated = std::max(saturated.value_or(0), *share);
    }
  }
  table.Add({"CPU of the busiest worker", Percent(busiest) + " of one core"});
  table.Add({"CPU saturated", Percent(saturated) + " of the time, worst worker"});
  if (const Distribution& delay = health.loop_delay; !delay.empty()) {
    table.Add({"event-loop delay p50 / p99 / max", FormatDuration(delay.ValueAtQuantile(0.50)) +
                                                       " / " +
                                                       FormatDuration(delay.ValueAtQuantile(0.99)) +
                                                       " / " + FormatDuration(delay.max())});
  }
  const ConnectionCounters& c = health.connections;
  table.Add(
      {"connects / TLS handshakes / resumed",
       Count(c.connects) + " / " + Count(c.tls_handshakes) + " / " + Count(c.tls_resumptions)});
  table.Add({"connections reused / found stale",
             Count(c.reuses) + " (" + Percent(health.ReuseRatio()) + ") / " + Count(c.stale)});
  table.Add({"names looked up", Count(c.dns_lookups)});
  table.Add({"mean time of a lookup / connect / TLS handshake",
             OptionalDuration(c.MeanDns(), kNothing) + " / " +
                 OptionalDuration(c.MeanConnect(), kNothing) + " / " +
                 OptionalDuration(c.MeanTls(), kNothing)});
  table.Add({"open files", OfLimit(health.descriptors_peak, health.descriptor_limit)});
  table.Add({"requests without descriptor / port",
             Count(health.descriptor_failures) + " / " + Count(health.port_failures)});
  table.Print(out);
}

std::string Range(const std::optional<double>& low, const std::optional<double>& mean,
                  const std::optional<double>& high) {
  if (!low || !mean || !high) return std::string(kNothing);
  return FormatNumber(*low, 3) + " / " + FormatNumber(*mean, 3) + " / " + FormatNumber(*high, 3);
}

void PrintProcess(std::string& out, const ResourceSummary& r) {
  std::string title = "Process: " + CleanLine(r.label);
  if (r.pid) title += " (pid " + std::to_string(*r.pid) + ")";
  Heading(out, title);
  Table table(1);
  table.Add({"samples", Count(r.samples)});
  if (!r.lost_reason.empty()) table.Add({"sampling ended early", CleanLine(r.lost_reason)});
  if (r.samples > 0) {
    const auto bytes = [](auto value) { return FormatBytes(static_cast<double>(value)); };
    table.Add({"memory min / mean / peak", bytes(r.rss_min_bytes) + " / " +
                                               bytes(r.rss_mean_bytes) + " / " +
                                               bytes(r.rss_peak_bytes)});
    table.Add({"memory initial -> final",
               bytes(r.rss_initial_bytes) + " -> " + bytes(r.rss_final_bytes)});
    table.Add({"memory increase", Percent(r.increase)});
    table.Add({"peak / initial memory", Optional(r.peak_ratio)});
    table.Add({"memory growth", Percent(r.growth) + " (last third over first third)"});
    if (const auto& slope = r.slope_bytes_per_second) {
      table.Add({"memory slope", bytes(slope->slope) + "/s, 99 % confidence [" +
                                     bytes(slope->lower) + "/s, " + bytes(slope->upper) + "/s]"});
    }
    if (const auto& slope = r.slope_bytes_per_request) {
      table.Add({"memory left per request", bytes(slope->slope) + ", 99 % confidence [" +
                                                bytes(slope->lower) + ", " + bytes(slope->upper) +
                                                "]" + (slope->settling ? ", slowing down" : "")});
    }
    table.Add({"CPU % min / mean / max",
               Range(r.cpu_min_percent, r.cpu_mean_percent, r.cpu_max_percent)});
    table.Add({"threads min / max", Count(r.threads_min) + " / " + Count(r.threads_max)});
    if (r.descriptors_min && r.descriptors_max) {
      table.Add(
          {"open files min / max", Count(*r.descriptors_min) + " / " + Count(*r.descriptors_max)});
    }
  }
  table.Print(out);
}

void PrintTimeline(std::string& out, const RunRecord& run) {
  if (run.timeline.empty()) return;
  Heading(out, "Timeline");
  Table table(1);
  for (const TimelineEvent& event : run.timeline) {
    table.Add({FormatDuration(event.at), CleanLine(event.what)});
  }
  table.Print(out);
}

void PrintMeasurements(std::string& out, const RunRecord& run) {
  if (run.measurements.empty()) return;
  Heading(out, "Measurements");
  Table table;
  for (const auto& [name, value] : run.measurements) {
    table.Add({CleanLine(name), FormatNumber(value)});
  }
  table.Print(out);
}

}  // namespace

std::string ToText(const RunReport& report, bool colour) {
  std::string out;
  PrintHeader(out, report, colour);
  PrintCriteria(out, report, colour);
  const RunRecord& run = report.record;
  PrintRequests(out, run);
  PrintTimes(out, run);
  AppendErrors(run.metrics, out);
  PrintProviders(out, run.metrics);
  PrintTokens(out, run.metrics);
  PrintMeasurements(out, run);
  PrintGenerator(out, run.health);
  for (const ResourceSummary& resource : run.resources) PrintProcess(out, resource);
  PrintTimeline(out, run);
  return out;
}

bool WriteText(std::FILE* out, const RunReport& report) {
  const bool colour = IsTerminal(out) && std::getenv("NO_COLOR") == nullptr;
  const std::string text = ToText(report, colour);
  return std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0;
}

bool IsTerminal(std::FILE* out) noexcept {
  const int descriptor = fileno(out);
  return descriptor >= 0 && isatty(descriptor) == 1;
}

}  // namespace llmload
