#include "src/judge/bunching.h"

#include <cstdint>

#include "src/core/text/format.h"

namespace llmload::judge {
namespace {

constexpr double kNotableShare = 0.05;
// A reader that is this late at the median makes bunches of its own.
constexpr Duration kLateReader = std::chrono::milliseconds(2);
constexpr int kDelaysBetweenBursts = 5;

std::string Percent(std::uint64_t part, std::uint64_t whole) {
  return text::FormatPercent(static_cast<double>(part) / static_cast<double>(whole), 2);
}

}  // namespace

std::string WhyTokenTimesSayNothing(const RunRecord& record) {
  const MetricsSnapshot& metrics = record.metrics;
  const Distribution& delay = record.health.loop_delay;
  const Distribution& distances = metrics[Figure::kBurstDistance];
  const std::uint64_t streams = metrics[Counter::kLongStreams];
  const bool late_reader = delay.ValueAtQuantile(0.5) > kLateReader;
  std::uint64_t pieces = metrics[Counter::kStreamsInOnePiece];
  if (!late_reader) pieces += metrics[Counter::kShortStreamsInOnePiece];
  const std::uint64_t bursts =
      late_reader ? distances.CountAbove(kDelaysBetweenBursts * delay.ValueAtQuantile(0.99))
                  : distances.count();
  if (streams == 0 ||
      static_cast<double>(pieces + bursts) < kNotableShare * static_cast<double>(streams)) {
    return "";
  }
  if (pieces >= bursts) {
    return "answers arrive in one piece (" + Percent(pieces + bursts, streams) +
           " of streams): a proxy in between buffers, or compresses, or the service does not "
           "stream";
  }
  return "answers arrive in bursts " + text::FormatDuration(distances.ValueAtQuantile(0.5), 2) +
         " apart (" + Percent(pieces + bursts, streams) +
         " of streams): a proxy in between buffers, small packets wait for acknowledgements "
         "(Nagle), "
         "or the service sends in steps";
}

}  // namespace llmload::judge
