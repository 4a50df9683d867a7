#include "src/net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llmload/core/environment.h"

namespace llmload::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Url, TakesABaseUrlApart) {
  const Url url = ParseBaseUrl("base_url", "https://API.OpenAI.com/v1/");
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "api.openai.com");
  EXPECT_FALSE(url.is_address);
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.path, "/v1");
  EXPECT_EQ(url.authority, "api.openai.com");
}

TEST(Url, KeepsAnOwnPort) {
  const Url url = ParseBaseUrl("base_url", "http://localhost:11434");
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.port, 11434);
  EXPECT_EQ(url.path, "");
  EXPECT_EQ(url.authority, "localhost:11434");
  EXPECT_EQ(ParseBaseUrl("base_url", "http://localhost").port, 80);
  EXPECT_EQ(ParseBaseUrl("base_url", "https://localhost:443/").authority, "localhost");
}

TEST(Url, PutsIpv6AddressesInBrackets) {
  const Url url = ParseBaseUrl("base_url", "https://[::1]:8443/a/b");
  EXPECT_EQ(url.host, "::1");
  EXPECT_TRUE(url.is_address);
  EXPECT_EQ(url.authority, "[::1]:8443");
  EXPECT_EQ(url.path, "/a/b");
}

TEST(Url, KnowsThisMachine) {
  for (const char* text : {"http://localhost", "http://LOCALHOST:1", "http://127.0.0.1",
                           "http://127.9.8.7", "http://[::1]"}) {
    EXPECT_TRUE(ParseBaseUrl("base_url", text).IsLoopback()) << text;
  }
  for (const char* text :
       {"http://example.com", "http://10.0.0.1", "http://[::2]", "http://0.0.0.0",
        "http://127.0.0.1.example.com", "http://localhost.example.com"}) {
    EXPECT_FALSE(ParseBaseUrl("base_url", text).IsLoopback()) << text;
  }
}

std::string Refusal(const char* text) {
  try {
    ParseBaseUrl("base_url", text);
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Url, RefusesWhatItCannotUseAndSaysWhy) {
  for (const char* text : {"",
                           "api.openai.com",
                           "/v1",
                           "ftp://host/",
                           "https://",
                           "https:///v1",
                           "https://host:port",
                           "https://host:99999",
                           "https://host:80x",
                           "https://ho st",
                           "https://h:0",
                           "https://[v1.x]/",
                           "https://[::1",
                           "https://[::1]x",
                           "https://[fe80::1%25eth0]/",
                           "https://b%C3%BCro/",
                           "https://1.2.3.4.5/",
                           "https://127.1/",
                           "https://0x7f.1",
                           "https://a..b",
                           "https://.a",
                           "https://a/b c",
                           "https://a/%zz",
                           "https://a/\xC3\xBC",
                           "https://a\\b",
                           "https://::1/"}) {
    EXPECT_THAT(Refusal(text), AllOf(HasSubstr("base_url"), HasSubstr("expected"), HasSubstr(text)))
        << text;
  }
}

TEST(Url, WantsAPortBehindAColon) {
  for (const char* text : {"http://localhost:/", "https://h.test:", "http://[::1]:/v1"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("a URL with a port behind the colon")) << text;
  }
}

TEST(Url, SendsAQueryToTheOptionOfThePath) {
  EXPECT_THAT(Refusal("https://h.test/v1?api-version=1"), HasSubstr("--path"));
}

TEST(Url, NeverShowsAQueryOrAFragment) {
  EXPECT_THAT(Refusal("https://h.test/v1?api-key=s3cret&a=b"),
              AllOf(HasSubstr("got \"https://h.test/v1?(hidden)\""), HasSubstr("without query")));
  EXPECT_THAT(Refusal("https://h.test#s3cret"), HasSubstr("got \"https://h.test#(hidden)\""));
  for (const char* text : {"h.test/v1?k=s3cret", "ftp://h?s3cret", "https://ho st?s3cret",
                           "https://h:0/?s3cret", "?s3cret", "https://u@h?s3cret"}) {
    EXPECT_THAT(Refusal(text), AllOf(HasSubstr("expected"), Not(HasSubstr("s3cret")))) << text;
  }
}

TEST(Url, NeverShowsAKeyThatStandsInItsPlace) {
  EXPECT_THAT(Refusal("sk-proj-0123456789abcdef"),
              AllOf(HasSubstr("looks like a key"), Not(HasSubstr("0123"))));
}

TEST(Url, NeverShowsAPassword) {
  for (const char* text :
       {"https://user:s3cret@host/v1", "https://user:s3cret@ho st/", "ftp://u:s3cret@h"}) {
    EXPECT_THAT(Refusal(text), AllOf(HasSubstr("expected"), Not(HasSubstr("s3cret")))) << text;
  }
}

}  // namespace
}  // namespace llmload::net
