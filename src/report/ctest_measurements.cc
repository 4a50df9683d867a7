#include "llmload/report/ctest_measurements.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "src/core/text/format.h"
#include "src/core/text/harmless.h"

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
  // `figure` says in which unit the values are.
  void Add(const std::string& prefix, const Distribution& values,
           Figure figure = Figure::kServiceLatency) {
    if (values.empty()) return;
    const std::string unit = InfoOf(figure).unit == FigureUnit::kTime ? "_seconds" : "_tokens";
    Add(prefix + "_mean" + unit, MeanInUnitOf(figure, values.mean()));
    for (const NamedQuantile& row : kQuantiles) {
      Add(prefix + "_" + std::string(row.name) + unit,
          InUnitOf(figure, values.ValueAtQuantile(row.quantile)));
    }
    Add(prefix + "_max" + unit, InUnitOf(figure, values.max()));
  }
  std::vector<std::pair<std::string, double>> Take() { return std::move(list_); }

 private:
  std::vector<std::pair<std::string, double>> list_;
  std::set<std::string> names_;
};

// CTest copies names and values into XML as they are, and a dashboard shows them.
std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text::Harmless(text)) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<' || c == '>' || c == '"') {
      escaped += '_';
    } else {
      escaped += c;
    }
  }
  return escaped;
}

constexpr std::array<std::string_view, 15> kHeadlines{
    "requests_scheduled",
    "requests_succeeded",
    "requests_failed",
    "requests_dropped",
    "requests_unfinished",
    "success_rate",
    "throughput_per_second",
    "goodput_per_second",
    "output_tokens_per_second",
    "attempts_per_request",
    "scheduled_latency_p50_seconds",
    "scheduled_latency_p95_seconds",
    "scheduled_latency_p99_seconds",
    "ttft_p50_seconds",
    "ttft_p95_seconds",
};
constexpr std::size_t kMaxPropertyBytes = 500;

std::string DigitsOf(double value) {
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

std::string MeasurementLine(std::string_view type, std::string_view name,
                            const std::string& value) {
  return "<CTestMeasurement type=\"" + std::string(type) + "\" name=\"" + Escape(name) + "\">" +
         value + "</CTestMeasurement>";
}

}  // namespace

std::vector<std::pair<std::string, double>> CTestMeasurements(const RunReport& report) {
  const RunRecord& run = report.record;
  const MetricsSnapshot& m = run.metrics;
  Collector all;
  for (const CounterInfo& row : kCounters) {
    if (row.counter == Counter::kGood && !m.has_objectives) continue;
    all.Add((row.of_tokens ? "" : "requests_") + std::string(row.name), m[row.counter]);
  }
  all.Add("success_rate", m.SuccessRate());
  all.Add("offered_rate_per_second", run.OfferedRate());
  all.Add("throughput_per_second", m.Throughput());
  all.Add("completed_throughput_per_second", m.CompletedThroughput());
  all.Add("attempts_per_request", m.AttemptsPerRequest());
  all.Add("goodput_per_second", m.Goodput());
  all.Add("good_fraction", m.GoodFraction());
  all.Add("output_tokens_per_second", m.OutputTokensPerSecond());
  for (const FigureInfo& row : kFigures) all.Add(std::string(row.name), m[row.figure], row.figure);
  for (const Figure figure : {Figure::kScheduledLatency, Figure::kServiceLatency}) {
    for (const NamedQuantile& row : kQuantiles) {
      const auto value = m[figure].FailureAdjustedQuantile(row.quantile, m[Counter::kFailed]);
      if (!value) continue;
      all.Add(std::string(InfoOf(figure).name) + "_adjusted_" + std::string(row.name) + "_seconds",
              ToSeconds(*value));
    }
  }
  all.Add("event_loop_delay", run.health.loop_delay);
  all.Add("connection_reuse_ratio", run.health.ReuseRatio());
  for (const ResourceSummary& resource : run.resources) {
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
  for (const NamedDistribution& distribution : run.distributions) {
    all.Add(Slug(distribution.name), distribution.values);
  }
  for (const auto& [name, value] : run.measurements) all.Add(Slug(name), value);
  return all.Take();
}

std::vector<std::pair<std::string, std::string>> HeadlineProperties(const RunReport& report) {
  std::vector<std::pair<std::string, std::string>> properties;
  const auto add = [&](std::string name, std::string_view text) {
    properties.emplace_back(std::move(name),
                            text::Excerpt(text::CleanLine(text), kMaxPropertyBytes));
  };
  const RunRecord& run = report.record;
  std::string models;
  for (const std::string& model : run.configuration.models) {
    models.append(models.empty() ? "" : ", ").append(model);
  }
  add("verdict", ToString(report.judgement.verdict));
  add("reason", Explain(report.judgement));
  add("run_id", run.run_id);
  add("seed", std::to_string(run.configuration.seed));
  add("model", models);
  for (const auto& [name, value] : CTestMeasurements(report)) {
    if (std::find(kHeadlines.begin(), kHeadlines.end(), name) != kHeadlines.end()) {
      add(name, DigitsOf(value));
    }
  }
  return properties;
}

std::string CTestMeasurementLine(std::string_view name, double value) {
  return MeasurementLine("numeric/double", name, DigitsOf(value));
}

std::string CTestTextLine(std::string_view name, std::string_view text) {
  return MeasurementLine("text/string", name, Escape(text));
}

std::optional<std::string> CTestFileLine(std::string_view name, std::string_view path) {
  // CTest takes the path as it stands, up to the next '<'.
  if (path.find('<') != std::string_view::npos || text::Harmless(path) != path) return std::nullopt;
  return "<CTestMeasurementFile type=\"file\" name=\"" + Escape(name) + "\">" + std::string(path) +
         "</CTestMeasurementFile>";
}

std::string ToCTestMeasurements(const RunReport& report) {
  std::string text;
  for (const auto& [name, value] : CTestMeasurements(report)) {
    text += CTestMeasurementLine(name, value) + "\n";
  }
  text += CTestTextLine("verdict", ToString(report.judgement.verdict)) + "\n";
  return text;
}

}  // namespace llmload
