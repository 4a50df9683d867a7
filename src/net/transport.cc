#include "src/net/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace llmload::net {
namespace {

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

ssize_t Receive(int descriptor, char* data, std::size_t size) {
  ssize_t got = 0;
  do {
    got = ::recv(descriptor, data, size, 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

// The next call of OpenSSL must not find an old error. To look costs less than to clear, which
// walks the whole queue.
void ForgetErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a closed connection.
struct DescriptorBio {
  static int Write(BIO* bio, const char* data, int size) {
    auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t sent =
        ::send(transport.descriptor_, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0) {
      if (WouldBlock(errno)) {
        BIO_set_retry_write(bio);
      } else {
        transport.system_error_ = errno;
      }
    }
    return static_cast<int>(sent);
  }

  static int Read(BIO* bio, char* data, int size) {
    auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t got = Receive(transport.descriptor_, data, static_cast<std::size_t>(size));
    transport.drained_ = got < size;
    if (got < 0) {
      if (WouldBlock(errno)) {
        BIO_set_retry_read(bio);
      } else {
        transport.system_error_ = errno;
      }
    } else if (got == 0) {
      BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    }
    return static_cast<int>(got);
  }

  static long Control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
      default:
        return 0;
    }
  }

  static const BIO_METHOD* Method() {
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* const made =
          BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "llmload descriptor");
      if (made != nullptr) {
        BIO_meth_set_write(made, &Write);
        BIO_meth_set_read(made, &Read);
        BIO_meth_set_ctrl(made, &Control);
      }
      return made;
    }();
    return kMethod;
  }
};

bool Transport::Attach(int descriptor, SslHandle ssl) {
  descriptor_ = descriptor;
  ssl_ = std::move(ssl);
  broken_ = false;
  system_error_ = 0;
  if (!ssl_) return true;
  BIO* const bio = DescriptorBio::Method() != nullptr ? BIO_new(DescriptorBio::Method()) : nullptr;
  if (bio == nullptr) return false;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  return true;
}

IoStatus Transport::TlsStatus(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return IoStatus::kOk;
    case SSL_ERROR_WANT_READ:
      return IoStatus::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::kEnd;
    case SSL_ERROR_SSL:
      broken_ = true;
      return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
                 ? IoStatus::kTruncated
                 : IoStatus::kFailed;
    default:
      broken_ = true;
      return system_error_ == 0 ? IoStatus::kTruncated : IoStatus::kFailed;
  }
}

IoStatus Transport::Handshake() {
  ForgetErrors();
  return TlsStatus(SSL_do_handshake(ssl_.get()));
}

bool Transport::HasResumed() const { return SSL_session_reused(ssl_.get()) == 1; }

IoResult Transport::Read(char* data, std::size_t size) {
  if (ssl_) {
    ForgetErrors();
    const int got =
        SSL_read(ssl_.get(), data, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    if (got > 0) return {IoStatus::kOk, static_cast<std::size_t>(got)};
    return {TlsStatus(got), 0};
  }
  return ReadPastTls(data, size);
}

IoResult Transport::ReadPastTls(char* data, std::size_t size) {
  const ssize_t got = Receive(descriptor_, data, size);
  drained_ = got < static_cast<ssize_t>(size);
  if (got > 0) return {IoStatus::kOk, static_cast<std::size_t>(got)};
  if (got == 0) return {IoStatus::kEnd, 0};
  if (WouldBlock(errno)) return {IoStatus::kWantRead, 0};
  system_error_ = errno;
  return {IoStatus::kFailed, 0};
}

IoResult Transport::Write(const char* data, std::size_t size) {
  if (ssl_) {
    ForgetErrors();
    const int sent =
        SSL_write(ssl_.get(), data, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    if (sent > 0) return {IoStatus::kOk, static_cast<std::size_t>(sent)};
    return {TlsStatus(sent), 0};
  }
  const ssize_t sent = ::send(descriptor_, data, size, MSG_NOSIGNAL);
  if (sent >= 0) return {IoStatus::kOk, static_cast<std::size_t>(sent)};
  if (WouldBlock(errno)) return {IoStatus::kWantWrite, 0};
  system_error_ = errno;
  return {IoStatus::kFailed, 0};
}

bool Transport::HasBuffered() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

bool Transport::IsAlive() {
  char byte;
  const bool nothing_came =
      ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && WouldBlock(errno);
  if (!ssl_ || (nothing_came && !HasBuffered())) return nothing_came;
  // A peek through TLS: the connection stays usable after session tickets and key updates.
  ForgetErrors();
  const int got = SSL_peek(ssl_.get(), &byte, 1);
  return got <= 0 && TlsStatus(got) == IoStatus::kWantRead;
}

void Transport::SendCloseNotify() noexcept {
  if (!ssl_ || broken_ || SSL_in_init(ssl_.get()) != 0) return;
  ForgetErrors();
  SSL_shutdown(ssl_.get());
  ForgetErrors();
  broken_ = true;
}

}  // namespace llmload::net
