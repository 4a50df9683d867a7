#include "llmload/metrics/resource_monitor.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "src/metrics/median.h"

namespace llmload {
namespace {

// Minimum, maximum and mean of a stream of values.
template <class T>
class Extremes {
 public:
  void Add(T value) {
    if (count_ == 0 || value < min_) min_ = value;
    if (count_ == 0 || value > max_) max_ = value;
    sum_ += static_cast<double>(value);
    ++count_;
  }
  bool empty() const { return count_ == 0; }
  T min() const { return min_; }
  T max() const { return max_; }
  double mean() const { return empty() ? 0 : sum_ / static_cast<double>(count_); }

 private:
  T min_{};
  T max_{};
  double sum_ = 0;
  std::uint64_t count_ = 0;
};

std::optional<double> Growth(const std::vector<ResourceSample>& series) {
  const std::size_t third = series.size() / 3;
  if (third == 0) return std::nullopt;
  std::vector<double> first;
  std::vector<double> last;
  for (std::size_t i = 0; i < third; ++i) {
    first.push_back(static_cast<double>(series[i].rss_bytes));
    last.push_back(static_cast<double>(series[series.size() - 1 - i].rss_bytes));
  }
  const double before = Median(std::move(first));
  if (before <= 0) return std::nullopt;
  return (Median(std::move(last)) - before) / before;
}

void SetSlopes(ResourceSummary& summary) {
  std::vector<double> seconds;
  std::vector<double> requests;
  std::vector<double> bytes;
  for (const ResourceSample& sample : summary.series) {
    seconds.push_back(ToSeconds(sample.at - summary.series.front().at));
    bytes.push_back(static_cast<double>(sample.rss_bytes));
    if (sample.requests) requests.push_back(static_cast<double>(*sample.requests));
  }
  summary.slope_bytes_per_second = BlockSlope(seconds, bytes);
  if (requests.size() != bytes.size()) return;
  summary.slope_bytes_per_request = EstimateSustainedSlope(requests, bytes);
}

}  // namespace

struct ResourceMonitor::Track {
  std::shared_ptr<ResourceProbe> probe;
  std::string lost_reason;
  std::optional<std::pair<TimePoint, Duration>>
      last_cpu;  // outlives Restart: CPU needs a sample before

  struct Record {
    std::uint64_t samples = 0;
    std::uint64_t keep_every = 1;
    std::vector<ResourceSample> series;
    std::optional<ResourceSample> first;
    std::optional<ResourceSample> last;
    Extremes<std::uint64_t> rss;
    Extremes<double> cpu;
    Extremes<std::uint32_t> threads;
    Extremes<std::uint32_t> descriptors;
  } record;

  void Sample(TimePoint now, std::optional<std::uint64_t> requests, std::size_t capacity);
  void Keep(const ResourceSample& sample, std::size_t capacity);
  ResourceSummary Summarise() const;
};

void ResourceMonitor::Track::Sample(TimePoint now, std::optional<std::uint64_t> requests,
                                    std::size_t capacity) {
  if (!lost_reason.empty()) return;
  const std::optional<RawUsage> usage = probe->Read();
  if (!usage) {
    lost_reason = probe->FailureReason();
    if (lost_reason.empty()) lost_reason = "could not be read";
    return;
  }
  ResourceSample sample;
  sample.at = now.time_since_epoch();
  sample.requests = requests;
  sample.rss_bytes = usage->rss_bytes;
  sample.threads = usage->threads;
  sample.descriptors = usage->descriptors;
  if (last_cpu && now > last_cpu->first) {
    sample.cpu_percent =
        100 * ToSeconds(usage->cpu_time - last_cpu->second) / ToSeconds(now - last_cpu->first);
  }
  last_cpu = {now, usage->cpu_time};

  record.rss.Add(sample.rss_bytes);
  record.threads.Add(sample.threads);
  if (sample.cpu_percent) record.cpu.Add(*sample.cpu_percent);
  if (sample.descriptors) record.descriptors.Add(*sample.descriptors);
  if (!record.first) record.first = sample;
  record.last = sample;
  Keep(sample, capacity);
}

void ResourceMonitor::Track::Keep(const ResourceSample& sample, std::size_t capacity) {
  const bool wanted = record.samples % record.keep_every == 0;
  ++record.samples;
  if (!wanted) return;
  if (record.series.size() == capacity) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < record.series.size(); i += 2) {
      record.series[kept++] = record.series[i];
    }
    record.series.resize(kept);
    record.keep_every *= 2;
    if ((record.samples - 1) % record.keep_every != 0) return;
  }
  record.series.push_back(sample);
}

