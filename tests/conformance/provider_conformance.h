// One suite for every provider in the tree: what a caller may rely on, whatever the API behind it.
#ifndef LLMLOAD_TESTS_CONFORMANCE_PROVIDER_CONFORMANCE_H_
#define LLMLOAD_TESTS_CONFORMANCE_PROVIDER_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/provider/http_options.h"
#include "llmload/provider/provider.h"
#include "tests/support/provider_caller.h"

namespace llmload::test_support {

/// A scripted error answer and the kind it is to have.
struct ErrorRow {
  int status = 0;
  const char* code = "";  ///< `simulation::Fault::code`; empty: the usual one of the API
  ErrorKind kind = ErrorKind::kInternal;
};

/// A provider under test, in one of its configurations.
struct Subject {
  std::string name;
  std::string model;
  /// A provider of `server` with these connection options, and with the credential that
  /// `AcceptedCredentials` puts into a server. `wrong_credential`: with another.
  std::function<std::shared_ptr<Provider>(const fake_server::FakeLlmServer& server,
                                          HttpOptions http, bool wrong_credential)>
      make;
  std::vector<ErrorRow> errors;
  bool reports_usage = true;
};

inline void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }

/// Every provider of the tree, each API and each kind of credential.
std::vector<Subject> AllSubjects();

/// What the subjects' credentials consist of; no output may hold one of these.
std::vector<std::string> AllSecrets();

class ProviderConformance : public ::testing::TestWithParam<Subject> {
 protected:
  /// Quick and of a fixed length; accepts the subjects' credentials only.
  static fake_server::FakeLlmServerOptions Fast(int tokens = 8);

  std::shared_ptr<Provider> Make(const fake_server::FakeLlmServer& server, HttpOptions http = {}) {
    return GetParam().make(server, std::move(http), false);
  }

  /// "Hello" to the subject's model.
  static CompletionRequest Request(bool stream);

  /// The completion of a call that has to succeed.
  Completion Value(Provider& provider, const CompletionRequest& request,
                   StreamObserver* observer = nullptr);
  /// The error of a call that has to fail.
  Error Failure(Provider& provider, const CompletionRequest& request,
                StreamObserver* observer = nullptr);

  ProviderCaller caller_;
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_CONFORMANCE_PROVIDER_CONFORMANCE_H_
