// Every source of AWS credentials, each real one through a loopback endpoint or a file.
#include "llmload/service/aws_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "llmload/core/environment.h"
#include "src/service/aws_profile.h"
#include "tests/support/http_answers.h"
#include "tests/support/scripted_server.h"
#include "tests/support/wait_until.h"

namespace llmload {
namespace {

namespace asio = boost::asio;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;
using test_support::Answer;
using test_support::Close;
using test_support::Hang;
using test_support::ReadRequest;
using test_support::Script;
using test_support::ScriptedServer;
using test_support::Send;
using test_support::WaitUntil;
using Credentials = Result<AwsCredentials>;

constexpr const char* kSecret = "s3cr3t/that+must=not+be+seen";

// "2030-01-02T03:04:05Z"
const std::chrono::sys_seconds kExpiration =
    std::chrono::sys_days(std::chrono::year(2030) / 1 / 2) + 3h + 4min + 5s;

std::string Json(const std::string& token_name, const std::string& more = "") {
  return R"({"AccessKeyId":"AKIDJSON","SecretAccessKey":")" + std::string(kSecret) + "\",\"" +
         token_name + R"(":"token-json","Expiration":"2030-01-02T03:04:05Z")" + more + "}";
}

class AwsCredentialTest : public ::testing::Test {
 protected:
  AwsCredentialTest() {
    directory_ =
        std::filesystem::temp_directory_path() / ("llmload_aws_" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    options_.credentials_file = (directory_ / "credentials").string();
    options_.config_file = (directory_ / "config").string();
    options_.metadata_disabled = true;
    options_.endpoint_timeout = 2s;
  }
  ~AwsCredentialTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = (directory_ / name).string();
    std::ofstream(path) << text;
    return path;
  }

  static Credentials Get(AwsCredentialSource& source) {
    asio::io_context context(1);
    std::optional<Credentials> got;
    asio::co_spawn(context, source.Get(),
                   [&](const std::exception_ptr&, Credentials result) { got = std::move(result); });
    context.run();
    return *got;
  }
  Credentials Get() { return Get(*AwsCredentialChain(options_)); }

  std::string Problem() {
    const Credentials result = Get();
    if (result.has_value()) return "found " + result->access_key_id;
    EXPECT_EQ(result.error().kind, ErrorKind::kCredential);
    EXPECT_THAT(result.error().message, Not(HasSubstr(kSecret)));
    return result.error().message;
  }

  AwsCredentialOptions options_;
  std::filesystem::path directory_;
};

TEST_F(AwsCredentialTest, FixedOnesAreGivenAsTheyAre) {
  const auto source = FixedAwsCredentials({.access_key_id = "AKID",
                                           .secret_access_key = Secret(kSecret),
                                           .session_token = Secret("t"),
                                           .expires = {}});
  const Credentials result = Get(*source);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->access_key_id, "AKID");
  EXPECT_EQ(source->Describe(), "access key " + Secret("AKID").Fingerprint());
}

TEST_F(AwsCredentialTest, AnAccessKeyIdIsShownAsAFingerprint) {
  options_.access_key_id = "AKIDOFTHEENVIRONMENT";
  options_.secret_access_key = Secret(kSecret);
  EXPECT_EQ(AwsCredentialChain(options_)->Describe(),
            "access key " + Secret("AKIDOFTHEENVIRONMENT").Fingerprint());
  try {
    FixedAwsCredentials({.access_key_id = "AKID OF\nNONE",
                         .secret_access_key = Secret(kSecret),
                         .session_token = Secret(),
                         .expires = {}});
    FAIL();
  } catch (const ConfigurationError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("access_key_id"), Not(HasSubstr("AKID"))));
  }
}

TEST_F(AwsCredentialTest, FixedOnesMayNotAddHeaderFields) {
  for (const char* bad : {"a b", "a\r\nX: y", "\x7f"}) {
    EXPECT_THROW(FixedAwsCredentials({.access_key_id = "AKID",
                                      .secret_access_key = Secret(kSecret),
                                      .session_token = Secret(bad),
                                      .expires = {}}),
                 ConfigurationError);
  }
}

