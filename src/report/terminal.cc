#include "src/report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "llmload/report/text_writer.h"

namespace llmload::report {
namespace {

constexpr std::size_t kNarrowestWidth = 40;

std::string_view Variable(const char* name) noexcept {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool IsDumb() noexcept { return Variable("TERM") == "dumb"; }

}  // namespace

bool IsTty(std::FILE* out) noexcept {
  const int descriptor = fileno(out);
  return descriptor >= 0 && isatty(descriptor) == 1;
}

std::size_t ColumnsOf(std::FILE* out) noexcept {
  winsize size{};
  if (!IsTty(out) || ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return kReportWidth;
  }
  return std::clamp<std::size_t>(size.ws_col, kNarrowestWidth, kReportWidth);
}

bool HasColours(std::FILE* out) noexcept {
  return IsTty(out) && !IsDumb() && Variable("NO_COLOR").empty();
}

bool IsLive(std::FILE* out) noexcept {
  const std::string_view ci = Variable("CI");
  return IsTty(out) && !IsDumb() && (ci.empty() || ci == "false" || ci == "0");
}

}  // namespace llmload::report
