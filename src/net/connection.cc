#include "src/net/connection.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace llmload::net {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxKeptOutput = 64 << 10;

std::string_view PhaseName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kConnectTimeout:
      return "no connection within the connect timeout";
    case ErrorKind::kTlsTimeout:
      return "TLS handshake not complete within the TLS timeout";
    case ErrorKind::kFirstTokenTimeout:
      return "no token within the first-token timeout";
    case ErrorKind::kIdleTimeout:
      return "nothing received for the idle timeout";
    default:
      return "not complete within the total timeout";
  }
}

using Plain = asio::io_context::executor_type;
// The type in which co_spawn keeps such an executor.
using Tracked =
    decltype(asio::require(std::declval<Plain>(), asio::execution::outstanding_work.tracked));

asio::io_context* FindPlainContext(const asio::any_io_executor& executor) {
  if (const auto* tracked = executor.target<Tracked>()) {
    return &asio::query(*tracked, asio::execution::context);
  }
  if (const auto* plain = executor.target<Plain>()) return &plain->context();
  return nullptr;
}

asio::io_context* FindContext(const asio::any_io_executor& executor) {
  if (asio::io_context* const context = FindPlainContext(executor)) return context;
  if (const auto* strand = executor.target<asio::strand<Plain>>()) {
    return &strand->get_inner_executor().context();
  }
  if (const auto* strand = executor.target<asio::strand<asio::any_io_executor>>()) {
    return FindContext(strand->get_inner_executor());
  }
  return nullptr;
}

}  // namespace

bool IsPlain(const asio::any_io_executor& executor) {
  return FindPlainContext(executor) != nullptr;
}

asio::io_context& ContextOf(const asio::any_io_executor& executor) {
  if (asio::io_context* const context = FindContext(executor)) return *context;
  // Work guards keep it with other properties, which are removed here.
  const asio::any_io_executor plain =
      asio::prefer(asio::prefer(executor, asio::execution::outstanding_work.untracked),
                   asio::execution::blocking.possibly);
  if (asio::io_context* const context = FindContext(plain)) return *context;
  throw std::logic_error("a provider has to be called on an io_context or on a strand of one");
}

Connection::Connection(asio::io_context& context)
    : executor_(context.get_executor()),
      readiness_(asio::use_service<Readiness>(context)),
      socket_(context),
      timer_(context) {}

Connection::~Connection() {
  ClearOutput();
  if (descriptor_ < 0) return;
  readiness_.Remove(watch_);
  ::close(descriptor_);
}

