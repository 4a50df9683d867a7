#include "tests/unit/record/random_report.h"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

namespace llmload {
namespace {

using namespace std::chrono_literals;

// Fills values in the order in which they are named. No call leaves a field as it was by design: a
// field that is not written or not read back differs with near certainty.
class Filler {
 public:
  explicit Filler(Random& random) : random_(random) {}

  template <class... Fields>
  void All(Fields&... fields) {
    (Fill(fields), ...);
  }

  void Fill(bool& value) { value = random_.Chance(0.5); }
  void Fill(double& value) { value = random_.Normal() * 1e6; }
  void Fill(Duration& value) {
    value = Duration(static_cast<Duration::rep>(random_.Below(100'000'000'000'000)));
  }
  template <std::integral T>
  void Fill(T& value) {
    const std::uint64_t bits = random_.Next() >> random_.Below(64);
    value = static_cast<T>(bits & static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
  }
  void Fill(std::string& value) {
    constexpr std::string_view kPieces[] = {"gpt-4o", " ", "\"",  "\\", "\n", "\x01",
                                            "ä",      "€", "<b>", "/",  "x",  "7"};
    value.clear();
    for (std::uint64_t i = random_.Below(8); i > 0; --i) {
      value += kPieces[random_.Below(std::size(kPieces))];
    }
  }
  template <class T>
  void Fill(std::optional<T>& value) {
    value.reset();
    if (random_.Chance(0.7)) Fill(value.emplace());
  }
  template <class T>
  void Fill(std::vector<T>& values) {
    values.resize(random_.Below(4));
    for (T& value : values) Fill(value);
  }
  template <class T, std::size_t kSize>
  void Fill(std::array<T, kSize>& values) {
    for (T& value : values) Fill(value);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void Fill(Enum& value, Enum last) {
    value = static_cast<Enum>(random_.Below(static_cast<std::uint64_t>(last) + 1));
  }

  void Fill(Distribution& values) {
    values = {};
    for (std::uint64_t i = random_.Below(40); i > 0; --i) {
      values.Record(random_.LogNormal(200ms, 5) - 1us);
    }
    if (random_.Chance(0.1)) values.Record(Duration::max());
  }
  void Fill(SeriesPoint& p) {
    All(p.scheduled, p.sent, p.succeeded, p.failed, p.unfinished, p.dropped, p.token_events);
    FillCells(p.latency);
  }
  void FillCells(std::vector<SeriesCell>& filled) {
    std::set<std::uint16_t> cells;
    for (std::uint64_t i = random_.Below(5); i > 0; --i) {
      cells.insert(static_cast<std::uint16_t>(random_.Below(SeriesCells::kCount)));
    }
    filled.clear();
    for (const std::uint16_t index : cells) {
      const auto count = static_cast<std::uint32_t>(1 + random_.Below(1'000'000));
      filled.push_back({.index = index, .count = count});
    }
  }
  void Fill(Cohort& c) {
    All(c.scheduled, c.succeeded, c.lost, c.completed, c.good, c.attempts, c.output_tokens);
    for (std::vector<SeriesCell>& cells : c.figures) FillCells(cells);
  }
  void Fill(Cohorts& c) {
    c.interval = Cohorts::kShortestInterval * (std::int64_t{1} << random_.Below(12));
    Fill(c.cohorts);
  }
  void Fill(TimeSeries& series) {
    series.interval = std::chrono::seconds(std::int64_t{1} << random_.Below(12));
    Fill(series.points);
  }
  void Fill(ErrorExample& e) {
    All(e.count, e.first, e.message, e.http_status, e.provider, e.code, e.request_id);
  }
  void Fill(ErrorSummary& error) {
    error = {};
    if (random_.Chance(0.5)) return;  // what did not happen is not written
    error.count = 1 + random_.Below(1000);
    All(error.first, error.last, error.examples);
  }
  void Fill(ProviderUsage& u) {
    All(u.name, u.region, u.model, u.attempts, u.successes, u.failures, u.rejected, u.answered,
        u.input_tokens, u.output_tokens, u.attempt_latency, u.attempt_ttft);
  }
  void Fill(FinishReason& f) { All(f.reason, f.count); }
  void Fill(RequestTag& t) { All(t.name, t.value); }
  void Fill(MetricsCell& cell) {
    All(cell.key.phase, cell.key.step, cell.key.model, cell.key.tags, cell.figures);
    SortUnique(cell.key.tags, [](const RequestTag& t) { return std::tie(t.name); });
    cell.figures.series = {};
    cell.figures.providers.clear();
    if (random_.Chance(0.5)) cell.figures.cohorts = {};
  }
  void Fill(PhaseStep& s) { All(s.begin, s.duration, s.rate_per_second); }
  void Fill(PlannedPhase& p) {
    All(p.name, p.begin, p.duration, p.measured, p.lowest_rate, p.highest_rate, p.arrivals,
        p.steps);
  }
  // Sorts the rows by `key` and leaves one of those with the same.
  template <class Row, class Key>
  static void SortUnique(std::vector<Row>& rows, Key key) {
    std::sort(rows.begin(), rows.end(),
              [&](const Row& a, const Row& b) { return key(a) < key(b); });
    rows.erase(std::unique(rows.begin(), rows.end(),
                           [&](const Row& a, const Row& b) { return key(a) == key(b); }),
               rows.end());
  }
  void Fill(MetricsSnapshot& m) {
    All(m.counters, m.distributions, m.errors, m.providers, m.finish_reasons, m.series, m.cohorts,
        m.first_dispatch, m.last_completion, m.has_objectives);
    SortUnique(m.finish_reasons, [](const FinishReason& f) { return std::tie(f.reason); });
    SortUnique(m.providers,
               [](const ProviderUsage& u) { return std::tie(u.name, u.region, u.model); });
  }
  void Fill(RequestObjectives& o) {
    All(o.scheduled_latency, o.service_latency, o.ttft, o.ttfo, o.tpot, o.chunk_gap);
  }
  void Fill(ProviderIdentity& i) { All(i.name, i.region, i.credential); }
  void Fill(TargetRecord& t) { All(t.name, t.url, t.provider); }
  void Fill(Detail& d) { All(d.name, d.value); }
  void Fill(RunOrigin& o) { All(o.version, o.commit, o.host, o.cpus); }
  void Fill(RunConfiguration& c) {
    All(c.targets, c.models, c.schedule, c.closed_loop, c.prompts, c.seed, c.workers,
        c.planned_requests, c.measured_arrivals, c.measured_duration, c.min_max_tokens,
        c.max_max_tokens, c.phases, c.objectives, c.details);
  }
  void Fill(WorkerHealth& w) { All(w.wall, w.cpu, w.windows, w.saturated_windows); }
  void Fill(ConnectionCounters& c) {
    All(c.connects, c.tls_handshakes, c.tls_resumptions, c.dns_lookups, c.reuses, c.stale,
        c.dns_time, c.connect_time, c.tls_time);
  }
  void Fill(GeneratorHealth& h) {
    All(h.real_time, h.workers, h.loop_delay, h.descriptor_failures, h.port_failures,
        h.descriptor_limit, h.descriptors_peak, h.ephemeral_ports, h.connections);
  }
  void Fill(ResourceSample& s) {
    All(s.at, s.rss_bytes, s.cpu_percent, s.threads, s.descriptors, s.requests);
  }
  void Fill(SlopeEstimate& s) { All(s.slope, s.lower, s.upper); }
  void Fill(SustainedSlope& s) { All(s.slope, s.lower, s.upper, s.settling); }
  void Fill(ResourceSummary& r) {
    All(r.label, r.pid, r.samples, r.lost_reason, r.rss_initial_bytes, r.rss_final_bytes,
        r.rss_min_bytes, r.rss_peak_bytes, r.rss_mean_bytes, r.cpu_min_percent, r.cpu_max_percent,
        r.cpu_mean_percent, r.threads_min, r.threads_max, r.descriptors_min, r.descriptors_max,
        r.increase, r.peak_ratio, r.growth, r.slope_bytes_per_second, r.slope_bytes_per_request,
        r.series);
  }
  void Fill(TimelineEvent& e) { All(e.at, e.what); }
  void Fill(Look& l) { All(l.at, l.requests, l.error, l.found); }
  void Fill(NamedDistribution& d) { All(d.name, d.values); }
  void Fill(NamedValue& v) { All(v.name, v.value); }
  void Fill(RunRecord& r) {
    All(r.name, r.run_id, r.origin, r.duration, r.configuration, r.metrics, r.cells, r.unmeasured,
        r.health, r.resources, r.timeline, r.distributions, r.measurements, r.interrupted,
        r.stopped_because, r.aborted_because, r.looks, r.drained, r.faults);
    SortUnique(r.cells, [](const MetricsCell& cell) { return std::tie(cell.key); });
    r.SetCells(r.cells);
    r.started_at = std::chrono::sys_time<Duration>(
        std::chrono::milliseconds(random_.Below(4'000'000'000'000)));
    r.shares.of = 1 + static_cast<unsigned>(random_.Below(6));
    r.shares.present.clear();
    for (unsigned i = 0; i < r.shares.of; ++i) {
      if (random_.Chance(0.5)) r.shares.present.push_back(i);
    }
    if (r.shares.present.empty()) r.shares.present = {r.shares.of - 1};
  }
  void Fill(CriterionResult& c) {
    All(c.name, c.unit, c.bound, c.observed, c.observed_lower, c.observed_upper, c.samples,
        c.effective_samples, c.as_observed, c.confidence, c.longer_by, c.message, c.remark);
    if (random_.Chance(0.2)) c.observed_upper = std::numeric_limits<double>::infinity();
    Fill(c.comparison, Comparison::kEqual);
    Fill(c.verdict, Verdict::kInvalid);
  }
  void Fill(GroupResult& g) {
    All(g.group, g.criterion, g.unit, g.observed, g.samples);
    Fill(g.verdict, Verdict::kInvalid);
  }
  void Fill(RampResult& r) { All(r.phase, r.criterion, r.holds_up_to, r.breaks_at); }
  void Fill(Judgement& j) {
    All(j.criteria, j.invalid_reasons, j.recommendations, j.failed_because, j.groups, j.ramps);
    Fill(j.verdict, Verdict::kInvalid);
  }

 private:
  Random& random_;
};

}  // namespace

RunReport RandomReport(Random& random) {
  RunReport report;
  Filler(random).All(report.record, report.judgement);
  report.judgement.aborted_because = report.record.aborted_because;
  return report;
}

}  // namespace llmload
