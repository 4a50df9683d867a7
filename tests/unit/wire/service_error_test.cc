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
  for (const char* delay : {"null", R"("soon")", R"("-1s")", R"("0s")"}) {
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
  EXPECT_EQ(error.message, "a");  // a list of reasons
  EXPECT_EQ(ProviderCode(error), "");
  EXPECT_EQ(DecodeErrorBody(R"({"error":{"message":{"x":1},"type":[]}})").message,
            R"({"error":{"message":{"x":1},"type":[]}})");
}

TEST(ServiceError, IsFoundInEveryForm) {
  struct Form {
    const char* body;
    const char* message;
    const char* code;
    ErrorKind kind;
  };
  const Form forms[] = {
      {R"({"error":{"message":"m","type":"InternalServerError","code":500}})", "m",
       "InternalServerError", ErrorKind::kServerError},
      {R"({"error":{"message":"m","code":400,"type":"exceed_context_size_error"}})", "m",
       "exceed_context_size_error", ErrorKind::kContextLength},
      {R"({"object":"error","message":"m","type":"BadRequestError","param":null,"code":400})", "m",
       "BadRequestError", ErrorKind::kInvalidRequest},
      {R"({"type":"error","message":"m","code":"rate_limit_exceeded"})", "m", "rate_limit_exceeded",
       ErrorKind::kRateLimited},
      {R"({"type":"error","error":{"type":"overloaded_error","message":"m"}})", "m",
       "overloaded_error", ErrorKind::kOverloaded},
      {R"({"type":"error","error":{"type":"authentication_error","message":"m"}})", "m",
       "authentication_error", ErrorKind::kCredential},
      {R"({"type":"error","error":{"type":"not_found_error","message":"model: x"}})", "model: x",
       "not_found_error", ErrorKind::kModelUnavailable},
      {R"({"type":"error","error":{"type":"request_too_large","message":"m"}})", "m",
       "request_too_large", ErrorKind::kInvalidRequest},
      {R"({"error":"m"})", "m", "", ErrorKind::kServerError},
      {R"({"error":true,"message":"m"})", "m", "", ErrorKind::kServerError},
      {R"({"error":{"error":{"message":"m","code":"503"}}})", "m", "503", ErrorKind::kOverloaded},
      {R"({"errors":[{"message":"m","code":"slow_down"},{"message":"n"}]})", "m", "slow_down",
       ErrorKind::kRateLimited},
      {R"([{"error":{"message":"m","status":"RESOURCE_EXHAUSTED","code":429}}])", "m",
       "RESOURCE_EXHAUSTED", ErrorKind::kRateLimited},
      {R"({"error":{"message":"m","status":"UNAVAILABLE"}})", "m", "UNAVAILABLE",
       ErrorKind::kOverloaded},
      {R"({"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"m"}}})",
       "Provider returned error: m", "429", ErrorKind::kRateLimited},
      {R"({"message":"m","statusCode":504})", "m", "", ErrorKind::kServerError},
      {R"({"fault":{"faultstring":"m","detail":{"errorcode":"x"}}})", "m", "",
       ErrorKind::kServerError},
      {R"({"title":"t","detail":"m","status":403})", "m", "", ErrorKind::kCredential},
      {R"({"error":{"message":"m","type":"throttling"}})", "m", "throttling",
       ErrorKind::kRateLimited},
  };
  for (const Form& item : forms) {
    const auto error = FindError(item.body);
    ASSERT_TRUE(error.has_value()) << item.body;
    EXPECT_EQ(error->message, item.message) << item.body;
    EXPECT_EQ(ProviderCode(*error), item.code) << item.body;
    EXPECT_EQ(ClassifyErrorInSuccess(*error), item.kind) << item.body;
    EXPECT_EQ(FailureInSuccess(*error, true).kind, ErrorKind::kStreamError) << item.body;
  }
  for (const char* body :
       {"", "null", "1", "{}", "[]", R"({"error":null})", R"({"error":false})", R"({"error":""})",
        R"({"error":0})", R"({"errors":[]})", R"({"message":"m"})", R"({"type":"ping"})",
        R"({"object":"chat.completion.chunk","choices":[]})", R"({"error":{"message":"cut")"}) {
    EXPECT_FALSE(FindError(body).has_value()) << body;
  }
}

TEST(ServiceError, IsReadInEveryFrame) {
  const std::string json = R"({"error":{"message":"too many","code":"context_length_exceeded"}})";
  for (const std::string& body :
       {json, "data: " + json + "\n\n", ": ping\n\nevent: error\ndata: " + json + "\n\n",
        "data:" + json, json + "\n" + json + "\n", "\r\n " + json}) {
    const ServiceError error = DecodeErrorBody(body);
    EXPECT_EQ(error.message, "too many") << body;
    EXPECT_EQ(ClassifyStatus(400, error), ErrorKind::kContextLength) << body;
  }
  EXPECT_EQ(DecodeErrorBody("data: upstream is gone\n\n").message, "upstream is gone");
  EXPECT_EQ(DecodeErrorBody("<!DOCTYPE html><html><head><TITLE>502 Bad &amp; Gateway</TITLE></head>"
                            "<body><h1>502</h1></body></html>")
                .message,
            "502 Bad & Gateway");
  EXPECT_EQ(DecodeErrorBody("<html><h1 class=\"x\"> Sign in </h1></html>").message, "Sign in");
  EXPECT_EQ(DecodeErrorBody("<Error><Code>SlowDown</Code><Message>m</Message></Error>").message,
            "SlowDown: m");
  EXPECT_EQ(DecodeErrorBody(" upstream connect error\n").message, "upstream connect error");
  EXPECT_EQ(
      DecodeErrorBody(R"({"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],)"
                      R"("msg":"Extra inputs are not permitted"}]})")
          .message,
      "body.stream_options: Extra inputs are not permitted");
}

TEST(ServiceError, StatusesKeepTheirDocumentedMeaning) {
  struct Meaning {
    int status;
    ErrorKind kind;
  };
  for (const auto& [status, kind] : {Meaning{408, ErrorKind::kServerError},
                                     {420, ErrorKind::kRateLimited},
                                     {424, ErrorKind::kServerError},
                                     {425, ErrorKind::kServerError},
                                     {498, ErrorKind::kOverloaded},
                                     {499, ErrorKind::kServerError},
                                     {520, ErrorKind::kServerError},
                                     {524, ErrorKind::kServerError},
                                     {529, ErrorKind::kOverloaded},
                                     {530, ErrorKind::kServerError}}) {
    EXPECT_EQ(ClassifyStatus(status, DecodeErrorBody("")), kind) << status;
  }
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