void Connection::CancelWait() {
  if (descriptor_ >= 0) {
    readiness_.Cancel(watch_);
    return;
  }
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

bool Connection::MayHaveMore() const {
  return transport_.MayHaveMore() || readiness_.HasHungUp(watch_);
}

bool Connection::LeaveReactor() {
  boost::system::error_code error;
  descriptor_ = socket_.release(error);
  if (error) return false;
  watch_ = readiness_.Add(descriptor_);
  return watch_.generation != 0;
}

void Connection::Bind(const asio::any_io_executor& executor) {
  if (executor == executor_) return;
  StopTimer();  // it would fire on the old executor
  executor_ = executor;
}

void Connection::ClearOutput() {
  OPENSSL_cleanse(output_.data(), output_.size());
  output_.clear();
  if (output_.capacity() > kMaxKeptOutput) output_.shrink_to_fit();
}

void Connection::SetDeadline(const Deadline& deadline) {
  deadline_ = deadline;
  expired_ = false;
  if (!armed_ || deadline.at < armed_for_) Arm();
}

void Connection::ClearDeadline() {
  deadline_.at = TimePoint::max();
  expired_ = false;
}

void Connection::StopTimer() {
  if (!armed_) return;
  armed_ = false;
  ++generation_;
  timer_.cancel();
}

Failure Connection::Expiry() const {
  return {deadline_.kind, std::string(PhaseName(deadline_.kind))};
}

void Connection::Arm() {
  armed_ = true;
  armed_for_ = deadline_.at;
  timer_.expires_at(armed_for_);
  const unsigned int generation = ++generation_;
  timer_.async_wait(asio::bind_executor(
      executor_, [weak = weak_from_this(), generation](const boost::system::error_code& error) {
        if (error) return;
        if (const auto self = weak.lock()) self->OnTimer(generation);
      }));
}

void Connection::OnTimer(unsigned int generation) {
  if (generation != generation_) return;
  armed_ = false;
  if (deadline_.at == TimePoint::max()) return;
  if (SteadyNow() < deadline_.at) {
    Arm();
    return;
  }
  expired_ = true;
  CancelWait();
}

asio::awaitable<std::optional<Failure>> Connection::Open(const Endpoint& endpoint, Duration connect,
                                                         Duration tls, TimePoint total,
                                                         Counters& counters) {
  const Deadline connect_deadline =
      Deadline{SteadyNow() + connect, ErrorKind::kConnectTimeout}.NotAfter(total);
  std::optional<Failure> failure = co_await Connect(endpoint, connect_deadline, counters);
  if (failure) co_return failure;
  if (endpoint.proxy) {
    failure = co_await OpenTunnel(endpoint, connect_deadline);
    if (failure) co_return failure;
  }
  if (endpoint.tls) {
    const Deadline tls_deadline =
        Deadline{SteadyNow() + tls, ErrorKind::kTlsTimeout}.NotAfter(total);
    failure = co_await Handshake(endpoint, tls_deadline, counters);
    if (failure) co_return failure;
  }
  if (!LeaveReactor()) {
    co_return Failure{ErrorKind::kConnectFailure, "no memory to wait for a connection"};
  }
  co_return std::nullopt;
}

asio::awaitable<std::optional<Failure>> Connection::Connect(const Endpoint& endpoint,
                                                            const Deadline& deadline,
                                                            Counters& counters) {
  Resolver& resolver = endpoint.proxy ? *endpoint.proxy->resolver : *endpoint.resolver;
  const std::string peer =
      endpoint.proxy ? "the proxy " + endpoint.proxy->url.authority : endpoint.url.host;
  const TimePoint start = SteadyNow();
  const Resolution resolution = co_await resolver.Resolve(deadline.at, counters);
  // A cached name takes no time worth counting.
  AddTime(counters.dns_time, SteadyNow() - start);
  if (!resolution.addresses) {
    if (resolution.error == asio::error::timed_out) {
      co_return Failure{deadline.kind,
                        "resolving " + peer + ": " + std::string(PhaseName(deadline.kind))};
    }
    co_return Failure{ErrorKind::kDnsFailure,
                      "resolving " + peer + ": " + resolution.error.message()};
  }
  Failure last{deadline.kind,
               "connecting to " + peer + ": " + std::string(PhaseName(deadline.kind))};
  auto left = static_cast<Duration::rep>(resolution.addresses->size());
  for (const tcp::endpoint& address : *resolution.addresses) {
    const TimePoint now = SteadyNow();
    if (now >= deadline.at) break;
    // An address that drops packets must not use up the time of the addresses after it.
    const TimePoint until = now + (deadline.at - now) / left--;
    boost::system::error_code error;
    socket_.close(error);
    socket_.open(address.protocol(), error);
    if (!error) socket_.non_blocking(true, error);
    if (!error) socket_.set_option(tcp::no_delay(true), error);
    if (!error) {
      SetDeadline({until, deadline.kind});
      std::tie(error) = co_await socket_.async_connect(address, kAsTuple);
      if (expired_) {
        last = Failure{deadline.kind,
                       "connecting to " + peer + ": " + std::string(PhaseName(deadline.kind))};
        continue;
      }
      if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    }
    if (!error) {
      Count(counters.connects);
      AddTime(counters.connect_time, SteadyNow() - now);
      SslHandle ssl;
      if (endpoint.tls) ssl = endpoint.tls->NewClient(endpoint.url.host, endpoint.url.is_address);
      if ((endpoint.tls && !ssl) || !transport_.Attach(socket_.native_handle(), std::move(ssl))) {
        co_return Failure{ErrorKind::kTlsFailure, "no memory for a TLS connection"};
      }
      co_return std::nullopt;
    }
    last = Failure{ErrorKind::kConnectFailure, "connecting to " + peer + ": " + error.message(),
                   error.category() == boost::system::system_category() ? error.value() : 0};
  }
  co_return last;
}

asio::awaitable<std::optional<Failure>> Connection::OpenTunnel(const Endpoint& endpoint,
                                                               const Deadline& deadline) {
  SetDeadline(deadline);
  TunnelRequest tunnel(endpoint.url, *endpoint.proxy);
  while (true) {
    const TunnelRequest::Step step = tunnel.Advance(socket_.native_handle());
    if (step == TunnelRequest::Step::kOpen) co_return std::nullopt;
    if (step == TunnelRequest::Step::kFailed) {
      co_return Failure{ErrorKind::kConnectFailure, tunnel.problem()};
    }
    const auto direction =
        step == TunnelRequest::Step::kWantRead ? Socket::wait_read : Socket::wait_write;
    const auto [error] = co_await socket_.async_wait(direction, kAsTuple);
    if (expired_) {
      co_return Failure{deadline.kind, "waiting for the proxy " + endpoint.proxy->url.authority +
                                           ": " + std::string(PhaseName(deadline.kind))};
    }
    if (error) throw boost::system::system_error(error);
  }
}

asio::awaitable<std::optional<Failure>> Connection::Handshake(const Endpoint& endpoint,
                                                              const Deadline& deadline,
                                                              Counters& counters) {
  SetDeadline(deadline);
  const TimePoint start = SteadyNow();
  while (true) {
    auto direction = Socket::wait_read;
    switch (transport_.Handshake()) {
      case IoStatus::kOk:
        Count(counters.tls_handshakes);
        AddTime(counters.tls_time, SteadyNow() - start);
        if (transport_.HasResumed()) Count(counters.tls_resumptions);
        co_return std::nullopt;
      case IoStatus::kWantRead:
        break;
      case IoStatus::kWantWrite:
        direction = Socket::wait_write;
        break;
      case IoStatus::kEnd:
      case IoStatus::kTruncated:
        co_return Failure{ErrorKind::kTlsFailure, "TLS handshake with " + endpoint.url.host +
                                                      " failed: the peer closed the connection"};
      case IoStatus::kFailed:
        if (transport_.system_error() != 0) {
          const boost::system::error_code error(transport_.system_error(),
                                                boost::system::system_category());
          co_return Failure{ErrorKind::kTlsFailure, "TLS handshake with " + endpoint.url.host +
                                                        " failed: " + error.message()};
        }
        co_return Failure{ErrorKind::kTlsFailure,
                          ExplainTlsFailure(transport_.ssl(), endpoint.url.host)};
    }
    const auto [error] = co_await socket_.async_wait(direction, kAsTuple);
    if (expired_) co_return Expiry();
    if (error) throw boost::system::system_error(error);
  }
}

}  // namespace llmload::net
