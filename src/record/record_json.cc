#include "src/record/record_json.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

#include "src/record/metrics_json.h"

namespace llmload {

using record::IsOf;
using record::Json;
using record::JsonReader;
using record::JsonWriter;
using record::Timestamp;

std::string record::Timestamp(std::chrono::system_clock::time_point at) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(at - whole).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm utc{};
  std::array<char, 32> date{};
  if (gmtime_r(&seconds, &utc) != nullptr) {
    std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s.%03dZ", date.data(), static_cast<int>(millis));
  return text.data();
}

namespace {

// The last one that a time point can hold as a whole.
constexpr int kLastYear = 2261;

std::optional<std::chrono::system_clock::time_point> ParseTimestamp(const std::string& text) {
  std::tm utc{};
  int millis = 0;
  char point = 0;
  char zone = 0;
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  stream >> std::get_time(&utc, "%Y-%m-%dT%H:%M:%S") >> point >> millis >> zone;
  if (!stream || millis < 0 || millis > 999 || utc.tm_year < 70 || utc.tm_year > kLastYear - 1900) {
    return std::nullopt;
  }
  const std::time_t seconds = timegm(&utc);
  const auto at =
      std::chrono::system_clock::from_time_t(seconds) + std::chrono::milliseconds(millis);
  // A date that does not exist, or that is written in another way, comes out as another text.
  if (Timestamp(at) != text) return std::nullopt;
  return at;
}

}  // namespace

template <class Archive, class T>
requires IsOf<T, ProviderIdentity>
static void Visit(Archive& archive, T& identity) {
  archive.Field("name", identity.name);
  archive.Field("region", identity.region);
  archive.Field("credential", identity.credential);
}

template <class Archive, class T>
requires IsOf<T, TargetRecord>
static void Visit(Archive& archive, T& target) {
  archive.Field("name", target.name);
  archive.Field("url", target.url);
  archive.Field("provider", target.provider);
}

template <class Archive, class T>
requires IsOf<T, Detail>
static void Visit(Archive& archive, T& detail) {
  archive.Field("name", detail.name);
  archive.Field("value", detail.value);
}

template <class Archive, class T>
requires IsOf<T, RequestObjectives>
static void Visit(Archive& archive, T& objectives) {
  archive.Field("scheduled_latency_seconds", objectives.scheduled_latency);
  archive.Field("service_latency_seconds", objectives.service_latency);
  archive.Field("ttft_seconds", objectives.ttft);
  archive.Field("ttfo_seconds", objectives.ttfo);
  archive.Field("tpot_seconds", objectives.tpot);
  archive.Field("chunk_gap_seconds", objectives.chunk_gap);
}

template <class Archive, class T>
requires IsOf<T, PhaseStep>
static void Visit(Archive& archive, T& step) {
  archive.Field("begin_seconds", step.begin);
  archive.Field("duration_seconds", step.duration);
  archive.Field("rate_per_second", step.rate_per_second);
}

template <class Archive, class T>
requires IsOf<T, PlannedPhase>
static void Visit(Archive& archive, T& phase) {
  archive.Field("name", phase.name);
  archive.Field("begin_seconds", phase.begin);
  archive.Field("duration_seconds", phase.duration);
  archive.Field("measured", phase.measured);
  archive.Field("lowest_rate_per_second", phase.lowest_rate);
  archive.Field("highest_rate_per_second", phase.highest_rate);
  archive.Field("arrivals", phase.arrivals);
  archive.Field("steps", phase.steps);
}

template <class Archive, class T>
requires IsOf<T, RunConfiguration>
static void Visit(Archive& archive, T& configuration) {
  archive.Field("targets", configuration.targets);
  archive.Field("models", configuration.models);
  archive.Field("schedule", configuration.schedule);
  archive.Field("closed_loop", configuration.closed_loop);
  archive.Field("prompts", configuration.prompts);
  archive.Field("seed", configuration.seed);
  archive.Field("workers", configuration.workers);
  archive.Field("planned_requests", configuration.planned_requests);
  archive.Field("measured_arrivals", configuration.measured_arrivals);
  archive.Field("measured_duration_seconds", configuration.measured_duration);
  archive.Field("min_max_tokens", configuration.min_max_tokens);
  archive.Field("max_max_tokens", configuration.max_max_tokens);
  archive.LaterField("phases", configuration.phases);
  archive.Field("objectives", configuration.objectives);
  archive.Field("details", configuration.details);
}

template <class Archive, class T>
requires IsOf<T, WorkerHealth>
static void Visit(Archive& archive, T& worker) {
  archive.Field("wall_seconds", worker.wall);
  archive.Field("cpu_seconds", worker.cpu);
  archive.Derived("cpu_share", worker.CpuShare());
  archive.Field("windows", worker.windows);
  archive.Field("saturated_windows", worker.saturated_windows);
  archive.Derived("saturated_share", worker.SaturatedShare());
}

template <class Archive, class T>
requires IsOf<T, ConnectionCounters>
static void Visit(Archive& archive, T& counters) {
  archive.Field("connects", counters.connects);
  archive.Field("tls_handshakes", counters.tls_handshakes);
  archive.Field("tls_resumptions", counters.tls_resumptions);
  archive.Field("dns_lookups", counters.dns_lookups);
  archive.Field("reuses", counters.reuses);
  archive.Field("stale", counters.stale);
  archive.Field("dns_seconds", counters.dns_time);
  archive.Field("connect_seconds", counters.connect_time);
  archive.Field("tls_seconds", counters.tls_time);
}

template <class Archive, class T>
requires IsOf<T, GeneratorHealth>
static void Visit(Archive& archive, T& health) {
  archive.Field("real_time", health.real_time);
  archive.Field("workers", health.workers);
  archive.Field("event_loop_delay", health.loop_delay);
  archive.Object("descriptors", [&](auto& inner) {
    inner.Field("failures", health.descriptor_failures);
    inner.Field("peak", health.descriptors_peak);
    inner.Field("limit", health.descriptor_limit);
  });
  archive.Object("ports", [&](auto& inner) {
    inner.Field("failures", health.port_failures);
    inner.Field("ephemeral", health.ephemeral_ports);
  });
  archive.Field("connections", health.connections);
  archive.Derived("connection_reuse_ratio", health.ReuseRatio());
}

template <class Archive, class T>
requires IsOf<T, ResourceSample>
static void Visit(Archive& archive, T& sample) {
  archive.Field("at_seconds", sample.at);
  archive.Field("rss_bytes", sample.rss_bytes);
  archive.Field("cpu_percent", sample.cpu_percent);
  archive.Field("threads", sample.threads);
  archive.Field("descriptors", sample.descriptors);
  archive.Field("requests", sample.requests);
}

template <class Archive, class T>
requires IsOf<T, SlopeEstimate>
static void Visit(Archive& archive, T& slope) {
  archive.Field("value", slope.slope);
  archive.Field("lower", slope.lower);
  archive.Field("upper", slope.upper);
}

template <class Archive, class T>
requires IsOf<T, SustainedSlope>
static void Visit(Archive& archive, T& slope) {
  archive.Field("value", slope.slope);
  archive.Field("lower", slope.lower);
  archive.Field("upper", slope.upper);
  archive.Field("settling", slope.settling);
}

template <class Archive, class T>
requires IsOf<T, ResourceSummary>
static void Visit(Archive& archive, T& r) {
  archive.Field("label", r.label);
  archive.Field("pid", r.pid);
  archive.Field("samples", r.samples);
  archive.Field("lost_reason", r.lost_reason);
  archive.Object("rss_bytes", [&](auto& inner) {
    inner.Field("initial", r.rss_initial_bytes);
    inner.Field("final", r.rss_final_bytes);
    inner.Field("min", r.rss_min_bytes);
    inner.Field("peak", r.rss_peak_bytes);
    inner.Field("mean", r.rss_mean_bytes);
  });
  archive.Field("rss_increase", r.increase);
  archive.Field("rss_peak_ratio", r.peak_ratio);
  archive.Field("rss_growth", r.growth);
  archive.Field("rss_slope_bytes_per_second", r.slope_bytes_per_second);
  archive.Field("rss_slope_bytes_per_request", r.slope_bytes_per_request);
  archive.Object("cpu_percent", [&](auto& inner) {
    inner.Field("min", r.cpu_min_percent);
    inner.Field("mean", r.cpu_mean_percent);
    inner.Field("max", r.cpu_max_percent);
  });
  archive.Object("threads", [&](auto& inner) {
    inner.Field("min", r.threads_min);
    inner.Field("max", r.threads_max);
  });
  archive.Object("descriptors", [&](auto& inner) {
    inner.Field("min", r.descriptors_min);
    inner.Field("max", r.descriptors_max);
  });
  archive.Field("series", r.series);
}

template <class Archive, class T>
requires IsOf<T, TimelineEvent>
static void Visit(Archive& archive, T& event) {
  archive.Field("at_seconds", event.at);
  archive.Field("what", event.what);
}

template <class Archive, class T>
requires IsOf<T, Look>
static void Visit(Archive& archive, T& look) {
  archive.Field("at_seconds", look.at);
  archive.Field("requests", look.requests);
  archive.Field("error", look.error);
  archive.Field("found", look.found);
}

template <class Archive, class T>
requires IsOf<T, NamedDistribution>
static void Visit(Archive& archive, T& distribution) {
  archive.Field("name", distribution.name);
  archive.Field("values", distribution.values);
}

template <class Archive, class T>
requires IsOf<T, NamedValue>
static void Visit(Archive& archive, T& measurement) {
  archive.Field("name", measurement.name);
  archive.Field("value", measurement.value);
}

template <class Archive, class T>
requires IsOf<T, RunOrigin>
static void Visit(Archive& archive, T& origin) {
  archive.Field("version", origin.version);
  archive.Field("commit", origin.commit);
  archive.Field("host", origin.host);
  archive.Field("cpus", origin.cpus);
}

template <class Archive, class T>
requires IsOf<T, RunShares>
static void Visit(Archive& archive, T& shares) {
  archive.Field("of", shares.of);
  archive.Field("present", shares.present);
  if constexpr (Archive::kReads) {
    bool fits = !shares.present.empty();
    for (std::size_t i = 0; i < shares.present.size(); ++i) {
      fits = fits && shares.present[i] < shares.of &&
             (i == 0 || shares.present[i - 1] < shares.present[i]);
    }
    if (!fits) {
      JsonReader::Refuse(archive.Place("present"), archive.At("present"),
                         "ascending numbers from 0 to below \"of\", one at the least");
    }
  }
}

static void WriteRates(const RunRecord& run, JsonWriter& archive) {
  const MetricsSnapshot& m = run.metrics;
  archive.Object("rates", [&](JsonWriter& rates) {
    rates.Field("success_rate", m.SuccessRate());
    rates.Field("offered_rate_per_second", run.OfferedRate());
    rates.Field("throughput_per_second", m.Throughput());
    rates.Field("completed_throughput_per_second", m.CompletedThroughput());
    rates.Field("output_tokens_per_second", m.OutputTokensPerSecond());
    rates.Field("goodput_per_second", m.Goodput());
    rates.Field("good_fraction", m.GoodFraction());
    rates.Field("attempts_per_request", m.AttemptsPerRequest());
  });
  archive.Object("failure_adjusted", [&](JsonWriter& adjusted) {
    for (const Figure figure : {Figure::kScheduledLatency, Figure::kServiceLatency}) {
      adjusted.Object(InfoOf(figure).name, [&](JsonWriter& quantiles) {
        quantiles.Field("count", m[figure].count() + m[Counter::kFailed]);
        for (const NamedQuantile& row : kQuantiles) {
          quantiles.Field(std::string(row.name) + "_seconds",
                          m[figure].FailureAdjustedQuantile(row.quantile, m[Counter::kFailed]));
        }
      });
    }
  });
}

template <class Archive, class T>
requires IsOf<T, RunRecord>
static void Visit(Archive& archive, T& run) {
  archive.Field("name", run.name);
  archive.Field("run_id", run.run_id);
  archive.Field("origin", run.origin);
  if constexpr (Archive::kReads) {
    std::string text;
    archive.Field("started_at", text);
    const auto at = ParseTimestamp(text);
    if (!at) {
      JsonReader::Refuse(archive.Place("started_at"), archive.At("started_at"),
                         "an instant such as \"2026-11-30T02:13:49.000Z\"");
    }
    run.started_at = *at;
  } else {
    archive.Field("started_at", Timestamp(run.started_at));
  }
  archive.Field("duration_seconds", run.duration);
  archive.Field("shares", run.shares);
  archive.Field("interrupted", run.interrupted);
  archive.Field("stopped_because", run.stopped_because);
  archive.Field("aborted_because", run.aborted_because);
  archive.Field("looks", run.looks);
  archive.Field("drained", run.drained);
  archive.Field("faults", run.faults);
  archive.Field("configuration", run.configuration);
  if constexpr (!Archive::kReads) WriteRates(run, archive);
  archive.Field("measured", run.metrics);
  if constexpr (!Archive::kReads) {
    archive.Field("cells", WriteMetricsCells(run.cells));
  } else if (archive.Has("cells")) {
    ReadMetricsCells(archive.At("cells"), archive.Place("cells"), run.cells);
  }
  archive.Field("unmeasured", run.unmeasured);
  archive.Field("generator", run.health);
  archive.Field("resources", run.resources);
  archive.Field("timeline", run.timeline);
  archive.Field("distributions", run.distributions);
  archive.Field("measurements", run.measurements);
}

namespace record {

void WriteRecord(const RunRecord& record, Json& json) {
  JsonWriter archive(json);
  Visit(archive, record);
}

RunRecord ReadRecord(const Json& json, const std::string& file) {
  RunRecord record;
  JsonReader archive(json, file);
  Visit(archive, record);
  return record;
}

}  // namespace record
}  // namespace llmload
