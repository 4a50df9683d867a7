#include "src/service/aws_profile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"

namespace llmload {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

// The text without a comment after it: '#' or ';' after white space.
std::string_view WithoutComment(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool after_space = text[i - 1] == ' ' || text[i - 1] == '\t';
    if (after_space && (text[i] == '#' || text[i] == ';')) return text.substr(0, i);
  }
  return text;
}

ConfigurationError Malformed(const std::string& file, int line, const std::string& accepted) {
  return ConfigurationError(file + ", line " + std::to_string(line) + ": expected " + accepted);
}

// The profile that the section header "[...]" names; nullopt for sections of another kind.
std::optional<std::string> ProfileName(std::string_view section, AwsFileKind kind) {
  section = text::Trim(section);
  if (kind == AwsFileKind::kCredentials || section == "default") return std::string(section);
  constexpr std::string_view kPrefix = "profile";
  if (!section.starts_with(kPrefix)) return {};
  std::string_view name = section.substr(kPrefix.size());
  if (name.empty() || (name.front() != ' ' && name.front() != '\t')) return {};
  return std::string(text::Trim(name));
}

std::optional<std::string> ReadFile(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw ConfigurationError(path + ": cannot be read: " + std::strerror(errno));
  }
  std::string text;
  char buffer[4096];
  while (file.read(buffer, sizeof(buffer)) || file.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMaxFileBytes) {
      throw ConfigurationError(path + ": has more than " + std::to_string(kMaxFileBytes) +
                               " bytes");
    }
  }
  return text;
}

}  // namespace

bool ReadAwsProfile(std::string_view text, const std::string& file, AwsFileKind kind,
                    std::string_view profile, AwsProfile& into) {
  bool found = false;
  bool in_section = false;
  bool in_profile = false;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const std::string_view content = text::Trim(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[') {
      const std::size_t close = content.find(']');
      if (close == std::string_view::npos) throw Malformed(file, number, "[SECTION]");
      const auto name = ProfileName(content.substr(1, close - 1), kind);
      in_section = true;
      in_profile = name == profile;
      found = found || in_profile;
      continue;
    }
    // Sub-settings are indented below a setting without a value; none of them is used here.
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (indented && in_section) continue;
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos || equals == 0 || !in_section) {
      throw Malformed(file, number, in_section ? "NAME = VALUE" : "[SECTION] before any setting");
    }
    if (!in_profile) continue;
    const std::string key = text::Lower(text::Trim(content.substr(0, equals)));
    into[key] = text::Trim(WithoutComment(content.substr(equals + 1)));
  }
  return found;
}

bool LoadAwsProfile(const std::string& config_file, const std::string& credentials_file,
                    const std::string& profile, AwsProfile& into) {
  bool found = false;
  if (const auto text = ReadFile(config_file)) {
    found = ReadAwsProfile(*text, config_file, AwsFileKind::kConfig, profile, into);
  }
  if (const auto text = ReadFile(credentials_file)) {
    found =
        ReadAwsProfile(*text, credentials_file, AwsFileKind::kCredentials, profile, into) || found;
  }
  return found;
}

}  // namespace llmload
