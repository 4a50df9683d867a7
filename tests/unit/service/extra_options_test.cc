// What a user's service needs beside address and key: headers, members of the body, another path.
#include "llmload/core/environment.h"
#include "llmload/service/anthropic_provider.h"
#include "llmload/service/azure_openai_provider.h"
#include "llmload/service/bedrock_provider.h"
#include "llmload/service/ollama_provider.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using test_support::Answer;
using test_support::CompletionBody;
using test_support::Hang;
using test_support::ReadRequest;
using test_support::Send;
using test_support::TestRequest;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ExtraOptions : public OpenAiProviderTest {
 protected:
  static HttpOptions Http(std::vector<HttpHeader> headers = {}) {
    return {.ca_pem = Authority().pem(), .headers = std::move(headers)};
  }

  // The one request that the provider sends to a server that refuses it.
  template <class MadeProvider, class Options>
  std::string Sent(Options options, std::string Options::*url, CompletionRequest request) {
    const auto server = Serve({{ReadRequest(), Send(Answer(400, "{}")), Hang()}});
    options.*url = "https://127.0.0.1:" + std::to_string(server->port());
    MadeProvider provider(std::move(options));
    EXPECT_TRUE(caller_.Call(provider, request).has_error());
    return server->requests().empty() ? "" : server->requests().front();
  }

  template <class Make>
  static std::string Refusal(Make make) {
    try {
      make();
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "accepted";
  }
  static std::string RefusedHeader(const HttpHeader& header) {
    return Refusal([&] { OpenAiProvider({.http = {.headers = {header}}}); });
  }
};

TEST_F(ExtraOptions, HeadersAreSentByEveryProviderWithEachRequest) {
  const HttpOptions http = Http({{.name = "X-Tenant", .value = Secret("blue")},
                                 {.name = "User-Agent", .value = Secret("mine/1")}});
  const auto sent =
      AllOf(HasSubstr("\r\nX-Tenant: blue\r\n"), HasSubstr("\r\nUser-Agent: mine/1\r\n"),
            Not(HasSubstr("User-Agent: llmload")));
  const CompletionRequest request = TestRequest(false);
  EXPECT_THAT(Sent<OpenAiProvider>(OpenAiOptions{.http = http}, &OpenAiOptions::base_url, request),
              sent);
  EXPECT_THAT(
      Sent<AnthropicProvider>(AnthropicOptions{.http = http}, &AnthropicOptions::base_url, request),
      sent);
  EXPECT_THAT(Sent<OllamaProvider>(OllamaOptions{.http = http}, &OllamaOptions::base_url, request),
              sent);
  EXPECT_THAT(Sent<AzureOpenAiProvider>(AzureOpenAiOptions{.deployment = "d", .http = http},
                                        &AzureOpenAiOptions::endpoint, request),
              sent);
  EXPECT_THAT(
      Sent<BedrockProvider>(
          BedrockOptions{.region = "eu-central-1",
                         .credentials = FixedAwsCredentials({.access_key_id = "AKIDEXAMPLE",
                                                             .secret_access_key = Secret("secret"),
                                                             .session_token = {},
                                                             .expires = {}}),
                         .http = http},
          &BedrockOptions::endpoint, request),
      AllOf(sent, HasSubstr("\r\nAuthorization: AWS4-HMAC-SHA256")));
}

TEST_F(ExtraOptions, ACredentialReplacesThatOfTheProvider) {
  const CompletionRequest request = TestRequest(false);
  for (const char* name : {"Authorization", "X-API-Key", "api-key"}) {
    const HttpOptions http = Http({{.name = name, .value = Secret("mine-0123456789")}});
    const auto replaced = AllOf(HasSubstr(std::string("\r\n") + name + ": mine-0123456789\r\n"),
                                Not(HasSubstr("theirs")));
    EXPECT_THAT(Sent<OpenAiProvider>(OpenAiOptions{.api_key = Secret("theirs-0123"), .http = http},
                                     &OpenAiOptions::base_url, request),
                replaced);
    EXPECT_THAT(
        Sent<AnthropicProvider>(AnthropicOptions{.api_key = Secret("theirs-0123"), .http = http},
                                &AnthropicOptions::base_url, request),
        replaced);
    EXPECT_THAT(Sent<BedrockProvider>(BedrockOptions{.region = "eu-central-1", .http = http},
                                      &BedrockOptions::endpoint, request),
                AllOf(replaced, Not(HasSubstr("AWS4"))));
  }
  const OpenAiProvider provider(OpenAiOptions{
      .api_key = Secret("theirs-0123"),
      .http = {.headers = {{.name = "authorization", .value = Secret("mine-0123456789")}}}});
  EXPECT_EQ(provider.Identity().credential, Secret("mine-0123456789").Fingerprint());
}

TEST_F(ExtraOptions, HeadersThatAreSecretAreTakenOutOfMessages) {
  const auto server = Serve(
      {{ReadRequest(),
        Send(Answer(403, R"({"error":{"message":"bad k-0123456789 and pw-987654 of blue"}})")),
        Hang()}});
  OpenAiOptions options = Options(*server);
  options.http.headers = {
      {.name = "X-Gateway-Key", .value = Secret("Bearer k-0123456789"), .redact = false},
      {.name = "X-Login",
       .value = Secret("user=u;pw=pw-987654"),
       .secrets = {Secret("pw-987654")},
       .redact = false},
      {.name = "X-Tenant", .value = Secret("blue"), .redact = false}};
  OpenAiProvider provider(options);
  const Error error = ErrorOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_THAT(error.message, HasSubstr("bad [redacted] and [redacted] of blue"));
}

TEST_F(ExtraOptions, ValuesOfFieldsThatAreCalledLikeCredentialsAreTakenOutOfMessages) {
  for (const char* name : {"X-Cred", "X-Passphrase", "X-Session", "X-Signature", "X-SID",
                           "X-Bearer", "X-Auth", "X-Key", "X-Token", "X-Secret", "Cookie"}) {
    const std::string answer = R"({"error":{"message":"bad k-0123456789!"}})";
    const auto server = Serve({{ReadRequest(), Send(Answer(403, answer)), Hang()}});
    OpenAiOptions options = Options(*server);
    options.http.headers = {
        {.name = name, .value = Secret("Bearer k-0123456789"), .redact = false}};
    OpenAiProvider provider(options);
    EXPECT_THAT(ErrorOf(caller_.Call(provider, TestRequest(false))).message,
                HasSubstr("bad [redacted]!"))
        << name;
  }
}

TEST_F(ExtraOptions, AVariableWithASchemeIsAlsoTakenOutOfMessagesWithoutIt) {
  const auto server = Serve(
      {{ReadRequest(), Send(Answer(403, R"({"error":{"message":"bad k-01234!"}})")), Hang()}});
  OpenAiOptions options = Options(*server);
  options.http.headers = {{.name = "X-Gateway",
                           .value = Secret("Bearer k-01234"),
                           .secrets = {Secret("Bearer k-01234")},
                           .redact = false}};
  OpenAiProvider provider(options);
  EXPECT_THAT(ErrorOf(caller_.Call(provider, TestRequest(false))).message,
              HasSubstr("bad [redacted]!"));
}

TEST_F(ExtraOptions, TheQueryOfThePathIsTakenOutOfMessages) {
  const auto server =
      Serve({{ReadRequest(),
              Send(Answer(404, R"({"error":{"message":"Cannot POST /chat?v=2&key=s%2Fsecret, )"
                               R"(key s/secret of tenant-blue"}})")),
              Hang()}});
  OpenAiOptions options = Options(*server);
  options.http.path = "/chat?v=2&key=s%2Fsecret&tenant-blue";
  OpenAiProvider provider(options);
  const std::string message = ErrorOf(caller_.Call(provider, TestRequest(false))).message;
  EXPECT_THAT(message, AllOf(HasSubstr("Cannot POST /chat?"), HasSubstr("key [redacted] of"),
                             Not(HasSubstr("secret")), Not(HasSubstr("blue"))));
}

