#include "llmload/spend/money.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Money, IsShownWithTheDigitsThatMatter) {
  EXPECT_EQ(ToString(Money()), "$0.00");
  EXPECT_EQ(ToString(Money::Dollars(5)), "$5.00");
  EXPECT_EQ(ToString(Money::Nanos(4'645'700'000)), "$4.65");
  EXPECT_EQ(ToString(Money::Nanos(310'000'000)), "$0.31");
  EXPECT_EQ(ToString(Money::Nanos(6'400'000)), "$0.0064");
  EXPECT_EQ(ToString(Money::Nanos(64)), "$0.000000064");
  EXPECT_EQ(ToString(Money::Nanos(3)), "$0.000000003");
  EXPECT_EQ(ToString(Money::Nanos(999'999'999)), "$1.00");
  EXPECT_EQ(ToString(Money::Dollars(22'118)), "$22,118.00");
  EXPECT_EQ(ToString(Money::Dollars(1'000'000)), "$1,000,000.00");
  EXPECT_EQ(ToString(Money::Nanos(-250'000'000)), "-$0.25");
}

TEST(Money, ABudgetIsReadExactly) {
  EXPECT_EQ(ParseBudget("--budget", "5"), Money::Dollars(5));
  EXPECT_EQ(ParseBudget("--budget", "$5"), Money::Dollars(5));
  EXPECT_EQ(ParseBudget("--budget", "0.1"), Money::Nanos(100'000'000));
  EXPECT_EQ(ParseBudget("--budget", "0.000000001"), Money::Nanos(1));
  EXPECT_EQ(ParseBudget("--budget", "1000000"), Money::Dollars(1'000'000));
}

TEST(Money, AnAbsurdBudgetIsRefusedWithItsNameAndWhatIsAccepted) {
  for (const char* text : {"", "0", "0.0", "-5", "+5", "5.", ".5", "5 USD", "1e3", "nan", "$",
                           "5,0", "1000000.01", "99999999999999999999", "0.0000000001"}) {
    try {
      ParseBudget("LLMLOAD_BUDGET", text);
      FAIL() << '"' << text << "\" was accepted";
    } catch (const ConfigurationError& refused) {
      EXPECT_THAT(refused.what(),
                  AllOf(HasSubstr("LLMLOAD_BUDGET"), HasSubstr('"' + std::string(text) + '"'),
                        HasSubstr("US dollars, as in 5 or 0.05")));
    }
  }
}

}  // namespace
}  // namespace llmload
