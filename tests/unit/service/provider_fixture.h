// The fixture of the tests of OpenAiProvider over real sockets.
#ifndef LLMLOAD_TESTS_UNIT_SERVICE_PROVIDER_FIXTURE_H_
#define LLMLOAD_TESTS_UNIT_SERVICE_PROVIDER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/service/openai_provider.h"
#include "tests/support/http_answers.h"
#include "tests/support/provider_caller.h"
#include "tests/support/scripted_server.h"
#include "tests/support/test_certificates.h"

namespace llmload {

using test_support::Script;
using test_support::ScriptedServer;

/// One authority for the process: making a key per test would be most of its time.
inline const test_support::TestAuthority& Authority() {
  static const test_support::TestAuthority authority;
  return authority;
}
inline std::shared_ptr<SSL_CTX> ValidServer() {
  static const std::shared_ptr<SSL_CTX> server =
      Authority().MakeServer("DNS:localhost,IP:127.0.0.1");
  return server;
}

/// Answers two requests on one connection, then waits.
inline Script ServeTwice(const std::string& answer) {
  return {test_support::ReadRequest(), test_support::Send(answer), test_support::ReadRequest(),
          test_support::Send(answer), test_support::Hang()};
}

class OpenAiProviderTest : public ::testing::Test {
 protected:
  /// Over TLS, one script per connection.
  std::unique_ptr<ScriptedServer> Serve(std::vector<Script> scripts) {
    return std::make_unique<ScriptedServer>(std::move(scripts), ValidServer());
  }
  /// A server that reads one request, sends `bytes` and waits.
  std::unique_ptr<ScriptedServer> ServeBytes(const std::string& bytes) {
    return Serve({{test_support::ReadRequest(), test_support::Send(bytes), test_support::Hang()}});
  }

  static OpenAiOptions Options(const ScriptedServer& server) {
    OpenAiOptions options;
    options.base_url = server.url();
    options.http.ca_pem = Authority().pem();
    options.api_key = Secret("sk-test-0123456789");
    return options;
  }

  Result<Completion> Call(const ScriptedServer& server, bool stream) {
    OpenAiProvider provider(Options(server));
    return caller_.Call(provider, test_support::TestRequest(stream), &observer_);
  }

  /// The error of such a call; a success is a test failure and returns an empty error.
  Error CallError(const ScriptedServer& server, bool stream) {
    return ErrorOf(Call(server, stream));
  }
  static Error ErrorOf(Result<Completion> result) {
    if (result.has_value()) {
      ADD_FAILURE() << "expected an error, got the text \"" << result->text << "\"";
      return {};
    }
    return std::move(result).error();
  }
  static Completion ValueOf(Result<Completion> result) {
    if (result.has_error()) {
      ADD_FAILURE() << Describe(result.error());
      return {};
    }
    return std::move(result).value();
  }

  test_support::ProviderCaller caller_;
  test_support::RecordingObserver observer_;
};

}  // namespace llmload

// Compares kinds by name, so that a failure can be read.
#define EXPECT_KIND(error, kind_name) \
  EXPECT_EQ(ToString((error).kind), kind_name) << Describe(error)

#endif  // LLMLOAD_TESTS_UNIT_SERVICE_PROVIDER_FIXTURE_H_
