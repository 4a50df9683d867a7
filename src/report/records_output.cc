#include "src/report/records_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/report/report_json.h"
#include "src/report/line_file.h"
#include "src/report/request_line.h"

namespace llmload::report {
namespace {

std::string Reason(int error) { return std::generic_category().message(error); }

class RecordsOutput final : public Output, private RequestObserver {
 public:
  // Throws `ConfigurationError` if `where` is a file that cannot be written.
  RecordsOutput(std::string where, LineFormat format, bool with_text, WrittenFiles written)
      : where_(std::move(where)),
        written_(std::move(written)),
        lines_{.format = format, .with_text = with_text} {
    if (where_.back() == '/') return;
    // A new file is not made: a run that is refused would leave it behind.
    const int error = OpenFile(where_, 0);
    if (error != 0 && error != ENOENT) throw ConfigurationError("output records: " + failure_);
    CloseUnused();
    failure_.clear();
  }
  ~RecordsOutput() override { CloseUnused(); }
  RecordsOutput(const RecordsOutput&) = delete;
  RecordsOutput& operator=(const RecordsOutput&) = delete;

  void OnStart(const RunStart& start) override {
    file_.reset();
    warning_.clear();
    failure_.clear();
    CloseUnused();
    std::string path = where_;
    if (where_.back() == '/') path += RunFileName(start.name, start.run_id, ".jsonl");
    lines_.run_id = start.run_id;
    header_ = HeaderLine(lines_, start);
    OpenFile(std::move(path), O_CREAT | O_TRUNC);
  }
  RequestObserver* Requests() override { return descriptor_ < 0 ? nullptr : this; }
  // Once a second: what a run that is killed leaves behind is at most that old.
  void OnSnapshot(const RunSnapshot&) override {
    if (file_) file_->Flush();
  }
  void OnEnd(const RunRecord&) override {
    if (!file_) return;
    const LineFile::Outcome outcome = file_->Close();
    const std::uint64_t missing = outcome.dropped + outcome.lost;
    if (missing == 0 && outcome.error == 0) return;
    warning_ = "records " + path_ + " lacks " + std::to_string(missing) + " of " +
               std::to_string(missing + outcome.written) + " lines: ";
    if (outcome.error != 0) {
      warning_ += "it cannot be written: " + Reason(outcome.error);
    } else {
      warning_ += "the disk did not keep up with the run";
    }
  }

  std::string Deliver(const RunReport&) override {
    if (file_) Note(*written_, path_);
    return failure_;
  }
  std::string File() const override { return file_ ? path_ : std::string(); }
  bool IsAttached() const override { return false; }
  std::string Warning() const override { return warning_; }

 private:
  // Returns 0, or errno with `descriptor_` below 0 and a sentence in `failure_`.
  int OpenFile(std::string path, int flags) {
    path_ = std::move(path);
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644);
    if (descriptor_ >= 0) return 0;
    const int error = errno;
    failure_ = "cannot write records " + path_ + ": " + Reason(error);
    return error;
  }
  // Of a load that did not begin.
  void CloseUnused() {
    if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
  }
  void OnBegin(const LoadBegin& begin) override {
    lines_.start = begin.start;
    file_.emplace(std::exchange(descriptor_, -1),
                  LineFile::Options{.writers = begin.workers, .writers_wait = !begin.real_time});
    file_->Add(0, [this](std::string& out) { out += header_; });
    file_->Flush();
  }
  void OnRequest(unsigned worker, const EndedRequest& request) noexcept override {
    file_->Add(worker, [&](std::string& out) { AppendRequestLine(lines_, request, out); });
  }

  const std::string where_;  // a file, or a folder if it ends in '/'
  const WrittenFiles written_;
  RequestLines lines_;
  std::string path_;
  std::string header_;
  std::string warning_;
  std::string failure_;
  int descriptor_ = -1;  // until the load begins
  std::optional<LineFile> file_;
};

}  // namespace

std::unique_ptr<Output> OpenRecords(const OutputSpec& spec, bool with_text, WrittenFiles written) {
  const std::filesystem::path path = spec.where;
  const std::string extension = path.extension().string();
  const bool json = !path.has_filename() || extension == ".jsonl" || extension == ".ndjson";
  if (spec.where.empty() || spec.where == "-" || (!json && extension != ".csv")) {
    throw ConfigurationError::Invalid(
        "output " + spec.kind, spec.where,
        "a file that ends in .jsonl (or .ndjson) or .csv, or a folder that ends in '/'");
  }
  return std::make_unique<RecordsOutput>(spec.where, json ? LineFormat::kJson : LineFormat::kCsv,
                                         with_text, std::move(written));
}

}  // namespace llmload::report
