#include "src/wire/service_error.h"

#include <gtest/gtest.h>

#include <string>

namespace llmload::wire {
namespace {

struct Case {
  int status;
  const char* body;
  ErrorKind kind;
  const char* code;
};

TEST(ServiceError, ClassifiesWhatServicesAnswer) {
  const Case cases[] = {
      // OpenAI
      {400, R"({"error":{"message":"m","type":"invalid_request_error","param":"x","code":null}})",
       ErrorKind::kInvalidRequest, "invalid_request_error"},
      {400,
       R"({"error":{"message":"m","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
       ErrorKind::kContextLength, "context_length_exceeded"},
      {401,
       R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})",
       ErrorKind::kCredential, "invalid_api_key"},
      {403,
       R"({"error":{"message":"m","type":"request_forbidden","param":null,"code":"unsupported_country_region_territory"}})",
       ErrorKind::kCredential, "unsupported_country_region_territory"},
      {403,
       R"({"error":{"message":"Project has no access","type":"invalid_request_error","code":"model_not_found"}})",
       ErrorKind::kModelUnavailable, "model_not_found"},
      {404,
       R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"model_not_found"}})",
       ErrorKind::kModelUnavailable, "model_not_found"},
      {404,
       R"({"error":{"message":"Unknown request URL","type":"invalid_request_error","code":"unknown_url"}})",
       ErrorKind::kInvalidRequest, "unknown_url"},
      {408, "", ErrorKind::kServerError, ""},
      {409, "{}", ErrorKind::kInvalidRequest, ""},
      {413, "{}", ErrorKind::kInvalidRequest, ""},
      {422, "{}", ErrorKind::kInvalidRequest, ""},
      {429,
       R"({"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded"}})",
       ErrorKind::kRateLimited, "rate_limit_exceeded"},
      {429, R"({"error":{"message":"m","type":"rate_limit_error","code":"slow_down"}})",
       ErrorKind::kRateLimited, "slow_down"},
      {429, R"({"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}})",
       ErrorKind::kQuotaExhausted, "insufficient_quota"},
      {429, R"({"error":{"message":"m","type":"insufficient_quota","code":null}})",
       ErrorKind::kQuotaExhausted, "insufficient_quota"},
      {429, R"({"error":{"message":"m","type":"x","code":"organization_spend_limit_exceeded"}})",
       ErrorKind::kQuotaExhausted, "organization_spend_limit_exceeded"},
      {402, R"({"error":{"message":"pay"}})", ErrorKind::kQuotaExhausted, ""},
      {500, R"({"error":{"message":"m","type":"server_error","param":null,"code":null}})",
       ErrorKind::kServerError, "server_error"},
      {503,
       R"({"error":{"message":"m","type":"service_unavailable_error","code":"server_is_overloaded"}})",
       ErrorKind::kOverloaded, "server_is_overloaded"},
      {502, "<html>bad gateway</html>", ErrorKind::kServerError, ""},
      {504, "", ErrorKind::kServerError, ""},
      {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
       ErrorKind::kOverloaded, "overloaded_error"},
      {501, R"({"error":{"code":501,"message":"m","type":"not_supported_error"}})",
       ErrorKind::kServerError, "not_supported_error"},
      // Azure
      {429, R"({"error":{"code":"429","message":"Please retry after 9 seconds"}})",
       ErrorKind::kRateLimited, "429"},
      {404, R"({"error":{"code":"DeploymentNotFound","message":"m"}})",
       ErrorKind::kModelUnavailable, "DeploymentNotFound"},
      {400,
       R"({"error":{"message":"m","type":null,"code":"content_filter","innererror":{"x":[1]}}})",
       ErrorKind::kContentFilter, "content_filter"},
      // vLLM
      {400,
       R"({"error":{"message":"This model's maximum context length is 8 tokens","type":"BadRequestError","param":null,"code":400}})",
       ErrorKind::kContextLength, "BadRequestError"},
      {404,
       R"({"error":{"message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}})",
       ErrorKind::kModelUnavailable, "NotFoundError"},
      // llama.cpp
      {400,
       R"({"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}})",
       ErrorKind::kContextLength, "exceed_context_size_error"},
      {503, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})",
       ErrorKind::kOverloaded, "unavailable_error"},
      {401, R"({"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}})",
       ErrorKind::kCredential, "authentication_error"},
      // Ollama
      {404,
       R"({"error":{"message":"model \"x\" not found, try pulling it first","type":"not_found_error","param":null,"code":null}})",
       ErrorKind::kModelUnavailable, "not_found_error"},
      {503, R"({"error":"server busy, please try again."})", ErrorKind::kOverloaded, ""},
      // proxies
      {404, "404 page not found", ErrorKind::kInvalidRequest, ""},
      {418, "", ErrorKind::kInvalidRequest, ""},
      {307, "", ErrorKind::kUnexpectedRedirect, ""},
      {599, "", ErrorKind::kServerError, ""},
      {600, "", ErrorKind::kMalformedResponse, ""},
      {429, R"({"message":"Too Many Requests"})", ErrorKind::kRateLimited, ""},
  };
  for (const Case& item : cases) {
    const ServiceError error = DecodeErrorBody(item.body);
    EXPECT_EQ(ToString(ClassifyStatus(item.status, error)), ToString(item.kind))
        << item.status << " " << item.body;
    EXPECT_EQ(ProviderCode(error), item.code) << item.status << " " << item.body;
  }
}

