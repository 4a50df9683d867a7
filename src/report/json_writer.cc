#include "llmload/report/json_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <exception>
#include <nlohmann/json.hpp>
#include <system_error>

namespace llmload {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFileNameLength = 200;

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json Number(const std::optional<double>& value) { return value ? Number(*value) : Json(nullptr); }
Json InSeconds(const std::optional<Duration>& value) {
  return value ? Json(ToSeconds(*value)) : Json(nullptr);
}
template <class T>
Json Optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string Timestamp(std::chrono::system_clock::time_point at) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(at - whole).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm utc{};
  char date[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) {
    std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  }
  char text[48];
  std::snprintf(text, sizeof(text), "%s.%03dZ", date, static_cast<int>(millis));
  return text;
}

Json Percentile(const QuantileBounds& bounds) {
  return {{"value_seconds", InSeconds(bounds.value)},
          {"lower_seconds", InSeconds(bounds.lower)},
          {"upper_seconds", InSeconds(bounds.upper)}};
}

Json Latency(const LatencySummary& latency) {
  Json json{{"count", latency.count}};
  if (latency.count == 0) return json;
  json["mean_seconds"] = InSeconds(latency.mean);
  json["min_seconds"] = InSeconds(latency.min);
  json["max_seconds"] = InSeconds(latency.max);
  json["p50"] = Percentile(latency.p50);
  json["p90"] = Percentile(latency.p90);
  json["p95"] = Percentile(latency.p95);
  json["p99"] = Percentile(latency.p99);
  json["p99_9"] = Percentile(latency.p999);
  json["overflow_count"] = latency.overflow_count;
  json["negative_count"] = latency.negative_count;
  return json;
}

Json Adjusted(const FailureAdjusted& figures) {
  return {{"count", figures.count},
          {"p50_seconds", InSeconds(figures.p50)},
          {"p95_seconds", InSeconds(figures.p95)},
          {"p99_seconds", InSeconds(figures.p99)}};
}

Json Criteria(const std::vector<CriterionResult>& criteria) {
  Json list = Json::array();
  for (const CriterionResult& result : criteria) {
    list.push_back({{"name", result.name},
                    {"unit", result.unit},
                    {"comparison", ToString(result.comparison)},
                    {"bound", Number(result.bound)},
                    {"observed", Number(result.observed)},
                    {"observed_lower", Number(result.observed_lower)},
                    {"observed_upper", Number(result.observed_upper)},
                    {"samples", result.samples},
                    {"verdict", ToString(result.verdict)},
                    {"message", result.message}});
  }
  return list;
}

void AddMetrics(Json& json, const MetricsSummary& m) {
  json["requests"] = {{"scheduled", m.scheduled},   {"sent", m.sent},
                      {"completed", m.completed()}, {"succeeded", m.succeeded},
                      {"failed", m.failed},         {"dropped", m.dropped},
                      {"unfinished", m.unfinished}, {"failed_over", m.failed_over},
                      {"attempts", m.attempts}};
  json["rates"] = {{"success_rate", Number(m.success_rate)},
                   {"offered_rate_per_second", Number(m.offered_rate_per_second)},
                   {"throughput_per_second", Number(m.throughput_per_second)},
                   {"success_throughput_per_second", Number(m.success_throughput_per_second)},
                   {"output_tokens_per_second", Number(m.output_tokens_per_second)},
                   {"goodput_per_second", Number(m.goodput_per_second)},
                   {"good_fraction", Number(m.good_fraction)},
                   {"attempts_per_request", Number(m.attempts_per_request)}};
  json["latency"] = {{"scheduled", Latency(m.scheduled_latency)},
                     {"service", Latency(m.service_latency)},
                     {"time_to_first_token", Latency(m.ttft)},
                     {"time_to_first_output_token", Latency(m.ttfo)},
                     {"time_per_output_token", Latency(m.tpot)},
                     {"inter_chunk", Latency(m.chunk_gap)},
                     {"service_time_per_token", Latency(m.time_per_token)},
                     {"failed", Latency(m.failed_latency)},
                     {"schedule_lag", Latency(m.schedule_lag)},
                     {"failover_overhead", Latency(m.failover_overhead)},
                     {"failover_added", Latency(m.failover_added_latency)}};
  json["failure_adjusted"] = {{"scheduled", Adjusted(m.scheduled_latency_adjusted)},
                              {"service", Adjusted(m.service_latency_adjusted)}};
  json["errors"] = Json::array();
  for (const ErrorCount& error : m.errors) {
    if (error.count == 0) continue;
    json["errors"].push_back({{"kind", ToString(error.kind)},
                              {"class", ToString(Classify(error.kind))},
                              {"count", error.count},
                              {"first_message", error.first_message}});
  }
  json["providers"] = Json::array();
  for (const ProviderUsage& usage : m.providers) {
    json["providers"].push_back({{"name", usage.name},
                                 {"region", usage.region},
                                 {"model", usage.model},
                                 {"attempts", usage.attempts},
                                 {"successes", usage.successes},
                                 {"failures", usage.failures},
                                 {"rejected", usage.rejected},
                                 {"answered", usage.answered},
                                 {"output_tokens", usage.output_tokens},
                                 {"attempt_latency", Latency(usage.attempt_latency)},
                                 {"attempt_time_to_first_token", Latency(usage.attempt_ttft)}});
  }
  json["tokens"] = {{"input", m.tokens.input},
                    {"cached_input", m.tokens.cached_input},
                    {"output", m.tokens.output},
                    {"reasoning", m.tokens.reasoning},
                    {"partial_output", m.tokens.partial_output},
                    {"counted_requests", m.tokens.counted_requests}};
}

