#include "llmload/service/target.h"

#include <array>
#include <initializer_list>
#include <optional>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/service/anthropic_provider.h"
#include "llmload/service/aws_credentials.h"
#include "llmload/service/azure_openai_provider.h"
#include "llmload/service/bedrock_provider.h"
#include "llmload/service/ollama_provider.h"
#include "llmload/service/openai_provider.h"
#include "src/net/url.h"
#include "src/service/extra_headers.h"

namespace llmload {
namespace {

using environment::SecretText;
using environment::Text;

struct ChoiceName {
  ProviderChoice choice;
  std::string_view name;
  const char* usual_model;
};

constexpr std::array<ChoiceName, 7> kChoices = {{
    {ProviderChoice::kFake, "fake", "gpt-3.5-turbo"},
    {ProviderChoice::kOpenAi, "openai", "gpt-3.5-turbo"},
    {ProviderChoice::kAzure, "azure", ""},
    {ProviderChoice::kBedrock, "bedrock", "anthropic.claude-3-haiku-20240307-v1:0"},
    {ProviderChoice::kAnthropic, "anthropic", "claude-3-haiku-20240307"},
    {ProviderChoice::kOllama, "ollama", "llama3.2"},
    {ProviderChoice::kLocal, "local", "gpt-3.5-turbo"},
}};

// Makes the provider; an error of its options names the variables they may have come from.
// `url_variables` are ignored if the caller gave the URL.
template <class MadeProvider, class Options>
std::shared_ptr<Provider> Make(const std::string& base_url, Options options, const Clock& clock,
                               const TargetOverrides& overrides,
                               std::initializer_list<const char*> url_variables,
                               std::initializer_list<const char*> variables) {
  try {
    options.http.proxy = ProxyFromEnvironment(base_url);
    return std::make_shared<MadeProvider>(std::move(options), clock);
  } catch (const ConfigurationError& error) {
    std::string from;
    const auto name_set_ones = [&from](std::initializer_list<const char*> names) {
      for (const char* variable : names) {
        if (Text(variable)) from += (from.empty() ? "" : ", ") + std::string(variable);
      }
    };
    if (overrides.url.empty()) name_set_ones(url_variables);
    name_set_ones(variables);
    if (overrides.headers.empty()) name_set_ones({"LLMLOAD_HEADERS"});
    if (overrides.extra_body.empty()) name_set_ones({"LLMLOAD_EXTRA_BODY"});
    if (overrides.path.empty()) name_set_ones({"LLMLOAD_PATH"});
    if (from.empty()) throw;
    throw ConfigurationError(std::string(error.what()) + " (from " + from + ")");
  }
}

Target Unavailable(std::string why) {
  Target target;
  target.unavailable = std::move(why);
  return target;
}

template <class Options>
bool HasCredential(const Options& options) {
  return FindCredential(options.http.headers) != nullptr;
}

// The caller's value, or else the variable.
std::optional<std::string> UrlFrom(const TargetOverrides& overrides, const char* variable) {
  if (!overrides.url.empty()) return overrides.url;
  return Text(variable);
}

// What services that speak OpenAI's API refuse or require.
template <class Options>
void ReadForm(const TargetOverrides& overrides, Options& options) {
  auto field =
      environment::OneOf("LLMLOAD_MAX_TOKENS_FIELD", {"max_tokens", "max_completion_tokens"});
  if (!overrides.max_tokens_field.empty()) field = overrides.max_tokens_field;
  if (field == "max_completion_tokens") {
    options.max_tokens_field = OpenAiOptions::MaxTokensField::kMaxCompletionTokens;
  }
  auto usage = environment::OneOf("LLMLOAD_STREAM_OPTIONS", {"send", "omit"});
  if (!overrides.stream_options.empty()) usage = overrides.stream_options;
  options.include_usage = usage != "omit";
}

Target OpenAi(const Clock& clock, const TargetOverrides& overrides) {
  OpenAiOptions options;
  options.http = HttpOptionsFromEnvironment(overrides);
  auto key = SecretText("OPENAI_API_KEY");
  if (!key && overrides.url.empty() && !HasCredential(options)) {
    return Unavailable(
        "no key for LLMLOAD_PROVIDER=openai: set OPENAI_API_KEY (and OPENAI_BASE_URL for anything "
        "but OpenAI itself)");
  }
  if (key) options.api_key = std::move(*key);
  if (auto url = UrlFrom(overrides, "OPENAI_BASE_URL")) options.base_url = std::move(*url);
  options.organization = Text("OPENAI_ORG_ID").value_or("");
  options.project = Text("OPENAI_PROJECT_ID").value_or("");
  ReadForm(overrides, options);
  Target target;
  target.url = options.base_url;
  target.credential_help = "check OPENAI_API_KEY, and that it belongs to OPENAI_BASE_URL";
  target.provider = Make<OpenAiProvider>(
      target.url, std::move(options), clock, overrides, {"OPENAI_BASE_URL"},
      {"OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "LLMLOAD_CA_FILE", "HTTPS_PROXY"});
  return target;
}

Target Local(const Clock& clock, const TargetOverrides& overrides) {
  auto url = UrlFrom(overrides, "LLMLOAD_LOCAL_URL");
  if (!url) {
    return Unavailable(
        "no server for LLMLOAD_PROVIDER=local: set LLMLOAD_LOCAL_URL, as in "
        "http://127.0.0.1:8080/v1");
  }
  OpenAiOptions options;
  options.http = HttpOptionsFromEnvironment(overrides);
  options.name = "local";
  options.base_url = std::move(*url);
  if (auto key = SecretText("LLMLOAD_LOCAL_API_KEY")) options.api_key = std::move(*key);
  ReadForm(overrides, options);
  Target target;
  target.url = options.base_url;
  target.costs_nothing = LoopbackPort(target.url).has_value();
  target.credential_help = "check LLMLOAD_LOCAL_API_KEY";
  target.provider =
      Make<OpenAiProvider>(target.url, std::move(options), clock, overrides, {"LLMLOAD_LOCAL_URL"},
                           {"LLMLOAD_LOCAL_API_KEY", "LLMLOAD_CA_FILE"});
  return target;
}

Target Azure(const Clock& clock, const TargetOverrides& overrides) {
  AzureOpenAiOptions options;
  options.http = HttpOptionsFromEnvironment(overrides);
  auto endpoint = UrlFrom(overrides, "AZURE_OPENAI_ENDPOINT");
  auto deployment = Text("AZURE_OPENAI_DEPLOYMENT");
  if (!overrides.deployment.empty()) deployment = overrides.deployment;
  auto key = SecretText("AZURE_OPENAI_API_KEY");
  auto token = SecretText("AZURE_OPENAI_AD_TOKEN");
  std::string missing;
  if (!endpoint) missing = "no endpoint: set AZURE_OPENAI_ENDPOINT";
  if (!deployment && missing.empty()) missing = "no deployment: set AZURE_OPENAI_DEPLOYMENT";
  if (!key && !token && missing.empty() && !HasCredential(options)) {
    missing = "no credential: set AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN";
  }
  if (!missing.empty()) return Unavailable("LLMLOAD_PROVIDER=azure has " + missing);
  options.endpoint = std::move(*endpoint);
  options.deployment = std::move(*deployment);
  if (token) {
    options.bearer_token = std::move(*token);
  } else if (key) {
    options.api_key = std::move(*key);
  }
  if (auto version = Text("OPENAI_API_VERSION")) options.api_version = std::move(*version);
  if (environment::OneOf("LLMLOAD_AZURE_API", {"deployments", "v1"}) == "v1") {
    options.surface = AzureOpenAiOptions::Surface::kV1;
  }
  ReadForm(overrides, options);
  Target target;
  target.url = options.endpoint;
  target.credential_help =
      "check AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN, and that it belongs to the resource of "
      "AZURE_OPENAI_ENDPOINT";
  target.provider = Make<AzureOpenAiProvider>(
      target.url, std::move(options), clock, overrides, {"AZURE_OPENAI_ENDPOINT"},
      {"AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN",
       "OPENAI_API_VERSION", "LLMLOAD_CA_FILE", "HTTPS_PROXY"});
  return target;
}

Target Anthropic(const Clock& clock, const TargetOverrides& overrides) {
  AnthropicOptions options;
  options.http = HttpOptionsFromEnvironment(overrides);
  auto key = SecretText("ANTHROPIC_API_KEY");
  auto token = SecretText("ANTHROPIC_AUTH_TOKEN");
  if (!key && !token && overrides.url.empty() && !HasCredential(options)) {
    return Unavailable(
        "no key for LLMLOAD_PROVIDER=anthropic: set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN for "
        "a bearer token)");
  }
  if (key) {
    options.api_key = std::move(*key);
  } else if (token) {
    options.api_key = std::move(*token);
    options.auth = AnthropicOptions::Auth::kBearer;
  }
  if (auto url = UrlFrom(overrides, "ANTHROPIC_BASE_URL")) options.base_url = std::move(*url);
  Target target;
  target.url = options.base_url;
  target.credential_help =
      "check ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, and that it belongs to ANTHROPIC_BASE_URL";
  target.provider = Make<AnthropicProvider>(
      target.url, std::move(options), clock, overrides, {"ANTHROPIC_BASE_URL"},
      {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "LLMLOAD_CA_FILE", "HTTPS_PROXY"});
  return target;
}

// OLLAMA_HOST as Ollama itself reads it: scheme, host and port may be left out. The address on
// which a server listens for all of its machine's means this machine to a client.
std::string OllamaUrl(std::string host) {
  while (!host.empty() && host.back() == '/') host.pop_back();
  std::string scheme = "http://";
  const std::size_t scheme_end = host.find("://");
  const bool has_scheme = scheme_end != std::string::npos;
  if (has_scheme) {
    scheme = host.substr(0, scheme_end + 3);
    host.erase(0, scheme_end + 3);
  }
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  std::string name = host.substr(0, colon);
  std::string rest = colon == std::string::npos ? "" : host.substr(colon);
  if (name.empty() || name == "0.0.0.0") name = "127.0.0.1";
  if (name == "[::]") name = "[::1]";
  if (rest.empty() && !has_scheme) rest = ":11434";
  return scheme + name + rest;
}

Target Ollama(const Clock& clock, const TargetOverrides& overrides) {
  OllamaOptions options;
  options.http = HttpOptionsFromEnvironment(overrides);
  if (auto host = UrlFrom(overrides, "OLLAMA_HOST")) options.base_url = OllamaUrl(std::move(*host));
  if (auto key = SecretText("OLLAMA_API_KEY")) options.api_key = std::move(*key);
  Target target;
  target.url = options.base_url;
  target.costs_nothing = LoopbackPort(target.url).has_value();
  target.credential_help = "check OLLAMA_API_KEY";
  target.provider =
      Make<OllamaProvider>(target.url, std::move(options), clock, overrides, {"OLLAMA_HOST"},
                           {"OLLAMA_API_KEY", "LLMLOAD_CA_FILE", "HTTPS_PROXY"});
  return target;
}

Target Bedrock(const Clock& clock, const TargetOverrides& overrides) {
  BedrockOptions options;
  options.http = HttpOptionsFromEnvironment(overrides);
  const auto region = AwsRegionFromEnvironment();
  if (!region) {
    return Unavailable(
        "no region for LLMLOAD_PROVIDER=bedrock: set AWS_REGION, or the region of the profile in "
        "the AWS configuration file");
  }
  options.region = *region;
  if (auto url = UrlFrom(overrides, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME")) {
    options.endpoint = std::move(*url);
  } else if (auto any_service = Text("AWS_ENDPOINT_URL")) {
    options.endpoint = std::move(*any_service);
  }
  if (environment::OneOf("LLMLOAD_BEDROCK_API", {"converse", "invoke"}) == "invoke") {
    options.api = BedrockOptions::Api::kInvokeModel;
  }
  const auto is_true = [](const char* name) {
    return environment::OneOf(name, {"true", "false"}) == "true";
  };
  options.fips = is_true("AWS_USE_FIPS_ENDPOINT");
  options.dual_stack = is_true("AWS_USE_DUALSTACK_ENDPOINT");
  options.correct_clock_skew = !is_true("AWS_DISABLE_CLOCK_SKEW_CORRECTION");
  Target target;
  if (auto token = SecretText("AWS_BEARER_TOKEN_BEDROCK")) {
    options.bearer_token = std::move(*token);
    target.credential_help =
        "check AWS_BEARER_TOKEN_BEDROCK: it belongs to one region, and a short-term key lasts at "
        "most 12 hours";
  } else if (HasCredential(options)) {
    target.credential_help = "check the header field that is sent as the credential";
  } else {
    options.credentials = AwsCredentialChain(AwsCredentialOptions::FromEnvironment());
    target.credential_help = "check the AWS credentials (" + options.credentials->Describe() +
                             "), that they may call bedrock:InvokeModel in " + options.region +
                             ", and the clock";
  }
  const std::string endpoint = BedrockEndpoint(options);
  target.url = endpoint;
  target.provider =
      Make<BedrockProvider>(target.url, std::move(options), clock, overrides,
                            {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"},
                            {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_BEARER_TOKEN_BEDROCK",
                             "LLMLOAD_CA_FILE", "HTTPS_PROXY"});
  return target;
}

}  // namespace

std::string_view ToString(ProviderChoice choice) noexcept {
  for (const ChoiceName& entry : kChoices) {
    if (entry.choice == choice) return entry.name;
  }
  return "unknown";
}

std::optional<ProviderChoice> ProviderOfName(std::string_view name) noexcept {
  for (const ChoiceName& entry : kChoices) {
    if (entry.name == name) return entry.choice;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> LoopbackPort(const std::string& url) {
  try {
    const net::Url parsed = net::ParseBaseUrl("url", url);
    if (parsed.IsLoopback()) return parsed.port;
  } catch (const ConfigurationError&) {
  }
  return std::nullopt;
}

ProviderChoice ProviderFromEnvironment() {
  const auto name = environment::OneOf(
      "LLMLOAD_PROVIDER", {"fake", "openai", "azure", "bedrock", "anthropic", "ollama", "local"});
  return name ? ProviderOfName(*name).value_or(ProviderChoice::kFake) : ProviderChoice::kFake;
}

std::string ModelFromEnvironment(ProviderChoice choice) {
  if (auto model = Text("LLMLOAD_MODEL")) return std::move(*model);
  if (choice == ProviderChoice::kAzure) return Text("AZURE_OPENAI_DEPLOYMENT").value_or("");
  for (const ChoiceName& entry : kChoices) {
    if (entry.choice == choice) return entry.usual_model;
  }
  return "";
}

Target TargetFromEnvironment(ProviderChoice choice, const Clock& clock,
                             const TargetOverrides& overrides) {
  switch (choice) {
    case ProviderChoice::kFake:
      break;
    case ProviderChoice::kOpenAi:
      return OpenAi(clock, overrides);
    case ProviderChoice::kAzure:
      return Azure(clock, overrides);
    case ProviderChoice::kBedrock:
      return Bedrock(clock, overrides);
    case ProviderChoice::kAnthropic:
      return Anthropic(clock, overrides);
    case ProviderChoice::kOllama:
      return Ollama(clock, overrides);
    case ProviderChoice::kLocal:
      return Local(clock, overrides);
  }
  return Unavailable(
      "LLMLOAD_PROVIDER=fake, but this test embeds no fake LLM server: set LLMLOAD_PROVIDER to "
      "openai, azure, bedrock, anthropic, ollama or local");
}

}  // namespace llmload