TEST(ServiceError, FindsTheMessageInEveryForm) {
  EXPECT_EQ(DecodeErrorBody(R"({"error":{"message":"a \"b\""}})").message, "a \"b\"");
  EXPECT_EQ(DecodeErrorBody(R"({"error":"text"})").message, "text");
  EXPECT_EQ(DecodeErrorBody(R"({"message":"top"})").message, "top");
  EXPECT_EQ(DecodeErrorBody(R"({"detail":"fast"})").message, "fast");
  EXPECT_EQ(DecodeErrorBody("plain words").message, "plain words");
  EXPECT_EQ(DecodeErrorBody("{\"error\":{\"message\":\"cut").message,
            "{\"error\":{\"message\":\"cut");
  EXPECT_EQ(DecodeErrorBody(R"([{"error":{"message":"in an array"}}])").message, "in an array");
  EXPECT_EQ(DecodeErrorBody(R"([{"error":{"message":"cut"}})").message,
            R"([{"error":{"message":"cut"}})");
  EXPECT_EQ(DecodeErrorBody("[1]").message, "[1]");
  EXPECT_EQ(DecodeErrorBody("").message, "");
}

TEST(ServiceError, FindsTheWaitInTheDetails) {
  const char* const body =
      R"([{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[7,)"
      R"({"@type":"type.googleapis.com/google.rpc.QuotaFailure"},)"
      R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}])";
  EXPECT_EQ(DecodeErrorBody(body).retry_after, Duration(std::chrono::milliseconds(34500)));
  for (const char* delay : {"null", "34", R"("soon")", R"("-1s")", R"("0s")"}) {
    EXPECT_EQ(
        DecodeErrorBody(std::string(R"({"error":{"details":[{"retryDelay":)") + delay + "}]}}")
            .retry_after,
        std::nullopt)
        << delay;
  }
}

TEST(ServiceError, ToleratesMembersOfOtherTypes) {
  const ServiceError error =
      DecodeErrorBody(R"({"error":{"message":["a"],"type":7,"code":{"x":1}}})");
  EXPECT_EQ(error.message, "");
  EXPECT_EQ(ProviderCode(error), "");
}

TEST(ServiceError, ClassifiesErrorsInsideASuccess) {
  EXPECT_EQ(ClassifyErrorInSuccess(DecodeErrorBody(R"({"error":{"message":"m","code":429}})")),
            ErrorKind::kRateLimited);
  EXPECT_EQ(ClassifyErrorInSuccess(DecodeErrorBody(R"({"error":{"message":"m","code":"502"}})")),
            ErrorKind::kServerError);
  EXPECT_EQ(ClassifyErrorInSuccess(DecodeErrorBody(R"({"error":{"code":"insufficient_quota"}})")),
            ErrorKind::kQuotaExhausted);
  EXPECT_EQ(ClassifyErrorInSuccess(DecodeErrorBody(R"({"error":{"type":"rate_limit_error"}})")),
            ErrorKind::kRateLimited);
  EXPECT_EQ(ClassifyErrorInSuccess(DecodeErrorBody(R"({"error":{"type":"overloaded_error"}})")),
            ErrorKind::kOverloaded);
  EXPECT_EQ(ClassifyErrorInSuccess(DecodeErrorBody(R"({"error":"broken"})")),
            ErrorKind::kServerError);
}

}  // namespace
}  // namespace llmload::wire
