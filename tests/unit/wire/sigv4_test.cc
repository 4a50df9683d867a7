#include "src/wire/sigv4.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace llmload::wire {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr const char* kBody = R"({"messages":[{"role":"user","content":[{"text":"hello"}]}]})";
constexpr const char* kDate = "20240102T030405Z";
const std::chrono::sys_seconds kTime =
    std::chrono::sys_days(std::chrono::year(2024) / 1 / 2) + 3h + 4min + 5s;

// Signatures that AWS's JavaScript SDK and botocore both make.
struct Vector {
  const char* name;
  const char* target;
  std::vector<HeaderField> more;
  const char* signed_headers;
  const char* signature;
};

void PrintTo(const Vector& vector, std::ostream* out) { *out << vector.name; }

class SigV4Vector : public ::testing::TestWithParam<Vector> {};

TEST_P(SigV4Vector, IsSignedAsAwsDoes) {
  std::vector<HeaderField> headers = {{"Content-Type", "application/json"},
                                      {"Host", "bedrock-runtime.us-east-1.amazonaws.com"},
                                      {"X-Amz-Date", kDate}};
  headers.insert(headers.end(), GetParam().more.begin(), GetParam().more.end());
  SigV4Signer signer("AKIDEXAMPLE", Secret(kSecret), "us-east-1", "bedrock");
  const SigV4Request request{
      .method = "POST", .target = GetParam().target, .headers = headers, .body = kBody};
  const std::string expected =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240102/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=" +
      std::string(GetParam().signed_headers) + ", Signature=" + GetParam().signature;
  EXPECT_EQ(signer.Authorization(request, kTime), expected);
  // The second time with the derived key that was kept.
  EXPECT_EQ(signer.Authorization(request, kTime), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, SigV4Vector,
    ::testing::Values(
        Vector{"Converse",
               "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
               {},
               "content-type;host;x-amz-date",
               "e5d4884e5bab0bc2264ade7ed8b9f0a2fa36a91e782f6bc533d0b59b9273c2e5"},
        Vector{"SessionToken",
               "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
               {{"X-Amz-Security-Token", "TOKENEXAMPLE"}},
               "content-type;host;x-amz-date;x-amz-security-token",
               "82eec53b8e419e3aa5a187188e7d5153b9f528103805868dc9faddf3a1d8adae"},
        Vector{"ContentSha256",
               "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
               {{"x-amz-content-sha256",
                 "331b626fbec967399a3c05643d22e56af43ee9839874a2db641bd025f84436d8"}},
               "content-type;host;x-amz-content-sha256;x-amz-date",
               "55ffac8f0474abdd0880dccda426e7fa789bf157a1aaa39f15c8801aca596f0d"},
        Vector{"Arn",
               "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2F"
               "us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream",
               {},
               "content-type;host;x-amz-date",
               "d72644057854733866161af11562da91b0f3d280ddeac69d194a6afa26ccf2f8"},
        Vector{"Titan",
               "/model/amazon.titan-text-express-v1/invoke",
               {},
               "content-type;host;x-amz-date",
               "b96d24496a95f6d084d1bbdafc841577447ec151385347a73d770c0227ed7269"}),
    [](const auto& param) { return param.param.name; });

// The path, query and header lines of the canonical requests in AWS's own signing test suite
// (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4).
std::string Canonical(std::string_view target, const std::vector<HeaderField>& more = {},
                      SigV4PathRules rules = {}) {
  std::vector<HeaderField> headers = {{"Host", "example.amazonaws.com"},
                                      {"X-Amz-Date", "20150830T123600Z"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return CanonicalRequest({.method = "GET", .target = target, .headers = headers, .body = {}},
                          Sha256Hex(""), rules);
}

std::string WithPath(std::string_view path, std::string_view query = "") {
  return "GET\n" + std::string(path) + "\n" + std::string(query) +
         "\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n"
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
}

TEST(SigV4CanonicalRequest, NormalisesPaths) {
  EXPECT_EQ(Canonical("/"), WithPath("/"));                         // get-vanilla
  EXPECT_EQ(Canonical("/example/.."), WithPath("/"));               // get-relative
  EXPECT_EQ(Canonical("/example1/example2/../.."), WithPath("/"));  // get-relative-relative
  EXPECT_EQ(Canonical("/./"), WithPath("/"));                       // get-slash-dot-slash
  EXPECT_EQ(Canonical("/./example"), WithPath("/example"));         // get-slash-pointless-dot
  EXPECT_EQ(Canonical("//"), WithPath("/"));                        // get-slash
  EXPECT_EQ(Canonical("//example//"), WithPath("/example/"));       // get-slashes
  EXPECT_EQ(Canonical("/example space/"), WithPath("/example%20space/"));  // get-space
  EXPECT_EQ(Canonical("/\xE1\x88\xB4"), WithPath("/%E1%88%B4"));           // get-utf8
  EXPECT_EQ(Canonical("/-._~0123456789abcXYZ"), WithPath("/-._~0123456789abcXYZ"));
}

TEST(SigV4CanonicalRequest, LeavesPathsAsTheyAreWithoutNormalisation) {
  const SigV4PathRules as_is{.normalize = false, .encode_again = true};
  EXPECT_EQ(Canonical("/example/..", {}, as_is), WithPath("/example/.."));
  EXPECT_EQ(Canonical("//example//", {}, as_is), WithPath("//example//"));
}

TEST(SigV4CanonicalRequest, EncodesWhatIsOnTheWireOnceMore) {
  EXPECT_EQ(Canonical("/v1%3A0"), WithPath("/v1%253A0"));
  EXPECT_EQ(Canonical("/v1%3A0", {}, {.normalize = true, .encode_again = false}),
            WithPath("/v1%3A0"));
}

TEST(SigV4CanonicalRequest, SortsAndEncodesTheQuery) {
  // get-vanilla-query-order-key-case, -order-value, -unreserved, -utf8-query, empty value
  EXPECT_EQ(Canonical("/?Param2=value2&Param1=value1"),
            WithPath("/", "Param1=value1&Param2=value2"));
  EXPECT_EQ(Canonical("/?Param1=value2&Param1=Value1"),
            WithPath("/", "Param1=Value1&Param1=value2"));
  EXPECT_EQ(Canonical("/?\xE1\x88\xB4=bar"), WithPath("/", "%E1%88%B4=bar"));
  EXPECT_EQ(Canonical("/?Param1="), WithPath("/", "Param1="));
  EXPECT_EQ(Canonical("/?Param1"), WithPath("/", "Param1="));
  EXPECT_EQ(Canonical("/?a=b%20c&a=%2f"), WithPath("/", "a=%2F&a=b%20c"));
}

TEST(SigV4CanonicalRequest, TrimsFoldsAndJoinsHeaders) {
  const auto headers = [](const std::vector<HeaderField>& more) {
    const std::string canonical = Canonical("/", more);
    const std::size_t begin = canonical.find("host:");
    return canonical.substr(begin, canonical.find("\n\n", begin) - begin);
  };
  const std::string rest = "host:example.amazonaws.com\n";
  // get-header-key-duplicate, -value-trim, -value-multiline, -value-order
  EXPECT_EQ(headers({{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"my-header1", "value1"}}),
            rest + "my-header1:value2,value2,value1\nx-amz-date:20150830T123600Z");
  EXPECT_EQ(headers({{"My-Header1", "  value1  "}, {"My-Header2", " \"a   b   c\" "}}),
            rest + "my-header1:value1\nmy-header2:\"a b c\"\nx-amz-date:20150830T123600Z");
  EXPECT_EQ(headers({{"My-Header1", "value1\r\n  value2\r\n     value3"}}),
            rest + "my-header1:value1 value2 value3\nx-amz-date:20150830T123600Z");
}

// get-vanilla of the same suite, with its signature.
TEST(SigV4, SignsTheSuitesFirstRequest) {
  const SigV4Scope scope{.date = "20150830", .region = "us-east-1", .service = "service"};
  EXPECT_EQ(Signature(SigningKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope),
                      StringToSign("20150830T123600Z", scope, Canonical("/"))),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4, DerivesANewKeyForANewDay) {
  SigV4Signer signer("AKIDEXAMPLE", Secret(kSecret), "us-east-1", "bedrock");
  SigV4Signer fresh("AKIDEXAMPLE", Secret(kSecret), "us-east-1", "bedrock");
  const std::vector<HeaderField> headers = {{"host", "h"}, {"x-amz-date", "20240103T000000Z"}};
  const SigV4Request request{.method = "POST", .target = "/", .headers = headers, .body = {}};
  signer.Authorization(request, kTime);
  const auto next_day = std::chrono::sys_days(std::chrono::year(2024) / 1 / 3);
  EXPECT_EQ(signer.Authorization(request, next_day), fresh.Authorization(request, next_day));
}

TEST(SigV4, WritesAndReadsDates) {
  EXPECT_EQ(AmzDate(kTime), kDate);
  EXPECT_EQ(ParseAmzDate(kDate), kTime);
  for (const char* text : {"", "20240102T030405", "20240102 030405Z", "20241302T030405Z",
                           "20240230T030405Z", "20240102T250405Z", "2024010aT030405Z"}) {
    EXPECT_EQ(ParseAmzDate(text), std::nullopt) << text;
  }
}

TEST(SigV4, ReadsAuthorizationFields) {
  const auto read = ParseSigV4Authorization(
      "AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date, Signature=abc");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->access_key_id, "AKID");
  EXPECT_EQ(read->scope.date, "20240102");
  EXPECT_EQ(read->scope.region, "us-east-1");
  EXPECT_EQ(read->scope.service, "bedrock");
  EXPECT_EQ(read->signed_headers,
            (std::vector<std::string_view>{"content-type", "host", "x-amz-date"}));
  EXPECT_EQ(read->signature, "abc");
  for (const char* text :
       {"", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=/b/c/d/aws4_request, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature="}) {
    EXPECT_FALSE(ParseSigV4Authorization(text)) << text;
  }
}

}  // namespace
}  // namespace llmload::wire
