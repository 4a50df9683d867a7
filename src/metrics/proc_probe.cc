#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "llmload/metrics/resource_monitor.h"

namespace llmload {
namespace {

std::optional<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad() || text.empty()) return std::nullopt;
  return text;
}

std::optional<std::uint32_t> CountDescriptors(const std::string& directory, bool own) {
  DIR* listing = opendir(directory.c_str());
  if (listing == nullptr) return std::nullopt;
  std::uint32_t count = 0;
  while (const dirent* entry = readdir(listing)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(listing);
  // The listing itself is open while it is read.
  return own && count > 0 ? count - 1 : count;
}

struct StatFields {
  char state = '?';
  std::uint64_t cpu_ticks = 0;
  std::uint32_t threads = 0;
  std::uint64_t start_ticks = 0;
};

// Fields 3, 14, 15, 20 and 22 of /proc/PID/stat (proc(5)). The name in field 2 may itself contain
// spaces and parentheses, so counting begins after the last one.
std::optional<StatFields> ParseStat(const std::string& text) {
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  StatFields stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field <= 13; ++field) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  for (int field = 16; field <= 19; ++field) fields >> skipped;
  fields >> stat.threads >> skipped >> stat.start_ticks;
  if (!fields) return std::nullopt;
  stat.cpu_ticks = user + system;
  return stat;
}

Duration FromTicks(std::uint64_t ticks) {
  static const auto kPerSecond = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  return Duration(static_cast<Duration::rep>(ticks * (1'000'000'000 / kPerSecond)));
}

}  // namespace

ProcProbe::ProcProbe(std::string label, pid_t pid) : label_(std::move(label)), pid_(pid) {}

std::unique_ptr<ProcProbe> ProcProbe::Self(std::string label) {
  return std::make_unique<ProcProbe>(std::move(label), getpid());
}

std::optional<RawUsage> ProcProbe::Fail(std::string reason) {
  failure_ = "process " + std::to_string(pid_) + " " + std::move(reason);
  return std::nullopt;
}

std::optional<RawUsage> ProcProbe::Read() {
  const std::string directory = "/proc/" + std::to_string(pid_);
  errno = 0;
  const auto stat_text = ReadWhole(directory + "/stat");
  if (!stat_text) {
    if (errno == EACCES || errno == EPERM) return Fail("may not be read");
    return Fail(start_ticks_ ? "has ended" : "does not exist");
  }
  const auto stat = ParseStat(*stat_text);
  if (!stat) return Fail("has a stat file of unknown form");
  if (stat->state == 'Z' || stat->state == 'X') return Fail("has ended");
  if (start_ticks_ && *start_ticks_ != stat->start_ticks) {
    return Fail("has ended, and its number belongs to another process");
  }

  const auto statm = ReadWhole(directory + "/statm");
  if (!statm) return Fail("has ended");
  std::istringstream fields(*statm);
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(fields >> total_pages >> resident_pages)) return Fail("has a statm file of unknown form");

  start_ticks_ = stat->start_ticks;
  failure_.clear();
  RawUsage usage;
  usage.rss_bytes = resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  usage.cpu_time = FromTicks(stat->cpu_ticks);
  usage.threads = stat->threads;
  usage.descriptors = CountDescriptors(directory + "/fd", pid_ == getpid());
  return usage;
}

}  // namespace llmload
