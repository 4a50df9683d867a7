// Headers, body, path, deadlines and connections of a target, from options and environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/service/target.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class TargetHttp : public ::testing::Test {
 protected:
  ~TargetHttp() override {
    for (const std::string& name : set_) ::unsetenv(name.c_str());
  }
  void Set(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), 1);
    set_.emplace_back(name);
  }
  static std::string Refusal(const std::function<void()>& make) {
    try {
      make();
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "accepted";
  }
  static std::string Value(const HttpHeader& header) { return std::string(header.value.Reveal()); }

 private:
  std::vector<std::string> set_;
};

TEST_F(TargetHttp, HasTheDefaultsOfProvidersWhereNothingIsSet) {
  const HttpOptions options = HttpOptionsFromEnvironment();
  EXPECT_TRUE(options.headers.empty());
  EXPECT_EQ(options.timeouts.total, 10min);
  EXPECT_EQ(options.timeouts.first_token, 2min);
  EXPECT_EQ(options.timeouts.idle, 1min);
  EXPECT_EQ(options.timeouts.connect, 5s);
  EXPECT_EQ(options.timeouts.tls, 5s);
  EXPECT_EQ(options.max_connections, 0u);
  EXPECT_TRUE(options.reuse_connections);
  EXPECT_FALSE(options.allow_clear_text);
}

TEST_F(TargetHttp, IsReadFromTheEnvironment) {
  Set("MY_TOKEN", "t-0123456789");
  Set("LLMLOAD_HEADERS", "X-Tenant: blue\r\n\n Authorization :  Bearer ${MY_TOKEN} \n");
  Set("LLMLOAD_EXTRA_BODY", R"({"top_p":0.9})");
  Set("LLMLOAD_PATH", "/chat");
  Set("LLMLOAD_TIMEOUT", "15m");
  Set("LLMLOAD_FIRST_TOKEN_TIMEOUT", "90s");
  Set("LLMLOAD_IDLE_TIMEOUT", "5s");
  Set("LLMLOAD_CONNECT_TIMEOUT", "250ms");
  Set("LLMLOAD_CONNECTIONS", "8");
  Set("LLMLOAD_NEW_CONNECTIONS", "1");
  Set("LLMLOAD_CLEAR_TEXT", "1");
  const HttpOptions options = HttpOptionsFromEnvironment();
  ASSERT_EQ(options.headers.size(), 2u);
  EXPECT_EQ(options.headers[0].name, "X-Tenant");
  EXPECT_EQ(Value(options.headers[0]), "blue");
  EXPECT_FALSE(options.headers[0].redact);
  EXPECT_EQ(options.headers[1].name, "Authorization");
  EXPECT_EQ(Value(options.headers[1]), "Bearer t-0123456789");
  ASSERT_EQ(options.headers[1].secrets.size(), 1u);
  EXPECT_EQ(options.headers[1].secrets[0].Reveal(), "t-0123456789");
  EXPECT_EQ(options.extra_body, R"({"top_p":0.9})");
  EXPECT_EQ(options.path, "/chat");
  EXPECT_EQ(options.timeouts.total, 15min);
  EXPECT_EQ(options.timeouts.first_token, 90s);
  EXPECT_EQ(options.timeouts.idle, 5s);
  EXPECT_EQ(options.timeouts.connect, 250ms);
  EXPECT_EQ(options.timeouts.tls, 250ms);
  EXPECT_EQ(options.max_connections, 8u);
  EXPECT_FALSE(options.reuse_connections);
  EXPECT_TRUE(options.allow_clear_text);
}

TEST_F(TargetHttp, OptionsGoBeforeTheEnvironment) {
  Set("LLMLOAD_HEADERS", "X-Tenant: blue\nX-Team: a");
  Set("LLMLOAD_EXTRA_BODY", R"({"top_p":0.9})");
  Set("LLMLOAD_TIMEOUT", "15m");
  Set("LLMLOAD_CONNECTIONS", "8");
  const HttpOptions options =
      HttpOptionsFromEnvironment({.headers = {ParseHttpHeader("--header", "x-tenant: red")},
                                  .extra_body = R"({"seed":1})",
                                  .total_timeout = 20s,
                                  .max_connections = 2});
  ASSERT_EQ(options.headers.size(), 2u);
  EXPECT_EQ(Value(options.headers[0]), "red");
  EXPECT_EQ(Value(options.headers[1]), "a");
  EXPECT_EQ(options.extra_body, R"({"seed":1})");
  EXPECT_EQ(options.timeouts.total, 20s);
  EXPECT_EQ(options.max_connections, 2u);
}

