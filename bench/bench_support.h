// What the programs of bench/ share: their arguments, this process's own cost, one way to print.
#ifndef LLMLOAD_BENCH_BENCH_SUPPORT_H_
#define LLMLOAD_BENCH_BENCH_SUPPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace llmload::bench {

/// `--name value` pairs of a command line. What cannot be used ends the program with exit code 2
/// and a message that says why.
class Arguments {
 public:
  Arguments(int argc, char** argv);

  std::string Text(const std::string& name, const std::string& fallback = {});
  /// Throws nothing; not a number, or below zero: exit code 2.
  double Number(const std::string& name, double fallback);
  int Integer(const std::string& name, int fallback);
  /// To be called last: exit code 2 for an argument that nobody asked for.
  void Finish() const;

 private:
  std::map<std::string, std::string> values_;
};

/// User and system time of this process so far, in seconds.
double CpuSeconds();
/// Resident memory of this process now, in bytes.
double ResidentBytes();
/// Monotonic clock, in seconds; the clock whose nanoseconds the stream server writes.
double NowSeconds();
std::int64_t NowNanoseconds();

/// As many descriptors as the hard limit allows.
void RaiseDescriptorLimit();

/// One figure, as `table.py` reads it: "figure ITEM SUBJECT NAME VALUE", words without blanks.
/// Flushed.
void PrintFigure(std::string_view item, std::string_view subject, std::string_view name,
                 double value);

/// The request that tells the stream server what to send. It holds its events back until `streams`
/// requests have come; then each gets `events` events at `rate` per second.
struct StreamPlan {
  int streams = 1;
  double rate = 1;
  int events = 1;
  /// Part of the period over which the streams take turns: 1 is evenly staggered; 0 sends to all at
  /// once, as an inference server does after each step of a batch.
  double spread = 1;

  /// Text of the prompt.
  std::string Prompt() const;
  /// Finds a prompt in the body of a request; false if there is none.
  bool Parse(std::string_view body);
};

}  // namespace llmload::bench

#endif  // LLMLOAD_BENCH_BENCH_SUPPORT_H_
