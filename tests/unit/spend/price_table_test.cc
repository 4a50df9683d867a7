#include "llmload/spend/price_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kHeader =
    "provider,model,input_usd_per_mtok,cached_input_usd_per_mtok,cache_write_usd_per_mtok,"
    "output_usd_per_mtok,long_context_above_tokens,long_input_usd_per_mtok,"
    "long_cached_input_usd_per_mtok,long_output_usd_per_mtok,batch_input_usd_per_mtok,"
    "max_output_tokens,as_of,source\n";

PriceTable TableOf(const std::string& rows) { return PriceTable::Parse(kHeader + rows, "p.csv"); }

std::string RefusalOf(const std::string& text) {
  try {
    PriceTable::Parse(text, "p.csv");
    return "(accepted)";
  } catch (const ConfigurationError& refused) {
    return refused.what();
  }
}

Money NanosOf(std::int64_t nanos) { return Money::Nanos(nanos); }

TEST(PriceTable, TheBuiltInOneKnowsTheModelsOfTheProviders) {
  const PriceTable& table = PriceTable::Builtin();
  EXPECT_GE(table.size(), 60u);
  EXPECT_EQ(table.as_of(), "2026-07-24");
  ASSERT_NE(table.Find("openai", "gpt-4o-mini"), nullptr);
  EXPECT_EQ(table.Find("openai", "gpt-4o-mini")->input, NanosOf(150'000'000));
  // Prices belong to provider and model, not to the model.
  ASSERT_NE(table.Find("azure", "gpt-4o-mini"), nullptr);
  EXPECT_EQ(table.Find("azure", "gpt-4o-mini")->input, NanosOf(165'000'000));
}

TEST(PriceTable, AModelIsFoundByItsDatedAndItsRegionalNameAndByNoOther) {
  const PriceTable& table = PriceTable::Builtin();
  const Price* const plain = table.Find("openai", "gpt-4o");
  EXPECT_EQ(table.Find("openai", "gpt-4o-2024-08-06"), plain);
  const Price* const sonnet = table.Find("anthropic", "claude-sonnet-4-5");
  EXPECT_EQ(table.Find("anthropic", "claude-sonnet-4-5-20250929"), sonnet);
  const Price* const nova = table.Find("bedrock", "amazon.nova-lite-v1:0");
  ASSERT_NE(nova, nullptr);
  for (const char* region : {"us.", "eu.", "apac.", "jp.", "au.", "global."}) {
    EXPECT_EQ(table.Find("bedrock", region + std::string("amazon.nova-lite-v1:0")), nova) << region;
  }
  for (const char* model : {"gpt-4o-mini-tts", "gpt-4o-2024-13-06", "GPT-4o", "gpt", ""}) {
    EXPECT_EQ(table.Find("openai", model), nullptr) << model;
  }
  EXPECT_EQ(table.Find("openai", "us.gpt-4o"), nullptr);
  EXPECT_EQ(table.Find("nobody", "gpt-4o"), nullptr);
}

