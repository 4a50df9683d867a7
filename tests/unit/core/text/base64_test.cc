#include "src/core/text/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace llmload::text {
namespace {

TEST(Base64, EncodesAndDecodes) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    std::string out;
    AppendBase64(plain, out);
    EXPECT_EQ(out, encoded);
    EXPECT_TRUE(DecodeBase64(encoded, out));
    EXPECT_EQ(out, plain);
  }
}

TEST(Base64, RefusesWhatIsNot) {
  std::string out;
  for (const char* text : {"Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zm9=", "Z g==", "Zg==Zg==",
                           "Zm9\n", "====", "Zm9-"}) {
    EXPECT_FALSE(DecodeBase64(text, out)) << text;
  }
}

}  // namespace
}  // namespace llmload::text
