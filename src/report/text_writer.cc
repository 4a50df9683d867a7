#include "llmload/report/text_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>

#include "src/report/format.h"

namespace llmload {
namespace {

using report::CleanLine;
using report::FormatBytes;
using report::FormatDuration;
using report::FormatInterval;
using report::FormatNumber;
using report::FormatQuantity;
using report::Table;

constexpr std::size_t kReasonWidth = 100;
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

void PrintHeader(std::string& out, const RunReport& report, bool colour) {
  const std::string rule(80, '=');
  out += rule + "\n" + Coloured(report.verdict, colour) + "  " + CleanLine(report.test_name) + "\n";
  Wrap(out, CleanLine(Explain(report)));
  out += rule + "\n";
  Table table(1);
  table.Add({"started", WallClock(report.started_at)});
  table.Add(
      {"duration", FormatDuration(report.duration) + (report.interrupted ? " (interrupted)" : "")});
  for (const auto& [key, value] : report.configuration) {
    table.Add({CleanLine(key), CleanLine(value)});
  }
  table.Print(out);
}

void PrintCriteria(std::string& out, const RunReport& report, bool colour) {
  if (report.criteria.empty()) return;
  Heading(out, "Criteria");
  Table table(5);
  table.Add({"metric", "observed", "99 % confidence", "bound", "samples", "verdict"});
  for (const CriterionResult& result : report.criteria) {
    // Colours only in the last column: they have no width.
    table.Add(
        {CleanLine(result.name), Optional(result.observed, result.unit),
         FormatInterval(result.observed_lower, result.observed_upper, result.unit),
         std::string(ToString(result.comparison)) + " " + FormatQuantity(result.bound, result.unit),
         Count(result.samples), Coloured(result.verdict, colour)});
  }
  table.Print(out);
}

void PrintRequests(std::string& out, const MetricsSummary& m) {
  Heading(out, "Requests");
  Table table(2);
  table.Add({"scheduled", Count(m.scheduled), "arrivals whose time came"});
  table.Add({"sent", Count(m.sent), "handed to the provider"});
  table.Add({"completed", Count(m.completed()), "answered or failed"});
  table.Add({"succeeded", Count(m.succeeded), ""});
  table.Add({"failed", Count(m.failed), ""});
  table.Add({"dropped", Count(m.dropped), "not sent: too many in flight"});
  table.Add({"unfinished", Count(m.unfinished), "in flight when the run stopped"});
  table.Add({"failed over", Count(m.failed_over), "went to more than one provider"});
  table.Add({"success rate", Percent(m.success_rate), "succeeded / scheduled"});
  table.Add({"offered rate", Optional(m.offered_rate_per_second, "/s"),
             "scheduled / length of the schedule"});
  table.Add({"throughput", Optional(m.throughput_per_second, "/s"),
             "completed / (last completion - first dispatch)"});
  table.Add({"throughput of successes", Optional(m.success_throughput_per_second, "/s"),
             "succeeded / the same time"});
  table.Add({"provider attempts", Count(m.attempts), "retries and failover included"});
  table.Add({"attempts per request", Optional(m.attempts_per_request), ""});
  if (m.good) {
    table.Add({"good", Count(*m.good), "met every latency objective"});
    table.Add({"goodput", Optional(m.goodput_per_second, "/s"),
               "good / (last completion - first dispatch)"});
    table.Add({"good fraction", Percent(m.good_fraction), "good / scheduled"});
  }
  table.Print(out);
}

void AddLatency(Table& table, std::string_view name, const LatencySummary& latency) {
  std::vector<std::string> row{std::string(name), Count(latency.count)};
  for (const Duration value :
       {latency.min, latency.mean, latency.p50.value, latency.p90.value, latency.p95.value,
        latency.p99.value, latency.p999.value, latency.max}) {
    row.push_back(latency.count > 0 ? FormatDuration(value) : std::string(kNothing));
  }
  table.Add(std::move(row));
}

std::string Interval(const QuantileBounds& bounds) {
  return "[" + OptionalDuration(bounds.lower, kNothing) + ", " +
         OptionalDuration(bounds.upper, kNothing) + "]";
}

void PrintLatencies(std::string& out, const RunReport& report) {
  const MetricsSummary& m = report.metrics;
  Heading(out, "Times");
  Table table;
  table.Add({"", "count", "min", "mean", "median", "p90", "p95", "p99", "p99.9", "max"});
  AddLatency(table, "scheduled latency", m.scheduled_latency);
  AddLatency(table, "service latency", m.service_latency);
  AddLatency(table, "time to first token", m.ttft);
  AddLatency(table, "time to first output token", m.ttfo);
  AddLatency(table, "time per output token", m.tpot);
  AddLatency(table, "time between chunks", m.chunk_gap);
  AddLatency(table, "latency of failures", m.failed_latency);
  AddLatency(table, "schedule lag", m.schedule_lag);
  AddLatency(table, "failover overhead", m.failover_overhead);
  AddLatency(table, "latency added by failover", m.failover_added_latency);
  for (const NamedDistribution& distribution : report.distributions) {
    AddLatency(table, CleanLine(distribution.name), distribution.summary);
  }
  table.Print(out);
  out +=
      "  scheduled latency runs from the scheduled instant, service latency from dispatch; both "
      "over "
      "successes\n";

  if (m.scheduled_latency_adjusted.count == 0) return;
  out += "\n";
  Table adjusted;
  const auto add = [&](std::string name, const FailureAdjusted& figures) {
    adjusted.Add({std::move(name), Count(figures.count), OptionalDuration(figures.p50, "infinite"),
                  OptionalDuration(figures.p95, "infinite"),
                  OptionalDuration(figures.p99, "infinite")});
  };
  adjusted.Add({"with each failure as infinitely slow", "count", "median", "p95", "p99"});
  add("scheduled latency", m.scheduled_latency_adjusted);
  add("service latency", m.service_latency_adjusted);
  adjusted.Print(out);

  if (m.scheduled_latency.count == 0) return;
  out += "\n";
  Table bounds;
  bounds.Add({"99 % confidence of", "median", "p90", "p95", "p99", "p99.9"});
  const auto add_bounds = [&](std::string name, const LatencySummary& latency) {
    bounds.Add({std::move(name), Interval(latency.p50), Interval(latency.p90),
                Interval(latency.p95), Interval(latency.p99), Interval(latency.p999)});
  };
  add_bounds("scheduled latency", m.scheduled_latency);
  add_bounds("service latency", m.service_latency);
  bounds.Print(out);
}

void PrintErrors(std::string& out, const MetricsSummary& m) {
  if (m.failed == 0) return;
  Heading(out, "Errors");
  Table table(2);
  table.Add({"kind", "count", "the first one"});
  for (const ErrorCount& error : m.errors) {
    if (error.count == 0) continue;
    table.Add(
        {std::string(ToString(error.kind)), Count(error.count), CleanLine(error.first_message)});
  }
  table.Print(out);
}

void PrintProviders(std::string& out, const MetricsSummary& m) {
  if (m.providers.empty()) return;
  Heading(out, "Providers");
  Table table;
  table.Add({"", "region", "model", "attempts", "successes", "failures", "rejected by breaker",
             "requests answered", "p50 attempt", "p95 attempt", "p50 first token",
             "output tokens"});
  const auto word = [](const std::string& text) {
    return text.empty() ? std::string(kNothing) : CleanLine(text);
  };
  const auto duration = [](const LatencySummary& latency, const QuantileBounds& bounds) {
    return latency.count > 0 ? FormatDuration(bounds.value) : std::string(kNothing);
  };
  for (const ProviderUsage& usage : m.providers) {
    table.Add({CleanLine(usage.name), word(usage.region), word(usage.model), Count(usage.attempts),
               Count(usage.successes), Count(usage.failures), Count(usage.rejected),
               Count(usage.answered), duration(usage.attempt_latency, usage.attempt_latency.p50),
               duration(usage.attempt_latency, usage.attempt_latency.p95),
               duration(usage.attempt_ttft, usage.attempt_ttft.p50),
               std::to_string(usage.output_tokens)});
  }
  table.Print(out);
}

void PrintTokens(std::string& out, const MetricsSummary& m) {
  if (m.succeeded == 0 && m.tokens.partial_output == 0) return;
  Heading(out, "Tokens");
  const auto number = [](std::int64_t count) { return std::to_string(count); };
  Table table(2);
  table.Add({"input", number(m.tokens.input), ""});
  table.Add({"  of these cached", number(m.tokens.cached_input), ""});
  table.Add({"output", number(m.tokens.output), ""});
  table.Add({"  of these reasoning", number(m.tokens.reasoning), ""});
  table.Add({"output per second", Optional(m.output_tokens_per_second, "/s"), "over the run"});
  if (m.time_per_token.count > 0) {
    const auto rate = [](Duration each) {
      return FormatNumber(1 / std::max(ToSeconds(each), 1e-9)) + " /s";
    };
    table.Add({"per request, median", rate(m.time_per_token.p50.value),
               "output tokens / (completed - dispatched)"});
    table.Add({"per request, slowest 5 %", rate(m.time_per_token.p95.value), "or less"});
  }
  table.Add({"lost in failed answers", number(m.tokens.partial_output), "token events"});
  table.Add({"answers without usage", Count(m.tokens.counted_requests),
             "their output tokens were counted from events"});
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
  const LatencySummary& delay = health.loop_delay;
  if (delay.count > 0) {
    table.Add({"event-loop delay median / p99 / max", FormatDuration(delay.p50.value) + " / " +
                                                          FormatDuration(delay.p99.value) + " / " +
                                                          FormatDuration(delay.max)});
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

void PrintTimeline(std::string& out, const RunReport& report) {
  if (report.timeline.empty()) return;
  Heading(out, "Timeline");
  Table table(1);
  for (const TimelineEvent& event : report.timeline) {
    table.Add({FormatDuration(event.at), CleanLine(event.what)});
  }
  table.Print(out);
}

void PrintMeasurements(std::string& out, const RunReport& report) {
  if (report.measurements.empty()) return;
  Heading(out, "Measurements");
  Table table;
  for (const auto& [name, value] : report.measurements) {
    table.Add({CleanLine(name), FormatNumber(value)});
  }
  table.Print(out);
}

}  // namespace

std::string ToText(const RunReport& report, bool colour) {
  std::string out;
  PrintHeader(out, report, colour);
  PrintCriteria(out, report, colour);
  PrintRequests(out, report.metrics);
  PrintLatencies(out, report);
  PrintErrors(out, report.metrics);
  PrintProviders(out, report.metrics);
  PrintTokens(out, report.metrics);
  PrintMeasurements(out, report);
  PrintGenerator(out, report.health);
  for (const ResourceSummary& resource : report.resources) PrintProcess(out, resource);
  PrintTimeline(out, report);
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
