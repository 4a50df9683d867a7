// A certificate authority made for one test run.
#ifndef LLMLOAD_TESTS_SUPPORT_TEST_CERTIFICATES_H_
#define LLMLOAD_TESTS_SUPPORT_TEST_CERTIFICATES_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace llmload::test_support {

/// Makes an EC P-256 authority at construction and server certificates on demand. Keys stay in
/// memory.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  std::string pem() const;

  /// A server context with a new certificate.
  /// @param alternative_names  as in openssl.cnf: "DNS:localhost,IP:127.0.0.1"; empty: none
  /// @param valid_from,valid_until  seconds from now
  std::shared_ptr<SSL_CTX> MakeServer(const std::string& alternative_names, long valid_from = -60,
                                      long valid_until = 3600,
                                      const char* common_name = "llmload test server") const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_TEST_CERTIFICATES_H_
