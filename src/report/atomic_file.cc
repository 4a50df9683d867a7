#include "src/report/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

namespace llmload::report {
namespace {

// A file that exists under its temporary name only until it is committed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    created_ = descriptor_ >= 0;
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (created_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  bool created() const { return created_; }

  // Each returns false with errno set.
  bool Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  bool CommitTo(const std::filesystem::path& target) {
    // Some file systems cannot sync; that alone loses nothing.
    if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) return false;
    const int descriptor = std::exchange(descriptor_, -1);
    if (close(descriptor) != 0) return false;
    if (rename(path_.c_str(), target.c_str()) != 0) return false;
    created_ = false;
    return true;
  }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool created_ = false;
};

std::string SystemMessage(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

// In the directory of `file`, and of no other file of this or another process.
std::filesystem::path TemporaryName(const std::filesystem::path& file) {
  static std::atomic<unsigned> serial{0};
  return file.parent_path() / ("." + file.filename().string() + "." + std::to_string(getpid()) +
                               "." + std::to_string(++serial));
}

}  // namespace

std::string WriteFileAtomically(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path temporary = TemporaryName(file);
  TemporaryFile written(temporary);
  if (!written.created()) {
    return SystemMessage("cannot create report file " + temporary.string(), errno);
  }
  if (!written.Write(text) || !written.CommitTo(file)) {
    return SystemMessage("cannot write report " + file.string(), errno);
  }
  return {};
}

std::string CheckDirectory(const std::filesystem::path& directory) {
  const std::filesystem::path probe = TemporaryName(directory / "probe");
  if (TemporaryFile file(probe); !file.created()) {
    return SystemMessage("cannot write into " + directory.string(), errno);
  }
  return {};
}

}  // namespace llmload::report
