#include "tests/conformance/provider_conformance.h"

#include <chrono>
#include <utility>

#include "llmload/service/anthropic_provider.h"
#include "llmload/service/aws_credentials.h"
#include "llmload/service/azure_openai_provider.h"
#include "llmload/service/bedrock_provider.h"
#include "llmload/service/ollama_provider.h"
#include "llmload/service/openai_provider.h"

namespace llmload::test_support {
namespace {

using fake_server::FakeLlmServer;

constexpr const char* kKey = "sk-conformance-0123456789";
constexpr const char* kWrongKey = "sk-wrong-key-9876543210";
constexpr const char* kAccessKeyId = "AKIDCONFORMANCE";
constexpr const char* kAwsSecret = "conformance/secret+access/key";
constexpr const char* kWrongAwsSecret = "wrong/secret+access/key+000000";
constexpr const char* kSessionToken = "conformance//session+token==";
constexpr const char* kRegion = "eu-central-1";

// Options with these ones of the connection, as all have them.
template <class Options>
Options With(const FakeLlmServer& server, HttpOptions http) {
  Options options;
  options.http = std::move(http);
  options.http.ca_pem = server.ca_pem();
  return options;
}

Secret Key(bool wrong) { return Secret(wrong ? kWrongKey : kKey); }

std::shared_ptr<Provider> OpenAi(const FakeLlmServer& server, HttpOptions http, bool wrong) {
  auto options = With<OpenAiOptions>(server, std::move(http));
  options.base_url = server.base_url();
  options.api_key = Key(wrong);
  return std::make_shared<OpenAiProvider>(std::move(options));
}

std::shared_ptr<Provider> Azure(const FakeLlmServer& server, HttpOptions http, bool wrong,
                                AzureOpenAiOptions::Surface surface, bool bearer) {
  auto options = With<AzureOpenAiOptions>(server, std::move(http));
  options.endpoint = server.origin();
  options.deployment = "my deployment/1";
  options.surface = surface;
  (bearer ? options.bearer_token : options.api_key) = Key(wrong);
  return std::make_shared<AzureOpenAiProvider>(std::move(options));
}

std::shared_ptr<Provider> Anthropic(const FakeLlmServer& server, HttpOptions http, bool wrong,
                                    AnthropicOptions::Auth auth) {
  auto options = With<AnthropicOptions>(server, std::move(http));
  options.base_url = server.origin();
  options.api_key = Key(wrong);
  options.auth = auth;
  return std::make_shared<AnthropicProvider>(std::move(options));
}

std::shared_ptr<Provider> Ollama(const FakeLlmServer& server, HttpOptions http, bool wrong) {
  auto options = With<OllamaOptions>(server, std::move(http));
  options.base_url = server.origin();
  options.api_key = Key(wrong);
  return std::make_shared<OllamaProvider>(std::move(options));
}

std::shared_ptr<Provider> Bedrock(const FakeLlmServer& server, HttpOptions http, bool wrong,
                                  BedrockOptions::Api api, bool bearer) {
  auto options = With<BedrockOptions>(server, std::move(http));
  options.endpoint = server.origin();
  options.region = kRegion;
  options.api = api;
  if (bearer) {
    options.bearer_token = Key(wrong);
  } else {
    options.credentials =
        FixedAwsCredentials({.access_key_id = kAccessKeyId,
                             .secret_access_key = Secret(wrong ? kWrongAwsSecret : kAwsSecret),
                             .session_token = Secret(kSessionToken),
                             .expires = {}});
  }
  return std::make_shared<BedrockProvider>(std::move(options));
}

const std::vector<ErrorRow> kOpenAiErrors = {
    {400, "", ErrorKind::kInvalidRequest},
    {400, "context_length_exceeded", ErrorKind::kContextLength},
    {400, "content_filter", ErrorKind::kContentFilter},
    {401, "", ErrorKind::kCredential},
    {403, "", ErrorKind::kCredential},
    {404, "", ErrorKind::kModelUnavailable},
    {408, "", ErrorKind::kServerError},
    {409, "", ErrorKind::kInvalidRequest},
    {422, "", ErrorKind::kInvalidRequest},
    {429, "", ErrorKind::kRateLimited},
    {429, "slow_down", ErrorKind::kRateLimited},
    {429, "insufficient_quota", ErrorKind::kQuotaExhausted},
    {429, "credit_balance_exhausted", ErrorKind::kQuotaExhausted},
    {429, "organization_spend_limit_exceeded", ErrorKind::kQuotaExhausted},
    {429, "project_spend_limit_exceeded", ErrorKind::kQuotaExhausted},
    {429, "organization_usage_limit_exceeded", ErrorKind::kQuotaExhausted},
    {500, "", ErrorKind::kServerError},
    {502, "", ErrorKind::kServerError},
    {503, "", ErrorKind::kOverloaded},
    {504, "", ErrorKind::kServerError},
};

const std::vector<ErrorRow> kAnthropicErrors = {
    {400, "", ErrorKind::kInvalidRequest},
    {400, "context_length_exceeded", ErrorKind::kContextLength},
    {401, "", ErrorKind::kCredential},
    {402, "", ErrorKind::kQuotaExhausted},
    {403, "", ErrorKind::kCredential},
    {404, "", ErrorKind::kModelUnavailable},
    {409, "", ErrorKind::kInvalidRequest},
    {413, "", ErrorKind::kInvalidRequest},
    {429, "", ErrorKind::kRateLimited},
    {429, "enforced_spend_limit_reached", ErrorKind::kQuotaExhausted},
    {500, "", ErrorKind::kServerError},
    {504, "", ErrorKind::kServerError},
    {529, "", ErrorKind::kOverloaded},
};

const std::vector<ErrorRow> kBedrockErrors = {
    {400, "", ErrorKind::kInvalidRequest},
    {400, "context_length_exceeded", ErrorKind::kContextLength},
    {400, "ServiceQuotaExceededException", ErrorKind::kQuotaExhausted},
    {400, "ConflictException", ErrorKind::kInvalidRequest},
    {400, "IncompleteSignatureException", ErrorKind::kCredential},
    {403, "", ErrorKind::kCredential},
    {403, "model_access_denied", ErrorKind::kModelUnavailable},
    {403, "MissingAuthenticationTokenException", ErrorKind::kCredential},
    {404, "", ErrorKind::kModelUnavailable},
    {408, "", ErrorKind::kServerError},
    {424, "", ErrorKind::kServerError},
    {424, "ModelStreamErrorException", ErrorKind::kServerError},
    {429, "", ErrorKind::kRateLimited},
    {429, "ModelNotReadyException", ErrorKind::kOverloaded},
    {500, "", ErrorKind::kServerError},
    {503, "", ErrorKind::kOverloaded},
};

const std::vector<ErrorRow> kOllamaErrors = {
    {400, "", ErrorKind::kInvalidRequest},   {401, "", ErrorKind::kCredential},
    {404, "", ErrorKind::kModelUnavailable}, {429, "", ErrorKind::kRateLimited},
    {500, "", ErrorKind::kServerError},      {502, "", ErrorKind::kServerError},
    {503, "", ErrorKind::kOverloaded},
};

}  // namespace

std::vector<Subject> AllSubjects() {
  using Surface = AzureOpenAiOptions::Surface;
  using Auth = AnthropicOptions::Auth;
  using Api = BedrockOptions::Api;
  const auto azure = [](Surface surface, bool bearer) {
    return [=](const FakeLlmServer& server, HttpOptions http, bool wrong) {
      return Azure(server, std::move(http), wrong, surface, bearer);
    };
  };
  const auto anthropic = [](Auth auth) {
    return [=](const FakeLlmServer& server, HttpOptions http, bool wrong) {
      return Anthropic(server, std::move(http), wrong, auth);
    };
  };
  const auto bedrock = [](Api api, bool bearer) {
    return [=](const FakeLlmServer& server, HttpOptions http, bool wrong) {
      return Bedrock(server, std::move(http), wrong, api, bearer);
    };
  };
  const char* const claude = "anthropic.claude-haiku-4-5-20251001-v1:0";
  return {
      {"OpenAi", "gpt-4o-mini", OpenAi, kOpenAiErrors},
      {"AzureDeployments", "ignored", azure(Surface::kDeployments, false), kOpenAiErrors},
      {"AzureV1Bearer", "ignored", azure(Surface::kV1, true), kOpenAiErrors},
      {"Anthropic", "claude-haiku-4-5-20251001", anthropic(Auth::kApiKey), kAnthropicErrors},
      {"AnthropicBearer", "claude-haiku-4-5-20251001", anthropic(Auth::kBearer), kAnthropicErrors},
      {"Ollama", "llama3.2", Ollama, kOllamaErrors},
      {"BedrockConverse", claude, bedrock(Api::kConverse, false), kBedrockErrors},
      {"BedrockConverseArn",
       "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/"
       "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
       bedrock(Api::kConverse, false), kBedrockErrors},
      {"BedrockConverseBearer", claude, bedrock(Api::kConverse, true), kBedrockErrors},
      {"BedrockInvokeAnthropic", claude, bedrock(Api::kInvokeModel, false), kBedrockErrors},
      {"BedrockInvokeTitan", "amazon.titan-text-express-v1", bedrock(Api::kInvokeModel, false),
       kBedrockErrors},
  };
}

std::vector<std::string> AllSecrets() {
  return {kKey, kWrongKey, kAwsSecret, kWrongAwsSecret, kSessionToken};
}

fake_server::FakeLlmServerOptions ProviderConformance::Fast(int tokens) {
  using namespace std::chrono_literals;
  fake_server::FakeLlmServerOptions options;
  options.latency.ttft_median = 2ms;
  options.latency.gap_median = 500us;
  options.latency.tokens_min = options.latency.tokens_max = tokens;
  options.api_keys = {Secret(kKey)};
  options.aws_credentials = {{.access_key_id = kAccessKeyId,
                              .secret_access_key = Secret(kAwsSecret),
                              .session_token = Secret(kSessionToken)}};
  options.aws_regions = {kRegion};
  return options;
}

CompletionRequest ProviderConformance::Request(bool stream) {
  CompletionRequest request;
  request.model = GetParam().model;
  request.messages = {{Role::kUser, "Hello"}};
  request.stream = stream;
  return request;
}

Completion ProviderConformance::Value(Provider& provider, const CompletionRequest& request,
                                      StreamObserver* observer) {
  auto result = caller_.Call(provider, request, observer);
  if (result.has_error()) {
    ADD_FAILURE() << Describe(result.error());
    return {};
  }
  return std::move(result).value();
}

Error ProviderConformance::Failure(Provider& provider, const CompletionRequest& request,
                                   StreamObserver* observer) {
  auto result = caller_.Call(provider, request, observer);
  if (result.has_value()) {
    ADD_FAILURE() << "expected an error, got the text \"" << result->text << "\"";
    return {};
  }
  return std::move(result).error();
}

}  // namespace llmload::test_support
