#include "llmload/report/output.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/report/report_json.h"
#include "llmload/report/text_writer.h"
#include "src/report/atomic_file.h"
#include "src/report/records_output.h"
#include "src/report/series_csv.h"

namespace llmload {
namespace {

namespace fs = std::filesystem;

// A stream, or the file of that name.
class TextOutput : public Output {
 public:
  TextOutput(std::FILE* stream, std::string file) : stream_(stream), file_(std::move(file)) {}

  std::string Deliver(const RunReport& report) override {
    if (file_.empty()) {
      return Print(stream_, report) ? "" : "the report could not be written to standard output";
    }
    return report::WriteFileAtomically(file_, Text(report));
  }
  std::string File() const override { return file_.empty() ? "" : fs::absolute(file_).string(); }

 protected:
  virtual std::string Text(const RunReport& report) const = 0;
  virtual bool Print(std::FILE* stream, const RunReport& report) const {
    const std::string text = Text(report);
    return std::fwrite(text.data(), 1, text.size(), stream) == text.size() &&
           std::fflush(stream) == 0;
  }

 private:
  std::FILE* const stream_;
  const std::string file_;
};

class SummaryOutput final : public TextOutput {
 public:
  using TextOutput::TextOutput;

 private:
  std::string Text(const RunReport& report) const override {
    return std::string(ToString(report.judgement.verdict)) + ": " + Explain(report.judgement) +
           "\n";
  }
};

class TableOutput final : public TextOutput {
 public:
  using TextOutput::TextOutput;

 private:
  std::string Text(const RunReport& report) const override { return ToText(report); }
  bool Print(std::FILE* stream, const RunReport& report) const override {
    return WriteText(stream, report);
  }
};

class JsonOutput final : public Output {
 public:
  // `where` is a file, or a folder if it ends in '/'.
  explicit JsonOutput(std::string where) : where_(std::move(where)) {}

  std::string Deliver(const RunReport& report) override {
    try {
      fs::path file = where_;
      if (where_.back() == '/') file /= JsonFileName(report.record.name, report.record.run_id);
      std::string failure = report::WriteFileAtomically(file, ToJson(report));
      if (failure.empty()) written_ = fs::absolute(file).string();
      return failure;
    } catch (const std::exception& thrown) {
      return "cannot write report " + where_ + ": " + thrown.what();
    }
  }
  std::string File() const override { return written_; }

 private:
  const std::string where_;
  std::string written_;
};

class JsonStreamOutput final : public TextOutput {
 public:
  JsonStreamOutput() : TextOutput(stdout, {}) {}