TEST_F(ExtraOptions, HeadersOfLlmloadsOwnAreRefusedWithTheReason) {
  for (const char* name : {"Host", "content-length", "Transfer-Encoding", "Connection",
                           "Content-Type", "Accept-Encoding", "TE", "Expect"}) {
    EXPECT_THAT(RefusedHeader({.name = name, .value = Secret("x")}),
                AllOf(StartsWith(std::string("headers: got \"") + name + "\""),
                      HasSubstr("does not send itself: ")));
  }
  for (const char* name : {"", "X Tenant", "X-T\r\nX", "X:"}) {
    EXPECT_THAT(RefusedHeader({.name = name, .value = Secret("x")}),
                AllOf(StartsWith("headers: got \"(hidden)\""), HasSubstr("names of letters")));
  }
  for (const char* value : {"a\r\nX: y", "a\tb", "\x80"}) {
    EXPECT_THAT(RefusedHeader({.name = "X-T", .value = Secret(value)}),
                StartsWith("headers, value of X-T: got \"(hidden)\""));
  }
  EXPECT_THAT(Refusal([] {
                OpenAiProvider({.http = {.headers = {{.name = "X-T", .value = Secret("a")},
                                                     {.name = "x-t", .value = Secret("b")}}}});
              }),
              HasSubstr("each name once"));
  EXPECT_THAT(Refusal([] {
                BedrockProvider(BedrockOptions{
                    .region = "eu-central-1",
                    .bearer_token = Secret("key-0123456789"),
                    .http = {.headers = {{.name = "X-Amz-Date", .value = Secret("x")}}}});
              }),
              HasSubstr("signature of AWS"));
}

