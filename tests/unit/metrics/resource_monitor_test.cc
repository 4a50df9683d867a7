#include "llmload/metrics/resource_monitor.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <utility>

#include "llmload/core/virtual_clock.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using test_support::kStart;
using namespace std::chrono_literals;

constexpr std::uint64_t kMegabyte = 1'000'000;

// A process whose usage is a function of how often it was read.
class ScriptedProbe final : public ResourceProbe {
 public:
  using Script = std::function<std::optional<RawUsage>(std::uint64_t reading)>;
  ScriptedProbe(std::string label, Script script)
      : label_(std::move(label)), script_(std::move(script)) {}
  std::string Label() const override { return label_; }
  std::optional<pid_t> Pid() const override { return 4711; }
  std::optional<RawUsage> Read() override { return script_(readings_++); }
  std::string FailureReason() const override { return "process 4711 has ended"; }

 private:
  std::string label_;
  Script script_;
  std::uint64_t readings_ = 0;
};

std::unique_ptr<ScriptedProbe> RssProbe(std::function<std::uint64_t(std::uint64_t)> rss) {
  return std::make_unique<ScriptedProbe>("server", [rss](std::uint64_t i) {
    return RawUsage{.rss_bytes = rss(i), .cpu_time = i * 250ms, .threads = 4, .descriptors = 9};
  });
}

void SampleTimes(ResourceMonitor& monitor, int times, Duration interval = 500ms) {
  for (int i = 0; i < times; ++i) monitor.SampleNow(kStart + i * interval);
}

TEST(ResourceMonitor, SummarisesWhatWasSampled) {
  ResourceMonitor monitor;
  monitor.AddProbe(std::make_unique<ScriptedProbe>("server", [](std::uint64_t i) {
    const std::uint64_t rss[] = {100, 180, 120, 150};
    return RawUsage{.rss_bytes = rss[i] * kMegabyte,
                    .cpu_time = i * i * 100ms,
                    .threads = static_cast<std::uint32_t>(3 + i),
                    .descriptors = static_cast<std::uint32_t>(20 - i)};
  }));
  SampleTimes(monitor, 4);
  const ResourceSummary summary = monitor.Summarise().at(0);
  EXPECT_EQ(summary.label, "server");
  EXPECT_EQ(summary.pid, 4711);
  EXPECT_EQ(summary.samples, 4u);
  EXPECT_EQ(summary.rss_initial_bytes, 100 * kMegabyte);
  EXPECT_EQ(summary.rss_final_bytes, 150 * kMegabyte);
  EXPECT_EQ(summary.rss_min_bytes, 100 * kMegabyte);
  EXPECT_EQ(summary.rss_peak_bytes, 180 * kMegabyte);
  EXPECT_DOUBLE_EQ(summary.rss_mean_bytes, 137.5e6);
  EXPECT_DOUBLE_EQ(summary.increase.value(), 0.5);
  EXPECT_DOUBLE_EQ(summary.peak_ratio.value(), 1.8);
  // CPU time steps of 100, 300, 500 ms over 500 ms each.
  EXPECT_NEAR(summary.cpu_min_percent.value(), 20, 1e-9);
  EXPECT_NEAR(summary.cpu_max_percent.value(), 100, 1e-9);
  EXPECT_NEAR(summary.cpu_mean_percent.value(), 60, 1e-9);
  EXPECT_EQ(summary.threads_min, 3u);
  EXPECT_EQ(summary.threads_max, 6u);
  EXPECT_EQ(summary.descriptors_min, 17u);
  EXPECT_EQ(summary.descriptors_max, 20u);
  EXPECT_TRUE(summary.lost_reason.empty());
}

TEST(ResourceMonitor, OneSampleHasNoTrend) {
  ResourceMonitor monitor;
  monitor.AddProbe(RssProbe([](std::uint64_t) { return kMegabyte; }));
  SampleTimes(monitor, 1);
  const ResourceSummary summary = monitor.Summarise().at(0);
  EXPECT_EQ(summary.increase, std::nullopt);
  EXPECT_EQ(summary.growth, std::nullopt);
  EXPECT_EQ(summary.cpu_mean_percent, std::nullopt);
  EXPECT_FALSE(summary.slope_bytes_per_second);
  EXPECT_DOUBLE_EQ(summary.peak_ratio.value(), 1);
}