TEST(PriceTable, WhatIsWrongIsNamedByFileLineAndColumn) {
  const std::string good = "openai,m,1,,,2,,,,,,,2026-07-24,test\n";
  const struct {
    std::string rows;
    const char* place;
    const char* accepted;
  } kCases[] = {
      {good + "openai,n,-1,,,2,,,,,,,2026-07-24,test\n", "p.csv, line 3, column 3 (input_usd",
       "0 to 10000"},
      {"openai,n,x,,,2,,,,,,,2026-07-24,test\n", "line 2, column 3", "dollars"},
      {"openai,n,,,,2,,,,,,,2026-07-24,test\n", "line 2, column 3", "dollars"},
      {"openai,n,1,,,,,,,,,,2026-07-24,test\n", "line 2, column 6", "dollars"},
      {"openai,n,1,nan,,2,,,,,,,2026-07-24,test\n", "line 2, column 4", "dollars"},
      {"openai,n,1,,10000.1,2,,,,,,,2026-07-24,test\n", "line 2, column 5", "0 to 10000"},
      {"openai,n,1,,,2,200000,,,,,,2026-07-24,test\n", "line 2, column 8 (long_input", "dollars"},
      {"openai,n,1,,,2,many,1,1,1,,,2026-07-24,test\n", "line 2, column 7", "whole number"},
      {"openai,n,1,,,2,,,,,,,24.7.2026,test\n", "line 2, column 13 (as_of)", "2026-07-24"},
      {"openai,n,1,,,2,,,,,,,2026-02-30,test\n", "line 2, column 13 (as_of)", "2026-07-24"},
      {"openai,n,1,,,2,,,,,,,2026-07-24\n", "line 2: got 13 cells", "expected 14"},
      {",n,1,,,2,,,,,,,2026-07-24,test\n", "line 2, column 1", "a provider"},
      {good + good, "line 3, column 2 (model)", "once"},
  };
  for (const auto& row : kCases) {
    EXPECT_THAT(RefusalOf(kHeader + row.rows), AllOf(HasSubstr(row.place), HasSubstr(row.accepted)))
        << row.rows;
  }
  EXPECT_THAT(RefusalOf("provider,model\n"),
              AllOf(HasSubstr("p.csv, line 1"), HasSubstr("columns")));
  EXPECT_THAT(RefusalOf(""), HasSubstr("columns"));
  EXPECT_EQ(RefusalOf(kHeader + good), "(accepted)");
}

TEST(PriceTable, LinesMayEndAsWindowsHasThem) {
  const PriceTable table = PriceTable::Parse(std::string(kHeader, std::string(kHeader).size() - 1) +
                                                 "\r\no,m,1,,,2,,,,,,,2026-07-24,t\r\n",
                                             "p");
  ASSERT_NE(table.Find("o", "m"), nullptr);
  EXPECT_EQ(table.Find("o", "m")->source, "t");
}

TEST(CostOf, CountsEachClassOfTokensAtItsPrice) {
  const PriceTable table = TableOf("o,m,2.5,1.25,3.125,10,,,,,,,2026-07-24,t\n");
  const Price& price = *table.Find("o", "m");
  // 700 fresh, 200 cached, 100 written, 50 out: 1750 + 250 + 312.5 + 500 micro-dollars.
  const Usage usage{.input = 1000, .cached_input = 200, .cache_write_input = 100, .output = 50};
  EXPECT_EQ(CostOf(usage, price), NanosOf(2'812'500));
  // Reasoning tokens are a part of the output.
  const Usage reasoning{.input = 1000, .output = 50, .reasoning = 40};
  EXPECT_EQ(CostOf(reasoning, price), NanosOf(3'000'000));
}

TEST(CostOf, RoundsUpOnce) {
  const PriceTable table = TableOf("o,m,0.0001,,,0.0001,,,,,,,2026-07-24,t\n");
  const Price& price = *table.Find("o", "m");
  EXPECT_EQ(CostOf({.input = 1}, price), NanosOf(1));               // 0.1
  EXPECT_EQ(CostOf({.input = 5, .output = 5}, price), NanosOf(1));  // 0.5 + 0.5
  EXPECT_EQ(CostOf({.input = 6, .output = 5}, price), NanosOf(2));
  EXPECT_EQ(CostOf({}, price), NanosOf(0));
}

