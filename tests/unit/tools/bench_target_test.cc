#include "tools/bench_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/unit/tools/message_of.h"

namespace llmload::tools {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

BenchOptions ParseWith(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--rate", "1"});
  return *ParseBenchOptions(arguments);
}

TEST(BenchTarget, ReadsWhatTheServiceNeeds) {
  ::setenv("BENCH_TARGET_TOKEN", "t-0123456789", 1);
  const BenchOptions options = ParseWith({"--header",
                                          "X-Tenant: blue",
                                          "--header",
                                          "Authorization: Bearer ${BENCH_TARGET_TOKEN}",
                                          "--extra-body",
                                          R"({"top_p":0.9})",
                                          "--path",
                                          "/chat",
                                          "--timeout",
                                          "15m",
                                          "--first-token-timeout",
                                          "90s",
                                          "--idle-timeout",
                                          "5s",
                                          "--connect-timeout",
                                          "250ms",
                                          "--drain-timeout",
                                          "2m",
                                          "--connections",
                                          "8",
                                          "--new-connections",
                                          "--clear-text"});
  ::unsetenv("BENCH_TARGET_TOKEN");
  const TargetOverrides& target = options.target;
  ASSERT_EQ(target.headers.size(), 2u);
  EXPECT_EQ(target.headers[0].name, "X-Tenant");
  EXPECT_EQ(target.headers[1].value.Reveal(), "Bearer t-0123456789");
  EXPECT_EQ(target.extra_body, R"({"top_p":0.9})");
  EXPECT_EQ(target.path, "/chat");
  EXPECT_EQ(target.total_timeout, 15min);
  EXPECT_EQ(target.first_token_timeout, 90s);
  EXPECT_EQ(target.idle_timeout, 5s);
  EXPECT_EQ(target.connect_timeout, 250ms);
  EXPECT_EQ(options.plan.stop.drain_timeout, 2min);
  EXPECT_EQ(target.max_connections, 8u);
  EXPECT_EQ(target.new_connections, true);
  EXPECT_EQ(target.clear_text, true);
}

TEST(BenchTarget, LeavesTheEnvironmentWhatIsNotGiven) {
  const BenchOptions options = ParseWith({});
  EXPECT_TRUE(options.target.headers.empty());
  EXPECT_FALSE(options.target.total_timeout || options.target.max_connections ||
               options.target.new_connections || options.target.clear_text);
  EXPECT_FALSE(options.plan.stop.drain_timeout);
}

TEST(BenchTarget, NamesTheOptionThatItRefuses) {
  const auto refusal = [](const std::vector<std::string>& arguments) {
    return MessageOf([&] { ParseWith(arguments); });
  };
  EXPECT_THAT(refusal({"--header", "sk-a-key"}),
              AllOf(StartsWith("--header: "), HasSubstr("X-Tenant: blue"), Not(HasSubstr("sk-a"))));
  EXPECT_THAT(refusal({"--header", "X: ${NO_SUCH_VARIABLE}"}), HasSubstr("${NO_SUCH_VARIABLE}"));
  EXPECT_THAT(refusal({"--extra-body", ""}), StartsWith("--extra-body: "));
  EXPECT_THAT(refusal({"--path", ""}), StartsWith("--path: "));
  EXPECT_THAT(refusal({"--timeout", "0"}), StartsWith("--timeout: "));
  EXPECT_THAT(refusal({"--first-token-timeout", "x"}), StartsWith("--first-token-timeout: "));
  EXPECT_THAT(refusal({"--connections", "0"}), StartsWith("--connections: "));
}

}  // namespace
}  // namespace llmload::tools
