#include "llmload/core/secret.h"

#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>

namespace llmload {
namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <class T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};

static_assert(!Streamable<Secret>);
static_assert(!Comparable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<std::string, Secret>);

TEST(Secret, RevealsOnlyOnRequest) {
  EXPECT_EQ(Secret("sk-test").Reveal(), "sk-test");
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, MovedFromSecretIsEmptyAndCopyIsIndependent) {
  Secret original("sk-test");
  Secret copy = original;
  Secret moved = std::move(original);
  EXPECT_TRUE(original.empty());  // NOLINT(bugprone-use-after-move): that is the subject
  EXPECT_EQ(moved.Reveal(), "sk-test");
  EXPECT_EQ(copy.Reveal(), "sk-test");
}

TEST(Secret, FingerprintTellsKeysApartWithoutShowingThem) {
  const std::string label = Secret("sk-test").Fingerprint();
  EXPECT_EQ(label.size(), 12u);
  EXPECT_EQ(label.find("sk-"), std::string::npos);
  EXPECT_EQ(label, Secret("sk-test").Fingerprint());
  EXPECT_NE(label, Secret("sk-other").Fingerprint());
  EXPECT_EQ(Secret().Fingerprint(), "");
}

}  // namespace
}  // namespace llmload
