#include "src/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <mutex>
#include <new>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload::net {
namespace {

constexpr std::string_view kOwnAuthorityHint =
    "; if the service uses a certificate authority of its own, set LLMLOAD_CA_FILE (ca_file) to "
    "its PEM file";

// What `SSL_get_verify_result` says of a certificate that names its host in the subject at most.
constexpr int kNoAlternativeNames = X509_V_ERR_APPLICATION_VERIFICATION;

// Tells such a certificate from one for another host, while it is at hand.
int OnVerified(int ok, X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  if ((error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) &&
      X509_get_ext_by_NID(X509_STORE_CTX_get_current_cert(context), NID_subject_alt_name, -1) < 0) {
    X509_STORE_CTX_set_error(context, kNoAlternativeNames);
  }
  return ok;
}

struct BioFree {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct X509Free {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

int AddCertificates(SSL_CTX* context, const std::string& pem) {
  const std::unique_ptr<BIO, BioFree> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  int count = 0;
  while (bio) {
    const std::unique_ptr<X509, X509Free> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) == 1) ++count;
  }
  ERR_clear_error();  // the end of the text is reported as an error
  return count;
}

struct StoreFree {
  void operator()(X509_STORE* store) const noexcept { X509_STORE_free(store); }
};

// The system's authorities, read once: that takes some 25 ms.
X509_STORE* SystemStore() {
  static const std::unique_ptr<X509_STORE, StoreFree> kStore = [] {
    std::unique_ptr<X509_STORE, StoreFree> made(X509_STORE_new());
    if (!made) throw std::bad_alloc();
    X509_STORE_set_default_paths(made.get());
    ERR_clear_error();
    return made;
  }();
  return kStore.get();
}

// Adds what the system trusts to a store of its own.
void AddSystemAuthorities(X509_STORE* store) {
  if (STACK_OF(X509)* const certificates = X509_STORE_get1_all_certs(SystemStore())) {
    for (int i = 0; i < sk_X509_num(certificates); ++i) {
      X509_STORE_add_cert(store, sk_X509_value(certificates, i));
    }
    sk_X509_pop_free(certificates, X509_free);
  }
  // Authorities in the system's directory are looked up when they are needed.
  if (X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir())) {
    X509_LOOKUP_add_dir(lookup, nullptr, X509_FILETYPE_DEFAULT);
  }
  ERR_clear_error();
}

std::string SystemErrorText() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "unknown TLS error";
  if (const char* const reason = ERR_reason_error_string(code)) return reason;
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace

// Sessions that the service offered to resume, newest last. A ticket of TLS 1.3 is good for one use
// (RFC 8446, appendix C.4).
class SessionCache {
 public:
  SessionCache() = default;
  SessionCache(const SessionCache&) = delete;
  SessionCache& operator=(const SessionCache&) = delete;
  ~SessionCache() {
    for (SSL_SESSION* const session : sessions_) SSL_SESSION_free(session);
  }

  // Takes over the reference.
  void Put(SSL_SESSION* session) {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() == kMax) {
      SSL_SESSION_free(sessions_.front());
      sessions_.erase(sessions_.begin());
    }
    sessions_.push_back(session);
  }

  void Offer(SSL* ssl) {
    const std::lock_guard lock(mutex_);
    if (sessions_.empty()) return;
    SSL_SESSION* offered = sessions_.back();
    if (SSL_SESSION_get_protocol_version(offered) >= TLS1_3_VERSION) {
      sessions_.pop_back();
    } else {
      offered = SSL_SESSION_dup(offered);
    }
    SSL_set_session(ssl, offered);
    SSL_SESSION_free(offered);
  }

 private:
  static constexpr std::size_t kMax = 16;
  std::mutex mutex_;
  std::vector<SSL_SESSION*> sessions_;
};

namespace {

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  auto* const cache = static_cast<SessionCache*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (SSL_SESSION_is_resumable(session) != 1) return 0;
  // A copy, here and where a session is offered: OpenSSL invalidates the session of a connection
  // that ends without a close_notify.
  if (SSL_SESSION* const copy = SSL_SESSION_dup(session)) cache->Put(copy);
  return 0;
}

}  // namespace

void SslContextFree::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
void SslFree::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }

SslContextHandle MakeSslContext(const SSL_METHOD* method) {
  SslContextHandle context(SSL_CTX_new(method));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Thousands of mostly silent streams: buffers only while they hold something. Moving and partial
  // writes, because an output buffer may grow between two attempts.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

TlsContext::TlsContext(const std::string& ca_file, const std::string& ca_pem)
    : sessions_(std::make_unique<SessionCache>()), context_(MakeSslContext(TLS_client_method())) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, OnVerified);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, sessions_.get());
  SSL_CTX_sess_set_new_cb(context, KeepSession);
  static constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof(kAlpn));
  if (ca_file.empty() && ca_pem.empty()) {
    SSL_CTX_set1_cert_store(context, SystemStore());
  } else {
    AddSystemAuthorities(SSL_CTX_get_cert_store(context));
  }
  if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    ERR_clear_error();
    throw ConfigurationError::Invalid("ca_file", ca_file, "a readable file of PEM certificates");
  }
  if (!ca_pem.empty() && AddCertificates(context, ca_pem) == 0) {
    throw ConfigurationError::Invalid(
        "ca_pem", "(" + std::to_string(ca_pem.size()) + " bytes without a certificate)",
        "PEM certificates");
  }
  ERR_clear_error();
}

TlsContext::~TlsContext() = default;

SslHandle TlsContext::NewClient(const std::string& host, bool is_address) const {
  SslHandle ssl(SSL_new(context_.get()));
  if (!ssl) return nullptr;
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl.get());
  // OpenSSL compares a name with the common name if the certificate has no alternative names; which
  // RFC 9525 (section 2) forbids and browsers do not do. An address it never compares with it.
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (is_address) {
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1) return nullptr;
  } else {
    if (X509_VERIFY_PARAM_set1_host(param, host.data(), host.size()) != 1) return nullptr;
    if (SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1) return nullptr;
  }
  sessions_->Offer(ssl.get());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

std::string ExplainTlsFailure(SSL* ssl, const std::string& host) {
  const unsigned long code = ERR_peek_last_error();
  const std::string reason = SystemErrorText();
  ERR_clear_error();
  const long verify = SSL_get_verify_result(ssl);
  if (verify != X509_V_OK) {
    std::string message = "the certificate of " + host + " was refused: ";
    if (verify == kNoAlternativeNames) {
      return message +
             "it has no subjectAltName; make one that names the host there, as its common name "
             "(CN) does not count";
    }
    message += X509_verify_cert_error_string(verify);
    switch (verify) {
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH:
        message += "; the certificate is for another host, check the URL";
        break;
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID:
        message += "; check the certificate and this machine's date";
        break;
      default:
        message += kOwnAuthorityHint;
    }
    return message;
  }
  std::string message = "TLS handshake with " + host + " failed: " + reason;
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      message +=
          "; the server does not seem to speak TLS on this port (http:// instead of https://?)";
      break;
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      message += "; the server has to offer TLS 1.2 or newer";
      break;
    default:
      break;
  }
  return message;
}

}  // namespace llmload::net
