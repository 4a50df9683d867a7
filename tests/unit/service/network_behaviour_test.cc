// The network behaviour of all providers: proxies, resumption, addresses, bounds.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "src/net/resolver.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using test_support::Close;
using test_support::Hang;
using test_support::ReadRequest;
using test_support::Send;
using test_support::TestRequest;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class NetworkBehaviour : public OpenAiProviderTest {
 protected:
  static FakeLlmServerOptions Fast() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = 2ms;
    options.latency.gap_median = 500us;
    options.latency.tokens_min = options.latency.tokens_max = 4;
    return options;
  }
  static OpenAiOptions Options(const FakeLlmServer& server) {
    OpenAiOptions options;
    options.base_url = server.base_url();
    options.http.ca_pem = server.ca_pem();
    return options;
  }
  using OpenAiProviderTest::Options;

  static std::string UrlOf(const ScriptedServer& server) {
    return "http://127.0.0.1:" + std::to_string(server.port());
  }

  /// A call through a proxy that plays `script`.
  Error ThroughProxy(const Script& script, std::string user = "", Duration timeout = 1h) {
    const ScriptedServer proxy({script}, nullptr, false);
    FakeLlmServer server(Fast());
    OpenAiOptions options = Options(server);
    options.http.proxy = "http://" + user + "127.0.0.1:" + std::to_string(proxy.port());
    options.http.timeouts.connect = timeout;
    OpenAiProvider provider(std::move(options));
    const Error error = ErrorOf(caller_.Call(provider, TestRequest(true)));
    EXPECT_EQ(server.counters().connections, 0u);
    requests_ = proxy.requests();
    return error;
  }

  std::vector<std::string> requests_;
};

TEST_F(NetworkBehaviour, ResumesTlsSessions) {
  FakeLlmServer server(Fast());
  OpenAiOptions options = Options(server);
  options.http.max_idle_connections = 0;  // a new connection per call
  OpenAiProvider provider(std::move(options));
  for (int i = 0; i < 4; ++i) ValueOf(caller_.Call(provider, TestRequest(true)));
  const ConnectionCounters counters = provider.Connections();
  EXPECT_EQ(counters.tls_handshakes, 4u);
  EXPECT_EQ(counters.tls_resumptions, 3u);
}

TEST_F(NetworkBehaviour, ResumesSessionsOfTls12) {
  auto tls = Authority().MakeServer("IP:127.0.0.1");
  SSL_CTX_set_max_proto_version(tls.get(), TLS1_2_VERSION);
  SSL_CTX_set_session_id_context(tls.get(), reinterpret_cast<const unsigned char*>("t"), 1);
  const Script script = {ReadRequest(),
                         Send(test_support::Answer(200, test_support::CompletionBody())), Close()};
  ScriptedServer server({script}, tls);
  OpenAiOptions options = Options(server);
  options.http.max_idle_connections = 0;
  OpenAiProvider provider(std::move(options));
  for (int i = 0; i < 3; ++i) ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(provider.Connections().tls_resumptions, 2u);
}

TEST_F(NetworkBehaviour, GoesThroughAProxyEndToEnd) {
  FakeLlmServer server(Fast());
  // The proxy of the test: accepts the tunnel, and is then the service's TLS endpoint itself.
  ScriptedServer proxy(
      {{ReadRequest(), Send("HTTP/1.1 200 Connection established\r\n\r\n"),
        test_support::Step{test_support::Step::Kind::kHandshake, {}, 0ms}, ReadRequest(),
        Send(test_support::Answer(200, test_support::CompletionBody())), Hang()}},
      Authority().MakeServer("DNS:llm.example.test"), false);
  OpenAiOptions options;
  options.base_url = "https://llm.example.test/v1";  // resolved by the proxy alone
  options.http.ca_pem = Authority().pem();
  options.api_key = Secret("sk-test-0123456789");
  options.http.proxy = "http://user:p%40ss@127.0.0.1:" + std::to_string(proxy.port());
  OpenAiProvider provider(std::move(options));
  EXPECT_EQ(ValueOf(caller_.Call(provider, TestRequest(false))).text, "Hi there");
  const auto requests = proxy.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_THAT(requests[0], AllOf(HasSubstr("CONNECT llm.example.test:443 HTTP/1.1\r\n"),
                                 HasSubstr("\r\nHost: llm.example.test:443\r\n"),
                                 HasSubstr("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"),
                                 Not(HasSubstr("sk-test"))));
  EXPECT_THAT(requests[1], AllOf(HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"),
                                 Not(HasSubstr("Proxy-Authorization"))));
}

