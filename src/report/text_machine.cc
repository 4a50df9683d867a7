// The sections of the text report on the machine that ran it: the generator and the processes.
#include <algorithm>
#include <string_view>

#include "src/report/text_parts.h"
#include "src/report/text_sections.h"

namespace llmload::report {

using text::CleanLine;
using text::FormatBytes;
using text::FormatCount;
using text::FormatDuration;
using text::FormatNumber;
using text::Table;

namespace {

std::string OfLimit(const std::optional<std::uint64_t>& peak,
                    const std::optional<std::uint64_t>& limit) {
  return (peak ? FormatCount(*peak) : std::string(kNothing)) + " of " +
         (limit ? FormatCount(*limit) : std::string("no known limit"));
}

std::string Range(const std::optional<double>& low, const std::optional<double>& mean,
                  const std::optional<double>& high) {
  if (!low || !mean || !high) return std::string(kNothing);
  return FormatNumber(*low, 3) + " / " + FormatNumber(*mean, 3) + " / " + FormatNumber(*high, 3);
}

}  // namespace

void PrintGenerator(std::string& out, const GeneratorHealth& health, std::size_t width) {
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
  table.Add({"connects / TLS handshakes / resumed", FormatCount(c.connects) + " / " +
                                                        FormatCount(c.tls_handshakes) + " / " +
                                                        FormatCount(c.tls_resumptions)});
  table.Add({"connections reused / found stale", FormatCount(c.reuses) + " (" +
                                                     Percent(health.ReuseRatio()) + ") / " +
                                                     FormatCount(c.stale)});
  table.Add({"names looked up", FormatCount(c.dns_lookups)});
  table.Add({"mean time of a lookup / connect / TLS handshake",
             OptionalDuration(c.MeanDns(), kNothing) + " / " +
                 OptionalDuration(c.MeanConnect(), kNothing) + " / " +
                 OptionalDuration(c.MeanTls(), kNothing)});
  table.Add({"open files", OfLimit(health.descriptors_peak, health.descriptor_limit)});
  table.Add({"requests without descriptor / port",
             FormatCount(health.descriptor_failures) + " / " + FormatCount(health.port_failures)});
  table.Print(out, width);
}

void PrintProcess(std::string& out, const ResourceSummary& r, std::size_t width) {
  std::string title = "Process: " + CleanLine(r.label);
  if (r.pid) title += " (pid " + std::to_string(*r.pid) + ")";
  out += '\n';
  Wrap(out, title, width, 0);
  Table table(1);
  table.Add({"samples", FormatCount(r.samples)});
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
    table.Add(
        {"threads min / max", FormatCount(r.threads_min) + " / " + FormatCount(r.threads_max)});
    if (r.descriptors_min && r.descriptors_max) {
      table.Add({"open files min / max",
                 FormatCount(*r.descriptors_min) + " / " + FormatCount(*r.descriptors_max)});
    }
  }
  table.Print(out, width);
}

}  // namespace llmload::report
