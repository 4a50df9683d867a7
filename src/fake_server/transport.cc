#include "src/fake_server/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <new>

namespace llmload::fake_server {
namespace {

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

ssize_t Receive(int socket, void* data, std::size_t size) {
  ssize_t received = 0;
  do {
    received = recv(socket, data, size, 0);
  } while (received < 0 && errno == EINTR);
  return received;
}

ssize_t Send(int socket, const void* data, std::size_t size) {
  ssize_t sent = 0;
  do {
    sent = send(socket, data, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

// OpenSSL's own socket BIO writes with write(): a client that has gone would raise SIGPIPE in a
// process that is the user's, not ours.
int SocketOf(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int BioRead(BIO* bio, char* data, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  const ssize_t received = Receive(SocketOf(bio), data, size);
  if (received > 0) {
    *done = static_cast<std::size_t>(received);
    return 1;
  }
  if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (received < 0 && WouldBlock()) BIO_set_retry_read(bio);
  *done = 0;
  return 0;
}

int BioWrite(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = Send(SocketOf(bio), data, size);
  if (sent > 0) {
    *done = static_cast<std::size_t>(sent);
    return 1;
  }
  if (sent < 0 && WouldBlock()) BIO_set_retry_write(bio);
  *done = 0;
  return 0;
}

long BioControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "llmload socket");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read_ex(made, BioRead);
    BIO_meth_set_write_ex(made, BioWrite);
    BIO_meth_set_ctrl(made, BioControl);
    return made;
  }();
  return kMethod;
}

}  // namespace

Transport::Transport(int socket, SSL_CTX* context) : socket_(socket) {
  if (context == nullptr) return;
  ssl_.reset(SSL_new(context));
  BIO* const bio = BIO_new(SocketMethod());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): carried as a number, never followed as a pointer
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

Transport::Status Transport::StatusOf(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return Status::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Status::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kClosed;
    default:
      ERR_clear_error();
      return Status::kFailed;
  }
}

Transport::Status Transport::Handshake() {
  if (!IsTls()) return Status::kOk;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Status::kOk : StatusOf(result);
}

Transport::IoResult Transport::Read(char* data, std::size_t size) {
  if (!IsTls()) return ReadRaw(data, size);
  ERR_clear_error();
  IoResult outcome;
  const int result = SSL_read_ex(ssl_.get(), data, size, &outcome.size);
  if (result != 1) outcome = {StatusOf(result), 0};
  return outcome;
}

Transport::IoResult Transport::Write(std::string_view bytes) {
  IoResult outcome;
  if (!IsTls()) {
    const ssize_t sent = Send(socket_, bytes.data(), bytes.size());
    if (sent >= 0) return {Status::kOk, static_cast<std::size_t>(sent)};
    return {WouldBlock() ? Status::kWantWrite : Status::kFailed, 0};
  }
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &outcome.size);
  if (result != 1) outcome = {StatusOf(result), 0};
  return outcome;
}

bool Transport::HasBuffered() const noexcept {
  return ssl_ != nullptr && SSL_has_pending(ssl_.get()) == 1;
}

void Transport::SendCloseNotify() {
  // Before the handshake is done, or after a failure, OpenSSL refuses to send one.
  if (!IsTls() || SSL_is_init_finished(ssl_.get()) == 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

Transport::IoResult Transport::ReadRaw(char* data, std::size_t size) const {
  const ssize_t received = Receive(socket_, data, size);
  if (received > 0) return {Status::kOk, static_cast<std::size_t>(received)};
  if (received == 0) return {Status::kClosed, 0};
  return {WouldBlock() ? Status::kWantRead : Status::kFailed, 0};
}

}  // namespace llmload::fake_server
