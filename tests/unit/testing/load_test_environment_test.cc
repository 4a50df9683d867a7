#include "llmload/testing/load_test_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;

class LoadTestEnvironmentTest : public ::testing::Test {
 protected:
  LoadTestEnvironmentTest() { Clear(); }
  ~LoadTestEnvironmentTest() override { Clear(); }

  static void Clear() {
    for (const char* name :
         {"SKIP_LOAD_TESTS", "LLMLOAD_PROVIDER", "LLMLOAD_MODEL", "LLMLOAD_REPORT_DIR",
          "LLMLOAD_OUTPUT", "LLMLOAD_LOCAL_PID", "LLMLOAD_SEED", "LLMLOAD_CONFIDENCE",
          "LLMLOAD_UNTIL_CONCLUSIVE", "LLMLOAD_REQUIRE_TARGET", "LLMLOAD_TEST_TIMEOUT"}) {
      ::unsetenv(name);
    }
  }
  static void Set(const char* name, const char* value) { ::setenv(name, value, 1); }

  template <class Read>
  static std::string MessageOf(Read read) {
    try {
      read();
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(LoadTestEnvironmentTest, GateIsShutUnlessSkippingIsSwitchedOff) {
  EXPECT_FALSE(LoadTestsEnabled());
  Set("SKIP_LOAD_TESTS", "");
  EXPECT_FALSE(LoadTestsEnabled());
  Set("SKIP_LOAD_TESTS", "1");
  EXPECT_FALSE(LoadTestsEnabled());
  Set("SKIP_LOAD_TESTS", "0");
  EXPECT_TRUE(LoadTestsEnabled());
  Set("SKIP_LOAD_TESTS", "false");
  EXPECT_THAT(MessageOf([] { LoadTestsEnabled(); }), HasSubstr("SKIP_LOAD_TESTS: got \"false\""));
}

TEST_F(LoadTestEnvironmentTest, DefaultsCostNothing) {
  const LoadTestEnvironment read = LoadTestEnvironment::Read();
  EXPECT_EQ(read.provider, ProviderChoice::kFake);
  EXPECT_EQ(read.model, "gpt-3.5-turbo");
  EXPECT_EQ(read.seed, 1u);
  EXPECT_FALSE(read.confidence_required);
  EXPECT_FALSE(read.until_conclusive);
  EXPECT_FALSE(read.require_target);
  EXPECT_FALSE(read.test_timeout);
  EXPECT_EQ(read.outputs, (std::vector<OutputSpec>{{.kind = "summary", .where = {}}}));
}

TEST_F(LoadTestEnvironmentTest, EveryVariableIsRead) {
  Set("LLMLOAD_PROVIDER", "local");
  Set("LLMLOAD_MODEL", "llama3");
  Set("LLMLOAD_REPORT_DIR", "reports");
  Set("LLMLOAD_OUTPUT", "summary,json=run.json");
  Set("LLMLOAD_LOCAL_PID", "4711");
  Set("LLMLOAD_SEED", "99");
  Set("LLMLOAD_CONFIDENCE", "required");
  Set("LLMLOAD_UNTIL_CONCLUSIVE", "10m,requests=9000");
  Set("LLMLOAD_REQUIRE_TARGET", "1");
  Set("LLMLOAD_TEST_TIMEOUT", "900");
  const LoadTestEnvironment read = LoadTestEnvironment::Read();
  EXPECT_EQ(read.provider, ProviderChoice::kLocal);
  EXPECT_EQ(read.model, "llama3");
  EXPECT_EQ(read.outputs, (std::vector<OutputSpec>{{.kind = "summary", .where = {}},
                                                   {.kind = "json", .where = "run.json"},
                                                   {.kind = "json", .where = "reports/"}}));
  EXPECT_EQ(read.local_pid, 4711);
  EXPECT_EQ(read.seed, 99u);
  EXPECT_TRUE(read.confidence_required);
  EXPECT_TRUE(read.require_target);
  EXPECT_EQ(read.test_timeout, std::chrono::minutes(15));
  ASSERT_TRUE(read.until_conclusive);
  EXPECT_EQ(read.until_conclusive->longest, Duration(std::chrono::minutes(10)));
  EXPECT_EQ(read.until_conclusive->requests, 9000u);
}

TEST_F(LoadTestEnvironmentTest, MalformedValuesNameTheVariable) {
  const auto message = [](const char* name, const char* value) {
    Clear();
    Set(name, value);
    return MessageOf([] { LoadTestEnvironment::Read(); });
  };
  EXPECT_THAT(message("LLMLOAD_PROVIDER", "bedrok"),
              HasSubstr("LLMLOAD_PROVIDER: got \"bedrok\", expected one of: fake, openai, azure, "
                        "bedrock, anthropic, ollama, local"));
  EXPECT_THAT(message("LLMLOAD_SEED", "-1"), HasSubstr("LLMLOAD_SEED: got \"-1\""));
  EXPECT_THAT(message("LLMLOAD_OUTPUT", "html"), HasSubstr("LLMLOAD_OUTPUT: got \"html\""));
  EXPECT_THAT(message("LLMLOAD_CONFIDENCE", "yes"),
              HasSubstr("LLMLOAD_CONFIDENCE: got \"yes\", expected one of: required"));
  EXPECT_THAT(message("LLMLOAD_UNTIL_CONCLUSIVE", "soon"),
              HasSubstr("LLMLOAD_UNTIL_CONCLUSIVE: got \"soon\""));
  EXPECT_THAT(message("LLMLOAD_REQUIRE_TARGET", "yes"),
              HasSubstr("LLMLOAD_REQUIRE_TARGET: got \"yes\", expected one of: 0, 1"));
  EXPECT_THAT(message("LLMLOAD_LOCAL_PID", "0"), HasSubstr("LLMLOAD_LOCAL_PID: got \"0\""));
}

}  // namespace
}  // namespace llmload