TEST_F(AwsCredentialTest, EnvironmentGoesFirst) {
  Write("credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=x\n");
  options_.access_key_id = "AKIDENV";
  options_.secret_access_key = Secret(kSecret);
  options_.session_token = Secret("token-env");
  const Credentials result = Get();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->access_key_id, "AKIDENV");
  EXPECT_EQ(result->secret_access_key.Reveal(), kSecret);
  EXPECT_EQ(result->session_token.Reveal(), "token-env");
}

TEST_F(AwsCredentialTest, HalfOfACredentialIsNamed) {
  options_.access_key_id = "AKIDENV";
  EXPECT_THAT(Problem(), HasSubstr("without AWS_SECRET_ACCESS_KEY"));
  options_.access_key_id = "";
  options_.secret_access_key = Secret(kSecret);
  EXPECT_THAT(Problem(), HasSubstr("without AWS_ACCESS_KEY_ID"));
}

TEST_F(AwsCredentialTest, ProfileComesFromBothFiles) {
  Write("config",
        "# a comment\n[profile load]\nregion = eu-central-1 ; here\n"
        "aws_access_key_id = OLD\n[profile other]\naws_access_key_id = OTHER\n");
  Write("credentials", std::string("[default]\naws_access_key_id = NOT\n[load]\n"
                                   "AWS_ACCESS_KEY_ID = AKIDFILE  # the key\r\n"
                                   "aws_secret_access_key = ") +
                           kSecret + "\naws_session_token=token-file\n");
  options_.profile = "load";
  const Credentials result = Get();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->access_key_id, "AKIDFILE");
  EXPECT_EQ(result->secret_access_key.Reveal(), kSecret);
  EXPECT_EQ(result->session_token.Reveal(), "token-file");
}

TEST_F(AwsCredentialTest, ProfileThatWasAskedForHasToExist) {
  options_.profile = "nosuch";
  options_.profile_required = true;
  EXPECT_THAT(Problem(),
              AllOf(HasSubstr("AWS_PROFILE: got \"nosuch\""), HasSubstr(options_.config_file)));
}

TEST_F(AwsCredentialTest, BrokenFileNamesItsLine) {
  Write("credentials", "[default]\naws_access_key_id=AKID\naws_secret_access_key: x\n");
  EXPECT_THAT(Problem(), AllOf(HasSubstr("credentials, line 3"), HasSubstr("NAME = VALUE")));
  Write("credentials", "[default\n");
  EXPECT_THAT(Problem(), HasSubstr("credentials, line 1: expected [SECTION]"));
  Write("credentials", "a=b\n");
  EXPECT_THAT(Problem(), HasSubstr("line 1"));
}

TEST_F(AwsCredentialTest, WhatIsNotSupportedSaysSo) {
  for (const auto& [text, word] : std::map<std::string, std::string>{
           {"sso_session = corp\n", "SSO"},
           {"sso_start_url = https://x\n", "SSO"},
           {"role_arn = arn:aws:iam::1:role/r\nsource_profile = base\n", "assuming a role"},
           {"web_identity_token_file = /x\n", "web identity"}}) {
    Write("config", "[default]\n" + text);
    EXPECT_THAT(Problem(), AllOf(HasSubstr(word), HasSubstr("not supported"),
                                 HasSubstr("credential_process")));
  }
  Write("config", "");
  options_.web_identity_token_file = "/x";
  EXPECT_THAT(Problem(), HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"));
}

TEST_F(AwsCredentialTest, ProcessIsAsked) {
  const std::string output = Write("output", Json("SessionToken", R"(,"Version":1)"));
  Write("config", "[default]\ncredential_process = cat \"" + output + "\"\n");
  const Credentials result = Get();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->access_key_id, "AKIDJSON");
  EXPECT_EQ(result->session_token.Reveal(), "token-json");
  EXPECT_EQ(result->expires, kExpiration);
}

