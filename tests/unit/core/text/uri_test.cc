#include "src/core/text/uri.h"

#include <gtest/gtest.h>

#include <string>

namespace llmload::text {
namespace {

TEST(Uri, EncodesAndDecodesOnce) {
  std::string out;
  AppendUriEncoded("a:b/c d%~\xC3\xBC", true, out);
  EXPECT_EQ(out, "a%3Ab%2Fc%20d%25~%C3%BC");
  EXPECT_EQ(UriDecoded(out), "a:b/c d%~\xC3\xBC");
  EXPECT_EQ(UriDecoded("%253A%2%zz%41"), "%3A%2%zzA");
}

TEST(ShownUrl, HidesWhatMayBeAKey) {
  EXPECT_EQ(ShownUrl("https://h.test/v1"), "https://h.test/v1");
  EXPECT_EQ(ShownUrl("https://h.test/v1?key=k"), "https://h.test/v1?(hidden)");
  EXPECT_EQ(ShownUrl("https://h.test/v1#key?k"), "https://h.test/v1#(hidden)");
  EXPECT_EQ(ShownUrl("https://u:k@h.test/"), "(hidden: it has an @)");
  EXPECT_EQ(ShownUrl("sk-0123456789abcdef"), "(hidden: it looks like a key)");
  EXPECT_EQ(ShownUrl("localhost"), "localhost");
  EXPECT_EQ(ShownUrl(""), "");
}

}  // namespace
}  // namespace llmload::text
