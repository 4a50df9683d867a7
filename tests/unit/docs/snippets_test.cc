// The code in docs/ is code that runs: every C++ block of a page that quotes the examples is one of
// their marked regions, word for word. And the pages know the conformance checks that there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "llmload/testing/provider_conformance.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kSource = LLMLOAD_SOURCE_DIR;

std::vector<std::string> LinesOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// The lines between the two marks `//! [name]` of a source file.
std::string Region(const std::string& file, const std::string& name) {
  std::vector<std::string> region;
  int marks = 0;
  for (const std::string& line : LinesOf(kSource / file)) {
    if (line == "//! [" + name + "]") {
      ++marks;
    } else if (marks == 1) {
      region.push_back(line);
    }
  }
  EXPECT_EQ(marks, 2) << file << " [" << name << "]";
  return Join(region);
}

struct Snippet {
  std::string file;
  std::string region;
  std::string code;
};

// A page's C++ blocks, each with the comment in the line before it:
// <!-- snippet: examples/failover_test.cc [failover] -->
struct Page {
  std::vector<Snippet> snippets;
  int unmarked = 0;
};

std::optional<Snippet> ParseMark(const std::string& line) {
  const std::string begin = "<!-- snippet: ";
  const std::string end = "] -->";
  const auto bracket = line.find(" [");
  if (line.rfind(begin, 0) != 0 || bracket == std::string::npos || line.size() < end.size() ||
      line.substr(line.size() - end.size()) != end) {
    return std::nullopt;
  }
  return Snippet{.file = line.substr(begin.size(), bracket - begin.size()),
                 .region = line.substr(bracket + 2, line.size() - end.size() - bracket - 2),
                 .code = {}};
}

Page Read(const std::filesystem::path& path) {
  Page page;
  const std::vector<std::string> lines = LinesOf(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] != "```cpp") continue;
    std::optional<Snippet> snippet = i > 0 ? ParseMark(lines[i - 1]) : std::nullopt;
    std::vector<std::string> code;
    while (++i < lines.size() && lines[i] != "```") code.push_back(lines[i]);
    if (!snippet) {
      ++page.unmarked;
      continue;
    }
    snippet->code = Join(code);
    page.snippets.push_back(std::move(*snippet));
  }
  return page;
}

TEST(DocSnippets, AreWordForWordWhatTheExamplesRun) {
  std::set<std::string> quoted;
  for (const auto& entry : std::filesystem::directory_iterator(kSource / "docs")) {
    if (entry.path().extension() != ".md") continue;
    const Page page = Read(entry.path());
    for (const Snippet& snippet : page.snippets) {
      EXPECT_EQ(snippet.code, Region(snippet.file, snippet.region))
          << entry.path() << " does not quote [" << snippet.region << "] of " << snippet.file;
      quoted.insert(snippet.file);
    }
    if (!page.snippets.empty()) {
      EXPECT_EQ(page.unmarked, 0) << entry.path() << " has C++ that nothing compiles";
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(kSource / "examples")) {
    if (entry.path().extension() != ".cc") continue;
    EXPECT_EQ(quoted.count("examples/" + entry.path().filename().string()), 1u)
        << entry.path() << " is quoted by no page";
  }
}

TEST(DocSnippets, TheTableOfConformanceChecksIsComplete) {
  const std::string page = Join(LinesOf(kSource / "docs/write-a-load-test.md"));
  for (const ConformanceCheck& check : ConformanceChecks()) {
    EXPECT_THAT(page, HasSubstr("| `" + std::string(check.name) + "` | " + std::string(check.rule) +
                                " |\n"));
  }
}

}  // namespace
}  // namespace llmload
