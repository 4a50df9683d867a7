// The server's certificate authority, certificate and TLS settings.
#ifndef LLMLOAD_SRC_FAKE_SERVER_SERVER_TLS_H_
#define LLMLOAD_SRC_FAKE_SERVER_SERVER_TLS_H_

#include <string>
#include <vector>

#include "src/net/tls_context.h"

namespace llmload::fake_server {

struct ServerTls {
  net::SslContextHandle context;
  std::string ca_pem;
};

/// Makes a certificate authority and a server certificate (EC P-256, valid for ten days), in
/// memory, and a server context that uses them: TLS 1.2 and later, ALPN http/1.1.
/// @param names  subjectAltName entries, "DNS:..." or "IP:..."
/// Throws `ConfigurationError` for a malformed name, `std::runtime_error` if OpenSSL fails
/// otherwise.
ServerTls MakeServerTls(const std::vector<std::string>& names);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_SERVER_TLS_H_
