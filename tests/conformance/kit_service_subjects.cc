// Providers of real services, against the fake server.
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/service/anthropic_provider.h"
#include "llmload/service/aws_credentials.h"
#include "llmload/service/azure_openai_provider.h"
#include "llmload/service/bedrock_provider.h"
#include "llmload/service/ollama_provider.h"
#include "llmload/service/openai_provider.h"
#include "tests/conformance/kit_subjects.h"

namespace llmload::test_support {

namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using simulation::Fault;
using simulation::FaultKind;
using namespace std::chrono_literals;

constexpr const char* kKey = "sk-accepted-0123456789";
constexpr const char* kAccessKeyId = "AKIDCONFORMANCE";
constexpr const char* kRegion = "eu-central-1";

// Makes the provider of `server` with that credential.
using Maker = std::function<std::shared_ptr<Provider>(const FakeLlmServer& server, Secret key)>;

ConformanceTarget Serve(const Maker& make, const FakeLlmServerOptions& options, const Secret& key) {
  struct Served {
    explicit Served(const FakeLlmServerOptions& how) : server(how) {}
    FakeLlmServer server;
    std::shared_ptr<Provider> provider;  // goes before its server does
  };
  const auto served = std::make_shared<Served>(options);
  served->provider = make(served->server, key);
  return {.provider = std::shared_ptr<Provider>(served, served->provider.get()),
          .calls_seen = [served] { return served->server.counters().arrivals; }};
}

FakeLlmServerOptions Quick(std::vector<Fault> faults = {}) {
  FakeLlmServerOptions options;
  options.latency = {.ttft_median = 2ms, .gap_median = 500us, .tokens_min = 8, .tokens_max = 8};
  options.api_keys = {Secret(kKey)};
  options.aws_credentials = {
      {.access_key_id = kAccessKeyId, .secret_access_key = Secret(kKey), .session_token = {}}};
  options.aws_regions = {kRegion};
  options.faults = std::move(faults);
  return options;
}

struct Statuses {
  int credential = 401;
  int overloaded = 503;
};

ConformanceSubject Subject(const char* model, const Maker& make, Statuses statuses = {}) {
  const auto with = [make](const FakeLlmServerOptions& options) {
    return [=](Clock&) { return Serve(make, options, Secret(kKey)); };
  };
  ConformanceSubject subject;
  subject.request.model = model;
  subject.healthy = with(Quick());
  FakeLlmServerOptions slow = Quick();
  slow.latency.ttft_median = 100ms;
  slow.latency.ttft_sigma = 0;
  subject.slow = with(slow);
  subject.hanging = with(Quick({{.kind = FaultKind::kHang}}));
  subject.stalling = with(Quick({{.kind = FaultKind::kStall, .after_tokens = 3}}));
  subject.breaking = with(Quick({{.kind = FaultKind::kCut, .after_tokens = 3}}));
  subject.failing = [=](Clock&, ErrorKind kind) {
    int status = 400;
    if (kind == ErrorKind::kCredential) status = statuses.credential;
    if (kind == ErrorKind::kRateLimited) status = 429;
    if (kind == ErrorKind::kServerError) status = 500;
    if (kind == ErrorKind::kOverloaded) status = statuses.overloaded;
    return Serve(make, Quick({{.kind = FaultKind::kHttpError, .status = status}}), Secret(kKey));
  };
  subject.failures = {ErrorKind::kInvalidRequest, ErrorKind::kCredential, ErrorKind::kRateLimited,
                      ErrorKind::kServerError, ErrorKind::kOverloaded};
  subject.refused = [=](Clock&, const Secret& credential) {
    return Serve(make, Quick(), credential);
  };
  return subject;
}

template <class Options>
Options Trusting(const FakeLlmServer& server) {
  Options options;
  options.http.ca_pem = server.ca_pem();
  return options;
}

}  // namespace

ConformanceSubject OpenAiSubject() {
  return Subject("gpt-4o-mini", [](const FakeLlmServer& server, Secret key) {
    auto options = Trusting<OpenAiOptions>(server);
    options.base_url = server.base_url();
    options.api_key = std::move(key);
    return std::make_shared<OpenAiProvider>(std::move(options));
  });
}

ConformanceSubject AzureSubject() {
  return Subject("ignored", [](const FakeLlmServer& server, Secret key) {
    auto options = Trusting<AzureOpenAiOptions>(server);
    options.endpoint = server.origin();
    options.deployment = "deployment";
    options.api_key = std::move(key);
    return std::make_shared<AzureOpenAiProvider>(std::move(options));
  });
}

ConformanceSubject AnthropicSubject() {
  return Subject("claude-3-haiku-20240307",
                 [](const FakeLlmServer& server, Secret key) {
                   auto options = Trusting<AnthropicOptions>(server);
                   options.base_url = server.origin();
                   options.api_key = std::move(key);
                   return std::make_shared<AnthropicProvider>(std::move(options));
                 },
                 {.credential = 401, .overloaded = 529});
}

ConformanceSubject BedrockSubject() {
  return Subject("anthropic.claude-3-5-haiku-20241022-v1:0",
                 [](const FakeLlmServer& server, Secret key) {
                   auto options = Trusting<BedrockOptions>(server);
                   options.endpoint = server.origin();
                   options.region = kRegion;
                   options.credentials = FixedAwsCredentials({.access_key_id = kAccessKeyId,
                                                              .secret_access_key = std::move(key),
                                                              .session_token = {},
                                                              .expires = {}});
                   return std::make_shared<BedrockProvider>(std::move(options));
                 },
                 {.credential = 403, .overloaded = 503});
}

ConformanceSubject OllamaSubject() {
  return Subject("llama3.2", [](const FakeLlmServer& server, Secret key) {
    auto options = Trusting<OllamaOptions>(server);
    options.base_url = server.origin();
    options.api_key = std::move(key);
    return std::make_shared<OllamaProvider>(std::move(options));
  });
}

}  // namespace llmload::test_support
