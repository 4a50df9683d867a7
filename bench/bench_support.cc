#include "bench_support.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace llmload::bench {
namespace {

[[noreturn]] void Refuse(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

}  // namespace

Arguments::Arguments(int argc, char** argv) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (!name.starts_with("--") || i + 1 == argc) {
      Refuse("got \"" + std::string(name) + "\", expected pairs of --name value");
    }
    values_[std::string(name.substr(2))] = argv[i + 1];
  }
}

std::string Arguments::Text(const std::string& name, const std::string& fallback) {
  const auto found = values_.extract(name);
  return found.empty() ? fallback : found.mapped();
}

double Arguments::Number(const std::string& name, double fallback) {
  const std::string text = Text(name);
  if (text.empty()) return fallback;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(value >= 0)) {
    Refuse("--" + name + ": got \"" + text + "\", expected a number that is not negative");
  }
  return value;
}

int Arguments::Integer(const std::string& name, int fallback) {
  return static_cast<int>(Number(name, fallback));
}

void Arguments::Finish() const {
  if (!values_.empty()) Refuse("--" + values_.begin()->first + ": unknown argument");
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::int64_t NowNanoseconds() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

double NowSeconds() { return static_cast<double>(NowNanoseconds()) * 1e-9; }

void RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void PrintFigure(std::string_view item, std::string_view subject, std::string_view name,
                 double value) {
  std::printf("figure %.*s %.*s %.*s %.6g\n", static_cast<int>(item.size()), item.data(),
              static_cast<int>(subject.size()), subject.data(), static_cast<int>(name.size()),
              name.data(), value);
  std::fflush(stdout);
}

std::string StreamPlan::Prompt() const {
  char text[128];
  std::snprintf(text, sizeof(text), "plan streams=%d rate=%.6f events=%d spread=%.3f end", streams,
                rate, events, spread);
  return text;
}

bool StreamPlan::Parse(std::string_view body) {
  const std::size_t at = body.find("plan streams=");
  if (at == std::string_view::npos) return false;
  const std::string text(body.substr(at, 128));
  return std::sscanf(text.c_str(), "plan streams=%d rate=%lf events=%d spread=%lf end", &streams,
                     &rate, &events, &spread) == 4 &&
         streams > 0 && rate > 0 && events > 0;
}

}  // namespace llmload::bench
