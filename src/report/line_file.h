// Lines from many threads into one file, without any of them waiting for the disk.
#ifndef LLMLOAD_SRC_REPORT_LINE_FILE_H_
#define LLMLOAD_SRC_REPORT_LINE_FILE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace llmload::report {

/// Whole lines, in the order of their writer each, from several writers. A thread of its own hands
/// them to the file in large pieces. If that cannot keep up, lines are dropped and counted, so that
/// memory has a bound: `max_waiting_bytes` and a piece for each writer. What is in the file is
/// always whole lines, also after the disk was full or the process was killed.
class LineFile {
 public:
  struct Options {
    std::size_t writers = 1;
    std::size_t piece_bytes = std::size_t{256} << 10;
    std::size_t max_waiting_bytes = std::size_t{64} << 20;
    /// Writers wait for the disk, and nothing is dropped.
    bool writers_wait = false;
  };

  /// Takes `descriptor`, which is open for writing, and closes it.
  LineFile(int descriptor, const Options& options);
  /// Closes.
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Lets `append(std::string& piece)` append one line with its newline for `writer`, below
  /// `Options::writers`. Thread-safe. An exception of it, as for memory that is exhausted, drops
  /// the line.
  template <class Append>
  void Add(std::size_t writer, Append&& append) noexcept {
    Piece& piece = pieces_[writer];
    const std::lock_guard lock(piece.mutex);
    const std::size_t before = piece.text.size();
    try {
      append(piece.text);
    } catch (...) {
      piece.text.resize(before);
      ++piece.dropped;
      return;
    }
    ++piece.lines;
    if (piece.text.size() >= options_.piece_bytes) HandOver(piece);
  }

  /// Hands over what has been added, so that it reaches the file soon. Thread-safe.
  void Flush() noexcept;

  struct Outcome {
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;  ///< the file could not keep up
    std::uint64_t lost = 0;     ///< the file could not be written
    int error = 0;              ///< why: errno; 0: it could
  };
  /// Waits until all is written, and closes the file. Nothing may be added any more. A second call
  /// returns the same.
  Outcome Close();

 private:
  struct Piece {
    std::mutex mutex;
    std::string text;
    std::uint64_t lines = 0;
    std::uint64_t dropped = 0;
  };
  struct Waiting {
    std::string text;
    std::uint64_t lines = 0;
  };

  // Precondition: `piece.mutex` is held.
  void HandOver(Piece& piece) noexcept;
  void Run();
  // Returns errno, or 0. What was written of a line at the end is taken back.
  int Write(std::string_view text);

  const Options options_;
  const int descriptor_;
  std::deque<Piece> pieces_;  // by writer
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<std::string> spare_;  // empty texts with their memory
  bool closing_ = false;
  Outcome outcome_;
  std::thread thread_;
};

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_LINE_FILE_H_
