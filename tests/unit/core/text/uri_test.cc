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

}  // namespace
}  // namespace llmload::text
