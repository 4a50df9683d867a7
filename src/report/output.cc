#include "llmload/report/output.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/judge/verdict.h"
#include "llmload/report/report_json.h"
#include "llmload/report/text_writer.h"
#include "src/report/atomic_file.h"
#include "src/report/records_output.h"
#include "src/report/series_csv.h"
#include "src/report/terminal.h"
#include "src/report/written_files.h"

namespace llmload {
namespace {

namespace fs = std::filesystem;

using report::Note;
using report::WrittenFiles;

// What an output is opened with.
struct OpenedWith {
  std::FILE* people = nullptr;  // where to print what is for people
  WrittenFiles written;
  std::string advice;  // how to get a report in a file
};

// A stream, or the file of that name.
class TextOutput : public Output {
 public:
  TextOutput(std::string file, OpenedWith with) : with_(std::move(with)), file_(std::move(file)) {}

  std::string Deliver(const RunReport& report) override {
    if (file_.empty()) {
      const std::string text = Text(report, with_.people);
      const bool printed = std::fwrite(text.data(), 1, text.size(), with_.people) == text.size() &&
                           std::fflush(with_.people) == 0;
      return printed ? "" : "the report could not be written to standard output";
    }
    std::string failure = report::WriteFileAtomically(file_, Text(report, nullptr));
    if (failure.empty()) Note(*with_.written, File());
    return failure;
  }
  std::string File() const override { return file_.empty() ? "" : fs::absolute(file_).string(); }

 protected:
  // `screen`: null for a file.
  virtual std::string Text(const RunReport& report, std::FILE* screen) const = 0;
  const OpenedWith& with() const { return with_; }

 private:
  const OpenedWith with_;
  const std::string file_;
};

class SummaryOutput final : public TextOutput {
 public:
  using TextOutput::TextOutput;

  std::string Deliver(const RunReport& report) override {
    std::string failure = TextOutput::Deliver(report);
    // The next run has files of its own.
    if (File().empty()) with().written->clear();
    return failure;
  }

 private:
  std::string Text(const RunReport& report, std::FILE* screen) const override {
    const std::vector<std::string>& files = *with().written;
    if (screen == nullptr) return ToSummary(report, files);
    // Apart from what was printed before.
    return "\n" +
           ToSummary(report, files, with().advice, report::HasColours(screen), WidthOf(screen));
  }
};

class TableOutput final : public TextOutput {
 public:
  using TextOutput::TextOutput;

 private:
  std::string Text(const RunReport& report, std::FILE* screen) const override {
    if (screen == nullptr) return ToText(report);
    return ToText(report, report::HasColours(screen), WidthOf(screen));
  }
};

// The file of the table that is written beside a report for machines.
fs::path TableBeside(const fs::path& json) {
  fs::path table = json;
  if (table.extension() == ".json") table.replace_extension();
  return table += ".txt";
}

class JsonOutput final : public Output {
 public:
  // `where` is a file, or a folder if it ends in '/'.
  JsonOutput(std::string where, WrittenFiles written)
      : where_(std::move(where)), written_(std::move(written)) {}

  std::string Deliver(const RunReport& report) override {
    try {
      fs::path file = where_;
      if (where_.back() == '/') file /= JsonFileName(report.record.name, report.record.run_id);
      std::string failure = report::WriteFileAtomically(file, ToJson(report));
      if (!failure.empty()) return failure;
      file_ = fs::absolute(file).string();
      Note(*written_, file_);
      const fs::path table = TableBeside(file);
      failure = report::WriteFileAtomically(table, ToText(report));
      if (failure.empty()) Note(*written_, fs::absolute(table).string());
      return failure;
    } catch (const std::exception& thrown) {
      return "cannot write report " + where_ + ": " + thrown.what();
    }
  }
  std::string File() const override { return file_; }

 private:
  const std::string where_;
  const WrittenFiles written_;
  std::string file_;
};

class JsonStreamOutput final : public TextOutput {
 public:
  explicit JsonStreamOutput(OpenedWith with) : TextOutput({}, ToStandardOutput(std::move(with))) {}

