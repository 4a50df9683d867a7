#include "llmload/provider/error.h"

#include <gtest/gtest.h>

#include <set>

namespace llmload {
namespace {

TEST(Error, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int kind = 0; kind < kErrorKindCount; ++kind) {
    names.insert(ToString(static_cast<ErrorKind>(kind)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kErrorKindCount));
  EXPECT_EQ(names.count("unknown"), 0u);
}

TEST(Error, ClassSeparatesWhatWaitingCuresFromWhatItDoesNot) {
  EXPECT_EQ(Classify(ErrorKind::kOverloaded), ErrorClass::kTransient);
  EXPECT_EQ(Classify(ErrorKind::kRateLimited), ErrorClass::kRateLimited);
  EXPECT_EQ(Classify(ErrorKind::kQuotaExhausted), ErrorClass::kQuotaExhausted);
  EXPECT_EQ(Classify(ErrorKind::kContextLength), ErrorClass::kCallerFault);
  EXPECT_EQ(Classify(ErrorKind::kTruncatedStream), ErrorClass::kProtocolFault);
  EXPECT_EQ(Classify(ErrorKind::kCircuitOpen), ErrorClass::kLocal);
}

TEST(Error, StatusAloneGivesAKind) {
  EXPECT_EQ(KindOfHttpStatus(307), ErrorKind::kUnexpectedRedirect);
  EXPECT_EQ(KindOfHttpStatus(401), ErrorKind::kCredential);
  EXPECT_EQ(KindOfHttpStatus(402), ErrorKind::kQuotaExhausted);
  EXPECT_EQ(KindOfHttpStatus(404), ErrorKind::kInvalidRequest);
  EXPECT_EQ(KindOfHttpStatus(408), ErrorKind::kServerError);
  EXPECT_EQ(KindOfHttpStatus(429), ErrorKind::kRateLimited);
  EXPECT_EQ(KindOfHttpStatus(500), ErrorKind::kServerError);
  EXPECT_EQ(KindOfHttpStatus(503), ErrorKind::kOverloaded);
  EXPECT_EQ(KindOfHttpStatus(529), ErrorKind::kOverloaded);
  EXPECT_EQ(KindOfHttpStatus(102), ErrorKind::kMalformedResponse);
}

TEST(Error, RetriabilityFollowsTheKindAndSaysWhy) {
  EXPECT_TRUE(RetriabilityOf({.kind = ErrorKind::kOverloaded}).retriable);
  EXPECT_TRUE(RetriabilityOf({.kind = ErrorKind::kRateLimited}).retriable);
  EXPECT_TRUE(RetriabilityOf({.kind = ErrorKind::kTruncatedStream}).retriable);
  for (const ErrorKind kind :
       {ErrorKind::kQuotaExhausted, ErrorKind::kCredential, ErrorKind::kModelUnavailable,
        ErrorKind::kInvalidRequest, ErrorKind::kUnexpectedRedirect, ErrorKind::kCircuitOpen,
        ErrorKind::kInternal}) {
    EXPECT_FALSE(RetriabilityOf({.kind = kind}).retriable) << ToString(kind);
  }
  for (int kind = 0; kind < kErrorKindCount; ++kind) {
    EXPECT_NE(RetriabilityOf({.kind = static_cast<ErrorKind>(kind)}).reason, "");
  }
}

TEST(Error, TheServicesWordOnRetryingCountsMoreThanTheKind) {
  EXPECT_TRUE(RetriabilityOf({.kind = ErrorKind::kQuotaExhausted, .should_retry = true}).retriable);
  EXPECT_FALSE(RetriabilityOf({.kind = ErrorKind::kOverloaded, .should_retry = false}).retriable);
}

TEST(Error, NothingIsRetriableAfterTheFirstToken) {
  EXPECT_FALSE(
      RetriabilityOf(
          {.kind = ErrorKind::kConnectionReset, .should_retry = true, .after_first_token = true})
          .retriable);
}

TEST(Error, DescribeNamesKindProviderStatusAndCode) {
  Error error;
  error.kind = ErrorKind::kRateLimited;
  error.provider = "openai";
  error.http_status = 429;
  error.provider_code = "slow_down";
  error.message = "too fast";
  EXPECT_EQ(Describe(error), "rate_limited from openai, HTTP 429, code slow_down: too fast");
}

TEST(Error, DescribeShowsAServersWordsHarmless) {
  const Error error = {.kind = ErrorKind::kServerError,
                       .message =
                           "\xC2\x9B"
                           "2Jout\nof \u202Eorder\xFF",
                       .provider_code = "\x1B]0;x"};
  EXPECT_EQ(Describe(error), "server_error, code  ]0;x:  2Jout of  order\uFFFD");
}

TEST(Error, ValueOfAFailedResultThrowsWithTheDescription) {
  const Result<int> failed = Error{.kind = ErrorKind::kTlsFailure, .message = "self-signed"};
  try {
    static_cast<void>(failed.value());
    FAIL() << "did not throw";
  } catch (const BadResultAccess& thrown) {
    EXPECT_STREQ(thrown.what(), "value of a failed result: tls_failure: self-signed");
  }
}

TEST(Error, HasAKindByItsNameInEverySpelling) {
  const struct {
    const char* name;
    ErrorKind kind;
  } kNames[] = {{"rate_limit_error", ErrorKind::kRateLimited},
                {"RateLimitError", ErrorKind::kRateLimited},
                {"ThrottlingException", ErrorKind::kRateLimited},
                {"RESOURCE_EXHAUSTED", ErrorKind::kRateLimited},
                {"overloaded_error", ErrorKind::kOverloaded},
                {"UNAVAILABLE", ErrorKind::kOverloaded},
                {"authentication_error", ErrorKind::kCredential},
                {"INVALID_ARGUMENT", ErrorKind::kInvalidRequest},
                {"BadRequestError", ErrorKind::kInvalidRequest},
                {"InternalServerError", ErrorKind::kServerError},
                {"DEADLINE_EXCEEDED", ErrorKind::kServerError},
                {"insufficient_quota", ErrorKind::kQuotaExhausted},
                {"context_length_exceeded", ErrorKind::kContextLength}};
  for (const auto& [name, kind] : kNames) EXPECT_EQ(KindOfErrorName(name), kind) << name;
  for (const char* name : {"", "429", "requests", "stop", "None"}) {
    EXPECT_EQ(KindOfErrorName(name), std::nullopt) << name;
  }
  EXPECT_EQ(KindOfErrorCode("rate_limit_error"), std::nullopt) << "its status says more";
}

}  // namespace
}  // namespace llmload
