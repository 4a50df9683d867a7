#include "src/load/worker_probe.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace llmload {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(10);
constexpr Duration kWindow = std::chrono::milliseconds(100);
constexpr double kSaturated = 0.95;
// Ticks of a stall that are recorded one by one: an hour of them.
constexpr int kMaxMissedTicks = 360'000;

}  // namespace

Duration ThreadCpuTime() {
  timespec time{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

boost::asio::awaitable<void> WorkerProbe::Run(Clock& clock, TimePoint start) {
  // Watched from the start of the run on, and not from the first turn of the event loop after it:
  // the first requests may block the loop before that.
  running_ = true;
  begin_ = window_begin_ = start;
  cpu_begin_ = window_cpu_ = cpu_time_();
  for (due_ = begin_ + kTick;;) {
    co_await clock.SleepUntil(due_);
    if (!running_) co_return;
    const TimePoint now = clock.Now();
    Tick(due_, now);
    due_ += ((now - due_) / kTick + 1) * kTick;
  }
}

void WorkerProbe::Tick(TimePoint due, TimePoint now) {
  Duration late = now - due;
  for (int i = 0; i <= kMaxMissedTicks && late >= Duration::zero(); ++i, late -= kTick) {
    loop_delay_.Record(late);
  }
  const Duration window = now - window_begin_;
  if (window < kWindow) return;
  const Duration cpu = cpu_time_();
  const double share =
      static_cast<double>((cpu - window_cpu_).count()) / static_cast<double>(window.count());
  // A window that a long callback stretched counts as the number of windows it spans.
  const auto windows = static_cast<std::uint64_t>(window / kWindow);
  health_.windows += windows;
  if (share >= kSaturated) health_.saturated_windows += windows;
  window_begin_ = now;
  window_cpu_ = cpu;
}

void WorkerProbe::Finish(TimePoint now) {
  if (!running_) return;
  running_ = false;
  // The loop may have been too busy to come to its last ticks.
  if (now >= due_) Tick(due_, now);
  // The run may have been stopped before its start.
  health_.wall = std::max(now - begin_, Duration::zero());
  health_.cpu = cpu_time_() - cpu_begin_;
}

void WorkerProbe::Failed(const Error& error) {
  const LocalShortage shortage = ShortageBehind(error);
  if (shortage == LocalShortage::kDescriptors) ++descriptor_failures_;
  if (shortage == LocalShortage::kPorts) ++port_failures_;
}

LocalShortage ShortageBehind(const Error& error) {
  // A name is not resolved without a descriptor either, but the resolver does not say why it
  // failed; connecting tells.
  if (error.kind != ErrorKind::kConnectFailure) return LocalShortage::kNone;
  if (error.system_error == EMFILE || error.system_error == ENFILE) {
    return LocalShortage::kDescriptors;
  }
  if (error.system_error == EADDRNOTAVAIL) return LocalShortage::kPorts;
  return LocalShortage::kNone;
}

std::optional<std::uint64_t> DescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

std::optional<std::uint64_t> EphemeralPorts() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (!(file >> low >> high) || high < low) return std::nullopt;
  return high - low + 1;
}

std::optional<std::uint64_t> OpenDescriptors() {
  std::error_code error;
  std::uint64_t open = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++open;
  // One of them is the directory itself.
  if (error || open == 0) return std::nullopt;
  return open - 1;
}

}  // namespace llmload
