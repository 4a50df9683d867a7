// Files that readers see whole: an earlier one or the complete new one.
#ifndef LLMLOAD_SRC_REPORT_ATOMIC_FILE_H_
#define LLMLOAD_SRC_REPORT_ATOMIC_FILE_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace llmload::report {

/// Writes `text` to `file`, whose directory must exist: to a temporary file in the same directory,
/// synced, then renamed. Returns an empty string, or a sentence that names path and cause; a failed
/// write leaves no temporary file behind.
std::string WriteFileAtomically(const std::filesystem::path& file, std::string_view text);

/// Whether a file could be created in `directory`: an empty string, or why not.
std::string CheckDirectory(const std::filesystem::path& directory);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_ATOMIC_FILE_H_