TEST_F(NetworkBehaviour, RedactsAndShortensWhatAProxySays) {
  const auto refused = [this](const std::string& status) {
    ScriptedServer proxy({{ReadRequest(), Send("HTTP/1.1 " + status + "\r\n\r\n"), Hang()}},
                         nullptr);
    OpenAiOptions options;
    options.base_url = "https://llm.example.test/v1";
    options.http.ca_pem = Authority().pem();
    options.http.proxy = "http://alice:pass%2Fw0rd-0123@127.0.0.1:" + std::to_string(proxy.port());
    OpenAiProvider provider(std::move(options));
    const Error error = ErrorOf(caller_.Call(provider, TestRequest(false)));
    EXPECT_KIND(error, "connect_failure");
    EXPECT_THAT(error.message, HasSubstr("refused a tunnel: "));
    return error.message.substr(error.message.find("tunnel: ") + 8);
  };
  // alice:pass/w0rd-0123
  EXPECT_THAT(refused("407 Basic YWxpY2U6cGFzcy93MHJkLTAxMjM= is wrong"),
              HasSubstr("407 Basic [redacted] is wrong"));
  EXPECT_THAT(refused("403 alice:pass/w0rd-0123"), StartsWith("403 [redacted]"));
  EXPECT_THAT(refused("403 alice with pass%2fw0rd-0123"), StartsWith("403 alice with [redacted]"));
  EXPECT_EQ(refused("403 \x1B[31mno\u202E \xFF"), "403  [31mno  \uFFFD");
  // Across the end of what is shown.
  const std::string far = refused("403 " + std::string(50, 'x') + " pass/w0rd-0123");
  EXPECT_THAT(far, Not(HasSubstr("pass")));
  EXPECT_LE(refused("403 " + std::string(500, 'x')).size(), 70u);
}

TEST_F(NetworkBehaviour, AcceptsAWildcardForAWholeLabelOnly) {
  const auto call = [this](const std::string& name) {
    ScriptedServer proxy(
        {{ReadRequest(), Send("HTTP/1.1 200 Connection established\r\n\r\n"),
          test_support::Step{test_support::Step::Kind::kHandshake, {}, 0ms}, ReadRequest(),
          Send(test_support::Answer(200, test_support::CompletionBody())), Hang()}},
        Authority().MakeServer("DNS:" + name), false);
    OpenAiOptions options;
    options.base_url = "https://llm.example.test/v1";
    options.http.ca_pem = Authority().pem();
    options.api_key = Secret("sk-test-0123456789");
    options.http.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
    OpenAiProvider provider(std::move(options));
    return caller_.Call(provider, TestRequest(false)).has_value();
  };
  EXPECT_TRUE(call("*.example.test"));
  EXPECT_FALSE(call("l*.example.test"));
  EXPECT_FALSE(call("*m.example.test"));
  EXPECT_FALSE(call("*.test"));
}

TEST_F(NetworkBehaviour, NamesTheProxyThatRefuses) {
  for (const char* status :
       {"407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"}) {
    const Error error =
        ThroughProxy({ReadRequest(), Send("HTTP/1.1 " + std::string(status) + "\r\n\r\n"), Close()},
                     "user:secret-password@");
    EXPECT_KIND(error, "connect_failure");
    EXPECT_THAT(error.message,
                AllOf(HasSubstr("the proxy 127.0.0.1:"), HasSubstr(status),
                      Not(HasSubstr("secret-password")), Not(HasSubstr("c2VjcmV0"))));
  }
}

TEST_F(NetworkBehaviour, BoundsAProxyThatMisbehaves) {
  Error error = ThroughProxy({ReadRequest(), Hang()}, "", 500ms);
  EXPECT_KIND(error, "connect_timeout");
  EXPECT_THAT(error.message, HasSubstr("the proxy 127.0.0.1:"));
  error = ThroughProxy({ReadRequest(), Send("SSH-2.0-not a proxy\r\n\r\n"), Hang()});
  EXPECT_KIND(error, "connect_failure");
  EXPECT_THAT(error.message, HasSubstr("does not speak HTTP"));
  error = ThroughProxy({ReadRequest(), Close()});
  EXPECT_KIND(error, "connect_failure");
  error = ThroughProxy(
      {ReadRequest(), Send("HTTP/1.1 200 OK\r\nX: " + std::string(64 << 10, 'x')), Hang()});
  EXPECT_KIND(error, "connect_failure");
  EXPECT_THAT(error.message, HasSubstr("endless header"));
}

