#include "llmload/metrics/local_process.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace llmload {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListen = "0A";  // TCP_LISTEN

// Addresses are printed as host-order hexadecimal 32-bit words.
bool IsLoopbackOrWildcard(std::string_view address) {
  if (address.size() == 8) return address == "00000000" || address.ends_with("7F");
  if (address.size() != 32) return false;
  const std::string_view head = address.substr(0, 24);
  const std::string_view tail = address.substr(24);
  if (head == "000000000000000000000000") return tail == "00000000" || tail == "01000000";
  return head == "0000000000000000FFFF0000" && IsLoopbackOrWildcard(tail);
}

template <class T>
std::optional<T> ParseNumber(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void CollectListeners(const char* table, std::uint16_t port, std::set<std::string>& links) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // headings
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    std::array<std::string, 10> column;
    for (std::string& text : column) columns >> text;
    if (!columns || column[3] != kListen) continue;
    const auto colon = column[1].find(':');
    if (colon == std::string::npos) continue;
    const std::string_view address = std::string_view(column[1]).substr(0, colon);
    const std::string_view port_text = std::string_view(column[1]).substr(colon + 1);
    if (ParseNumber<std::uint16_t>(port_text, 16) != port) continue;
    if (IsLoopbackOrWildcard(address)) links.insert("socket:[" + column[9] + "]");
  }
}

bool HoldsOneOf(const fs::path& descriptors, const std::set<std::string>& links) {
  std::error_code error;
  fs::directory_iterator entry(descriptors, error);
  // Descriptors come and go while they are listed; what cannot be read is skipped.
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code unreadable;
    const fs::path target = fs::read_symlink(entry->path(), unreadable);
    if (!unreadable && links.count(target.string()) > 0) return true;
  }
  return false;
}

}  // namespace

std::vector<pid_t> FindListeningProcesses(std::uint16_t port) {
  std::set<std::string> links;
  CollectListeners("/proc/net/tcp", port, links);
  CollectListeners("/proc/net/tcp6", port, links);
  std::vector<pid_t> found;
  if (links.empty()) return found;
  std::error_code error;
  fs::directory_iterator entry("/proc", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const auto pid = ParseNumber<pid_t>(entry->path().filename().string());
    if (pid && HoldsOneOf(entry->path() / "fd", links)) found.push_back(*pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<pid_t> FindListeningProcess(std::uint16_t port) {
  const std::vector<pid_t> found = FindListeningProcesses(port);
  if (found.empty()) return std::nullopt;
  return found.front();
}

}  // namespace llmload
