#include "src/fake_server/connection.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/socket_base.hpp>
#include <new>
#include <utility>

#include "src/fake_server/error_dialect.h"

namespace llmload::fake_server {

using net::IoStatus;

namespace {

constexpr std::size_t kMaxPipelined = 64U << 10;
// Output that waits for a slow client; beyond it no more is produced.
constexpr std::size_t kMaxUnsent = 256U << 10;
constexpr Duration kHandshakeTime = std::chrono::seconds(30);
// A connection that is to close waits for its peer to close it: for so long after the last bytes
// that came, as of a body that was refused, and for no longer than the second.
constexpr Duration kLingerTime = std::chrono::seconds(1);
constexpr Duration kMaxLingerTime = std::chrono::seconds(60);

ApiError EarlyRefusal(HttpRequestParser::State parsed, Protocol protocol, std::size_t max_body) {
  if (parsed == HttpRequestParser::State::kBodyTooLarge) return BodyTooLarge(protocol, max_body);
  return Unreadable(protocol, parsed == HttpRequestParser::State::kHeaderTooLarge ? 431 : 400);
}

}  // namespace

Connection::Connection(Worker& worker, Socket socket, std::uint64_t number)
    : worker_(worker),
      socket_(std::move(socket)),
      number_(number),
      parser_(worker.state().options.max_body_bytes) {
  net::SslHandle ssl;
  if (SSL_CTX* const context = worker.state().tls.context.get()) {
    ssl.reset(SSL_new(context));
    if (!ssl) throw std::bad_alloc();
    SSL_set_accept_state(ssl.get());
  }
  if (!transport_.Attach(socket_.native_handle(), std::move(ssl))) throw std::bad_alloc();
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  // The server lives in a user's process, which may start others: they must not hold connections
  // open.
  fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
  counters().connections_open.Up();
}

Connection::~Connection() { worker_.timers().Cancel(*this); }

void Connection::Start(Worker::Connections::iterator position) {
  position_ = position;
  const TimePoint now = std::chrono::steady_clock::now();
  if (worker_.behaviour()->HangsBeforeHandshake(number_, now)) {
    counters().CountFault(FaultKind::kHangBeforeHandshake);
    state_ = State::kMute;
    ArmRead();
    return;
  }
  if (!transport_.IsTls()) {
    AwaitRequest();
    ArmRead();
    return;
  }
  worker_.timers().Schedule(*this, now + kHandshakeTime);
  Handshake();
}

bool Connection::IsIdle() const noexcept {
  return state_ == State::kRequest && !parser_.InRequest() && in_.empty() &&
         out_sent_ == out_.size();
}

void Connection::Drop() { Close(); }

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  ReleaseAdmission();
  answer_.reset();
  worker_.timers().Cancel(*this);
  boost::system::error_code ignored;
  socket_.close(ignored);
  counters().connections_open.Down();
  worker_.Forget(position_);
}

void Connection::ReleaseAdmission() {
  if (!admitted_) return;
  admitted_ = false;
  counters().in_flight.Down();
  if (admitted_stream_) counters().streams.Down();
}

void Connection::PeerGone() {
  if (state_ == State::kAnswer) counters().aborted_by_client.Add();
  Close();
}

void Connection::ArmRead() {
  if (read_armed_ || state_ == State::kClosed) return;
  read_armed_ = true;
  socket_.async_wait(Socket::wait_read, [self = Self()](const boost::system::error_code& error) {
    self->read_armed_ = false;
    if (!error && self->state_ != State::kClosed) self->OnReadable();
  });
}

void Connection::ArmWrite() {
  if (write_armed_ || state_ == State::kClosed) return;
  write_armed_ = true;
  socket_.async_wait(Socket::wait_write, [self = Self()](const boost::system::error_code& error) {
    self->write_armed_ = false;
    if (!error && self->state_ != State::kClosed) self->OnWritable();
  });
}

void Connection::OnReadable() {
  switch (state_) {
    case State::kMute:
    case State::kLingering:
      return DiscardInput();
    case State::kHandshake:
      return Handshake();
    case State::kRequest:
    case State::kAnswer:
      return ReadRequests();
    case State::kClosed:
      return;
  }
}

void Connection::OnWritable() {
  if (state_ == State::kHandshake) return Handshake();
  if (state_ != State::kAnswer && state_ != State::kRequest) return;
  Flush();
  // What a full socket had held up.
  if (state_ == State::kAnswer && answer_) Advance(std::chrono::steady_clock::now());
  Continue();
}

void Connection::OnTimer(TimePoint now) {
  const auto self = Self();
  switch (state_) {
    case State::kAnswer:
      if (answer_) {
        Advance(now);
      } else {
        Flush();  // the next drop of a drip
      }
      return Continue();
    case State::kHandshake:
      counters().tls_failures.Add();
      return Close();
    case State::kRequest:  // idle for too long
    case State::kLingering:
      return Close();
    case State::kMute:
    case State::kClosed:
      return;
  }
}

// After output: input may be waiting for it, in our buffer, in OpenSSL's, or in the socket.
void Connection::Continue() {
  ParseRequests();
  if (IsReading() && !read_armed_) ReadRequests();
}

bool Connection::IsReading() const noexcept {
  return state_ == State::kRequest || state_ == State::kAnswer;
}

void Connection::Handshake() {
  switch (transport_.Handshake()) {
    case IoStatus::kOk:
      counters().tls_handshakes.Add();
      AwaitRequest();
      return ReadRequests();
    case IoStatus::kWantRead:
      return ArmRead();
    case IoStatus::kWantWrite:
      return ArmWrite();
    case IoStatus::kEnd:
    case IoStatus::kTruncated:
    case IoStatus::kFailed:
      counters().tls_failures.Add();
      // Gives the alert, which says why, the time to arrive.
      return BeginLingering();
  }
}