TEST_F(AwsCredentialTest, ProcessThatFailsIsReportedWithoutItsOutput) {
  const auto problem = [&](const std::string& command) {
    Write("config", "[default]\ncredential_process = " + command + "\n");
    return Problem();
  };
  EXPECT_THAT(problem("exit 3"), HasSubstr("ended with status 3"));
  EXPECT_THAT(problem(std::string("echo ") + kSecret), HasSubstr("JSON object"));
  EXPECT_THAT(problem("echo '{\"Version\":2}'"), HasSubstr("\"Version\": 1"));
  EXPECT_THAT(problem("echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'"),
              HasSubstr("without AccessKeyId and SecretAccessKey"));
  EXPECT_THAT(problem("yes"), HasSubstr("wrote more than"));
  options_.process_timeout = 200ms;
  EXPECT_THAT(problem("sleep 3600 | cat"), HasSubstr("did not end within its time"));
}

TEST_F(AwsCredentialTest, ContainerEndpointIsAskedWithItsToken) {
  const ScriptedServer server({{ReadRequest(), Send(Answer(200, Json("Token"))), Close()}}, nullptr,
                              false);
  options_.container_uri =
      "http://127.0.0.1:" + std::to_string(server.port()) + "/v2/credentials?id=7";
  options_.container_token = Secret("not this one");
  options_.container_token_file = Write("token", "the-token\n");
  const Credentials result = Get();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->access_key_id, "AKIDJSON");
  EXPECT_EQ(result->session_token.Reveal(), "token-json");
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_THAT(server.requests().front(), AllOf(HasSubstr("GET /v2/credentials?id=7 HTTP/1.1\r\n"),
                                               HasSubstr("\r\nAuthorization: the-token\r\n"),
                                               Not(HasSubstr("Content-Length"))));
}

