// The certificates that OpenAiProvider trusts, and the options that it refuses.
#include <unistd.h>

#include <fstream>
#include <functional>

#include "llmload/core/environment.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OpenAiProviderTls : public OpenAiProviderTest {
 protected:
  Error CallTls(const ScriptedServer& server, OpenAiOptions options) {
    OpenAiProvider provider(std::move(options));
    const Error error = ErrorOf(caller_.Call(provider, TestRequest(false)));
    EXPECT_TRUE(server.requests().empty()) << "a request went out";
    return error;
  }
  std::vector<Script> Good() { return {ServeTwice(Answer(200, CompletionBody()))}; }
};

TEST_F(OpenAiProviderTls, VerifiesNamesAndAddresses) {
  const ScriptedServer server(Good(), ValidServer());
  for (const char* host : {"127.0.0.1", "localhost"}) {
    OpenAiOptions options = Options(server);
    options.base_url = server.url(host);
    OpenAiProvider provider(std::move(options));
    ValueOf(caller_.Call(provider, TestRequest(false)));
  }
}

TEST_F(OpenAiProviderTls, RefusesACertificateForAnotherHost) {
  const ScriptedServer by_address(Good(), Authority().MakeServer("DNS:localhost,IP:127.0.0.2"));
  Error error = CallTls(by_address, Options(by_address));
  EXPECT_KIND(error, "tls_failure");
  EXPECT_THAT(error.message, HasSubstr("127.0.0.1"));

  const ScriptedServer by_name(Good(), Authority().MakeServer("DNS:example.com,IP:127.0.0.1"));
  OpenAiOptions options = Options(by_name);
  options.base_url = by_name.url("localhost");
  error = CallTls(by_name, std::move(options));
  EXPECT_KIND(error, "tls_failure");
  EXPECT_THAT(error.message, AllOf(HasSubstr("another host"), HasSubstr("localhost")));
}

TEST_F(OpenAiProviderTls, RefusesACertificateThatNamesItsHostInTheSubjectAlone) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const ScriptedServer server(Good(), Authority().MakeServer("", -60, 3600, host));
    OpenAiOptions options = Options(server);
    options.base_url = server.url(host);
    const Error error = CallTls(server, std::move(options));
    EXPECT_KIND(error, "tls_failure");
    EXPECT_THAT(error.message, AllOf(HasSubstr(host), HasSubstr("no subjectAltName")));
  }
  // A name beside it counts, whatever the subject says.
  const ScriptedServer server(Good(), Authority().MakeServer("DNS:localhost", -60, 3600, "other"));
  OpenAiOptions options = Options(server);
  options.base_url = server.url("localhost");
  OpenAiProvider provider(std::move(options));
  ValueOf(caller_.Call(provider, TestRequest(false)));
}

TEST_F(OpenAiProviderTls, RefusesAnUnknownAuthority) {
  const ScriptedServer server(Good(), ValidServer());
  OpenAiOptions options = Options(server);
  options.http.ca_pem.clear();
  Error error = CallTls(server, options);
  EXPECT_KIND(error, "tls_failure");
  EXPECT_THAT(error.message, HasSubstr("LLMLOAD_CA_FILE"));

  const TestAuthority other;
  options.http.ca_pem = other.pem();
  error = CallTls(server, options);
  EXPECT_KIND(error, "tls_failure");
}

TEST_F(OpenAiProviderTls, RefusesAnExpiredCertificate) {
  const ScriptedServer server(Good(), Authority().MakeServer("IP:127.0.0.1", -3600, -60));
  const Error error = CallTls(server, Options(server));
  EXPECT_KIND(error, "tls_failure");
  EXPECT_THAT(error.message, HasSubstr("expired"));
}

TEST_F(OpenAiProviderTls, RefusesOldProtocolVersions) {
  const std::shared_ptr<SSL_CTX> context = Authority().MakeServer("IP:127.0.0.1");
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  const ScriptedServer server(Good(), context);
  const Error error = CallTls(server, Options(server));
  EXPECT_KIND(error, "tls_failure");
  EXPECT_THAT(error.message, HasSubstr("TLS 1.2"));
}

TEST_F(OpenAiProviderTls, SpeaksTls12And13) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const std::shared_ptr<SSL_CTX> context = Authority().MakeServer("IP:127.0.0.1");
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    const ScriptedServer server(Good(), context);
    OpenAiProvider provider(Options(server));
    ValueOf(caller_.Call(provider, TestRequest(false)));
    ValueOf(caller_.Call(provider, TestRequest(false)));
    EXPECT_EQ(server.connections(), 1);
  }
}

