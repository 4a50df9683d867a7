// The requests of Anthropic's, Ollama's and Azure's clients, to the byte, and the secrets that they
// never show.
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/service/anthropic_provider.h"
#include "llmload/service/azure_openai_provider.h"
#include "llmload/service/ollama_provider.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kKey = "key-0123456789abcdef";

class ProviderHeads : public ::testing::Test {
 protected:
  // Refuses with the request's credential in the message, as some gateways do.
  ProviderHeads()
      : server_({{test_support::ReadRequest(),
                  test_support::Send(test_support::Answer(
                      401, std::string(R"({"error":{"message":"no such key: )") + kKey + "\"}}")),
                  test_support::Hang()}},
                ValidServer()) {}

  template <class Options>
  Options Trusting(std::string Options::*url) {
    Options options;
    options.*url = "https://127.0.0.1:" + std::to_string(server_.port());
    options.http.ca_pem = Authority().pem();
    return options;
  }

  // Lines of the request that `provider` sends, the body last.
  std::vector<std::string> Sent(Provider& provider, bool stream) {
    const auto result = caller_.Call(provider, test_support::TestRequest(stream));
    EXPECT_TRUE(result.has_error());
    if (result.has_error()) {
      EXPECT_KIND(result.error(), "credential");
      EXPECT_THAT(Describe(result.error()), HasSubstr("no such key"));
    }
    std::vector<std::string> lines;
    if (server_.requests().empty()) return lines;
    std::string rest = server_.requests().back();
    if (result.has_error() && rest.find(kKey) != std::string::npos) {
      EXPECT_THAT(Describe(result.error()), Not(HasSubstr(kKey)));
    }
    for (std::size_t end = rest.find("\r\n"); end != std::string::npos; end = rest.find("\r\n")) {
      lines.push_back(rest.substr(0, end));
      rest.erase(0, end + 2);
    }
    lines.push_back(rest);
    return lines;
  }

  std::vector<std::string> Expected(const std::string& path, const std::string& accept,
                                    const std::vector<std::string>& fields,
                                    const std::string& body) const {
    std::vector<std::string> lines = {
        "POST " + path + " HTTP/1.1", "Host: 127.0.0.1:" + std::to_string(server_.port()),
        "User-Agent: llmload",        "Accept: " + accept,
        "Accept-Encoding: identity",  "Content-Type: application/json"};
    lines.insert(lines.end(), fields.begin(), fields.end());
    lines.push_back("Content-Length: " + std::to_string(body.size()));
    lines.insert(lines.end(), {"", body});
    return lines;
  }

  ScriptedServer server_;
  test_support::ProviderCaller caller_;
};

constexpr const char* kSse = "application/json, text/event-stream";

TEST_F(ProviderHeads, AnthropicSendsItsKeyAndVersion) {
  auto options = Trusting(&AnthropicOptions::base_url);
  options.api_key = Secret(kKey);
  options.beta = "context-1m-2025-08-07";
  AnthropicProvider provider(std::move(options));
  EXPECT_EQ(Sent(provider, true),
            Expected("/v1/messages", kSse,
                     {"anthropic-version: 2023-06-01", "anthropic-beta: context-1m-2025-08-07",
                      std::string("x-api-key: ") + kKey},
                     R"({"model":"m","max_tokens":1024,"messages":[{"role":"user",)"
                     R"("content":"Hello"}],"stream":true})"));
}

TEST_F(ProviderHeads, AnthropicSendsABearerInPlaceOfTheKey) {
  auto options = Trusting(&AnthropicOptions::base_url);
  options.base_url += "/gateway";
  options.api_key = Secret(kKey);
  options.auth = AnthropicOptions::Auth::kBearer;
  options.version = "2026-10-21";
  AnthropicProvider provider(std::move(options));
  EXPECT_EQ(
      Sent(provider, false),
      Expected("/gateway/v1/messages", kSse,
               {"anthropic-version: 2026-10-21", std::string("Authorization: Bearer ") + kKey},
               R"({"model":"m","max_tokens":1024,"messages":[{"role":"user",)"
               R"("content":"Hello"}]})"));
}

TEST_F(ProviderHeads, OllamaSendsABearerIfItHasOne) {
  auto options = Trusting(&OllamaOptions::base_url);
  options.api_key = Secret(kKey);
  options.think = true;
  OllamaProvider provider(std::move(options));
  EXPECT_EQ(Sent(provider, true),
            Expected("/api/chat", "application/json, application/x-ndjson",
                     {std::string("Authorization: Bearer ") + kKey},
                     R"({"model":"m","messages":[{"role":"user","content":"Hello"}],)"
                     R"("stream":true,"think":true})"));
}

TEST_F(ProviderHeads, OllamaSendsNoCredentialByDefault) {
  OllamaProvider provider(Trusting(&OllamaOptions::base_url));
  EXPECT_EQ(Sent(provider, false),
            Expected("/api/chat", "application/json, application/x-ndjson", {},
                     R"({"model":"m","messages":[{"role":"user","content":"Hello"}],)"
                     R"("stream":false})"));
}

TEST_F(ProviderHeads, AzureNamesTheDeploymentInItsPath) {
  auto options = Trusting(&AzureOpenAiOptions::endpoint);
  options.deployment = "gpt 4o/eu";
  options.api_key = Secret(kKey);
  AzureOpenAiProvider provider(std::move(options));
  EXPECT_EQ(Sent(provider, true),
            Expected("/openai/deployments/gpt%204o%2Feu/chat/completions?api-version=2024-10-21",
                     kSse, {std::string("api-key: ") + kKey},
                     R"({"model":"gpt 4o/eu","messages":[{"role":"user","content":"Hello"}],)"
                     R"("stream":true,"stream_options":{"include_usage":true}})"));
}

TEST_F(ProviderHeads, AzureV1NamesTheDeploymentInItsBody) {
  auto options = Trusting(&AzureOpenAiOptions::endpoint);
  options.deployment = "gpt-4o";
  options.surface = AzureOpenAiOptions::Surface::kV1;
  options.api_key = Secret("unused");
  options.bearer_token = Secret(kKey);
  AzureOpenAiProvider provider(std::move(options));
  EXPECT_EQ(
      Sent(provider, false),
      Expected("/openai/v1/chat/completions", kSse, {std::string("Authorization: Bearer ") + kKey},
               R"({"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]})"));
}

TEST(ProviderOptions, RefuseWhatWouldBreakTheHeader) {
  const std::string broken = "2023-06-01\r\nX: y";
  EXPECT_THROW(AnthropicProvider({.version = broken}), ConfigurationError);
  EXPECT_THROW(AnthropicProvider({.beta = broken}), ConfigurationError);
  EXPECT_THROW(AnthropicProvider({.api_key = Secret("a\nb")}), ConfigurationError);
  EXPECT_THROW(OllamaProvider({.api_key = Secret("a\nb")}), ConfigurationError);
  AzureOpenAiOptions azure;
  azure.endpoint = "https://127.0.0.1:1";
  EXPECT_THROW(AzureOpenAiProvider{azure}, ConfigurationError);  // no deployment
  azure.deployment = "d";
  EXPECT_NO_THROW(AzureOpenAiProvider{azure});
  azure.api_version = broken;
  EXPECT_THROW(AzureOpenAiProvider{azure}, ConfigurationError);
  azure.api_version = "2024-10-21";
  azure.bearer_token = Secret("a\nb");
  EXPECT_THROW(AzureOpenAiProvider{azure}, ConfigurationError);
}

}  // namespace
}  // namespace llmload