TEST_F(AwsCredentialTest, ContainerEndpointElsewhereHasToBeHttps) {
  options_.container_uri = "http://example.com/credentials";
  EXPECT_THAT(Problem(), AllOf(HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
                               HasSubstr("http://example.com")));
  options_.container_uri = "ftp://127.0.0.1/";
  EXPECT_THAT(Problem(), HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
}

TEST_F(AwsCredentialTest, AQueryOfAnEndpointReachesNoMessage) {
  options_.container_uri = "http://example.com/credentials?key=s3cret";
  EXPECT_THAT(Problem(), AllOf(HasSubstr("/credentials?(hidden)"), Not(HasSubstr("s3cret"))));
  const ScriptedServer server(
      {{ReadRequest(), Send(Answer(403, "{}")), Close()},
       {ReadRequest(), Send(Answer(200, R"({"Code":"no\u001b[2J\u202erole"})")), Close()}},
      nullptr, false);
  options_.container_uri = "http://127.0.0.1:" + std::to_string(server.port()) + "/c?key=s3cret";
  EXPECT_THAT(Problem(), AllOf(HasSubstr("status 403"), Not(HasSubstr("s3cret"))));
  EXPECT_THAT(Problem(), AllOf(HasSubstr("no [2J role"), Not(HasSubstr("s3cret"))));
}

TEST_F(AwsCredentialTest, ContainerTokenMayNotAddHeaderFields) {
  options_.container_uri = "http://127.0.0.1:1/";
  options_.container_token = Secret("a\r\nX: y");
  EXPECT_THAT(Problem(), HasSubstr("line end"));
}

TEST_F(AwsCredentialTest, ContainerIsAskedAgainAfterItsOwnFailure) {
  const ScriptedServer server({{ReadRequest(), Send(Answer(500, "{}")), Close()},
                               {ReadRequest(), Send(Answer(200, Json("Token"))), Close()}},
                              nullptr, false);
  options_.container_uri = "http://127.0.0.1:" + std::to_string(server.port()) + "/";
  EXPECT_TRUE(Get().has_value());
  const ScriptedServer refusing({{ReadRequest(), Send(Answer(403, "{}")), Close()}}, nullptr,
                                false);
  options_.container_uri = "http://127.0.0.1:" + std::to_string(refusing.port()) + "/";
  EXPECT_THAT(Problem(), HasSubstr("status 403"));
  EXPECT_EQ(refusing.connections(), 1);
}

// Token, role, credentials: one connection each.
std::vector<Script> Metadata(const std::string& credentials) {
  return {{ReadRequest(), Send(Answer(200, "metadata-token")), Close()},
          {ReadRequest(), Send(Answer(200, "load-role\n")), Close()},
          {ReadRequest(), Send(Answer(200, credentials)), Close()}};
}

TEST_F(AwsCredentialTest, InstanceMetadataIsAskedInVersion2) {
  const ScriptedServer server(Metadata(Json("Token", R"(,"Code":"Success")")), nullptr, false);
  options_.metadata_disabled = false;
  options_.metadata_endpoint = "http://127.0.0.1:" + std::to_string(server.port());
  const Credentials result = Get();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->access_key_id, "AKIDJSON");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_THAT(requests[0], AllOf(HasSubstr("PUT /latest/api/token HTTP/1.1\r\n"),
                                 HasSubstr("x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n")));
  EXPECT_THAT(requests[1],
              AllOf(HasSubstr("GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"),
                    HasSubstr("x-aws-ec2-metadata-token: metadata-token\r\n")));
  EXPECT_THAT(requests[2],
              HasSubstr("GET /latest/meta-data/iam/security-credentials/load-role HTTP/1.1\r\n"));
}

TEST_F(AwsCredentialTest, NothingAnywhereListsWhatWasTried) {
  const Credentials result = Get();
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().provider_code, kNoAwsCredentials);
  EXPECT_THAT(result.error().message,
              AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr(options_.credentials_file),
                    HasSubstr("container"), HasSubstr("metadata service is switched off")));
}

TEST_F(AwsCredentialTest, DeadMetadataServiceCostsBoundedTime) {
  const ScriptedServer server({{ReadRequest(), Hang()}}, nullptr, false);
  options_.metadata_disabled = false;
  options_.metadata_endpoint = "http://127.0.0.1:" + std::to_string(server.port());
  options_.endpoint_timeout = 100ms;
  EXPECT_THAT(Problem(), HasSubstr(options_.metadata_endpoint));
  EXPECT_LE(server.connections(), 3) << "each of them is given up after its time";
}