 private:
  static OpenedWith ToStandardOutput(OpenedWith with) {
    with.people = stdout;
    return with;
  }
  std::string Text(const RunReport& report, std::FILE*) const override { return ToJson(report); }
};

// Whether `file` begins as a table does: with a rule, and a verdict under it.
bool IsTable(const fs::path& file) {
  constexpr std::array kVerdicts = {Verdict::kPass, Verdict::kInconclusive, Verdict::kFail,
                                    Verdict::kInvalid};
  std::ifstream in(file);
  std::string rule;
  std::string headline;
  std::getline(in, rule);
  std::getline(in, headline);
  return !rule.empty() && rule.find_first_not_of('=') == std::string::npos &&
         std::any_of(kVerdicts.begin(), kVerdicts.end(),
                     [&](Verdict verdict) { return headline.starts_with(ToString(verdict)); });
}

bool IsStream(const OutputSpec& spec) { return spec.where.empty() || spec.where == "-"; }

struct Kind {
  std::string_view name;
  std::string_view help;
  std::unique_ptr<Output> (*open)(const OutputSpec& spec, const OpenedWith& with);
  int order = 0;                 // of delivery, among files and among what is printed
  std::string_view ending = {};  // of its files in a folder; empty: it writes into none
};

// The files that `kind` writes to `where`, which `Prepare` returned. Each run has a file of its own
// in a folder: one name stands for all of them.
std::vector<fs::path> FilesOf(const Kind& kind, const std::string& where) {
  std::vector<fs::path> files = {where};
  if (where.back() == '/') files[0] += std::string("NAME.RUN_ID").append(kind.ending);
  if (kind.name == "json") files.push_back(TableBeside(files[0]));
  return files;
}

// Makes a folder of reports and sees whether a file could be created there. Returns where to write:
// links are followed, since a file in the place of /dev/stdout would be a surprise.
std::string Prepare(const Kind& kind, const OutputSpec& spec) {
  const auto refuse = [&](const std::string& why) {
    throw ConfigurationError("output " + spec.kind + ": got \"" + spec.where +
                             "\", expected a file in an existing folder that can be written, a "
                             "folder ending in '/', or - for standard output: " +
                             why);
  };
  const bool is_folder = spec.where.back() == '/';
  if (is_folder && kind.ending.empty()) refuse("this output writes one file");
  std::error_code error;
  if (is_folder) fs::create_directories(spec.where, error);
  if (error) refuse("cannot create folder " + spec.where + ": " + error.message());
  const fs::path path = fs::weakly_canonical(fs::absolute(spec.where, error), error);
  if (error) refuse(error.message());
  std::string where = path.string() + (is_folder && path.has_filename() ? "/" : "");
  for (const fs::path& file : FilesOf(kind, where)) {
    if (!fs::exists(file, error)) continue;
    if (!fs::is_regular_file(file, error)) refuse(file.string() + " is not a regular file");
    // Nobody named this one.
    if (file != path && !IsTable(file)) {
      throw ConfigurationError("output " + spec.kind + "=" + spec.where + ": the table beside it " +
                               "would replace " + file.string() +
                               ", which is no table of llmload: move that away, or choose another "
                               "name");
    }
  }
  const std::string failure = report::CheckDirectory(is_folder ? path : path.parent_path());
  if (!failure.empty()) refuse(failure);
  return where;
}

template <class T>
std::unique_ptr<Output> OpenText(const OutputSpec& spec, const OpenedWith& with) {
  return std::make_unique<T>(IsStream(spec) ? std::string() : spec.where, with);
}

std::unique_ptr<Output> OpenJson(const OutputSpec& spec, const OpenedWith& with) {
  if (IsStream(spec)) return std::make_unique<JsonStreamOutput>(with);
  return std::make_unique<JsonOutput>(spec.where, with.written);
}

std::unique_ptr<Output> OpenRecordsWithoutText(const OutputSpec& spec, const OpenedWith& with) {
  return report::OpenRecords(spec, /*with_text=*/false, with.written);
}

std::unique_ptr<Output> OpenRecordsWithText(const OutputSpec& spec, const OpenedWith& with) {
  return report::OpenRecords(spec, /*with_text=*/true, with.written);
}

std::unique_ptr<Output> OpenCsv(const OutputSpec& spec, const OpenedWith& with) {
  return report::OpenSeriesCsv(spec, with.written);
}

constexpr std::array<Kind, 6> kKinds{{
    {"json",
     "json=FILE: the report for machines, and the table beside it in FILE.txt; FILE ending in '/': "
     "a folder, files for each run",
     OpenJson, 0, ".json"},
    {"records",
     "records=FILE: a line for each request, JSON if FILE ends in .jsonl, CSV if in .csv; a folder "
     "as above",
     OpenRecordsWithoutText, 0, ".jsonl"},
    {"records-with-text", "records-with-text=FILE: the same with prompts and answers",
     OpenRecordsWithText, 0, ".jsonl"},
    {"csv", "csv=FILE: what happened in each second; a folder as above", OpenCsv, 0, ".csv"},
    {"table", "table[=FILE]: every figure, for people", OpenText<TableOutput>, 1},
    {"summary", "summary[=FILE]: what happened, in ten lines; it always ends the screen",
     OpenText<SummaryOutput>, 2},
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

std::vector<std::unique_ptr<Output>> OpenOutputs(const std::vector<OutputSpec>& specs,
                                                 std::string_view advice) {
  const auto on_screen = [&specs](std::string_view kind) {
    return std::any_of(specs.begin(), specs.end(), [kind](const OutputSpec& spec) {
      return spec.kind == kind && IsStream(spec);
    });
  };
  std::vector<OutputSpec> ordered = specs;
  if (!on_screen("summary")) ordered.push_back({.kind = "summary", .where = {}});
  const auto order = [](const OutputSpec& spec) {
    return std::pair(IsStream(spec), FindKind(spec.kind)->order);
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [order](const auto& a, const auto& b) { return order(a) < order(b); });
  const OpenedWith with{
      .people = on_screen("json") ? stderr : stdout,
      .written = std::make_shared<std::vector<std::string>>(),
      .advice = on_screen("table") ? "above, and in no file" : std::string(advice)};
  std::vector<std::unique_ptr<Output>> outputs;
  std::map<fs::path, std::string>
      writers;  // file -> the output that writes it, as it was asked for
  for (OutputSpec& spec : ordered) {
    const Kind& kind = *FindKind(spec.kind);
    if (!IsStream(spec)) {
      const std::string asked = spec.kind + "=" + spec.where;
      spec.where = Prepare(kind, spec);
      for (const fs::path& file : FilesOf(kind, spec.where)) {
        const auto [writer, is_first] = writers.emplace(file, asked);
        if (is_first) continue;
        throw ConfigurationError("outputs " + writer->second + " and " + asked +
                                 ": both would write " + file.string() +
                                 ": give each a file of its own");
      }
    }
    outputs.push_back(kind.open(spec, with));
  }
  return outputs;
}

}  // namespace llmload