void Connection::DiscardInput() {
  auto& scratch = worker_.scratch();
  const auto got = transport_.ReadPastTls(scratch.data(), scratch.size());
  if (got.status == IoStatus::kOk || got.status == IoStatus::kWantRead) {
    if (state_ == State::kLingering && got.status == IoStatus::kOk) Linger();
    return ArmRead();
  }
  Close();
}

void Connection::ReadRequests() {
  auto& scratch = worker_.scratch();
  for (;;) {
    if (state_ == State::kAnswer && in_.size() >= kMaxPipelined) return;
    const auto got = transport_.Read(scratch.data(), scratch.size());
    switch (got.status) {
      case IoStatus::kOk:
        break;
      case IoStatus::kWantRead:
        return ArmRead();
      case IoStatus::kWantWrite:
        return ArmWrite();
      case IoStatus::kEnd:
      case IoStatus::kTruncated:
      case IoStatus::kFailed:
        return PeerGone();
    }
    in_.append(scratch.data(), got.size);
    ParseRequests();
    if (!IsReading()) return;
    // One more read would find nothing in most cases, and cost a system call in all.
    if (!transport_.HasBuffered()) return ArmRead();
  }
}

void Connection::ParseRequests() {
  while (state_ == State::kRequest && !in_.empty()) {
    std::size_t used = 0;
    const auto parsed = parser_.Feed(in_, used);
    in_.erase(0, used);
    switch (parsed) {
      case HttpRequestParser::State::kNeedContinue:
        out_.append("HTTP/1.1 100 Continue\r\n\r\n");
        Flush();
        continue;
      case HttpRequestParser::State::kNeedMore:
        return;
      case HttpRequestParser::State::kComplete:
        Serve(parser_.Take());
        continue;
      case HttpRequestParser::State::kBad:
      case HttpRequestParser::State::kHeaderTooLarge:
      case HttpRequestParser::State::kBodyTooLarge: {
        counters().other_requests.Add();
        counters().validation_failures.Add();
        protocol_ = RouteOf(parser_.Target()).protocol;
        head_only_ = false;
        state_ = State::kAnswer;
        return AnswerError(EarlyRefusal(parsed, protocol_, server().options.max_body_bytes),
                           /*keep_alive=*/false);
      }
    }
  }
}

void Connection::Advance(TimePoint now) {
  if (out_.size() - out_sent_ > kMaxUnsent) return;  // goes on when the client has read
  const ChatAnswer::Progress progress = answer_->Advance(now, worker_.Date(now), out_);
  if (progress.finished) {
    drip_bytes_ = progress.drip_bytes;
    drip_interval_ = progress.drip_interval;
    FinishAnswer(progress.ending);
  } else if (progress.next != ChatAnswer::kNever) {
    worker_.timers().Schedule(*this, progress.next);
  }
  Flush();
}

void Connection::FinishAnswer(Ending ending) {
  answer_.reset();
  ending_ = ending;
  // Before the last bytes leave: a client that has read them finds the counters settled.
  if (drip_bytes_ == 0) ReleaseAdmission();
}

void Connection::Flush() {
  while (out_sent_ < out_.size()) {
    std::string_view rest = std::string_view(out_).substr(out_sent_);
    if (drip_bytes_ > 0) rest = rest.substr(0, drip_bytes_);
    const auto put = transport_.Write(rest.data(), rest.size());
    switch (put.status) {
      case IoStatus::kOk:
        break;
      case IoStatus::kWantWrite:
        return ArmWrite();
      case IoStatus::kWantRead:
        return ArmRead();
      case IoStatus::kEnd:
      case IoStatus::kTruncated:
      case IoStatus::kFailed:
        return PeerGone();
    }
    out_sent_ += put.size;
    if (drip_bytes_ > 0 && out_sent_ < out_.size()) {
      worker_.timers().Schedule(*this, std::chrono::steady_clock::now() + drip_interval_);
      return;
    }
  }
  out_sent_ = 0;
  constexpr std::size_t kKeep = 4096;
  if (out_.capacity() > kKeep) {
    std::string().swap(out_);
  } else {
    out_.clear();
  }
  OnFlushed();
}

void Connection::OnFlushed() {
  if (!ending_) return;
  const Ending ending = *ending_;
  ending_.reset();
  drip_bytes_ = 0;
  ReleaseAdmission();
  switch (ending) {
    case Ending::kKeepAlive:
      return AwaitRequest();
    case Ending::kClose:
      transport_.SendCloseNotify();
      return BeginLingering();
    case Ending::kReset: {
      boost::system::error_code ignored;
      socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
      return Close();
    }
    case Ending::kAbrupt:
      return Close();
  }
}

void Connection::AwaitRequest() {
  state_ = State::kRequest;
  worker_.timers().Cancel(*this);
  const auto& idle_timeout = server().options.idle_timeout;
  if (idle_timeout) {
    worker_.timers().Schedule(*this, std::chrono::steady_clock::now() + *idle_timeout);
  }
}

void Connection::BeginLingering() {
  state_ = State::kLingering;
  in_.clear();
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
  linger_end_ = std::chrono::steady_clock::now() + kMaxLingerTime;
  Linger();
  ArmRead();
}

void Connection::Linger() {
  const TimePoint quiet = std::chrono::steady_clock::now() + kLingerTime;
  worker_.timers().Schedule(*this, std::min(quiet, linger_end_));
}

}  // namespace llmload::fake_server
