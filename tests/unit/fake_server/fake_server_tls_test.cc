// The fake server's certificates and TLS settings, checked with OpenSSL's own verification.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/support/wait_until.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using test_support::WaitUntil;
using ::testing::HasSubstr;

struct CertificateDeleter {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
using CertificatePtr = std::unique_ptr<X509, CertificateDeleter>;

CertificatePtr FromPem(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  CertificatePtr certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  return certificate;
}

TEST(FakeServerTls, AuthorityMayOnlySignCertificates) {
  const FakeLlmServer server;
  const CertificatePtr authority = FromPem(server.ca_pem());
  ASSERT_NE(authority, nullptr);
  EXPECT_EQ(X509_check_ca(authority.get()), 1);
  EXPECT_NE(X509_get_extension_flags(authority.get()) & EXFLAG_CA, 0U);
  EXPECT_NE(X509_get_key_usage(authority.get()) & KU_KEY_CERT_SIGN, 0U);
  EXPECT_EQ(X509_get_key_usage(authority.get()) & KU_DIGITAL_SIGNATURE, 0U);
  const int at = X509_get_ext_by_NID(authority.get(), NID_basic_constraints, -1);
  ASSERT_GE(at, 0);
  EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(authority.get(), at)), 1);
  EXPECT_THAT(server.ca_pem(), ::testing::Not(HasSubstr("PRIVATE KEY")));
}

TEST(FakeServerTls, LeafNamesLoopbackAndServesOnly) {
  const FakeLlmServer server;
  RawClient client(server.port(), server.ca_pem());
  ASSERT_EQ(client.error(), "");
  const CertificatePtr leaf(SSL_get1_peer_certificate(client.ssl()));
  ASSERT_NE(leaf, nullptr);
  EXPECT_EQ(X509_check_host(leaf.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "127.0.0.2", 0), 0);
  EXPECT_EQ(X509_check_ca(leaf.get()), 0);
  EXPECT_EQ(X509_get_extended_key_usage(leaf.get()), static_cast<std::uint32_t>(XKU_SSL_SERVER));
  EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(leaf.get())), EVP_PKEY_EC);
  EXPECT_EQ(client.TlsVersion(), "TLSv1.3");
}

TEST(FakeServerTls, EveryServerHasAnAuthorityOfItsOwn) {
  const FakeLlmServer server;
  const FakeLlmServer other;
  RawClient client(server.port(), other.ca_pem());
  EXPECT_NE(client.error(), "");
  RawClient right(server.port(), server.ca_pem());
  EXPECT_EQ(right.error(), "");
}

TEST(FakeServerTls, ClientsSeeAWrongName) {
  FakeLlmServerOptions options;
  options.certificate_names = {"DNS:llm.example.test"};
  const FakeLlmServer server(options);
  RawClient wrong(server.port(), server.ca_pem());
  EXPECT_THAT(wrong.error(), HasSubstr("mismatch"));
  RawClient right(server.port(),
                  RawClient::Options{.ca_pem = server.ca_pem(), .verify_name = "llm.example.test"});
  EXPECT_EQ(right.error(), "");
}

TEST(FakeServerTls, ListensOnOtherLoopbackAddresses) {
  FakeLlmServerOptions options;
  options.address = "127.0.0.2";
  const FakeLlmServer server(options);
  EXPECT_EQ(server.base_url(), "https://127.0.0.2:" + std::to_string(server.port()) + "/v1");
  RawClient client(server.port(),
                   RawClient::Options{.ca_pem = server.ca_pem(), .address = "127.0.0.2"});
  EXPECT_EQ(client.error(), "");
  RawClient elsewhere(server.port(), server.ca_pem());
  EXPECT_NE(elsewhere.error(), "");
}

TEST(FakeServerTls, SelectsHttp11AndRefusesClientsThatOfferOthersOnly) {
  const FakeLlmServer server;
  RawClient both(server.port(),
                 RawClient::Options{.ca_pem = server.ca_pem(), .alpn = {"h2", "http/1.1"}});
  EXPECT_EQ(both.error(), "");
  EXPECT_EQ(both.AlpnSelected(), "http/1.1");
  RawClient none(server.port(), server.ca_pem());
  EXPECT_EQ(none.error(), "");
  EXPECT_EQ(none.AlpnSelected(), "");
  RawClient h2(server.port(), RawClient::Options{.ca_pem = server.ca_pem(), .alpn = {"h2"}});
  EXPECT_THAT(h2.error(), HasSubstr("no application protocol"));
  WaitUntil([&] { return server.counters().tls_failures == 1; });
  WaitUntil([&] { return server.counters().tls_handshakes == 2; });
}

TEST(FakeServerTls, SpeaksTls12ButNothingOlder) {
  const FakeLlmServer server;
  RawClient tls12(server.port(),
                  RawClient::Options{.ca_pem = server.ca_pem(), .max_tls_version = TLS1_2_VERSION});
  ASSERT_EQ(tls12.error(), "");
  EXPECT_EQ(tls12.TlsVersion(), "TLSv1.2");
  tls12.SendPost("/v1/chat/completions", ChatBody(R"(,"max_tokens":1)"));
  EXPECT_EQ(tls12.Read().status, 200);
  RawClient tls11(server.port(),
                  RawClient::Options{.ca_pem = server.ca_pem(), .max_tls_version = TLS1_1_VERSION});
  EXPECT_THAT(tls11.error(), HasSubstr("protocol version"));
}

TEST(FakeServerTls, SurvivesClientsThatDoNotSpeakTls) {
  FakeLlmServer server;
  {
    RawClient client(server.port(), "");
    client.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.Read().status, 0);
  }
  WaitUntil([&] { return server.counters().tls_failures == 1; });
  RawClient client(server.port(), server.ca_pem());
  EXPECT_EQ(client.error(), "");
}

TEST(FakeServerTls, ClearTextHasNoAuthority) {
  FakeLlmServerOptions options;
  options.clear_text = true;
  const FakeLlmServer server(options);
  EXPECT_EQ(server.ca_pem(), "");
  EXPECT_EQ(server.base_url(), "http://127.0.0.1:" + std::to_string(server.port()) + "/v1");
}

}  // namespace
}  // namespace llmload::fake_server
