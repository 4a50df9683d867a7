#include "llmload/core/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace llmload {
namespace {

constexpr const char* kName = "LLMLOAD_ENVIRONMENT_TEST";

class EnvironmentTest : public ::testing::Test {
 protected:
  ~EnvironmentTest() override { ::unsetenv(kName); }
  static void Set(const char* value) { ::setenv(kName, value, 1); }

  template <class Read>
  static std::string MessageOf(Read read) {
    try {
      read();
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(EnvironmentTest, UnsetAndEmptyAreAbsent) {
  EXPECT_FALSE(environment::Text(kName));
  Set("");
  EXPECT_FALSE(environment::Text(kName));
  EXPECT_FALSE(environment::SecretText(kName));
  EXPECT_FALSE(environment::Integer(kName, 0, 9));
  EXPECT_FALSE(environment::OneOf(kName, {"a"}));
  EXPECT_FALSE(environment::Flag(kName));
}

TEST_F(EnvironmentTest, GoodValuesAreRead) {
  Set("1");
  EXPECT_EQ(environment::Text(kName), "1");
  EXPECT_EQ(environment::SecretText(kName)->Reveal(), "1");
  EXPECT_EQ(environment::Integer(kName, 0, 9), 1u);
  EXPECT_EQ(environment::OneOf(kName, {"0", "1"}), "1");
  EXPECT_EQ(environment::Flag(kName), true);
}

TEST_F(EnvironmentTest, MalformedValuesAreNamedWithWhatIsAccepted) {
  Set("12x");
  EXPECT_EQ(MessageOf([] { environment::Integer(kName, 0, 9); }),
            "LLMLOAD_ENVIRONMENT_TEST: got \"12x\", expected a whole number from 0 to 9");
  EXPECT_EQ(MessageOf([] {
              environment::OneOf(kName, {"fake", "openai"});
            }),
            "LLMLOAD_ENVIRONMENT_TEST: got \"12x\", expected one of: fake, openai");
  EXPECT_EQ(MessageOf([] { environment::Flag(kName); }),
            "LLMLOAD_ENVIRONMENT_TEST: got \"12x\", expected one of: 0, 1");
  for (const char* bad : {"-1", " 1", "10", "99999999999999999999"}) {
    Set(bad);
    EXPECT_NE(MessageOf([] { environment::Integer(kName, 0, 9); }), "no error") << bad;
  }
}

TEST_F(EnvironmentTest, MalformedValuesAreShownHarmlessAndShort) {
  Set("\x1B[2J\xC2\x9B"
      "31m\xFF\nnext");
  EXPECT_EQ(MessageOf([] { environment::Flag(kName); }),
            "LLMLOAD_ENVIRONMENT_TEST: got \" [2J 31m\uFFFD next\", expected one of: 0, 1");
  const std::string message =
      ConfigurationError::Invalid("x", std::string(100'000, 'v'), "less").what();
  EXPECT_LT(message.size(), 500u);
  EXPECT_STREQ(ConfigurationError("file \u202Egnp.exe").what(), "file  gnp.exe");
}

TEST_F(EnvironmentTest, AUrlInAWrongPlaceKeepsItsKey) {
  for (const char* url : {"https://h.test/data.jsonl?sig=s3cret", "wss://me:s3cret@h.test/"}) {
    Set(url);
    const std::string message = MessageOf([] { environment::Integer(kName, 0, 9); });
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
    EXPECT_NE(message.find("hidden"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace llmload