TEST_F(NetworkBehaviour, NamesTheProxyThatIsDown) {
  FakeLlmServer server(Fast());
  OpenAiOptions options = Options(server);
  options.http.proxy = "http://127.0.0.1:1";
  OpenAiProvider provider(std::move(options));
  const Error error = ErrorOf(caller_.Call(provider, TestRequest(true)));
  EXPECT_KIND(error, "connect_failure");
  EXPECT_THAT(error.message, HasSubstr("the proxy 127.0.0.1:1"));
}

TEST_F(NetworkBehaviour, RefusesAProxyItCannotUse) {
  for (const char* proxy :
       {"https://proxy.test:1", "http://proxy.test/path", "socks5://h:1", "http://user:secret@"}) {
    OpenAiOptions options;
    options.http.proxy = proxy;
    try {
      OpenAiProvider provider(std::move(options));
      ADD_FAILURE() << "took " << proxy;
    } catch (const ConfigurationError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("proxy"), Not(HasSubstr("secret"))));
    }
  }
}

TEST_F(NetworkBehaviour, SpeaksIpv6) {
  FakeLlmServerOptions fast = Fast();
  fast.address = "::1";
  std::unique_ptr<FakeLlmServer> server;
  try {
    server = std::make_unique<FakeLlmServer>(fast);
  } catch (const ConfigurationError& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
  OpenAiProvider provider(Options(*server));
  EXPECT_THAT(server->base_url(), HasSubstr("https://[::1]:"));
  EXPECT_EQ(ValueOf(caller_.Call(provider, TestRequest(true))).token_events, 4);
}

// "localhost" is ::1 and 127.0.0.1 on most machines; the server listens on the latter alone.
TEST_F(NetworkBehaviour, TriesEveryAddressOfAName) {
  FakeLlmServer server(Fast());
  OpenAiOptions options = Options(server);
  options.base_url = "https://localhost:" + std::to_string(server.port()) + "/v1";
  OpenAiProvider provider(std::move(options));
  EXPECT_EQ(ValueOf(caller_.Call(provider, TestRequest(true))).token_events, 4);
}

TEST_F(NetworkBehaviour, LooksANameUpOncePerTimeToLive) {
  FakeLlmServer server(Fast());
  OpenAiOptions options = Options(server);
  options.base_url = "https://localhost:" + std::to_string(server.port()) + "/v1";
  options.http.max_idle_connections = 0;
  options.http.dns_ttl = 1h;
  OpenAiProvider provider(options);
  caller_.CallTogether(provider, TestRequest(true), 8);
  for (int i = 0; i < 3; ++i) ValueOf(caller_.Call(provider, TestRequest(true)));
  EXPECT_EQ(provider.Connections().dns_lookups, 1u);

  options.http.dns_ttl = 1ms;
  OpenAiProvider forgetful(std::move(options));
  for (int i = 0; i < 2; ++i) {
    ValueOf(caller_.Call(forgetful, TestRequest(true)));
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_EQ(forgetful.Connections().dns_lookups, 2u);
}

TEST_F(NetworkBehaviour, SlowLorisEndsAtItsDeadline) {
  const auto drip = [](const std::string& text) {
    Script script = {ReadRequest()};
    for (const char c : text) {
      script.push_back(Send(std::string(1, c)));
      script.push_back(test_support::Sleep(20ms));
    }
    script.push_back(Hang());
    return script;
  };
  // In the header: no output comes.
  auto server = Serve({drip("HTTP/1.1 200 OK\r\nX-Slow: " + std::string(200, 'x'))});
  OpenAiOptions options = Options(*server);
  options.http.timeouts.first_token = 300ms;
  OpenAiProvider in_header(options);
  EXPECT_KIND(ErrorOf(caller_.Call(in_header, TestRequest(true))), "first_token_timeout");
  // In the body: bytes keep coming, but never a whole event.
  server = Serve({drip("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(200, ' '))});
  options = Options(*server);
  options.http.timeouts.total = 1500ms;
  OpenAiProvider in_body(options);
  EXPECT_KIND(ErrorOf(caller_.Call(in_body, TestRequest(false))), "total_timeout");
}

std::size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// 100 MB that never end an event, a header, or a line: refused at the bound, not collected.
TEST_F(NetworkBehaviour, MemoryIsBoundedWhateverIsSent) {
  constexpr int kMegabytes = 100;
  const std::string megabyte(1 << 20, 'x');
  const auto flood = [&](const std::string& begin) {
    Script script = {ReadRequest(), Send(begin)};
    for (int i = 0; i < kMegabytes; ++i) script.push_back(Send(megabyte));
    script.push_back(Hang());
    return script;
  };
  const std::string close_delimited = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
  for (const std::string& begin :
       {close_delimited + "data: ", std::string("HTTP/1.1 200 OK\r\nX: "),
        std::string("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"),
        std::string("HTTP/1.1 500 X\r\nContent-Length: 104857600\r\n\r\n")}) {
    auto server = Serve({flood(begin)});
    OpenAiProvider provider(Options(*server));
    const std::size_t before = ResidentBytes();
    const Error error = ErrorOf(caller_.Call(provider, TestRequest(true)));
    EXPECT_THAT(std::string(ToString(error.kind)),
                ::testing::AnyOf("response_too_large", "server_error"))
        << Describe(error);
    // The scripts, which all runs share, existed before.
    EXPECT_LT(ResidentBytes(), before + (48U << 20)) << begin.substr(0, 60);
  }
}

class ProxyEnvironment : public ::testing::Test {
 protected:
  ProxyEnvironment() { Clear(); }
  ~ProxyEnvironment() override { Clear(); }
  static void Clear() {
    for (const char* name : {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}) {
      ::unsetenv(name);
    }
  }
  static std::string ProxyFor(const char* url, const char* excluded) {
    ::setenv("NO_PROXY", excluded, 1);
    return ProxyFromEnvironment(url);
  }
};

TEST_F(ProxyEnvironment, NoneIsTheDefault) {
  EXPECT_EQ(ProxyFromEnvironment("https://api.openai.com/v1"), "");
}

TEST_F(ProxyEnvironment, IsUsedForOtherMachinesOnly) {
  ::setenv("https_proxy", "http://proxy.test:3128", 1);
  EXPECT_EQ(ProxyFromEnvironment("https://api.openai.com/v1"), "http://proxy.test:3128");
  EXPECT_EQ(ProxyFromEnvironment("https://localhost:8080/v1"), "");
  EXPECT_EQ(ProxyFromEnvironment("https://127.0.0.1:8080/v1"), "");
  EXPECT_EQ(ProxyFromEnvironment("https://[::1]/v1"), "");
}

TEST_F(ProxyEnvironment, ExclusionsAreNamesAddressesAndNetworks) {
  ::setenv("HTTPS_PROXY", "http://proxy.test:3128", 1);
  const auto direct = [](const char* url, const char* excluded) {
    return ProxyFor(url, excluded).empty();
  };
  EXPECT_TRUE(direct("https://api.example.com/v1", "*"));
  EXPECT_TRUE(direct("https://api.example.com/v1", "other.test, example.com"));
  EXPECT_TRUE(direct("https://api.example.com/v1", ".example.com"));
  EXPECT_TRUE(direct("https://api.example.com/v1", "*.example.com"));
  EXPECT_TRUE(direct("https://API.example.com/v1", "Api.Example.com"));
  EXPECT_FALSE(direct("https://badexample.com/v1", "example.com"));
  EXPECT_FALSE(direct("https://api.example.com/v1", "api.example"));
  EXPECT_FALSE(direct("https://api.example.com/v1", ""));
  EXPECT_TRUE(direct("https://10.1.2.3/v1", "10.1.2.3"));
  EXPECT_TRUE(direct("https://10.1.2.3/v1", "10.0.0.0/8"));
  EXPECT_FALSE(direct("https://11.1.2.3/v1", "10.0.0.0/8"));
  EXPECT_TRUE(direct("https://[fd00::1]/v1", "fd00::/16"));
  EXPECT_TRUE(direct("https://[fd00::1]/v1", "[fd00::1]"));
  EXPECT_FALSE(direct("https://[fd00::1]/v1", "10.0.0.0/8"));
  EXPECT_TRUE(direct("https://api.example.com:8443/v1", "api.example.com:8443"));
  EXPECT_FALSE(direct("https://api.example.com/v1", "api.example.com:8443"));
}

TEST_F(ProxyEnvironment, MalformedValueNamesItsVariable) {
  ::setenv("HTTPS_PROXY", "socks5://user:secret@proxy:1", 1);
  try {
    ProxyFromEnvironment("https://api.example.com/v1");
    FAIL();
  } catch (const ConfigurationError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("HTTPS_PROXY"), Not(HasSubstr("secret"))));
  }
}

}  // namespace
}  // namespace llmload
