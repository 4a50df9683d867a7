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

/// The form of a trace's file.
enum class TraceFormat : std::uint8_t {
  kDetect,  ///< `kArrivals` if the first character is a brace or a bracket, or else `kAzure`
  /// JSON objects, one on each line or all in one array: `{"at_seconds": 0.125, "input_tokens":
  /// 410, "output_tokens": 96}`. `at_seconds` is a number, 0 or more and never below that of the
  /// object before; the sizes are whole numbers of at least 1 and may be left out. An unknown field
  /// is an error.
  kArrivals,
  /// The LLM inference traces that Azure publishes: CSV with the header
  /// `TIMESTAMP,ContextTokens,GeneratedTokens` and instants like `2023-11-16 18:17:03.9799600` or
  /// `2024-05-10 00:00:00.009930+00:00`, in any order. The first instant is the beginning of the
  /// trace; a size of 0 becomes 1, because nothing smaller can be asked for.
  kAzure,
};

/// A recorded sequence of arrivals, to be replayed (`TraceReplay`, `TracePrompts`). The text of its
/// file is UTF-8 or UTF-16, with any line ends; blank lines are skipped.
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
  static constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
  static constexpr std::uint32_t kMaxTokens = 10'000'000;  ///< of one request, each way
  static constexpr Duration kMaxOffset = std::chrono::hours(24 * 30);

  /// Throws `ConfigurationError` if there are no entries, or one is negative, beyond `kMaxOffset`
  /// or before its predecessor.
  explicit ArrivalTrace(std::vector<Entry> entries);

  /// Reads the text of a file. `name` stands for it in messages. Throws `ConfigurationError` with
  /// name, line and field of what is wrong.
  static ArrivalTrace Parse(std::istream& input, std::string_view name,
                            TraceFormat format = TraceFormat::kDetect);

  /// Reads a file. Throws as `Parse` does, and if the file cannot be read.
  static ArrivalTrace Load(const std::filesystem::path& path,
                           TraceFormat format = TraceFormat::kDetect);

  /// Never empty; in order.
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace llmload

#endif  // LLMLOAD_LOAD_ARRIVAL_TRACE_H_
