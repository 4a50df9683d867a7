// docs/bench.md and --help must not drift apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "tools/bench_help.h"

namespace llmload::tools {
namespace {

std::set<std::string> OptionsIn(const std::string& text) {
  std::set<std::string> options;
  const std::regex option("--[a-z][a-z-]+");
  for (std::sregex_iterator it(text.begin(), text.end(), option), end; it != end; ++it) {
    options.insert(it->str());
  }
  return options;
}

TEST(BenchDoc, NamesTheOptionsThatThereAre) {
  std::ifstream file(LLMLOAD_SOURCE_DIR "/docs/bench.md");
  ASSERT_TRUE(file);
  std::ostringstream page;
  page << file.rdbuf();
  const std::set<std::string> real = OptionsIn(BenchHelp());
  for (const std::string& named : OptionsIn(page.str())) {
    const bool of_the_fake_server = named == "--clear-text" || named == "--port";
    EXPECT_TRUE(real.count(named) > 0 || of_the_fake_server) << named;
  }
  for (const char* shape :
       {"constant:", "ramp:", "stairs:", "spike:", "sine:", "steps:", "trace:"}) {
    EXPECT_THAT(page.str(), ::testing::HasSubstr("`" + std::string(shape))) << shape;
  }
}

}  // namespace
}  // namespace llmload::tools
