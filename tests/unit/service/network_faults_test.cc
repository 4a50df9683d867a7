// Names that resolve badly, servers that break off or lie, and endpoints that return garbage for
// credentials.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <netdb.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string_view>

#include "llmload/service/aws_credentials.h"
#include "tests/unit/service/provider_fixture.h"

namespace {

// Needs no destruction: a look-up of slow.test may outlive the test that asked for it.
std::atomic<bool> name_server_hangs{false};

// As long as it lives, no look-up of slow.test ends.
class HangingNameServer {
 public:
  HangingNameServer() { name_server_hangs = true; }
  ~HangingNameServer() {
    name_server_hangs = false;
    name_server_hangs.notify_all();
  }
  HangingNameServer(const HangingNameServer&) = delete;
  HangingNameServer& operator=(const HangingNameServer&) = delete;
};

int System(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(node, service, hints, result);
}

}  // namespace

// Replaces libc's: three names are this program's own, and all others go to the system.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  const std::string name = node == nullptr ? "" : node;
  if (name == "fast.test") return System("127.0.0.1", service, hints, result);
  if (name == "slow.test") {
    name_server_hangs.wait(true);
    return System("127.0.0.1", service, hints, result);
  }
  if (name != "two.test") return System(node, service, hints, result);
  addrinfo* second = nullptr;
  int error = System("127.0.0.2", service, hints, result);
  if (error == 0) error = System("127.0.0.1", service, hints, &second);
  if (error != 0) return error;
  addrinfo* last = *result;
  while (last->ai_next != nullptr) last = last->ai_next;
  last->ai_next = second;
  return 0;
}

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class NetworkFaults : public OpenAiProviderTest {
 protected:
  static OpenAiOptions ClearText(const ScriptedServer& server, const std::string& host) {
    OpenAiOptions options;
    options.base_url = "http://" + host + ":" + std::to_string(server.port()) + "/v1";
    options.http.allow_clear_text = true;
    return options;
  }
  Error CallError(OpenAiOptions options, bool stream) {
    OpenAiProvider provider(std::move(options));
    return ErrorOf(caller_.Call(provider, TestRequest(stream), &observer_));
  }
  using OpenAiProviderTest::CallError;
};

// The listener is on 127.0.0.1 alone, the second of the name's addresses.
TEST_F(NetworkFaults, DeadFirstAddressFallsThroughToTheSecond) {
  const ScriptedServer server({ServeTwice(Answer(200, CompletionBody()))}, nullptr);
  OpenAiProvider provider(ClearText(server, "two.test"));
  ValueOf(caller_.Call(provider, TestRequest(false)));
}

TEST_F(NetworkFaults, NameServerThatHangsIsAConnectTimeout) {
  const HangingNameServer hanging;
  const ScriptedServer server({ServeTwice(Answer(200, CompletionBody()))}, nullptr);
  OpenAiOptions options = ClearText(server, "slow.test");
  options.http.timeouts.connect = 200ms;
  const Error error = CallError(options, false);
  EXPECT_KIND(error, "connect_timeout");
  EXPECT_THAT(error.message, HasSubstr("resolving slow.test"));
}

// As if a call failed over to a service that was not called before.
TEST_F(NetworkFaults, HangingLookUpDoesNotHoldUpThatOfAnotherService) {
  const HangingNameServer hanging;
  const ScriptedServer server({ServeTwice(Answer(200, CompletionBody()))}, nullptr);
  OpenAiOptions options = ClearText(server, "slow.test");
  options.http.timeouts.connect = 300ms;
  EXPECT_KIND(CallError(options, false), "connect_timeout");
  OpenAiOptions patient = ClearText(server, "fast.test");
  patient.http.timeouts.connect = patient.http.timeouts.total = 1h;
  OpenAiProvider other(std::move(patient));
  ValueOf(caller_.Call(other, TestRequest(false)));
}

TEST_F(NetworkFaults, CutAnywhereIsNeverASuccess) {
  const std::string stream = StreamHead() + RoleEvent() + TokenEvents({"a", "b"}) + FinishEvent() +
                             UsageEvent() + DoneEvent() + LastChunk();
  for (const bool streamed : {false, true}) {
    const std::string whole = streamed ? stream : Answer(200, CompletionBody());
    const std::size_t done = streamed ? whole.find("[DONE]") + 8 : whole.size();
    for (std::size_t cut = 0; cut < done; cut += cut + 8 < done ? 7 : 1) {
      SCOPED_TRACE("cut at " + std::to_string(cut) + " of " + std::to_string(done));
      const ScriptedServer server({{ReadRequest(), Send(whole.substr(0, cut)), Close()}}, nullptr);
      EXPECT_KIND(CallError(ClearText(server, "127.0.0.1"), streamed), "connection_reset");
    }
  }
}

TEST_F(NetworkFaults, WrongLengthIsNotTakenForTheAnswer) {
  const std::string body = CompletionBody();
  const auto with = [&](const std::string& length) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + length +
           "\r\n\r\n" + body;
  };
  const std::string longer = with(std::to_string(body.size() + 5));
  EXPECT_KIND(CallError(*ServeBytes(with(std::to_string(body.size() - 5))), false),
              "malformed_response");
  EXPECT_KIND(CallError(*Serve({{ReadRequest(), Send(longer), Close()}}), false),
              "connection_reset");
  const auto server = ServeBytes(longer);
  OpenAiOptions options = Options(*server);
  options.http.timeouts.idle = 200ms;
  EXPECT_KIND(CallError(options, false), "idle_timeout");
  for (const char* length : {"-1", "99999999999999999999999", "5\r\nContent-Length: 6", "x"}) {
    EXPECT_KIND(CallError(*ServeBytes(with(length)), false), "malformed_response");
  }
}

