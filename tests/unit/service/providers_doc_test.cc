// docs/providers.md says the same as the code that it describes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "llmload/provider/error.h"
#include "llmload/service/target.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(std::filesystem::path(LLMLOAD_SOURCE_DIR) / path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ProvidersDoc, ListsEveryErrorAndWhetherToTryAgain) {
  const std::string page = ReadFile("docs/providers.md");
  for (int i = 0; i < kErrorKindCount; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    const std::string name(ToString(kind));
    const std::string again = RetriabilityOf({.kind = kind}).retriable ? "yes" : "no";
    EXPECT_TRUE(
        std::regex_search(page, std::regex("\\| `" + name + "` \\| .* \\| " + again + " \\|\n")))
        << name << " " << again;
  }
}

TEST(ProvidersDoc, ListsEveryVariableThatConfiguresAProvider) {
  const std::string page = ReadFile("docs/providers.md");
  for (const char* source : {"src/service/target.cc", "src/service/target_http.cc",
                             "src/service/aws_credentials.cc", "src/service/proxy.cc"}) {
    const std::string code = ReadFile(source);
    const std::regex variable("\"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\"");
    for (std::sregex_iterator it(code.begin(), code.end(), variable), end; it != end; ++it) {
      const std::string name = (*it)[1];
      // Two of a kind share a row, and the second's beginning.
      const bool abbreviated = name == "AWS_CONTAINER_CREDENTIALS_FULL_URI" ||
                               name == "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
      if (name == "LLMLOAD_PROVIDER" || name == "AWS_WEB_IDENTITY_TOKEN_FILE") continue;
      EXPECT_THAT(page, HasSubstr(abbreviated ? "`..._" : "`" + name)) << source;
    }
  }
}

// The names of tests in the table of kinds, which may end in a star.
TEST(ProvidersDoc, NamesTestsThatExist) {
  const std::string page = ReadFile("docs/providers.md");
  std::string tests;
  for (const std::string folder : {"wire", "service", "core", "core/text", "net", "load"}) {
    const std::filesystem::path root(LLMLOAD_SOURCE_DIR);
    for (const auto& entry : std::filesystem::directory_iterator(root / "tests/unit" / folder)) {
      if (entry.path().extension() != ".cc") continue;
      tests += ReadFile("tests/unit/" + folder + "/" + entry.path().filename().string());
    }
  }
  const std::regex name("`([A-Z][A-Za-z]+)\\.([A-Z][A-Za-z0-9]*|)\\*?`");
  int named = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), name), end; it != end; ++it) {
    ++named;
    const std::string begin = "(" + (*it)[1].str() + ", " + (*it)[2].str();
    EXPECT_NE(tests.find(begin), std::string::npos) << (*it)[0];
  }
  EXPECT_GT(named, 10);
}

TEST(ProvidersDoc, HasASectionAndAnExampleForEveryProvider) {
  const std::string page = ReadFile("docs/providers.md");
  for (const auto choice :
       {ProviderChoice::kOpenAi, ProviderChoice::kAzure, ProviderChoice::kBedrock,
        ProviderChoice::kAnthropic, ProviderChoice::kOllama, ProviderChoice::kLocal}) {
    const std::string name(ToString(choice));
    EXPECT_THAT(page, HasSubstr("(`" + name + "`)\n"));
    EXPECT_THAT(page, HasSubstr("LLMLOAD_PROVIDER=" + name + " "));
  }
}

}  // namespace
}  // namespace llmload