TEST(CostOf, ALongPromptCostsTheLongPricesForAllOfIt) {
  const PriceTable table = TableOf("o,m,1,0.1,,10,200000,2,0.2,15,,,2026-07-24,t\n");
  const Price& price = *table.Find("o", "m");
  EXPECT_EQ(CostOf({.input = 200'000, .output = 1000}, price), NanosOf(200'000'000 + 10'000'000));
  EXPECT_EQ(CostOf({.input = 200'001, .output = 1000}, price), NanosOf(400'002'000 + 15'000'000));
  EXPECT_EQ(CostOf({.input = 300'000, .cached_input = 300'000}, price), NanosOf(60'000'000));
}

TEST(CostOf, UsageThatMakesNoSenseCannotOverflow) {
  const PriceTable table = TableOf("o,m,10000,10000,10000,10000,,,,,,,2026-07-24,t\n");
  const Price& price = *table.Find("o", "m");
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(CostOf({.input = most, .output = most}, price), Money::Dollars(20'000'000));
  EXPECT_EQ(CostOf({.input = -5, .cached_input = -7, .output = -1}, price), Money());
  EXPECT_EQ(CostOf({.input = 10, .cached_input = most}, price), Money::Dollars(10'000'000));
}

TEST(WorstCostOf, IsNeverBelowAnyCostWithinItsBounds) {
  const PriceTable table = TableOf(
      "o,plain,2.5,,,10,,,,,,,2026-07-24,t\n"
      "o,cached,2.5,0.25,,10,,,,,,,2026-07-24,t\n"
      "o,written,3,0.3,3.75,15,,,,,,,2026-07-24,t\n"
      "o,long,1,0.1,1.25,10,500,2,0.2,15,,,2026-07-24,t\n"
      "o,long is cheaper,5,5,,20,500,1,1,2,,,2026-07-24,t\n");
  for (const char* model : {"plain", "cached", "written", "long", "long is cheaper"}) {
    const Price& price = *table.Find("o", model);
    for (const std::int64_t bound : {0, 1, 499, 500, 501, 1000}) {
      const Money worst = WorstCostOf(bound, 100, price);
      for (std::int64_t input = 0; input <= bound; input += 1 + bound / 50) {
        for (std::int64_t cached = 0; cached <= input; cached += 1 + input / 3) {
          for (std::int64_t written = 0; written <= input - cached; written += 1 + input / 3) {
            const Usage usage{.input = input,
                              .cached_input = cached,
                              .cache_write_input = written,
                              .output = 100};
            ASSERT_LE(CostOf(usage, price), worst) << model << ' ' << bound << ' ' << input;
          }
        }
      }
    }
  }
}

TEST(ParsePrice, ReadsAPriceOfTheUsersOwn) {
  const Price price = ParsePrice("--price", "in=2.5,out=10,cached=1.25,write=3.1");
  EXPECT_EQ(price.input, NanosOf(2'500'000'000));
  EXPECT_EQ(price.output, Money::Dollars(10));
  EXPECT_EQ(price.cached_input, NanosOf(1'250'000'000));
  EXPECT_EQ(price.cache_write, NanosOf(3'100'000'000));
  EXPECT_FALSE(price.IsFree());
  EXPECT_TRUE(ParsePrice("--price", "free").IsFree());
  for (const char* text : {"", "in=1", "out=1", "in=1,out=x", "in=1,out=-1", "in=1,out=1,extra=2",
                           "in=1;out=2", "Free"}) {
    try {
      ParsePrice("--price", text);
      FAIL() << text << " was accepted";
    } catch (const ConfigurationError& refused) {
      EXPECT_THAT(refused.what(),
                  AllOf(HasSubstr("--price"), HasSubstr("free, or in=USD,out=USD")));
    }
  }
}

TEST(WarningOfAge, SpeaksUpAfterHalfAYear) {
  EXPECT_EQ(WarningOfAge("2026-07-24", "2026-11-30"), std::nullopt);
  EXPECT_EQ(WarningOfAge("2026-07-24", "2027-01-20"), std::nullopt);
  EXPECT_THAT(WarningOfAge("2026-07-24", "2027-01-21").value_or(""),
              AllOf(HasSubstr("2026-07-24"), HasSubstr("181 days"), HasSubstr("--price")));
}

}  // namespace
}  // namespace llmload
