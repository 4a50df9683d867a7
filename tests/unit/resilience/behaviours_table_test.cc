// docs/resilience-behaviours.md names all tests of the behaviours, and no others.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace llmload {
namespace {

constexpr int kBehaviours = 40;

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Every "Suite.Bnn_Name" that `pattern` finds, with groups for the suite and the name.
std::set<std::string> FindTests(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.insert((*it)[1].str() + '.' + (*it)[2].str());
  }
  return found;
}

TEST(BehavioursTable, NamesEveryTestOfABehaviourAndNoOther) {
  const std::filesystem::path root = LLMLOAD_SOURCE_DIR;
  const std::string table = ReadFile(root / "docs/resilience-behaviours.md");
  const std::set<std::string> listed = FindTests(table, R"(`(\w+)\.(B\d\d_\w+)`)");
  std::set<std::string> present;
  for (const auto& entry : std::filesystem::directory_iterator(root / "tests/unit/resilience")) {
    if (entry.path().extension() != ".cc") continue;
    present.merge(FindTests(ReadFile(entry.path()), R"(TEST(?:_F)?\(\s*(\w+),\s*(B\d\d_\w+)\))"));
  }
  EXPECT_EQ(listed, present);
}

TEST(BehavioursTable, EveryBehaviourHasItsRowWithATestOfItsNumber) {
  const std::string table =
      ReadFile(std::filesystem::path(LLMLOAD_SOURCE_DIR) / "docs/resilience-behaviours.md");
  for (int number = 1; number <= kBehaviours; ++number) {
    const std::string digits = std::to_string(number);
    const std::string prefix = (number < 10 ? "B0" : "B") + digits + "_";
    const std::regex row("\\| " + digits + " \\| [^|]+ \\| `\\w+\\." + prefix);
    EXPECT_TRUE(std::regex_search(table, row)) << number;
  }
}

}  // namespace
}  // namespace llmload
