// The error bodies of each service, and their kinds.
#include <gtest/gtest.h>

#include <ostream>

#include "src/wire/anthropic_codec.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/ollama_codec.h"
#include "src/wire/openai_codec.h"
#include "tests/unit/wire/wire_fixture.h"

namespace llmload::wire {
namespace {

struct Refusal {
  const char* name;
  int status;
  const char* error_type;  ///< header x-amzn-errortype
  const char* body;
  ErrorKind kind;
  const char* code;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

void Expect(const Refusal& row, const DecodeFailure& failure) {
  EXPECT_EQ(ToString(failure.kind), ToString(row.kind)) << failure.message;
  EXPECT_EQ(failure.code, row.code);
  EXPECT_FALSE(failure.message.empty());
}

class OpenAiRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(OpenAiRefusal, HasItsKind) {
  OpenAiAnswerDecoder decoder(kLimit);
  Expect(GetParam(), decoder.DecodeErrorAnswer(GetParam().status, "", GetParam().body));
}

INSTANTIATE_TEST_SUITE_P(
    Services, OpenAiRefusal,
    ::testing::Values(
        Refusal{
            "UnsupportedParameter", 400, "",
            R"({"error":{"message":"Unsupported parameter: 'max_tokens'","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}})",
            ErrorKind::kInvalidRequest, "unsupported_parameter"},
        Refusal{
            "ContextLength", 400, "",
            R"({"error":{"message":"This model's maximum context length is 8192 tokens. However, ...","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
            ErrorKind::kContextLength, "context_length_exceeded"},
        Refusal{
            "ServiceTier", 400, "",
            R"({"error":{"message":"Invalid service_tier argument: x","type":"invalid_request_error","param":"service_tier","code":null}})",
            ErrorKind::kInvalidRequest, "invalid_request_error"},
        Refusal{
            "InvalidKey", 401, "",
            R"({"error":{"message":"Incorrect API key provided: sk-...","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})",
            ErrorKind::kCredential, "invalid_api_key"},
        Refusal{
            "Country", 403, "",
            R"({"error":{"message":"Country, region, or territory not supported","type":"request_forbidden","param":null,"code":"unsupported_country_region_territory"}})",
            ErrorKind::kCredential, "unsupported_country_region_territory"},
        Refusal{
            "ModelNotFound", 404, "",
            R"({"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}})",
            ErrorKind::kModelUnavailable, "model_not_found"},
        Refusal{
            "RateLimit", 429, "",
            R"({"error":{"message":"Rate limit reached ... Please try again in 20s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}})",
            ErrorKind::kRateLimited, "rate_limit_exceeded"},
        Refusal{
            "SlowDown", 429, "",
            R"({"error":{"message":"Slow down","type":"rate_limit_error","param":null,"code":"slow_down"}})",
            ErrorKind::kRateLimited, "slow_down"},
        Refusal{
            "Quota", 429, "",
            R"({"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})",
            ErrorKind::kQuotaExhausted, "insufficient_quota"},
        Refusal{
            "CreditBalance", 429, "",
            R"({"error":{"message":"m","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}})",
            ErrorKind::kQuotaExhausted, "credit_balance_exhausted"},
        Refusal{
            "OrganizationSpend", 429, "",
            R"({"error":{"message":"m","type":"insufficient_quota","param":null,"code":"organization_spend_limit_exceeded"}})",
            ErrorKind::kQuotaExhausted, "organization_spend_limit_exceeded"},
        Refusal{
            "ProjectSpend", 429, "",
            R"({"error":{"message":"m","type":"insufficient_quota","param":null,"code":"project_spend_limit_exceeded"}})",
            ErrorKind::kQuotaExhausted, "project_spend_limit_exceeded"},
        Refusal{
            "UsageLimit", 429, "",
            R"({"error":{"message":"m","type":"insufficient_quota","param":null,"code":"organization_usage_limit_exceeded"}})",
            ErrorKind::kQuotaExhausted, "organization_usage_limit_exceeded"},
        Refusal{
            "ServerError", 500, "",
            R"({"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}})",
            ErrorKind::kServerError, "server_error"},
        Refusal{
            "Overloaded", 503, "",
            R"({"error":{"message":"m","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}})",
            ErrorKind::kOverloaded, "server_is_overloaded"},
        Refusal{
            "Value", 400, "",
            R"({"error":{"message":"m","type":"invalid_request_error","param":"temperature","code":"invalid_value"}})",
            ErrorKind::kInvalidRequest, "invalid_value"},
        Refusal{
            "NotAMember", 401, "",
            R"({"error":{"message":"You must be a member of an organization to use the API","type":"invalid_request_error","param":null,"code":null}})",
            ErrorKind::kCredential, "invalid_request_error"},
        Refusal{
            "CountryInvalid", 403, "",
            R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"unsupported_country_region_territory"}})",
            ErrorKind::kCredential, "unsupported_country_region_territory"},
        Refusal{
            "RequestLimit", 429, "",
            R"({"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded"}})",
            ErrorKind::kRateLimited, "rate_limit_exceeded"},
        Refusal{
            "SlowDownOfOld", 503, "",
            R"({"error":{"message":"m","type":"server_error","param":null,"code":"slow_down"}})",
            ErrorKind::kOverloaded, "slow_down"},
        Refusal{
            "OverloadedOfOld", 503, "",
            R"({"error":{"message":"The engine is currently overloaded, please try again later","type":"server_error","param":null,"code":null}})",
            ErrorKind::kOverloaded, "server_error"},
        Refusal{
            "VllmBadRequest", 400, "",
            R"({"error":{"message":"max_tokens must be at least 1","type":"BadRequestError","param":null,"code":400}})",
            ErrorKind::kInvalidRequest, "BadRequestError"},
        Refusal{
            "VllmNotFound", 404, "",
            R"({"error":{"message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}})",
            ErrorKind::kModelUnavailable, "NotFoundError"},
        Refusal{"VllmInternal", 500, "",
                R"({"error":{"message":"m","type":"InternalServerError","param":null,"code":500}})",
                ErrorKind::kServerError, "InternalServerError"},
        Refusal{"LlamaCppInvalid", 400, "",
                R"({"error":{"code":400,"message":"m","type":"invalid_request_error"}})",
                ErrorKind::kInvalidRequest, "invalid_request_error"},
        Refusal{"LlamaCppPermission", 403, "",
                R"({"error":{"code":403,"message":"m","type":"permission_error"}})",
                ErrorKind::kCredential, "permission_error"},
        Refusal{"LlamaCppNotFound", 404, "",
                R"({"error":{"code":404,"message":"File Not Found","type":"not_found_error"}})",
                ErrorKind::kInvalidRequest, "not_found_error"},
        Refusal{"LlamaCppServer", 500, "",
                R"({"error":{"code":500,"message":"m","type":"server_error"}})",
                ErrorKind::kServerError, "server_error"},
        Refusal{
            "LlamaCppAuthentication", 401, "",
            R"({"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}})",
            ErrorKind::kCredential, "authentication_error"},
        Refusal{"LlamaCppLoading", 503, "",
                R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})",
                ErrorKind::kOverloaded, "unavailable_error"},
        Refusal{
            "LlamaCppContext", 400, "",
            R"({"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":4}})",
            ErrorKind::kContextLength, "exceed_context_size_error"},
        Refusal{"LlamaCppNotSupported", 501, "",
                R"({"error":{"code":501,"message":"m","type":"not_supported_error"}})",
                ErrorKind::kServerError, "not_supported_error"},
        Refusal{
            "OllamaCompatibleInvalid", 400, "",
            R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}})",
            ErrorKind::kInvalidRequest, "invalid_request_error"},
        Refusal{"OllamaCompatibleRunner", 500, "",
                R"({"error":{"message":"m","type":"api_error","param":null,"code":null}})",
                ErrorKind::kServerError, "api_error"},
        Refusal{
            "OllamaCompatibleQueueFull", 503, "",
            R"({"error":{"message":"server busy, please try again.  maximum pending requests exceeded","type":"api_error","param":null,"code":null}})",
            ErrorKind::kOverloaded, "api_error"},
        Refusal{"OllamaCompatibleCloud", 502, "",
                R"({"error":{"message":"m","type":"api_error","param":null,"code":null}})",
                ErrorKind::kServerError, "api_error"},
        Refusal{
            "OllamaCompatible", 404, "",
            R"({"error":{"message":"model 'x' not found","type":"not_found_error","param":null,"code":null}})",
            ErrorKind::kModelUnavailable, "not_found_error"},
        Refusal{
            "AzureGateway", 429, "",
            R"({"statusCode":429,"message":"Rate limit is exceeded. Try again in 56 seconds."})",
            ErrorKind::kRateLimited, ""},
        Refusal{
            "AzureRate", 429, "",
            R"({"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded token rate limit. Please retry after 26 seconds."}})",
            ErrorKind::kRateLimited, "429"},
        Refusal{
            "AzureKey", 401, "",
            R"({"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}})",
            ErrorKind::kCredential, "401"},
        Refusal{
            "AzureDeployment", 404, "",
            R"({"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}})",
            ErrorKind::kModelUnavailable, "DeploymentNotFound"},
        Refusal{
            "AzureContentFilter", 400, "",
            R"({"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true}}}}})",
            ErrorKind::kContentFilter, "content_filter"}),
    [](const auto& param) { return param.param.name; });

class AnthropicRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(AnthropicRefusal, HasItsKind) {
  AnthropicAnswerDecoder decoder(kLimit);
  Expect(GetParam(), decoder.DecodeErrorAnswer(GetParam().status, "", GetParam().body));
}

INSTANTIATE_TEST_SUITE_P(
    Table, AnthropicRefusal,
    ::testing::Values(
        Refusal{
            "InvalidRequest", 400, "",
            R"({"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"},"request_id":"req_1"})",
            ErrorKind::kInvalidRequest, "invalid_request_error"},
        Refusal{
            "TooLong", 400, "",
            R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 205000 tokens > 200000 maximum"}})",
            ErrorKind::kContextLength, "invalid_request_error"},
        Refusal{
            "CreditBalance", 400, "",
            R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."},"request_id":"req_1"})",
            ErrorKind::kQuotaExhausted, "invalid_request_error"},
        Refusal{
            "OwnSpendLimit", 400, "",
            R"({"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}})",
            ErrorKind::kQuotaExhausted, "invalid_request_error"},
        Refusal{
            "Authentication", 401, "",
            R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}})",
            ErrorKind::kCredential, "authentication_error"},
        Refusal{"Billing", 402, "",
                R"({"type":"error","error":{"type":"billing_error","message":"m"}})",
                ErrorKind::kQuotaExhausted, "billing_error"},
        Refusal{"Permission", 403, "",
                R"({"type":"error","error":{"type":"permission_error","message":"m"}})",
                ErrorKind::kCredential, "permission_error"},
        Refusal{"Model", 404, "",
                R"({"type":"error","error":{"type":"not_found_error","message":"model: x"}})",
                ErrorKind::kModelUnavailable, "not_found_error"},
        Refusal{"Path", 404, "",
                R"({"type":"error","error":{"type":"not_found_error","message":"Not Found"}})",
                ErrorKind::kInvalidRequest, "not_found_error"},
        Refusal{"Conflict", 409, "",
                R"({"type":"error","error":{"type":"conflict_error","message":"m"}})",
                ErrorKind::kInvalidRequest, "conflict_error"},
        Refusal{"TooLarge", 413, "",
                R"({"type":"error","error":{"type":"request_too_large","message":"m"}})",
                ErrorKind::kInvalidRequest, "request_too_large"},
        Refusal{"RateLimit", 429, "",
                R"({"type":"error","error":{"type":"rate_limit_error","message":"m"}})",
                ErrorKind::kRateLimited, "rate_limit_error"},
        Refusal{
            "SpendLimit", 429, "",
            R"({"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}})",
            ErrorKind::kQuotaExhausted, "enforced_spend_limit_reached"},
        Refusal{"Api", 500, "", R"({"type":"error","error":{"type":"api_error","message":"m"}})",
                ErrorKind::kServerError, "api_error"},
        Refusal{"Timeout", 504, "",
                R"({"type":"error","error":{"type":"timeout_error","message":"m"}})",
                ErrorKind::kServerError, "timeout_error"},
        Refusal{"Overloaded", 529, "",
                R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
                ErrorKind::kOverloaded, "overloaded_error"}),
    [](const auto& param) { return param.param.name; });

class BedrockRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(BedrockRefusal, HasItsKind) {
  const Refusal& row = GetParam();
  Expect(row, DecodeAwsError(row.status, row.error_type, row.body));
}

Refusal Aws(const char* name, int status, ErrorKind kind) {
  return {name, status, name, R"({"message":"m"})", kind, name};
}

INSTANTIATE_TEST_SUITE_P(
    Table, BedrockRefusal,
    ::testing::Values(
        Aws("ValidationException", 400, ErrorKind::kInvalidRequest),
        Aws("ServiceQuotaExceededException", 400, ErrorKind::kQuotaExhausted),
        Aws("ConflictException", 400, ErrorKind::kInvalidRequest),
        Aws("AccessDeniedException", 403, ErrorKind::kCredential),
        Aws("ResourceNotFoundException", 404, ErrorKind::kModelUnavailable),
        Aws("ModelTimeoutException", 408, ErrorKind::kServerError),
        Aws("ModelErrorException", 424, ErrorKind::kServerError),
        Aws("ModelStreamErrorException", 424, ErrorKind::kServerError),
        Aws("ThrottlingException", 429, ErrorKind::kRateLimited),
        Aws("ModelNotReadyException", 429, ErrorKind::kOverloaded),
        Aws("InternalServerException", 500, ErrorKind::kServerError),
        Aws("ServiceUnavailableException", 503, ErrorKind::kOverloaded),
        Aws("UnrecognizedClientException", 403, ErrorKind::kCredential),
        Aws("InvalidSignatureException", 403, ErrorKind::kCredential),
        Aws("ExpiredTokenException", 403, ErrorKind::kCredential),
        Aws("MissingAuthenticationTokenException", 403, ErrorKind::kCredential),
        Aws("IncompleteSignature", 400, ErrorKind::kCredential),
        Aws("InvalidClientTokenId", 403, ErrorKind::kCredential),
        Aws("RequestExpired", 400, ErrorKind::kCredential),
        Aws("OptInRequired", 403, ErrorKind::kCredential),
        Refusal{"TooLong", 400, "ValidationException",
                R"({"message":"Input is too long for requested model."})",
                ErrorKind::kContextLength, "ValidationException"},
        Refusal{"TooManyTokensIsAThrottle", 429, "ThrottlingException",
                R"({"message":"Too many tokens, please wait before trying again."})",
                ErrorKind::kRateLimited, "ThrottlingException"},
        Refusal{"ModelAccess", 403, "AccessDeniedException",
                R"({"message":"You don't have access to the model with the specified model ID."})",
                ErrorKind::kModelUnavailable, "AccessDeniedException"},
        Refusal{"TypeWithUri", 429,
                "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
                R"({"Message":"m"})", ErrorKind::kRateLimited, "ThrottlingException"},
        Refusal{"TypeInCode", 403, "", R"({"code":"ExpiredToken","message":"m"})",
                ErrorKind::kCredential, "ExpiredToken"},
        Refusal{"TypeInBody", 400, "",
                R"({"__type":"com.amazon.coral.service#ValidationException,x","message":"m"})",
                ErrorKind::kInvalidRequest, "ValidationException"},
        Refusal{"UnknownName", 418, "TeapotException", R"({"message":"m"})",
                ErrorKind::kInvalidRequest, "TeapotException"},
        Refusal{"Gateway", 502, "", "<html>bad gateway</html>", ErrorKind::kServerError, ""}),
    [](const auto& param) { return param.param.name; });

class OllamaRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(OllamaRefusal, HasItsKind) {
  OllamaAnswerDecoder decoder(kLimit);
  Expect(GetParam(), decoder.DecodeErrorAnswer(GetParam().status, "", GetParam().body));
}

INSTANTIATE_TEST_SUITE_P(
    Table, OllamaRefusal,
    ::testing::Values(
        Refusal{"BadRequest", 400, "", R"({"error":"model is required"})",
                ErrorKind::kInvalidRequest, ""},
        Refusal{"NoModel", 404, "", R"({"error":"model 'x' not found"})",
                ErrorKind::kModelUnavailable, ""},
        Refusal{"CloudLimit", 429, "", R"({"error":"too many requests"})", ErrorKind::kRateLimited,
                ""},
        Refusal{"RunnerFailed", 500, "", R"({"error":"an error was encountered"})",
                ErrorKind::kServerError, ""},
        Refusal{"CloudUnreachable", 502, "", R"({"error":"m"})", ErrorKind::kServerError, ""},
        Refusal{"QueueFull", 503, "",
                R"({"error":"server busy, please try again.  maximum pending requests exceeded"})",
                ErrorKind::kOverloaded, ""}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace llmload::wire
