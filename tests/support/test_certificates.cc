#include "tests/support/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace llmload::test_support {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

void Require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

Key NewKey() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  Require(key != nullptr, "EVP_EC_gen");
  return {key, EVP_PKEY_free};
}

void Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate NewCertificate(const Key& key, const char* name, long from, long until) {
  static long serial = 1;
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  return certificate;
}

}  // namespace

struct TestAuthority::Impl {
  Key key = NewKey();
  Certificate certificate = NewCertificate(key, "llmload test authority", -3600, 86400);
};

TestAuthority::TestAuthority() : impl_(std::make_unique<Impl>()) {
  X509* const certificate = impl_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  Extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  Extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  Extend(certificate, certificate, NID_subject_key_identifier, "hash");
  Require(X509_sign(certificate, impl_->key.get(), EVP_sha256()) > 0, "X509_sign");
}

TestAuthority::~TestAuthority() = default;

std::string TestAuthority::pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(bio.get(), impl_->certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::shared_ptr<SSL_CTX> TestAuthority::MakeServer(const std::string& alternative_names,
                                                   long valid_from, long valid_until,
                                                   const char* common_name) const {
  const Key key = NewKey();
  const Certificate leaf = NewCertificate(key, common_name, valid_from, valid_until);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(impl_->certificate.get()));
  if (!alternative_names.empty()) {
    Extend(leaf.get(), impl_->certificate.get(), NID_subject_alt_name, alternative_names);
  }
  Extend(leaf.get(), impl_->certificate.get(), NID_ext_key_usage, "serverAuth");
  Require(X509_sign(leaf.get(), impl_->key.get(), EVP_sha256()) > 0, "X509_sign");

  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  Require(SSL_CTX_use_certificate(context.get(), leaf.get()) == 1, "use_certificate");
  Require(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "use_PrivateKey");
  return context;
}

}  // namespace llmload::test_support