 private:
  std::string Text(const RunReport& report) const override { return ToJson(report); }
};

bool IsStream(const OutputSpec& spec) { return spec.where.empty() || spec.where == "-"; }

// Makes a folder of reports and sees whether a file could be created there. Returns where to write:
// links are followed, since a file in the place of /dev/stdout would be a surprise.
std::string Prepare(const OutputSpec& spec) {
  const auto refuse = [&](const std::string& why) {
    throw ConfigurationError("output " + spec.kind + ": got \"" + spec.where +
                             "\", expected a file in an existing folder that can be written, a "
                             "folder ending in '/', or - for standard output: " +
                             why);
  };
  const bool is_folder = spec.where.back() == '/';
  std::error_code error;
  if (is_folder) fs::create_directories(spec.where, error);
  if (error) refuse("cannot create folder " + spec.where + ": " + error.message());
  const fs::path path = fs::weakly_canonical(fs::absolute(spec.where, error), error);
  if (error) refuse(error.message());
  if (!is_folder && fs::exists(path, error) && !fs::is_regular_file(path, error)) {
    refuse(path.string() + " is not a regular file");
  }
  const std::string failure = report::CheckDirectory(is_folder ? path : path.parent_path());
  if (!failure.empty()) refuse(failure);
  return path.string() + (is_folder && path.has_filename() ? "/" : "");
}

struct Kind {
  std::string_view name;
  std::string_view help;
  std::unique_ptr<Output> (*open)(const OutputSpec& spec, std::FILE* people);
  int order = 0;  // of delivery
};

template <class T>
std::unique_ptr<Output> OpenText(const OutputSpec& spec, std::FILE* people) {
  if (IsStream(spec)) return std::make_unique<T>(people, std::string());
  return std::make_unique<T>(nullptr, spec.where);
}

std::unique_ptr<Output> OpenJson(const OutputSpec& spec, std::FILE*) {
  if (IsStream(spec)) return std::make_unique<JsonStreamOutput>();
  return std::make_unique<JsonOutput>(spec.where);
}

std::unique_ptr<Output> OpenRecordsWithoutText(const OutputSpec& spec, std::FILE*) {
  return report::OpenRecords(spec, /*with_text=*/false);
}

std::unique_ptr<Output> OpenRecordsWithText(const OutputSpec& spec, std::FILE*) {
  return report::OpenRecords(spec, /*with_text=*/true);
}

std::unique_ptr<Output> OpenCsv(const OutputSpec& spec, std::FILE*) {
  return report::OpenSeriesCsv(spec);
}

constexpr std::array<Kind, 6> kKinds{{
    {"json",
     "json=FILE: the report for machines; FILE ending in '/': a folder, a file for each run",
     OpenJson, 0},
    {"records",
     "records=FILE: a line for each request, JSON if FILE ends in .jsonl, CSV if in .csv; a folder "
     "as above",
     OpenRecordsWithoutText, 0},
    {"records-with-text", "records-with-text=FILE: the same with prompts and answers",
     OpenRecordsWithText, 0},
    {"csv", "csv=FILE: what happened in each second; a folder as above", OpenCsv, 0},
    {"table", "table[=FILE]: every figure, for people", OpenText<TableOutput>, 1},
    {"summary", "summary[=FILE]: the verdict and its reason in one line", OpenText<SummaryOutput>,
     1},
}};

const Kind* FindKind(std::string_view name) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&](const Kind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : &*found;
}

}  // namespace

OutputSpec ParseOutput(std::string_view option, std::string_view text) {
  const auto equals = text.find('=');
  OutputSpec spec{.kind = std::string(text.substr(0, equals)), .where = {}};
  if (equals != std::string_view::npos) spec.where = text.substr(equals + 1);
  if (FindKind(spec.kind) == nullptr) {
    std::string kinds;
    for (const Kind& kind : kKinds) kinds += (kinds.empty() ? "" : ", ") + std::string(kind.name);
    throw ConfigurationError::Invalid(option, text, "KIND or KIND=WHERE, with one of " + kinds);
  }
  if (equals != std::string_view::npos && spec.where.empty()) {
    throw ConfigurationError::Invalid(option, text, "a file after '=', or - for standard output");
  }
  return spec;
}

std::vector<OutputSpec> ParseOutputs(std::string_view option, std::string_view text) {
  std::vector<OutputSpec> specs;
  if (text.empty()) return specs;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    specs.push_back(ParseOutput(option, text.substr(start, comma - start)));
    start = comma + 1;
  }
  return specs;
}

std::string OutputHelp() {
  std::string help;
  for (const Kind& kind : kKinds) help.append("  ").append(kind.help) += '\n';
  return help;
}

std::vector<std::unique_ptr<Output>> OpenOutputs(const std::vector<OutputSpec>& specs) {
  const bool json_on_screen = std::any_of(specs.begin(), specs.end(), [](const OutputSpec& spec) {
    return spec.kind == "json" && IsStream(spec);
  });
  std::vector<OutputSpec> ordered = specs;
  std::stable_sort(ordered.begin(), ordered.end(), [](const OutputSpec& a, const OutputSpec& b) {
    return FindKind(a.kind)->order < FindKind(b.kind)->order;
  });
  std::vector<std::unique_ptr<Output>> outputs;
  for (OutputSpec& spec : ordered) {
    if (!IsStream(spec)) spec.where = Prepare(spec);
    outputs.push_back(FindKind(spec.kind)->open(spec, json_on_screen ? stderr : stdout));
  }
  return outputs;
}

}  // namespace llmload
