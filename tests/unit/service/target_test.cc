#include "llmload/service/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProviderFactory : public ::testing::Test {
 protected:
  ProviderFactory() {
    for (const char* name : {"LLMLOAD_PROVIDER",
                             "LLMLOAD_MODEL",
                             "LLMLOAD_LOCAL_URL",
                             "LLMLOAD_LOCAL_API_KEY",
                             "LLMLOAD_CA_FILE",
                             "LLMLOAD_MAX_TOKENS_FIELD",
                             "LLMLOAD_AZURE_API",
                             "LLMLOAD_BEDROCK_API",
                             "OPENAI_API_KEY",
                             "OPENAI_BASE_URL",
                             "OPENAI_ORG_ID",
                             "OPENAI_PROJECT_ID",
                             "OPENAI_API_VERSION",
                             "AZURE_OPENAI_ENDPOINT",
                             "AZURE_OPENAI_DEPLOYMENT",
                             "AZURE_OPENAI_API_KEY",
                             "AZURE_OPENAI_AD_TOKEN",
                             "ANTHROPIC_API_KEY",
                             "ANTHROPIC_AUTH_TOKEN",
                             "ANTHROPIC_BASE_URL",
                             "OLLAMA_HOST",
                             "OLLAMA_API_KEY",
                             "AWS_REGION",
                             "AWS_DEFAULT_REGION",
                             "AWS_PROFILE",
                             "AWS_ACCESS_KEY_ID",
                             "AWS_SECRET_ACCESS_KEY",
                             "AWS_SESSION_TOKEN",
                             "AWS_BEARER_TOKEN_BEDROCK",
                             "AWS_ENDPOINT_URL",
                             "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
                             "AWS_USE_FIPS_ENDPOINT",
                             "AWS_USE_DUALSTACK_ENDPOINT",
                             "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
                             "HTTPS_PROXY",
                             "https_proxy",
                             "NO_PROXY",
                             "no_proxy"}) {
      Unset(name);
    }
    // The user who runs the tests may have a profile of their own.
    Set("AWS_CONFIG_FILE", "/nonexistent/config");
    Set("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials");
  }
  ~ProviderFactory() override {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }

  void Set(const char* name, const char* value) {
    Remember(name);
    ::setenv(name, value, 1);
  }
  void Unset(const char* name) {
    Remember(name);
    ::unsetenv(name);
  }

  static Target Make(ProviderChoice choice) {
    return TargetFromEnvironment(choice, SystemClock::Instance());
  }
  static std::string MessageOf(const std::function<void()>& read) {
    try {
      read();
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "no error";
  }

 private:
  void Remember(const char* name) {
    const char* const value = std::getenv(name);
    before_.try_emplace(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
  }

  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(ProviderFactory, EveryNameIsAChoiceAndNothingElseIs) {
  EXPECT_EQ(ProviderFromEnvironment(), ProviderChoice::kFake);
  for (const ProviderChoice choice :
       {ProviderChoice::kFake, ProviderChoice::kOpenAi, ProviderChoice::kAzure,
        ProviderChoice::kBedrock, ProviderChoice::kAnthropic, ProviderChoice::kOllama,
        ProviderChoice::kLocal}) {
    Set("LLMLOAD_PROVIDER", std::string(ToString(choice)).c_str());
    EXPECT_EQ(ProviderFromEnvironment(), choice);
  }
  Set("LLMLOAD_PROVIDER", "Bedrock");
  EXPECT_THAT(MessageOf([] { ProviderFromEnvironment(); }),
              HasSubstr("LLMLOAD_PROVIDER: got \"Bedrock\", expected one of: fake, openai, azure, "
                        "bedrock, anthropic, ollama, local"));
}

TEST_F(ProviderFactory, WhatIsMissingIsNamed) {
  EXPECT_THAT(Make(ProviderChoice::kFake).unavailable, HasSubstr("LLMLOAD_PROVIDER=fake"));
  EXPECT_THAT(Make(ProviderChoice::kOpenAi).unavailable, HasSubstr("OPENAI_API_KEY"));
  EXPECT_THAT(Make(ProviderChoice::kLocal).unavailable, HasSubstr("LLMLOAD_LOCAL_URL"));
  EXPECT_THAT(Make(ProviderChoice::kAnthropic).unavailable, HasSubstr("ANTHROPIC_API_KEY"));
  EXPECT_THAT(Make(ProviderChoice::kBedrock).unavailable, HasSubstr("AWS_REGION"));
  EXPECT_THAT(Make(ProviderChoice::kAzure).unavailable, HasSubstr("AZURE_OPENAI_ENDPOINT"));
  Set("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com");
  EXPECT_THAT(Make(ProviderChoice::kAzure).unavailable, HasSubstr("AZURE_OPENAI_DEPLOYMENT"));
  Set("AZURE_OPENAI_DEPLOYMENT", "d");
  EXPECT_THAT(Make(ProviderChoice::kAzure).unavailable, HasSubstr("AZURE_OPENAI_API_KEY"));
}

TEST_F(ProviderFactory, UsualVariablesConfigureEachProvider) {
  Set("OPENAI_API_KEY", "sk-test");
  EXPECT_EQ(Make(ProviderChoice::kOpenAi).url, "https://api.openai.com/v1");
  EXPECT_EQ(Make(ProviderChoice::kOpenAi).provider->Identity().name, "openai");
  Set("OPENAI_BASE_URL", "https://gateway.test/v1");
  EXPECT_EQ(Make(ProviderChoice::kOpenAi).url, "https://gateway.test/v1");

  Set("LLMLOAD_LOCAL_URL", "http://127.0.0.1:8080/v1");
  EXPECT_EQ(Make(ProviderChoice::kLocal).provider->Identity().name, "local");

  Set("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com");
  Set("AZURE_OPENAI_DEPLOYMENT", "d");
  Set("AZURE_OPENAI_API_KEY", "azure-key");
  EXPECT_EQ(Make(ProviderChoice::kAzure).provider->Identity().name, "azure");
  EXPECT_EQ(ModelFromEnvironment(ProviderChoice::kAzure), "d");

  Set("ANTHROPIC_API_KEY", "sk-ant");
  EXPECT_EQ(Make(ProviderChoice::kAnthropic).url, "https://api.anthropic.com");

  EXPECT_EQ(Make(ProviderChoice::kOllama).url, "http://127.0.0.1:11434");

  Set("AWS_REGION", "eu-central-1");
  const Target bedrock = Make(ProviderChoice::kBedrock);
  EXPECT_EQ(bedrock.url, "https://bedrock-runtime.eu-central-1.amazonaws.com");
  EXPECT_EQ(bedrock.provider->Identity().region, "eu-central-1");
  Set("AWS_ENDPOINT_URL", "https://127.0.0.1:1");
  EXPECT_EQ(Make(ProviderChoice::kBedrock).url, "https://127.0.0.1:1");
  Set("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://127.0.0.1:2");
  EXPECT_EQ(Make(ProviderChoice::kBedrock).url, "https://127.0.0.1:2");
}

TEST_F(ProviderFactory, CallersUrlAndAuthorityOverrideTheEnvironment) {
  const TargetOverrides overrides{.url = "http://127.0.0.1:3/v1"};
  const auto url = [&](ProviderChoice choice) {
    return TargetFromEnvironment(choice, SystemClock::Instance(), overrides).url;
  };
  Set("OPENAI_BASE_URL", "https://127.0.0.1:1/v1");
  Set("LLMLOAD_LOCAL_URL", "https://127.0.0.1:1/v1");
  Set("OLLAMA_HOST", "127.0.0.1:1");
  Set("AWS_REGION", "eu-central-1");
  Set("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://127.0.0.1:1");
  for (const ProviderChoice choice :
       {ProviderChoice::kOpenAi, ProviderChoice::kAnthropic, ProviderChoice::kLocal,
        ProviderChoice::kOllama, ProviderChoice::kBedrock}) {
    EXPECT_EQ(url(choice), overrides.url) << ToString(choice);
  }
  Set("AZURE_OPENAI_API_KEY", "key");
  const Target azure = TargetFromEnvironment(ProviderChoice::kAzure, SystemClock::Instance(),
                                             {.url = "https://127.0.0.1:3", .deployment = "mine"});
  EXPECT_NE(azure.provider, nullptr) << azure.unavailable;

  Set("LLMLOAD_CA_FILE", "/no/such/file.pem");
  const std::string message = MessageOf([] {
    TargetFromEnvironment(ProviderChoice::kOpenAi, SystemClock::Instance(),
                          {.url = "https://127.0.0.1:3/v1", .ca_file = "/no/such/ca"});
  });
  EXPECT_THAT(message, HasSubstr("/no/such/ca"));
  EXPECT_THAT(message, Not(HasSubstr("OPENAI_BASE_URL"))) << "the URL is the caller's";
}

TEST(LoopbackPort, IsThatOfAUrlOfThisMachineOnly) {
  EXPECT_EQ(LoopbackPort("http://127.0.0.1:8080/v1"), 8080);
  EXPECT_EQ(LoopbackPort("https://localhost"), 443);
  EXPECT_EQ(LoopbackPort("https://[::1]:9"), 9);
  EXPECT_EQ(LoopbackPort("https://10.0.0.1:8080"), std::nullopt);
  EXPECT_EQ(LoopbackPort("https://127.0.0.1.example.com"), std::nullopt);
  EXPECT_EQ(LoopbackPort("simulated"), std::nullopt);
}

TEST_F(ProviderFactory, OllamaHostMayLeaveOutSchemeAndPort) {
  const auto url = [this](const char* host) {
    Set("OLLAMA_HOST", host);
    return Make(ProviderChoice::kOllama).url;
  };
  EXPECT_EQ(url("127.0.0.1"), "http://127.0.0.1:11434");
  EXPECT_EQ(url("127.0.0.1:8000"), "http://127.0.0.1:8000");
  EXPECT_EQ(url("[::1]"), "http://[::1]:11434");
  EXPECT_EQ(url("https://ollama.test/"), "https://ollama.test");
}

TEST_F(ProviderFactory, OllamaHostThatAServerListensOnIsThisMachine) {
  const std::pair<const char*, const char*> kHosts[] = {
      {"0.0.0.0", "http://127.0.0.1:11434"},
      {"0.0.0.0:8080", "http://127.0.0.1:8080"},
      {"http://0.0.0.0:8080", "http://127.0.0.1:8080"},
      {"https://0.0.0.0", "https://127.0.0.1"},
      {":8080", "http://127.0.0.1:8080"},
      {"[::]:8080", "http://[::1]:8080"},
      {"[::1]", "http://[::1]:11434"}};
  for (const auto& [host, url] : kHosts) {
    Set("OLLAMA_HOST", host);
    const Target target = Make(ProviderChoice::kOllama);
    EXPECT_EQ(target.url, url) << host;
    EXPECT_TRUE(target.costs_nothing) << host;
  }
}

TEST_F(ProviderFactory, UnusableValuesNameTheirVariable) {
  for (const char* bad : {"not a url", "ftp://127.0.0.1/v1", "http://example.com/v1"}) {
    Set("LLMLOAD_LOCAL_URL", bad);
    const std::string message = MessageOf([] { Make(ProviderChoice::kLocal); });
    EXPECT_THAT(message, HasSubstr("LLMLOAD_LOCAL_URL")) << bad;
    EXPECT_THAT(message, HasSubstr(bad));
  }
  Set("LLMLOAD_LOCAL_URL", "https://127.0.0.1:8080/v1");
  Set("LLMLOAD_CA_FILE", "/no/such/file.pem");
  EXPECT_THAT(MessageOf([] { Make(ProviderChoice::kLocal); }),
              HasSubstr("LLMLOAD_CA_FILE: got \"/no/such/file.pem\""));
  Unset("LLMLOAD_CA_FILE");
  Set("OPENAI_API_KEY", "sk-test");
  Set("LLMLOAD_MAX_TOKENS_FIELD", "tokens");
  EXPECT_THAT(MessageOf([] { Make(ProviderChoice::kOpenAi); }),
              HasSubstr("LLMLOAD_MAX_TOKENS_FIELD: got \"tokens\""));
  Set("AWS_REGION", "eu-central-1");
  Set("LLMLOAD_BEDROCK_API", "chat");
  EXPECT_THAT(MessageOf([] { Make(ProviderChoice::kBedrock); }),
              HasSubstr("LLMLOAD_BEDROCK_API: got \"chat\""));
}

TEST_F(ProviderFactory, KeysReachNoMessage) {
  Set("OPENAI_API_KEY", "sk with spaces");
  const std::string message = MessageOf([] { Make(ProviderChoice::kOpenAi); });
  EXPECT_THAT(message, HasSubstr("OPENAI_API_KEY"));
  EXPECT_THAT(message, Not(HasSubstr("sk with")));
}

}  // namespace
}  // namespace llmload