TEST(ResourceMonitor, GrowthComparesTheMediansOfTheOuterThirds) {
  ResourceMonitor monitor;
  // 9 samples: first third 10, 10, 90 (median 10), last third 12, 99, 12 (median 12).
  monitor.AddProbe(RssProbe([](std::uint64_t i) {
    const std::uint64_t rss[] = {10, 10, 90, 50, 50, 50, 12, 99, 12};
    return rss[i] * kMegabyte;
  }));
  SampleTimes(monitor, 9);
  EXPECT_NEAR(monitor.Summarise().at(0).growth.value(), 0.2, 1e-12);
}

TEST(ResourceMonitor, SlopeOfALeakIsItsRate) {
  ResourceMonitor monitor;
  monitor.AddProbe(RssProbe([](std::uint64_t i) { return 50 * kMegabyte + i * kMegabyte / 2; }));
  SampleTimes(monitor, 100);  // half a megabyte per half second
  const auto slope = monitor.Summarise().at(0).slope_bytes_per_second;
  ASSERT_TRUE(slope);
  EXPECT_NEAR(slope->slope, 1e6, 1);
  EXPECT_GT(slope->lower, 0);
}

TEST(ResourceMonitor, LeakPerRequestIsTheSlopeOverTheRequestsNotOverTime) {
  ResourceMonitor monitor;
  // Every second sample sees no new request: 7000 bytes for each of the others.
  std::uint64_t requests = 0;
  monitor.CountRequests([&requests] { return requests; });
  monitor.AddProbe(
      RssProbe([&](std::uint64_t i) { return 50 * kMegabyte + 7000 * ((i + 1) / 2); }));
  for (int i = 0; i < 200; ++i) {
    requests = static_cast<std::uint64_t>(i + 1) / 2;
    monitor.SampleNow(kStart + i * 500ms);
  }
  const ResourceSummary summary = monitor.Summarise().at(0);
  ASSERT_TRUE(summary.slope_bytes_per_request);
  EXPECT_NEAR(summary.slope_bytes_per_request->slope, 7000, 1);
  EXPECT_NEAR(summary.slope_bytes_per_request->lower, 7000, 1);
  EXPECT_NEAR(summary.slope_bytes_per_request->upper, 7000, 1);
  EXPECT_FALSE(summary.slope_bytes_per_request->settling);
  EXPECT_NEAR(summary.slope_bytes_per_second.value().slope, 7000, 1);
  EXPECT_EQ(summary.series.back().requests, 100u);
}

TEST(ResourceMonitor, KnowsNoLeakPerRequestWithoutACountOfRequests) {
  ResourceMonitor monitor;
  monitor.AddProbe(RssProbe([](std::uint64_t i) { return i * kMegabyte; }));
  SampleTimes(monitor, 50);
  const ResourceSummary summary = monitor.Summarise().at(0);
  EXPECT_FALSE(summary.slope_bytes_per_request);
  EXPECT_FALSE(summary.series.back().requests);
  EXPECT_TRUE(summary.slope_bytes_per_second);
}