TEST_F(TargetHttp, MalformedValuesAreNamed) {
  const auto refused = [&](const char* name, const std::string& value) {
    Set(name, value);
    const std::string message = Refusal([] { HttpOptionsFromEnvironment(); });
    ::unsetenv(name);
    EXPECT_THAT(message, StartsWith(name));
    return message;
  };
  refused("LLMLOAD_TIMEOUT", "soon");
  refused("LLMLOAD_TIMEOUT", "0");
  refused("LLMLOAD_FIRST_TOKEN_TIMEOUT", "-1s");
  refused("LLMLOAD_IDLE_TIMEOUT", "10");
  refused("LLMLOAD_CONNECT_TIMEOUT", "x");
  refused("LLMLOAD_CONNECTIONS", "0");
  refused("LLMLOAD_NEW_CONNECTIONS", "yes");
  refused("LLMLOAD_CLEAR_TEXT", "2");
  EXPECT_THAT(refused("LLMLOAD_HEADERS", "sk-a-key-without-a-name"), Not(HasSubstr("sk-a-key")));
  for (const char* field :
       {": sk-a-key", "Authorization=Bearer sk-a-key:x", "Authorization=Bearer sk-a-key:${NONE}"}) {
    EXPECT_THAT(refused("LLMLOAD_HEADERS", field), Not(HasSubstr("sk-a-key")));
  }
}

TEST_F(TargetHttp, ValuesOfHeadersTakePartsFromVariables) {
  Set("A_PART", "one");
  Set("B_PART", "two");
  EXPECT_EQ(Value(ParseHttpHeader("--header", "X: ${A_PART}-$${B_PART}-${B_PART}$$")),
            "one-${B_PART}-two$");
  EXPECT_EQ(Value(ParseHttpHeader("--header", "X:")), "");
  EXPECT_EQ(Value(ParseHttpHeader("--header", "X: a:b")), "a:b");
  EXPECT_THAT(Refusal([] { ParseHttpHeader("--header", "X: ${NO_SUCH_VARIABLE}"); }),
              AllOf(StartsWith("--header, value of X: got \"${NO_SUCH_VARIABLE}\""),
                    HasSubstr("a variable that is set")));
  for (const char* broken : {"X: secret$", "X: secret$A", "X: secret${A"}) {
    EXPECT_THAT(Refusal([&] { ParseHttpHeader("--header", broken); }),
                AllOf(HasSubstr("$$ for a dollar"), Not(HasSubstr("secret"))));
  }
}

TEST_F(TargetHttp, ACredentialInAHeaderIsOneForEveryProvider) {
  for (const char* name :
       {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_AD_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"}) {
    ::unsetenv(name);
  }
  Set("AZURE_OPENAI_ENDPOINT", "https://a.example");
  Set("AZURE_OPENAI_DEPLOYMENT", "d");
  Set("AWS_REGION", "eu-central-1");
  for (const auto choice : {ProviderChoice::kOpenAi, ProviderChoice::kAnthropic,
                            ProviderChoice::kAzure, ProviderChoice::kBedrock}) {
    const TargetOverrides overrides{
        .headers = {ParseHttpHeader("--header", "Authorization: Bearer mine-0123456789")}};
    const Target target = TargetFromEnvironment(choice, SystemClock::Instance(), overrides);
    ASSERT_NE(target.provider, nullptr) << ToString(choice) << ": " << target.unavailable;
    EXPECT_EQ(target.provider->Identity().credential,
              Secret("Bearer mine-0123456789").Fingerprint());
  }
}

TEST_F(TargetHttp, ProblemsOfTheProviderNameTheVariables) {
  Set("LLMLOAD_LOCAL_URL", "http://127.0.0.1:3/v1");
  Set("LLMLOAD_EXTRA_BODY", R"({"model":"x"})");
  EXPECT_THAT(
      Refusal([] { TargetFromEnvironment(ProviderChoice::kLocal, SystemClock::Instance()); }),
      AllOf(HasSubstr("--model"), HasSubstr("LLMLOAD_EXTRA_BODY)")));
  ::unsetenv("LLMLOAD_EXTRA_BODY");
  Set("LLMLOAD_LOCAL_URL", "http://gateway.example/v1");
  EXPECT_THAT(
      Refusal([] { TargetFromEnvironment(ProviderChoice::kLocal, SystemClock::Instance()); }),
      AllOf(HasSubstr("--clear-text"), HasSubstr("LLMLOAD_CLEAR_TEXT=1")));
  Set("LLMLOAD_CLEAR_TEXT", "1");
  EXPECT_NE(TargetFromEnvironment(ProviderChoice::kLocal, SystemClock::Instance()).provider,
            nullptr);
}

}  // namespace
}  // namespace llmload