// One array per figure: what a plot wants.
Json Series(const TimeSeries& series) {
  Json json{{"interval_seconds", InSeconds(series.interval)}};
  const auto add = [&](const char* name, auto read) {
    Json& list = json[name] = Json::array();
    for (const SeriesPoint& point : series.points) list.push_back(read(point));
  };
  add("scheduled", [](const SeriesPoint& p) { return Json(p.scheduled); });
  add("sent", [](const SeriesPoint& p) { return Json(p.sent); });
  add("succeeded", [](const SeriesPoint& p) { return Json(p.succeeded); });
  add("failed", [](const SeriesPoint& p) { return Json(p.failed); });
  add("dropped", [](const SeriesPoint& p) { return Json(p.dropped); });
  add("in_flight", [](const SeriesPoint& p) { return Json(p.in_flight); });
  add("token_events", [](const SeriesPoint& p) { return Json(p.token_events); });
  add("p50_seconds", [](const SeriesPoint& p) { return InSeconds(p.p50); });
  add("p95_seconds", [](const SeriesPoint& p) { return InSeconds(p.p95); });
  add("p99_seconds", [](const SeriesPoint& p) { return InSeconds(p.p99); });
  return json;
}

Json Generator(const GeneratorHealth& health) {
  Json json{{"real_time", health.real_time}};
  json["workers"] = Json::array();
  for (const WorkerHealth& worker : health.workers) {
    json["workers"].push_back({{"wall_seconds", InSeconds(worker.wall)},
                               {"cpu_seconds", InSeconds(worker.cpu)},
                               {"cpu_share", Number(worker.CpuShare())},
                               {"saturated_share", Number(worker.SaturatedShare())}});
  }
  json["event_loop_delay"] = Latency(health.loop_delay);
  json["descriptors"] = {{"failures", health.descriptor_failures},
                         {"peak", Optional(health.descriptors_peak)},
                         {"limit", Optional(health.descriptor_limit)}};
  json["ports"] = {{"failures", health.port_failures},
                   {"ephemeral", Optional(health.ephemeral_ports)}};
  const ConnectionCounters& c = health.connections;
  json["connections"] = {{"connects", c.connects},
                         {"tls_handshakes", c.tls_handshakes},
                         {"tls_resumptions", c.tls_resumptions},
                         {"dns_lookups", c.dns_lookups},
                         {"reuses", c.reuses},
                         {"stale", c.stale},
                         {"reuse_ratio", Number(health.ReuseRatio())},
                         {"dns_seconds", InSeconds(c.dns_time)},
                         {"connect_seconds", InSeconds(c.connect_time)},
                         {"tls_seconds", InSeconds(c.tls_time)}};
  return json;
}

Json Resource(const ResourceSummary& r) {
  Json json{{"label", r.label}, {"pid", Optional(r.pid)}, {"samples", r.samples}};
  json["lost_reason"] = r.lost_reason.empty() ? Json(nullptr) : Json(r.lost_reason);
  json["rss_bytes"] = {{"initial", r.rss_initial_bytes},
                       {"final", r.rss_final_bytes},
                       {"min", r.rss_min_bytes},
                       {"peak", r.rss_peak_bytes},
                       {"mean", Number(r.rss_mean_bytes)}};
  json["rss_increase"] = Number(r.increase);
  json["rss_peak_ratio"] = Number(r.peak_ratio);
  json["rss_growth"] = Number(r.growth);
  const auto& slope = r.slope_bytes_per_second;
  json["rss_slope_bytes_per_second"] = slope ? Json{{"value", Number(slope->slope)},
                                                    {"lower", Number(slope->lower)},
                                                    {"upper", Number(slope->upper)}}
                                             : Json(nullptr);
  const auto& leak = r.slope_bytes_per_request;
  json["rss_slope_bytes_per_request"] = leak ? Json{{"value", Number(leak->slope)},
                                                    {"lower", Number(leak->lower)},
                                                    {"upper", Number(leak->upper)},
                                                    {"settling", leak->settling}}
                                             : Json(nullptr);
  json["cpu_percent"] = {{"min", Number(r.cpu_min_percent)},
                         {"mean", Number(r.cpu_mean_percent)},
                         {"max", Number(r.cpu_max_percent)}};
  json["threads"] = {{"min", r.threads_min}, {"max", r.threads_max}};
  json["descriptors"] = {{"min", Optional(r.descriptors_min)},
                         {"max", Optional(r.descriptors_max)}};
  json["series"] = Json::array();
  for (const ResourceSample& sample : r.series) {
    json["series"].push_back({{"at_seconds", InSeconds(sample.at - r.series.front().at)},
                              {"rss_bytes", sample.rss_bytes},
                              {"cpu_percent", Number(sample.cpu_percent)},
                              {"threads", sample.threads},
                              {"descriptors", Optional(sample.descriptors)},
                              {"requests", Optional(sample.requests)}});
  }
  return json;
}

