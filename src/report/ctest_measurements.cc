#include "llmload/report/ctest_measurements.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

namespace llmload {
namespace {

// Lower case with '_' between words, as all names are.
std::string Slug(std::string_view text) {
  std::string slug;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain || upper) {
      slug.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
    } else if (!slug.empty() && slug.back() != '_') {
      slug.push_back('_');
    }
  }
  while (!slug.empty() && slug.back() == '_') slug.pop_back();
  return slug.empty() ? "unnamed" : slug;
}

class Collector {
 public:
  void Add(std::string name, double value) {
    if (!std::isfinite(value) || !names_.insert(name).second) return;
    list_.emplace_back(std::move(name), value);
  }
  void Add(std::string name, const std::optional<double>& value) {
    if (value) Add(std::move(name), *value);
  }
  void Add(std::string name, std::uint64_t value) {
    Add(std::move(name), static_cast<double>(value));
  }
  void Add(const std::string& prefix, const LatencySummary& latency) {
    if (latency.count == 0) return;
    Add(prefix + "_mean_seconds", ToSeconds(latency.mean));
    Add(prefix + "_p50_seconds", ToSeconds(latency.p50.value));
    Add(prefix + "_p90_seconds", ToSeconds(latency.p90.value));
    Add(prefix + "_p95_seconds", ToSeconds(latency.p95.value));
    Add(prefix + "_p99_seconds", ToSeconds(latency.p99.value));
    Add(prefix + "_p999_seconds", ToSeconds(latency.p999.value));
    Add(prefix + "_max_seconds", ToSeconds(latency.max));
  }
  void Add(const std::string& prefix, const FailureAdjusted& latency) {
    const auto add = [&](const char* percentile, const std::optional<Duration>& value) {
      if (value) Add(prefix + percentile, ToSeconds(*value));
    };
    add("_adjusted_p50_seconds", latency.p50);
    add("_adjusted_p95_seconds", latency.p95);
    add("_adjusted_p99_seconds", latency.p99);
  }
  std::vector<std::pair<std::string, double>> Take() { return std::move(list_); }

 private:
  std::vector<std::pair<std::string, double>> list_;
  std::set<std::string> names_;
};

// CTest copies names and values into XML as they are.
std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<' || c == '>' || c == '"' || byte < 0x20 || byte == 0x7F) {
      escaped += '_';
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string MeasurementLine(std::string_view type, std::string_view name,
                            const std::string& value) {
  return "<CTestMeasurement type=\"" + std::string(type) + "\" name=\"" + Escape(name) + "\">" +
         value + "</CTestMeasurement>";
}

}  // namespace

std::vector<std::pair<std::string, double>> CTestMeasurements(const RunReport& report) {
  const MetricsSummary& m = report.metrics;
  Collector all;
  all.Add("requests_scheduled", m.scheduled);
  all.Add("requests_succeeded", m.succeeded);
  all.Add("requests_failed", m.failed);
  all.Add("requests_dropped", m.dropped);
  all.Add("requests_unfinished", m.unfinished);
  all.Add("requests_failed_over", m.failed_over);
  all.Add("success_rate", m.success_rate);
  all.Add("offered_rate_per_second", m.offered_rate_per_second);
  all.Add("throughput_per_second", m.throughput_per_second);
  all.Add("success_throughput_per_second", m.success_throughput_per_second);
  all.Add("attempts_per_request", m.attempts_per_request);
  all.Add("goodput_per_second", m.goodput_per_second);
  all.Add("good_fraction", m.good_fraction);
  all.Add("scheduled_latency", m.scheduled_latency);
  all.Add("service_latency", m.service_latency);
  all.Add("scheduled_latency", m.scheduled_latency_adjusted);
  all.Add("service_latency", m.service_latency_adjusted);
  all.Add("ttft", m.ttft);
  all.Add("ttfo", m.ttfo);
  all.Add("tpot", m.tpot);
  all.Add("inter_chunk", m.chunk_gap);
  all.Add("schedule_lag", m.schedule_lag);
  all.Add("failover_overhead", m.failover_overhead);
  all.Add("failover_added_latency", m.failover_added_latency);
  all.Add("event_loop_delay", report.health.loop_delay);
  all.Add("connection_reuse_ratio", report.health.ReuseRatio());
  all.Add("input_tokens", static_cast<double>(m.tokens.input));
  all.Add("output_tokens", static_cast<double>(m.tokens.output));
  all.Add("output_tokens_per_second", m.output_tokens_per_second);
  for (const ResourceSummary& resource : report.resources) {
    if (resource.samples == 0) continue;
    const std::string prefix = Slug(resource.label);
    all.Add(prefix + "_rss_initial_bytes", resource.rss_initial_bytes);
    all.Add(prefix + "_rss_peak_bytes", resource.rss_peak_bytes);
    all.Add(prefix + "_rss_final_bytes", resource.rss_final_bytes);
    all.Add(prefix + "_rss_increase", resource.increase);
    all.Add(prefix + "_rss_peak_ratio", resource.peak_ratio);
    all.Add(prefix + "_rss_growth", resource.growth);
    if (const auto& leak = resource.slope_bytes_per_request) {
      all.Add(prefix + "_rss_slope_bytes_per_request", leak->slope);
    }
    all.Add(prefix + "_cpu_mean_percent", resource.cpu_mean_percent);
  }
  for (const NamedDistribution& distribution : report.distributions) {
    all.Add(Slug(distribution.name), distribution.summary);
  }
  for (const auto& [name, value] : report.measurements) all.Add(Slug(name), value);
  return all.Take();
}

std::string CTestMeasurementLine(std::string_view name, double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return MeasurementLine("numeric/double", name, std::string(digits.data(), end));
}

std::string CTestTextLine(std::string_view name, std::string_view text) {
  return MeasurementLine("text/string", name, Escape(text));
}

std::optional<std::string> CTestFileLine(std::string_view name, std::string_view path) {
  // CTest takes the path as it stands, up to the next '<'.
  const auto unfit = [](char c) { return c == '<' || static_cast<unsigned char>(c) < 0x20; };
  if (std::any_of(path.begin(), path.end(), unfit)) return std::nullopt;
  return "<CTestMeasurementFile type=\"file\" name=\"" + Escape(name) + "\">" + std::string(path) +
         "</CTestMeasurementFile>";
}

std::string ToCTestMeasurements(const RunReport& report) {
  std::string text;
  for (const auto& [name, value] : CTestMeasurements(report)) {
    text += CTestMeasurementLine(name, value) + "\n";
  }
  text += CTestTextLine("verdict", ToString(report.verdict)) + "\n";
  return text;
}

}  // namespace llmload
