// The files that have been written of the latest report, for the summary that names them.
#ifndef LLMLOAD_SRC_REPORT_WRITTEN_FILES_H_
#define LLMLOAD_SRC_REPORT_WRITTEN_FILES_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace llmload::report {

/// Shared by the outputs of a run, each of which notes its file when it has written it.
using WrittenFiles = std::shared_ptr<std::vector<std::string>>;

/// Adds `file`, an absolute path, unless it is there already.
inline void Note(std::vector<std::string>& files, std::string file) {
  if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(std::move(file));
}

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_WRITTEN_FILES_H_