TEST_F(NetworkFaults, BrokenChunksHaveTheirKind) {
  const std::string begun = StreamHead() + TokenEvents({"a"});
  const auto server = ServeBytes(begun + "40\r\ndata: {\"choi");
  OpenAiOptions options = Options(*server);
  options.http.timeouts.idle = 200ms;
  const Error error = CallError(options, true);
  EXPECT_KIND(error, "idle_timeout");
  EXPECT_EQ(error.partial_text, "a");
  EXPECT_KIND(CallError(*Serve({{ReadRequest(), Send(begun + "4"), Close()}}), true),
              "connection_reset");
  EXPECT_KIND(CallError(*ServeBytes(begun + "zz\r\n"), true), "malformed_response");
  EXPECT_KIND(CallError(*ServeBytes(begun + "fffffffffffffffff\r\n"), true), "malformed_response");
  EXPECT_KIND(CallError(*ServeBytes(begun + "1;" + std::string(1 << 20, 'x')), true),
              "response_too_large");
}

TEST_F(NetworkFaults, EndlessInterimAnswersAreRefused) {
  std::string interim;
  for (int i = 0; i < 10000; ++i) interim += "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n";
  EXPECT_KIND(CallError(*ServeBytes(interim), false), "malformed_response");
}

TEST_F(NetworkFaults, BrokenHandshakeHasItsKind) {
  const std::string part_of_a_hello("\x16\x03\x03\x00\x7a\x02\x00\x00\x76", 9);
  struct Case {
    Script script;
    const char* kind;
  };
  for (const auto& [script, kind] :
       {Case{{Close()}, "tls_failure"}, Case{{Sleep(50ms), Reset()}, "tls_failure"},
        Case{{Sleep(50ms), Send(part_of_a_hello), Close()}, "tls_failure"},
        Case{{Sleep(50ms), Send(part_of_a_hello), Hang()}, "tls_timeout"},
        Case{{Send(std::string(4096, '\xA5')), Hang()}, "tls_failure"},
        Case{{Send(std::string(1 << 20, '\0')), Hang()}, "tls_failure"}}) {
    const ScriptedServer server({script}, nullptr);
    OpenAiOptions options = Options(server);
    options.base_url = "https://127.0.0.1:" + std::to_string(server.port()) + "/v1";
    // Short only where it has to pass.
    options.http.timeouts.tls = kind == std::string_view("tls_timeout") ? Duration(300ms) : 1h;
    EXPECT_KIND(CallError(options, false), kind);
  }
}

TEST_F(NetworkFaults, EachOldProtocolVersionIsRefused) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    const std::shared_ptr<SSL_CTX> context = Authority().MakeServer("IP:127.0.0.1");
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    const ScriptedServer server({ServeTwice(Answer(200, CompletionBody()))}, context);
    const Error error = CallError(Options(server), false);
    EXPECT_KIND(error, "tls_failure");
    EXPECT_THAT(error.message, HasSubstr("TLS 1.2"));
  }
}

Result<AwsCredentials> GetFrom(AwsCredentialOptions options) {
  const auto source = AwsCredentialChain(std::move(options));
  boost::asio::io_context context(1);
  std::optional<Result<AwsCredentials>> got;
  boost::asio::co_spawn(
      context, source->Get(),
      [&](const std::exception_ptr&, Result<AwsCredentials> result) { got = std::move(result); });
  context.run();
  return *got;
}

std::string UrlOf(const ScriptedServer& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

TEST(AwsEndpointFaults, RoleOfAnyNameIsSurvived) {
  for (const char* role : {"a|b", "a\"b", "100%", "a@b", "<html>", "a\\b"}) {
    const ScriptedServer server({{ReadRequest(), Send(Answer(200, "metadata-token")), Close()},
                                 {ReadRequest(), Send(Answer(200, role)), Close()},
                                 {ReadRequest(), Send(Answer(404, "")), Close()}},
                                nullptr, false);
    AwsCredentialOptions options;
    options.metadata_endpoint = UrlOf(server);
    const auto result = GetFrom(options);
    ASSERT_TRUE(result.has_error()) << role;
    EXPECT_KIND(result.error(), "credential");
  }
}

TEST(AwsEndpointFaults, TokenAddsNoHeaderFields) {
  const ScriptedServer server(
      {{ReadRequest(), Send(Answer(200, "token\r\nX-Smuggled: yes")), Close()},
       {ReadRequest(), Send(Answer(200, "role")), Close()}},
      nullptr, false);
  AwsCredentialOptions options;
  options.metadata_endpoint = UrlOf(server);
  const auto result = GetFrom(options);
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "credential");
  for (const auto& request : server.requests()) EXPECT_THAT(request, Not(HasSubstr("Smuggled")));
}

TEST(AwsEndpointFaults, CredentialsWithLineEndsAreRefused) {
  const ScriptedServer server(
      {{ReadRequest(),
        Send(Answer(200, R"({"AccessKeyId":"A","SecretAccessKey":"s3cr3t","Token":"t\r\nX: y"})")),
        Close()}},
      nullptr, false);
  AwsCredentialOptions options;
  options.container_uri = UrlOf(server) + "/";
  const auto result = GetFrom(options);
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "credential");
  EXPECT_THAT(result.error().message, Not(HasSubstr("s3cr3t")));
}

}  // namespace
}  // namespace llmload
