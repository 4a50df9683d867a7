#include "src/fake_server/server_tls.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "llmload/core/environment.h"

namespace llmload::fake_server {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using NumberPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

void Require(bool done, const char* what) {
  if (done) return;
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  ERR_clear_error();
  throw std::runtime_error(std::string("fake LLM server: ") + what + ": " + reason.data());
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr && nid == NID_subject_alt_name) {
    ERR_clear_error();
    throw ConfigurationError::Invalid("certificate_names", value,
                                      "\"DNS:name\" or \"IP:address\" entries");
  }
  Require(extension != nullptr, "certificate extension");
  Require(X509_add_ext(certificate, extension.get(), -1) == 1, "certificate extension");
}

CertificatePtr MakeUnsigned(EVP_PKEY* key, std::string_view common_name) {
  constexpr long kHour = 3600;
  CertificatePtr certificate(X509_new());
  Require(certificate != nullptr, "certificate");
  X509* const x509 = certificate.get();
  Require(X509_set_version(x509, X509_VERSION_3) == 1, "version");
  const NumberPtr serial(BN_new());
  Require(serial != nullptr && BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1,
          "serial number");
  Require(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509)) != nullptr,
          "serial number");
  // An hour back: the clocks of two machines rarely agree.
  Require(X509_gmtime_adj(X509_getm_notBefore(x509), -kHour) != nullptr, "validity");
  Require(X509_gmtime_adj(X509_getm_notAfter(x509), 240 * kHour) != nullptr, "validity");
  const std::string name(common_name);
  Require(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(name.data()),
                                     static_cast<int>(name.size()), -1, 0) == 1,
          "name");
  Require(X509_set_pubkey(x509, key) == 1, "public key");
  return certificate;
}

KeyPtr MakeKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  Require(key != nullptr, "key");
  return key;
}

CertificatePtr MakeAuthority(EVP_PKEY* key) {
  CertificatePtr authority = MakeUnsigned(key, "llmload fake LLM server CA");
  X509* const x509 = authority.get();
  Require(X509_set_issuer_name(x509, X509_get_subject_name(x509)) == 1, "issuer");
  AddExtension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(x509, x509, NID_subject_key_identifier, "hash");
  Require(X509_sign(x509, key, EVP_sha256()) > 0, "signature");
  return authority;
}

CertificatePtr MakeLeaf(EVP_PKEY* key, X509* authority, EVP_PKEY* authority_key,
                        const std::vector<std::string>& names) {
  CertificatePtr leaf = MakeUnsigned(key, "llmload fake LLM server");
  X509* const x509 = leaf.get();
  Require(X509_set_issuer_name(x509, X509_get_subject_name(authority)) == 1, "issuer");
  std::string joined;
  for (const std::string& name : names) joined.append(joined.empty() ? "" : ",").append(name);
  AddExtension(x509, authority, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(x509, authority, NID_key_usage, "critical,digitalSignature");
  AddExtension(x509, authority, NID_ext_key_usage, "serverAuth");
  AddExtension(x509, authority, NID_subject_alt_name, joined);
  AddExtension(x509, authority, NID_subject_key_identifier, "hash");
  AddExtension(x509, authority, NID_authority_key_identifier, "keyid");
  Require(X509_sign(x509, authority_key, EVP_sha256()) > 0, "signature");
  return leaf;
}

std::string ToPem(X509* certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  Require(memory != nullptr && PEM_write_bio_X509(memory.get(), certificate) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// Clients that offer no ALPN never get here; those that offer only other protocols are refused.
int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size,
               const unsigned char* offered, unsigned int offered_size, void*) {
  constexpr std::string_view kHttp11 = "http/1.1";
  for (unsigned int at = 0; at < offered_size;) {
    const unsigned int size = offered[at];
    if (at + 1 + size > offered_size) break;
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), size);
    if (name == kHttp11) {
      *out = offered + at + 1;
      *out_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + size;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

ServerTls MakeServerTls(const std::vector<std::string>& names) {
  if (names.empty()) {
    throw ConfigurationError::Invalid("certificate_names", "", "at least one name");
  }
  const KeyPtr authority_key = MakeKey();
  const CertificatePtr authority = MakeAuthority(authority_key.get());
  const KeyPtr key = MakeKey();
  const CertificatePtr leaf = MakeLeaf(key.get(), authority.get(), authority_key.get(), names);

  ServerTls tls;
  tls.context = net::MakeSslContext(TLS_server_method());
  SSL_CTX* const context = tls.context.get();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_alpn_select_cb(context, SelectAlpn, nullptr);
  Require(SSL_CTX_use_certificate(context, leaf.get()) == 1, "certificate");
  Require(SSL_CTX_use_PrivateKey(context, key.get()) == 1, "private key");
  tls.ca_pem = ToPem(authority.get());
  return tls;
}

}  // namespace llmload::fake_server