TEST(ResourceMonitor, ThinsALongSeriesButLosesNoExtreme) {
  constexpr int kSamples = 10'000;
  ResourceMonitor monitor(64);
  monitor.AddProbe(RssProbe([](std::uint64_t i) {
    if (i == 4321) return 900 * kMegabyte;
    return (100 + i / 1000) * kMegabyte;
  }));
  SampleTimes(monitor, kSamples);
  const ResourceSummary summary = monitor.Summarise().at(0);
  EXPECT_EQ(summary.samples, static_cast<std::uint64_t>(kSamples));
  EXPECT_LE(summary.series.size(), 65u);
  EXPECT_GE(summary.series.size(), 32u);
  EXPECT_EQ(summary.rss_peak_bytes, 900 * kMegabyte);
  EXPECT_EQ(summary.series.front().at, kStart.time_since_epoch());
  EXPECT_EQ(summary.series.back().at, (kStart + (kSamples - 1) * 500ms).time_since_epoch());
  EXPECT_EQ(monitor.Summarise(kStart).at(0).series.front().at, Duration(0));
  // Even spacing, but for the latest sample at the end.
  const Duration step = summary.series[1].at - summary.series[0].at;
  for (std::size_t i = 1; i + 1 < summary.series.size(); ++i) {
    EXPECT_EQ(summary.series[i].at - summary.series[i - 1].at, step) << i;
  }
}

TEST(ResourceMonitor, KeepsWhatItSawOfAProcessThatEnds) {
  ResourceMonitor monitor;
  int reads = 0;
  monitor.AddProbe(std::make_unique<ScriptedProbe>(
      "server", [&reads](std::uint64_t i) -> std::optional<RawUsage> {
        ++reads;
        if (i >= 3) return std::nullopt;
        return RawUsage{.rss_bytes = 7 * kMegabyte, .threads = 1};
      }));
  monitor.AddProbe(RssProbe([](std::uint64_t) { return kMegabyte; }));
  SampleTimes(monitor, 10);
  const auto summaries = monitor.Summarise();
  EXPECT_EQ(summaries.at(0).samples, 3u);
  EXPECT_EQ(summaries.at(0).lost_reason, "process 4711 has ended");
  EXPECT_EQ(summaries.at(0).rss_final_bytes, 7 * kMegabyte);
  EXPECT_EQ(summaries.at(0).descriptors_max, std::nullopt);
  EXPECT_EQ(reads, 4) << "a lost process is not read again";
  EXPECT_EQ(summaries.at(1).samples, 10u);
}

TEST(ResourceMonitor, RestartTakesTheBaselineAfterTheWarmUp) {
  ResourceMonitor monitor;
  monitor.AddProbe(RssProbe([](std::uint64_t i) { return (i < 5 ? 10 + i : 40) * kMegabyte; }));
  SampleTimes(monitor, 5);
  monitor.Restart();
  EXPECT_EQ(monitor.Latest(), std::nullopt);
  EXPECT_EQ(monitor.Summarise().at(0).samples, 0u);
  monitor.SampleNow(kStart + 10s);
  const ResourceSummary summary = monitor.Summarise().at(0);
  EXPECT_EQ(summary.rss_initial_bytes, 40 * kMegabyte);
  EXPECT_TRUE(summary.cpu_mean_percent) << "CPU is measured from the sample before the restart";
  EXPECT_EQ(monitor.Latest()->rss_bytes, 40 * kMegabyte);
  EXPECT_EQ(monitor.Latest(1), std::nullopt);
}

TEST(ResourceMonitor, RunSamplesAtEveryIntervalUntilCancelled) {
  ResourceMonitor monitor;
  monitor.AddProbe(RssProbe([](std::uint64_t) { return kMegabyte; }));
  VirtualClock clock;
  boost::asio::io_context context;
  boost::asio::cancellation_signal stop;
  bool ended = false;
  boost::asio::co_spawn(context, monitor.Run(clock, 500ms),
                        boost::asio::bind_cancellation_slot(
                            stop.slot(), [&ended](std::exception_ptr) { ended = true; }));
  EXPECT_FALSE(clock.RunUntil(context, clock.Now() + 10s + 1ms));
  EXPECT_EQ(monitor.Summarise().at(0).samples, 21u);
  stop.emit(boost::asio::cancellation_type::terminal);
  context.restart();
  EXPECT_TRUE(clock.Run(context));
  EXPECT_TRUE(ended);
  EXPECT_EQ(monitor.Summarise().at(0).samples, 21u);
}

TEST(ResourceMonitor, RefusesANullProbe) {
  ResourceMonitor monitor;
  EXPECT_THROW(monitor.AddProbe(nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace llmload