TEST_F(AwsCredentialTest, AreFetchedOnceForAllWhoWait) {
  const std::string count = (directory_ / "count").string();
  const std::string output = Write("output", Json("SessionToken", R"(,"Version":1)"));
  Write("config", "[default]\ncredential_process = echo >> \"" + count + "\"; sleep 0.1; cat \"" +
                      output + "\"\n");
  const auto source = AwsCredentialChain(options_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(Get(*source).has_value()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Get(*source).has_value());
  EXPECT_EQ(std::filesystem::file_size(count), 1u);
  source->Invalidate();
  EXPECT_TRUE(Get(*source).has_value());
  EXPECT_EQ(std::filesystem::file_size(count), 2u);
}

TEST_F(AwsCredentialTest, AreReplacedBeforeTheyExpireAndUsedUntilThen) {
  auto left = std::make_shared<std::atomic<std::int64_t>>(3600);
  options_.wall_clock = [left] { return kExpiration - std::chrono::seconds(left->load()); };
  const std::string count = (directory_ / "count").string();
  const std::string output = Write("output", Json("SessionToken", R"(,"Version":1)"));
  Write("config",
        "[default]\ncredential_process = echo >> \"" + count + "\"; cat \"" + output + "\"\n");
  const auto source = AwsCredentialChain(options_);
  const auto wait_for_fetch = [&](std::uintmax_t number) {
    WaitUntil([&] { return std::filesystem::file_size(count) >= number; });
    EXPECT_EQ(std::filesystem::file_size(count), number);
  };
  EXPECT_TRUE(Get(*source).has_value());
  *left = 301;
  EXPECT_TRUE(Get(*source).has_value());
  wait_for_fetch(1);
  *left = 299;  // within five minutes of the end: returned at once, refreshed meanwhile
  EXPECT_TRUE(Get(*source).has_value());
  wait_for_fetch(2);
  *left = 280;  // the new ones expire at the same time: not fetched at every call
  EXPECT_TRUE(Get(*source).has_value());
  wait_for_fetch(2);
  *left = 200;  // fetched at any call, once the second fetch has ended
  WaitUntil([&] {
    EXPECT_TRUE(Get(*source).has_value());
    return std::filesystem::file_size(count) >= 3;
  });
  wait_for_fetch(3);
}

TEST_F(AwsCredentialTest, OldOnesServeThroughAnOutageUntilTheyExpire) {
  auto left = std::make_shared<std::atomic<std::int64_t>>(3600);
  options_.wall_clock = [left] { return kExpiration - std::chrono::seconds(left->load()); };
  const std::string output = Write("output", Json("SessionToken", R"(,"Version":1)"));
  Write("config", "[default]\ncredential_process = cat \"" + output + "\"\n");
  const auto source = AwsCredentialChain(options_);
  ASSERT_TRUE(Get(*source).has_value());
  std::filesystem::remove(output);
  *left = 60;
  EXPECT_TRUE(Get(*source).has_value());
  EXPECT_TRUE(Get(*source).has_value());
  *left = -1;
  const Credentials expired = Get(*source);
  ASSERT_TRUE(expired.has_error());
  EXPECT_THAT(expired.error().message, HasSubstr("ended with status 1"));
}

TEST_F(AwsCredentialTest, FailureIsAskedForAgainSoon) {
  const std::string output = (directory_ / "output").string();
  Write("config", "[default]\ncredential_process = cat \"" + output + "\" 2>/dev/null\n");
  const auto source = AwsCredentialChain(options_);
  ASSERT_TRUE(Get(*source).has_error());
  Write("output", Json("SessionToken", R"(,"Version":1)"));
  source->Invalidate();
  EXPECT_TRUE(Get(*source).has_value());
}

TEST_F(AwsCredentialTest, SourceThatGoesStopsItsFetch) {
  Write("config", "[default]\ncredential_process = sleep 3600\n");
  options_.process_timeout = 1h;
  {
    const auto source = AwsCredentialChain(options_);
    asio::io_context context(1);
    asio::co_spawn(context, source->Get(), [](const std::exception_ptr&, const Credentials&) {});
    context.run_for(50ms);
  }  // which would wait for an hour
}

TEST(AwsProfile, SkipsSettingsBelowSettings) {
  AwsProfile profile;
  EXPECT_TRUE(ReadAwsProfile("[profile a]\ns3 =\n  max_concurrent_requests = 20\nregion=r\n",
                             "config", AwsFileKind::kConfig, "a", profile));
  EXPECT_EQ(profile["region"], "r");
  EXPECT_FALSE(profile.contains("max_concurrent_requests"));
}

TEST(AwsProfile, DefaultNeedsNoWordInTheConfigFile) {
  AwsProfile profile;
  EXPECT_TRUE(
      ReadAwsProfile("[default]\nregion=r\n", "config", AwsFileKind::kConfig, "default", profile));
  EXPECT_FALSE(ReadAwsProfile("[a]\nregion=r\n", "config", AwsFileKind::kConfig, "a", profile));
  EXPECT_TRUE(
      ReadAwsProfile("[a]\nregion=r\n", "credentials", AwsFileKind::kCredentials, "a", profile));
}

}  // namespace
}  // namespace llmload
