// Where the report of a run goes: writers and observers named by one option, KIND[=WHERE].
#ifndef LLMLOAD_REPORT_OUTPUT_H_
#define LLMLOAD_REPORT_OUTPUT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/run/run_observer.h"
#include "llmload/run/run_report.h"

namespace llmload {

/// An output as it is asked for.
struct OutputSpec {
  std::string kind;  ///< one of `OutputHelp`
  /// A file, or a folder ending in '/' for what machines read; "-" or empty: standard output.
  std::string where;

  friend bool operator==(const OutputSpec&, const OutputSpec&) = default;
};

/// Parses KIND[=WHERE]. Throws `ConfigurationError` that names `option`, the value and the kinds.
OutputSpec ParseOutput(std::string_view option, std::string_view text);

/// The same for a list, split at commas. An empty text is an empty list.
std::vector<OutputSpec> ParseOutputs(std::string_view option, std::string_view text);

/// The kinds, a line each, for help.
std::string OutputHelp();

/// Takes the report of one run, and may watch the run until then.
class Output : public RunObserver {
 public:
  /// Hands over the report. Returns an empty string, or a sentence that says what could not be
  /// written where and why. Does not throw for anything that a file system can do.
  virtual std::string Deliver(const RunReport& report) = 0;
  /// The file that the last `Deliver` wrote, as an absolute path; empty without one.
  virtual std::string File() const { return {}; }
  /// Whether that file belongs with a test's result, as `ctest` and dashboards keep it. False for
  /// one that may be large.
  virtual bool IsAttached() const { return true; }
  /// A sentence about what that file lacks, which is no reason to fail the run; empty if it is
  /// complete.
  virtual std::string Warning() const { return {}; }
};

/// What a summary says where no file has the report, of an output that the environment names.
inline constexpr std::string_view kAdviceOnFiles =
    "LLMLOAD_OUTPUT=table shows every figure, LLMLOAD_REPORT_DIR=FOLDER keeps them";

/// Outputs in the order in which they deliver: files before the screen, so that a broken screen
/// costs no file, and a summary last, which names the files. It is there whether `specs` name it or
/// not; without a file, it gives `advice`. Beside a file of JSON the table is written, too: r.txt
/// beside r.json. If one of `specs` is the JSON form on standard output, what is for people goes to
/// standard error instead. A folder of reports that does not exist is made.
///
/// Throws `ConfigurationError` before the run costs anything: for an output that cannot be opened,
/// for two that would write the same file, and if a file that is no table stands where the table
/// beside a file of JSON would be written.
std::vector<std::unique_ptr<Output>> OpenOutputs(const std::vector<OutputSpec>& specs,
                                                 std::string_view advice = kAdviceOnFiles);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_OUTPUT_H_
