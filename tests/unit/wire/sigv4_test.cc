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
  // get-header-key-duplicate, -value-trim, -value-order; folded lines as in RFC 9112, section 5.2
  EXPECT_EQ(headers({{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"my-header1", "value1"}}),
            rest + "my-header1:value2,value2,value1\nx-amz-date:20150830T123600Z");
  EXPECT_EQ(headers({{"My-Header1", "  value1  "}, {"My-Header2", " \"a   b   c\" "}}),
            rest + "my-header1:value1\nmy-header2:\"a b c\"\nx-amz-date:20150830T123600Z");
  EXPECT_EQ(headers({{"My-Header1", "value1\r\n  value2\r\n     value3"}}),
            rest + "my-header1:value1 value2 value3\nx-amz-date:20150830T123600Z");
}

// Whole requests of the same suite with the signatures that it gives.
struct SuiteCase {
  const char* name;
  const char* method;
  const char* target;
  std::vector<HeaderField> more;
  const char* body;
  bool normalize;
  const char* signature;
};

void PrintTo(const SuiteCase& item, std::ostream* out) { *out << item.name; }

class SigV4Suite : public ::testing::TestWithParam<SuiteCase> {};

TEST_P(SigV4Suite, IsSignedAsTheSuiteSays) {
  const SuiteCase& item = GetParam();
  std::vector<HeaderField> headers = {{"Host", "example.amazonaws.com"},
                                      {"X-Amz-Date", "20150830T123600Z"}};
  headers.insert(headers.end(), item.more.begin(), item.more.end());
  const std::string canonical = CanonicalRequest(
      {.method = item.method, .target = item.target, .headers = headers, .body = item.body},
      Sha256Hex(item.body), {.normalize = item.normalize, .encode_again = true});
  const SigV4Scope scope{.date = "20150830", .region = "us-east-1", .service = "service"};
  EXPECT_EQ(
      Signature(SigningKey(kSecret, scope), StringToSign("20150830T123600Z", scope, canonical)),
      item.signature)
      << canonical;
}

constexpr const char* kUnreserved =
    "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr const char* kStsToken =
    "AQoDYXdzEPT//////////"
    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIe"
    "oIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq"
    "5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
    "scqKmlzm8FDrypNC"
    "9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

INSTANTIATE_TEST_SUITE_P(
    Official, SigV4Suite,
    ::testing::Values(
        SuiteCase{"Vanilla",
                  "GET",
                  "/",
                  {},
                  "",
                  true,
                  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        SuiteCase{"SessionToken",
                  "GET",
                  "/",
                  {{"X-Amz-Security-Token",
                    "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"}},
                  "",
                  true,
                  "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
        SuiteCase{"StsHeaderBefore",
                  "POST",
                  "/",
                  {{"X-Amz-Security-Token", kStsToken}},
                  "",
                  true,
                  "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
        SuiteCase{"HeaderKeyDuplicate",
                  "GET",
                  "/",
                  {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
                  "",
                  true,
                  "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        SuiteCase{"HeaderValueOrder",
                  "GET",
                  "/",
                  {{"My-Header1", "value4"},
                   {"My-Header1", "value1"},
                   {"My-Header1", "value3"},
                   {"My-Header1", "value2"}},
                  "",
                  true,
                  "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
        SuiteCase{"HeaderValueTrim",
                  "GET",
                  "/",
                  {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
                  "",
                  true,
                  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        SuiteCase{"Utf8Path",
                  "GET",
                  "/\xE1\x88\xB4",
                  {},
                  "",
                  true,
                  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        SuiteCase{"Utf8Query",
                  "GET",
                  "/?\xE1\x88\xB4=bar",
                  {},
                  "",
                  true,
                  "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        SuiteCase{"QueryUnreserved",
                  "GET",
                  kUnreserved,
                  {},
                  "",
                  true,
                  "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        SuiteCase{"QueryOrderEncoded",
                  "GET",
                  "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
                  {},
                  "",
                  true,
                  "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        SuiteCase{"SpaceUnnormalized",
                  "GET",
                  "/example space/",
                  {},
                  "",
                  false,
                  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        SuiteCase{"RelativeRelativeUnnormalized",
                  "GET",
                  "/example1/example2/../..",
                  {},
                  "",
                  false,
                  "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b"},
        SuiteCase{"FormParameters",
                  "POST",
                  "/",
                  {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                   {"Content-Length", "13"},
                   {"x-amz-content-sha256",
                    "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
                  "Param1=value1",
                  true,
                  "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"}),
    [](const auto& param) { return param.param.name; });

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