TEST_F(OpenAiProviderTls, SaysThatAServerDoesNotSpeakTls) {
  const ScriptedServer server({{Send("HTTP/1.1 400 Bad Request\r\n\r\n"), Sleep(200ms)}}, nullptr);
  OpenAiOptions options = Options(server);
  options.base_url = "https://127.0.0.1:" + std::to_string(server.port());
  const Error error = CallTls(server, std::move(options));
  EXPECT_KIND(error, "tls_failure");
  EXPECT_THAT(error.message, HasSubstr("does not seem to speak TLS"));
}

TEST_F(OpenAiProviderTls, ReportsAConnectionThatEndsInTheHandshake) {
  for (const Step& end : {Cut(), Reset()}) {
    const ScriptedServer server({{Sleep(30ms), end}}, ValidServer(), /*handshake=*/false);
    EXPECT_KIND(CallTls(server, Options(server)), "tls_failure");
  }
}

TEST_F(OpenAiProviderTls, ReadsAuthoritiesFromAFile) {
  const std::string path =
      ::testing::TempDir() + "llmload_ca_" + std::to_string(::getpid()) + ".pem";
  std::ofstream(path) << Authority().pem();
  const ScriptedServer server(Good(), ValidServer());
  OpenAiOptions options = Options(server);
  options.http.ca_pem.clear();
  options.http.ca_file = path;
  OpenAiProvider provider(std::move(options));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  ::unlink(path.c_str());
}

TEST_F(OpenAiProviderTls, SpeaksClearTextToThisMachine) {
  const ScriptedServer server(Good(), nullptr);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    OpenAiOptions options;
    options.base_url = server.url(host);
    OpenAiProvider provider(std::move(options));
    ValueOf(caller_.Call(provider, TestRequest(false)));
  }
}

std::string Refusal(const std::function<void(OpenAiOptions&)>& change) {
  OpenAiOptions options;
  options.api_key = Secret("sk-secret");
  change(options);
  try {
    OpenAiProvider provider(std::move(options));
  } catch (const ConfigurationError& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("sk-secret")));
    return error.what();
  }
  return "accepted";
}

TEST(OpenAiProviderOptions, RefusesClearTextToAnotherMachine) {
  EXPECT_THAT(Refusal([](auto& options) { options.base_url = "http://example.com/v1"; }),
              AllOf(HasSubstr("base_url"), HasSubstr("http://example.com/v1"),
                    HasSubstr("allow_clear_text")));
  EXPECT_EQ(Refusal([](auto& options) {
              options.base_url = "http://example.com/v1";
              options.http.allow_clear_text = true;
            }),
            "accepted");
}

TEST(OpenAiProviderOptions, NamesTheOptionThatCannotBeUsed) {
  EXPECT_THAT(Refusal([](auto& options) { options.name = ""; }), HasSubstr("name"));
  EXPECT_THAT(Refusal([](auto& options) { options.base_url = "nonsense"; }), HasSubstr("nonsense"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.ca_file = "/no/such.pem"; }),
              HasSubstr("/no/such.pem"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.ca_pem = "no certificate"; }),
              HasSubstr("ca_pem"));
  EXPECT_THAT(Refusal([](auto& options) { options.organization = "a\r\nX: y"; }),
              HasSubstr("organization"));
  EXPECT_THAT(Refusal([](auto& options) { options.project = "\x7F"; }), HasSubstr("project"));
  EXPECT_THAT(Refusal([](auto& options) { options.api_key = Secret("sk-secret\n"); }),
              HasSubstr("api_key"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.timeouts.connect = 0s; }),
              HasSubstr("timeouts.connect"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.timeouts.tls = -1s; }),
              HasSubstr("timeouts.tls"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.timeouts.first_token = 0s; }),
              HasSubstr("timeouts.first_token"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.timeouts.idle = 0s; }),
              HasSubstr("timeouts.idle"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.timeouts.total = 25h; }),
              HasSubstr("timeouts.total"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.limits.header_bytes = 10; }),
              HasSubstr("limits.header_bytes"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.limits.event_bytes = 0; }),
              HasSubstr("limits.event_bytes"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.limits.body_bytes = 0; }),
              HasSubstr("limits.body_bytes"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.max_idle_time = -1s; }),
              HasSubstr("max_idle_time"));
  EXPECT_THAT(Refusal([](auto& options) { options.http.dns_ttl = -1s; }), HasSubstr("dns_ttl"));
  EXPECT_EQ(Refusal([](auto&) {}), "accepted");
}

}  // namespace
}  // namespace llmload
