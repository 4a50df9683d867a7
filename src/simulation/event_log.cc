#include "llmload/simulation/event_log.h"

#include <algorithm>
#include <cstdio>

namespace llmload::simulation {

namespace {
constexpr std::size_t kMostLines = 200;
}

void EventLog::Add(std::string_view what) { lines_.push_back({clock_.Now(), std::string(what)}); }

std::string EventLog::Text() const {
  std::string text;
  for (const Line& line : lines_) text += Format(line);
  return text;
}

std::string EventLog::Around(TimePoint instant, Duration before, Duration after) const {
  const auto earlier = [](const Line& line, TimePoint at) { return line.at < at; };
  auto first = std::lower_bound(lines_.begin(), lines_.end(), instant - before, earlier);
  const auto middle = std::lower_bound(lines_.begin(), lines_.end(), instant, earlier);
  auto last = std::lower_bound(middle, lines_.end(), instant + after + Duration(1), earlier);
  constexpr auto kHalf = static_cast<std::ptrdiff_t>(kMostLines / 2);
  if (middle - first > kHalf) first = middle - kHalf;
  if (last - middle > kHalf) last = middle + kHalf;
  std::string text;
  for (; first != last; ++first) text += Format(*first);
  return text;
}

std::string EventLog::Format(const Line& line) const {
  char instant[32];
  std::snprintf(instant, sizeof instant, "%14.9f ", ToSeconds(line.at - origin_));
  return instant + line.what + "\n";
}

}  // namespace llmload::simulation