TEST_F(ExtraOptions, MembersOfOptionsAndRequestAreInTheBody) {
  HttpOptions http = Http();
  http.extra_body = R"({"top_p":0.9,"options":{"a":1}})";
  CompletionRequest request = TestRequest(false);
  const auto common = AllOf(HasSubstr(R"("top_p":0.9)"), HasSubstr(R"("options":{"a":1})"));
  EXPECT_THAT(Sent<OpenAiProvider>(OpenAiOptions{.http = http}, &OpenAiOptions::base_url, request),
              common);
  EXPECT_THAT(Sent<OllamaProvider>(OllamaOptions{.http = http}, &OllamaOptions::base_url, request),
              common);
  request.extra_body = R"({"top_p":0.1,"options":{"b":2}})";
  EXPECT_THAT(Sent<OpenAiProvider>(OpenAiOptions{.http = http}, &OpenAiOptions::base_url, request),
              AllOf(HasSubstr(R"("top_p":0.1,)"), HasSubstr(R"("options":{"a":1,"b":2})"),
                    Not(HasSubstr("0.9"))));
}

TEST_F(ExtraOptions, MembersThatARequestMayNotHaveFailItAndNothingIsSent) {
  const auto server = Serve({{ReadRequest(), Send(Answer(200, CompletionBody())), Hang()}});
  OpenAiProvider provider(Options(*server));
  CompletionRequest request = TestRequest(false);
  request.extra_body = R"({"max_tokens":1})";
  const Error error = ErrorOf(caller_.Call(provider, request));
  EXPECT_KIND(error, "invalid_request");
  EXPECT_THAT(error.message, HasSubstr("--max-tokens"));
  EXPECT_EQ(server->connections(), 0);
  EXPECT_THAT(Refusal([] { OpenAiProvider({.http = {.extra_body = R"({"stream":false})"}}); }),
              StartsWith("extra_body: got \"stream\""));
}

TEST_F(ExtraOptions, APathReplacesThatOfTheApi) {
  HttpOptions http = Http();
  http.path = "/custom/chat?api-version=2%2F1&x=?";
  EXPECT_THAT(Sent<OpenAiProvider>(OpenAiOptions{.http = http}, &OpenAiOptions::base_url,
                                   TestRequest(false)),
              StartsWith("POST /custom/chat?api-version=2%2F1&x=? HTTP/1.1\r\n"));
  for (const char* path : {"chat", "/a b", "/a#b", "/%zz", "/a\r\nX: y"}) {
    EXPECT_THAT(Refusal([&] { OpenAiProvider({.http = {.path = path}}); }),
                AllOf(StartsWith("path: got "), HasSubstr("begins with /")))
        << path;
  }
  EXPECT_THAT(
      Refusal([] {
        AzureOpenAiProvider(
            {.endpoint = "https://a.example", .deployment = "d", .http = {.path = "/x?k=v"}});
      }),
      AllOf(StartsWith("path: got \"/x\""), HasSubstr("has the deployment in its path")));
  EXPECT_THAT(
      Refusal([] { BedrockProvider({.region = "eu-central-1", .http = {.path = "/x?k=v"}}); }),
      AllOf(StartsWith("path: got \"/x\""), HasSubstr("which is signed")));
}

TEST_F(ExtraOptions, APrefixOfTheBaseUrlIsKept) {
  const auto server = Serve({{ReadRequest(), Send(Answer(200, CompletionBody())), Hang()}});
  OpenAiOptions options = Options(*server);
  options.base_url = "https://127.0.0.1:" + std::to_string(server->port()) + "/llm/v1/";
  OpenAiProvider provider(options);
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_THAT(server->requests().at(0), StartsWith("POST /llm/v1/chat/completions HTTP/1.1\r\n"));
}

TEST_F(ExtraOptions, AreNamedInTheSettingsWithoutTheirValues) {
  OpenAiOptions options;
  EXPECT_TRUE(OpenAiProvider(options).Settings().details.empty());
  options.http.headers = {{.name = "X-Tenant", .value = Secret("hidden-value")},
                          {.name = "X-Team", .value = Secret("hidden-value")}};
  options.http.extra_body = R"({"top_p":0.9,"response_format":{"type":"hidden"}})";
  options.http.path = "/chat?key=hidden";
  options.http.timeouts.total = std::chrono::seconds(90);
  options.http.timeouts.idle = std::chrono::seconds(5);
  options.http.max_connections = 4;
  options.http.reuse_connections = false;
  const ProviderSettings settings = OpenAiProvider(options).Settings();
  EXPECT_EQ(settings.longest_call, std::chrono::seconds(90));
  std::string all;
  for (const auto& [name, value] : settings.details) all += name + ": " + value + "\n";
  EXPECT_EQ(all,
            "extra headers: X-Tenant, X-Team\n"
            "extra body: top_p, response_format\n"
            "path: /chat\n"
            "deadlines: total 90.0 s, idle 5.00 s\n"
            "connections: at most 4, a new one for each request\n");
}

}  // namespace
}  // namespace llmload
