#include "llmload/core/error.h"

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

TEST(Error, DescribeNamesKindProviderStatusAndCode) {
  Error error;
  error.kind = ErrorKind::kRateLimited;
  error.provider = "openai";
  error.http_status = 429;
  error.provider_code = "slow_down";
  error.message = "too fast";
  EXPECT_EQ(Describe(error), "rate_limited from openai, HTTP 429, code slow_down: too fast");
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

}  // namespace
}  // namespace llmload
