#include "src/report/line_file.h"

#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

namespace llmload::report {
namespace {

// More would keep the memory of a burst.
constexpr std::size_t kMaxSpare = 16;

}  // namespace

LineFile::LineFile(int descriptor, const Options& options)
    : options_(options), descriptor_(descriptor), pieces_(options.writers) {
  thread_ = std::thread([this] { Run(); });
}

LineFile::~LineFile() { Close(); }

void LineFile::HandOver(Piece& piece) noexcept {
  if (piece.lines == 0) return;
  const std::uint64_t lines = std::exchange(piece.lines, 0);
  std::unique_lock lock(mutex_);
  const auto fits = [&] {
    return waiting_bytes_ == 0 || waiting_bytes_ + piece.text.size() <= options_.max_waiting_bytes;
  };
  if (options_.writers_wait) changed_.wait(lock, fits);
  try {
    if (fits()) {
      Waiting& handed = waiting_.emplace_back();
      handed.lines = lines;
      if (!spare_.empty()) {
        handed.text = std::move(spare_.back());
        spare_.pop_back();
      }
      std::swap(handed.text, piece.text);
      waiting_bytes_ += handed.text.size();
      changed_.notify_all();
      return;
    }
  } catch (const std::bad_alloc&) {
    // Without memory for it, it is dropped as well.
  }
  outcome_.dropped += lines;
  piece.text.clear();
}

void LineFile::Flush() noexcept {
  for (Piece& piece : pieces_) {
    const std::lock_guard lock(piece.mutex);
    HandOver(piece);
  }
}

LineFile::Outcome LineFile::Close() {
  if (!thread_.joinable()) return outcome_;
  Flush();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  thread_.join();
  for (const Piece& piece : pieces_) outcome_.dropped += piece.dropped;
  // The last chance of a network file system to say that it could not write.
  if (close(descriptor_) != 0 && outcome_.error == 0) outcome_.error = errno;
  return outcome_;
}

void LineFile::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const bool failed = outcome_.error != 0;
    lock.unlock();
    const int error = failed ? 0 : Write(next.text);
    const std::size_t bytes = next.text.size();
    next.text.clear();
    lock.lock();
    // It counts as waiting until it is written.
    waiting_bytes_ -= bytes;
    if (error != 0) outcome_.error = error;
    (failed || error != 0 ? outcome_.lost : outcome_.written) += next.lines;
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(next.text));
    changed_.notify_all();
  }
}

int LineFile::Write(std::string_view text) {
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = write(descriptor_, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      const int error = errno;
      const std::size_t done = text.size() - left.size();
      const std::size_t whole = text.substr(0, done).rfind('\n') + 1;  // 0 without one
      const off_t end = lseek(descriptor_, 0, SEEK_CUR);
      // Where that fails the file ends with a part of a line, and nothing is left to be done.
      [[maybe_unused]] const bool cut =
          end >= 0 && ftruncate(descriptor_, end - static_cast<off_t>(done - whole)) == 0;
      return error;
    }
  }
  return 0;
}

}  // namespace llmload::report