// A file that exists under its temporary name only until it is committed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    created_ = descriptor_ >= 0;
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (created_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  bool created() const { return created_; }

  // Each returns false with errno set.
  bool Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  bool CommitTo(const std::filesystem::path& target) {
    // Some file systems cannot sync; that alone loses nothing.
    if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) return false;
    const int descriptor = std::exchange(descriptor_, -1);
    if (close(descriptor) != 0) return false;
    if (rename(path_.c_str(), target.c_str()) != 0) return false;
    created_ = false;
    return true;
  }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool created_ = false;
};

std::string SystemMessage(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

void WriteFile(const std::string& text, WriteOutcome& outcome) {
  static std::atomic<unsigned> serial{0};
  const std::filesystem::path temporary =
      outcome.path.parent_path() / ("." + outcome.path.filename().string() + "." +
                                    std::to_string(getpid()) + "." + std::to_string(++serial));
  TemporaryFile file(temporary);
  if (!file.created()) {
    outcome.error = SystemMessage("cannot create report file " + temporary.string(), errno);
  } else if (!file.Write(text) || !file.CommitTo(outcome.path)) {
    outcome.error = SystemMessage("cannot write report " + outcome.path.string(), errno);
  }
}

}  // namespace

std::string ToJson(const RunReport& report) {
  Json json;
  json["schema"] = kReportSchema;
  json["test"] = report.test_name;
  json["started_at"] = Timestamp(report.started_at);
  json["duration_seconds"] = InSeconds(report.duration);
  json["verdict"] = ToString(report.verdict);
  json["reason"] = Explain(report);
  json["interrupted"] = report.interrupted;
  json["invalid_reasons"] = report.invalid_reasons;
  json["recommendations"] = report.recommendations;
  json["configuration"] = Json::object();
  for (const auto& [key, value] : report.configuration) json["configuration"][key] = value;
  json["criteria"] = Criteria(report.criteria);
  AddMetrics(json, report.metrics);
  json["series"] = Series(report.metrics.series);
  json["generator"] = Generator(report.health);
  json["resources"] = Json::array();
  for (const ResourceSummary& resource : report.resources) {
    json["resources"].push_back(Resource(resource));
  }
  json["timeline"] = Json::array();
  for (const TimelineEvent& event : report.timeline) {
    json["timeline"].push_back({{"at_seconds", InSeconds(event.at)}, {"what", event.what}});
  }
  json["distributions"] = Json::array();
  for (const NamedDistribution& distribution : report.distributions) {
    Json entry{{"name", distribution.name}, {"unit", distribution.unit}};
    entry.update(Latency(distribution.summary));
    json["distributions"].push_back(std::move(entry));
  }
  json["measurements"] = Json::object();
  for (const auto& [name, value] : report.measurements) {
    json["measurements"][name] = Number(value);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string JsonFileName(const RunReport& report) {
  std::string name;
  for (const char c : report.test_name.substr(0, kMaxFileNameLength)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    name.push_back(plain ? c : '_');
  }
  return (name.empty() ? "report" : name) + ".json";
}

WriteOutcome WriteJsonFile(const RunReport& report, const std::filesystem::path& directory) {
  WriteOutcome outcome;
  try {
    outcome.path = directory / JsonFileName(report);
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (!std::filesystem::is_directory(directory)) {
      if (!error) error = std::make_error_code(std::errc::not_a_directory);
      outcome.error =
          "cannot create report directory " + directory.string() + ": " + error.message();
      return outcome;
    }
  } catch (const std::exception& thrown) {
    outcome.error = "cannot write report " + outcome.path.string() + ": " + thrown.what();
    return outcome;
  }
  return WriteJsonTo(report, outcome.path);
}

WriteOutcome WriteJsonTo(const RunReport& report, const std::filesystem::path& file) {
  WriteOutcome outcome;
  try {
    outcome.path = file;
    WriteFile(ToJson(report), outcome);
  } catch (const std::exception& thrown) {
    outcome.error = "cannot write report " + outcome.path.string() + ": " + thrown.what();
  }
  return outcome;
}

}  // namespace llmload