ResourceSummary ResourceMonitor::Track::Summarise() const {
  ResourceSummary summary;
  summary.label = probe->Label();
  summary.pid = probe->Pid();
  summary.samples = record.samples;
  summary.lost_reason = lost_reason;
  if (record.samples == 0) return summary;

  summary.rss_initial_bytes = record.first->rss_bytes;
  summary.rss_final_bytes = record.last->rss_bytes;
  summary.rss_min_bytes = record.rss.min();
  summary.rss_peak_bytes = record.rss.max();
  summary.rss_mean_bytes = record.rss.mean();
  summary.threads_min = record.threads.min();
  summary.threads_max = record.threads.max();
  if (!record.cpu.empty()) {
    summary.cpu_min_percent = record.cpu.min();
    summary.cpu_max_percent = record.cpu.max();
    summary.cpu_mean_percent = record.cpu.mean();
  }
  if (!record.descriptors.empty()) {
    summary.descriptors_min = record.descriptors.min();
    summary.descriptors_max = record.descriptors.max();
  }

  const double initial = static_cast<double>(summary.rss_initial_bytes);
  if (initial > 0) {
    if (record.samples >= 2) {
      summary.increase = (static_cast<double>(summary.rss_final_bytes) - initial) / initial;
    }
    summary.peak_ratio = static_cast<double>(summary.rss_peak_bytes) / initial;
  }
  summary.series = record.series;
  // The thinned series may lack the latest sample; the trend should not.
  if (summary.series.back().at != record.last->at) summary.series.push_back(*record.last);
  summary.growth = Growth(summary.series);
  SetSlopes(summary);
  return summary;
}

ResourceMonitor::ResourceMonitor(std::size_t series_capacity)
    : series_capacity_(std::max<std::size_t>(series_capacity, 2)) {}

ResourceMonitor::~ResourceMonitor() = default;

void ResourceMonitor::AddProbe(std::shared_ptr<ResourceProbe> probe) {
  if (probe == nullptr) throw std::invalid_argument("ResourceMonitor::AddProbe: null probe");
  auto track = std::make_unique<Track>();
  track->probe = std::move(probe);
  const std::lock_guard lock(mutex_);
  tracks_.push_back(std::move(track));
}

void ResourceMonitor::CountRequests(std::function<std::uint64_t()> requests) {
  const std::lock_guard lock(mutex_);
  requests_ = std::move(requests);
}

void ResourceMonitor::SampleNow(TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::optional<std::uint64_t> requests;
  if (requests_) requests = requests_();
  for (auto& track : tracks_) track->Sample(now, requests, series_capacity_);
}

boost::asio::awaitable<void> ResourceMonitor::Run(Clock& clock, Duration interval,
                                                  std::function<bool()> warmed_up) {
  if (interval <= Duration::zero()) {
    throw std::invalid_argument("ResourceMonitor::Run: the interval must be positive");
  }
  TimePoint next = clock.Now();
  for (;;) {
    const TimePoint now = clock.Now();
    if (warmed_up && warmed_up()) {
      Restart();
      warmed_up = {};
    }
    SampleNow(now);
    // Whole intervals that were missed are skipped, not caught up with.
    while (next <= now) next += interval;
    co_await clock.SleepUntil(next);
  }
}

void ResourceMonitor::Restart() {
  const std::lock_guard lock(mutex_);
  for (auto& track : tracks_) track->record = Track::Record{};
}

ResourceMonitor::Progress ResourceMonitor::SoFar() const {
  const std::lock_guard lock(mutex_);
  Progress progress;
  for (const auto& track : tracks_) {
    const Track::Record& record = track->record;
    const bool is_first = track == tracks_.front();
    progress.samples = is_first ? record.samples : std::min(progress.samples, record.samples);
    if (!record.first || record.first->rss_bytes == 0) continue;
    progress.peak_ratio =
        std::max(progress.peak_ratio, static_cast<double>(record.rss.max()) /
                                          static_cast<double>(record.first->rss_bytes));
  }
  return progress;
}

std::optional<ResourceSample> ResourceMonitor::Latest(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  if (index >= tracks_.size()) return std::nullopt;
  return tracks_[index]->record.last;
}

std::vector<ResourceSummary> ResourceMonitor::Summarise(TimePoint start) const {
  const std::lock_guard lock(mutex_);
  std::vector<ResourceSummary> summaries;
  summaries.reserve(tracks_.size());
  for (const auto& track : tracks_) {
    ResourceSummary& summary = summaries.emplace_back(track->Summarise());
    for (ResourceSample& sample : summary.series) sample.at -= start.time_since_epoch();
  }
  return summaries;
}

}  // namespace llmload
