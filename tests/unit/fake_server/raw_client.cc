#include "tests/unit/fake_server/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace llmload::fake_server {
namespace {

std::string OpenSslError() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

void Trust(SSL_CTX* context, const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  if (certificate != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
  }
  X509_free(certificate);
  BIO_free(bio);
}

// Parses one response from the front of `bytes`; the number of bytes it takes, or nothing yet.
// `closed`: no more will come.
std::optional<std::size_t> Parse(std::string_view bytes, bool closed, RawResponse& response) {
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (!bytes.starts_with("HTTP/1.") || head_end == std::string_view::npos) return std::nullopt;
  response.status = std::atoi(std::string(bytes.substr(9, 3)).c_str());
  response.fields.clear();
  for (std::size_t at = bytes.find("\r\n") + 2; at < head_end + 2;) {
    const std::size_t end = bytes.find("\r\n", at);
    const std::string_view line = bytes.substr(at, end - at);
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) {
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      response.fields[name] = line.substr(colon + 2);
    }
    at = end + 2;
  }
  const std::size_t body_at = head_end + 4;
  response.body.clear();
  if (response.fields.contains("transfer-encoding")) {
    for (std::size_t at = body_at;;) {
      const std::size_t line_end = bytes.find("\r\n", at);
      if (line_end == std::string_view::npos) return std::nullopt;
      const std::size_t size =
          std::strtoul(std::string(bytes.substr(at, line_end - at)).c_str(), nullptr, 16);
      at = line_end + 2;
      if (bytes.size() < at + size + 2) return std::nullopt;
      if (size == 0) return at + 2;
      response.body.append(bytes.substr(at, size));
      at += size + 2;
    }
  }
  if (const auto length = response.fields.find("content-length"); length != response.fields.end()) {
    const std::size_t size = std::strtoul(length->second.c_str(), nullptr, 10);
    response.body = bytes.substr(body_at, size);
    if (response.body.size() < size) return std::nullopt;
    return body_at + size;
  }
  response.body = bytes.substr(body_at);
  if (response.status == 100) return body_at;
  return closed ? std::optional(bytes.size()) : std::nullopt;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, End end) {
  static constexpr std::array<const char*, 5> kNames = {"complete", "close_notify", "truncated",
                                                        "reset", "silence"};
  return out << kNames[static_cast<std::size_t>(end)];
}

std::vector<std::string> RawResponse::Events() const {
  std::vector<std::string> events;
  constexpr std::string_view kPrefix = "data: ";
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t event_end = body.find("\n\n", at);
    if (event_end == std::string::npos) break;
    std::string_view line = std::string_view(body).substr(at, event_end - at);
    if (line.starts_with("event: ")) line.remove_prefix(std::min(line.find('\n') + 1, line.size()));
    if (line.starts_with(kPrefix)) events.emplace_back(line.substr(kPrefix.size()));
    at = event_end + 2;
  }
  return events;
}

RawClient::RawClient(std::uint16_t port, std::string ca_pem)
    : RawClient(port, Options{.ca_pem = std::move(ca_pem)}) {}

RawClient::RawClient(std::uint16_t port, Options options) {
  if (Connect(port, options) && !options.ca_pem.empty() && options.handshake) Handshake(options);
}

RawClient::~RawClient() { Close(); }

void RawClient::Close() {
  ssl_.reset();
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

bool RawClient::Connect(std::uint16_t port, const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, options.address.c_str(), &address.sin_addr);
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return true;
  }
  error_ = std::strerror(errno);
  Close();
  return false;
}

bool RawClient::Handshake(const Options& options) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (options.max_tls_version != 0) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), options.max_tls_version);
    SSL_CTX_set_cipher_list(context_.get(), "ALL:@SECLEVEL=0");
  }
  // A session ticket is not data: SSL_read must come back from it, not block for what follows.
  SSL_CTX_clear_mode(context_.get(), SSL_MODE_AUTO_RETRY);
  Trust(context_.get(), options.ca_pem);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  if (!options.alpn.empty()) {
    std::string wire;
    for (const std::string& name : options.alpn) {
      wire.push_back(static_cast<char>(name.size()));
      wire.append(name);
    }
    SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned int>(wire.size()));
  }
  ssl_.reset(SSL_new(context_.get()));
  const std::string name = options.verify_name.empty() ? options.address : options.verify_name;
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) != 1) {
    ERR_clear_error();
    X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), 0);
  }
  SSL_set_fd(ssl_.get(), socket_);
  if (SSL_connect(ssl_.get()) == 1) return true;
  const long verified = SSL_get_verify_result(ssl_.get());
  error_ = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : OpenSslError();
  ERR_clear_error();
  return false;
}

std::string RawClient::AlpnSelected() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string RawClient::TlsVersion() const { return SSL_get_version(ssl_.get()); }

void RawClient::Send(std::string_view bytes) {
  if (ssl_ != nullptr) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    ERR_clear_error();
    return;
  }
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawClient::SendPost(std::string_view target, std::string_view body,
                         std::string_view more_fields) {
  std::string request = "POST " + std::string(target) +
                        " HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n" +
                        std::string(more_fields) +
                        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  request.append(body);
  Send(request);
}

bool RawClient::ReadSome(Silence silence) {
  const int wait = silence ? static_cast<int>(silence->count()) : -1;
  const bool buffered = ssl_ != nullptr && SSL_pending(ssl_.get()) > 0;
  pollfd waiting{socket_, POLLIN, 0};
  if (!buffered && poll(&waiting, 1, wait) == 0) {
    end_ = End::kSilence;
    return false;
  }
  std::array<char, 16384> bytes{};
  errno = 0;
  if (ssl_ == nullptr) {
    const ssize_t got = recv(socket_, bytes.data(), bytes.size(), 0);
    if (got <= 0) end_ = got == 0 ? End::kCloseNotify : End::kReset;
    if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    return got > 0;
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (got > 0) {
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
  }
  const int error = SSL_get_error(ssl_.get(), got);
  if (error == SSL_ERROR_WANT_READ) return true;
  if (error == SSL_ERROR_ZERO_RETURN) {
    end_ = End::kCloseNotify;
  } else if (errno == ECONNRESET || errno == EPIPE) {
    end_ = End::kReset;
  } else {
    end_ = End::kTruncated;
  }
  ERR_clear_error();
  return false;
}

RawResponse RawClient::Read(Silence silence) {
  RawResponse response;
  for (;;) {
    if (const auto size = Parse(buffer_, /*closed=*/false, response)) {
      response.raw = buffer_.substr(0, *size);
      buffer_.erase(0, *size);
      response.end = End::kComplete;
      return response;
    }
    if (!ReadSome(silence)) break;
  }
  Parse(buffer_, end_ != End::kSilence, response);
  response.raw = buffer_;
  response.end = end_;
  return response;
}

bool RawClient::ReadUntil(std::string_view text, Silence silence) {
  while (buffer_.find(text) == std::string::npos) {
    if (!ReadSome(silence)) return false;
  }
  return true;
}

End RawClient::ReadToEnd(Silence silence) {
  while (ReadSome(silence)) {
  }
  return end_;
}

std::string ChatBody(std::string_view more) {
  return R"({"model":"gpt-3.5-turbo","messages":[{"role":"user","content":"Say hello."}])" +
         std::string(more) + "}";
}

}  // namespace llmload::fake_server
