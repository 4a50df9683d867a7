// Recorded traffic: when requests came, and how large they were.
#ifndef LLMLOAD_LOAD_ARRIVAL_TRACE_H_
#define LLMLOAD_LOAD_ARRIVAL_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <optional>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// A recorded sequence of arrivals, to be replayed (`TraceReplay`, `TracePrompts`).
///
/// As a file it is JSONL, one object a line: `{"at_seconds": 0.125, "input_tokens": 410,
/// "output_tokens": 96}`. `at_seconds` is a number, 0 or more and never below that of the line
/// before; the sizes are whole numbers of at least 1 and may be left out. Blank lines are skipped;
/// anything else, an unknown field too, is an error.
class ArrivalTrace {
 public:
  /// One recorded request: its instant and its size.
  struct Entry {
    Duration at{};  ///< since the beginning of the trace
    std::optional<std::uint32_t> input_tokens;
    std::optional<std::uint32_t> output_tokens;
  };

  /// Bounds of a file: beyond them it is refused.
  static constexpr std::size_t kMaxEntries = 10'000'000;
  static constexpr std::size_t kMaxLineBytes = 4096;
  static constexpr Duration kMaxOffset = std::chrono::hours(24 * 30);

  /// Throws `ConfigurationError` if there are no entries, or one is negative, beyond `kMaxOffset`
  /// or before its predecessor.
  explicit ArrivalTrace(std::vector<Entry> entries);

  /// Reads the JSONL form. `name` stands for it in messages. Throws `ConfigurationError` with name,
  /// line and field of what is wrong.
  static ArrivalTrace Parse(std::istream& input, std::string_view name);

  /// Reads a file. Throws as `Parse` does, and if the file cannot be read.
  static ArrivalTrace Load(const std::filesystem::path& path);

  /// Never empty; in order.
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace llmload

#endif  // LLMLOAD_LOAD_ARRIVAL_TRACE_H_
