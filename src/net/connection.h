// One connection to a service: socket, TLS, deadline.
#ifndef LLMLOAD_NET_CONNECTION_H_
#define LLMLOAD_NET_CONNECTION_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "llmload/core/time.h"
#include "llmload/provider/error.h"
#include "src/net/counters.h"
#include "src/net/readiness.h"
#include "src/net/resolver.h"
#include "src/net/response_reader.h"
#include "src/net/tls_context.h"
#include "src/net/transport.h"
#include "src/net/tunnel.h"
#include "src/net/url.h"

namespace llmload::net {

/// Why an exchange failed below HTTP status codes.
struct Failure {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  int system_error = 0;  ///< errno of the system call that failed; 0: none
};

/// The service a connection goes to.
struct Endpoint {
  Url url;
  std::shared_ptr<TlsContext> tls;  ///< null: clear text
  std::shared_ptr<Resolver> resolver;
  std::optional<Proxy> proxy;  ///< connected to instead of the service, and asked for a tunnel
};

/// Sockets live in real time, whatever clock the caller has.
inline TimePoint SteadyNow() { return std::chrono::steady_clock::now(); }

/// A deadline on the steady clock, and the kind of error if it is missed.
struct Deadline {
  TimePoint at{};
  ErrorKind kind = ErrorKind::kTotalTimeout;

  /// This deadline, or `total` if that comes first.
  Deadline NotAfter(TimePoint total) const {
    return total <= at ? Deadline{total, ErrorKind::kTotalTimeout} : *this;
  }
};

/// One connection of one io_context. Its life:
///
///   HttpClient::Run              IdleConnections
///   (one exchange)               (of one client in one io_context)
///         |                             |
///     Open: resolve, connect,           |
///     tunnel, TLS; Asio waits           |
///         |                             |
///     LeaveReactor: from here on        |
///     Readiness waits                   |
///         |        Give                 |
///         +---------------------------> idle, until Take finds it alive and young enough,
///         | <---------------------------+   or the client or the io_context is destroyed
///         |        Take
///     next exchange, or the end
///
/// Who holds it: a shared_ptr of the exchange or of the pool, never of both. Handlers hold it
/// weakly, or by the coroutine that they resume.
///
/// Where its timer fires: on the executor of the exchange (`Bind`), which need not be a thread of
/// the next one. The wait of the timer holds the connection weakly and carries a generation, so
/// that one that comes late does nothing. It outlives an exchange, because to start a timer for
/// each request costs more than to let an old one fire in vain; the last exchange of a pool stops
/// it (`IdleConnections::End`), or it would keep the io_context running.
///
/// When a waiter may go: `Wait` hands it to `Readiness`, which resumes it exactly once, after the
/// call has returned: when the descriptor is ready, when the deadline came (`OnTimer` cancels the
/// wait, and `expired` says so), or when the coroutine is cancelled. Only then does the coroutine
/// that owns the connection go on, so that a connection is never destroyed or given to the pool
/// with a waiter. An io_context that is destroyed destroys the waiters, and with them the
/// coroutines and the connections that they hold.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // A concrete executor instead of any_io_executor: the socket's operations do no type erasure of
  // their own.
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;

  explicit Connection(boost::asio::io_context& context);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Hands the connection to the coroutine that runs on `executor`.
  void Bind(const boost::asio::any_io_executor& executor);

  /// Resolves, connects, and completes the TLS handshake. Throws only if the coroutine is
  /// cancelled.
  /// @param counters  where all of that is counted
  boost::asio::awaitable<std::optional<Failure>> Open(const Endpoint& endpoint, Duration connect,
                                                      Duration tls, TimePoint total,
                                                      Counters& counters);

  /// From now on, `deadline` ends any wait on the socket. To move it back costs little: the timer
  /// is left as it is and looks at the deadline when it fires.
  void SetDeadline(const Deadline& deadline);
  /// Removes the deadline. The timer is left as it is, so that the next request need not start it
  /// again: it may keep the io_context busy until `StopTimer`.
  void ClearDeadline();
  void StopTimer();
  /// True if the wait that has just ended did so because the deadline came.
  bool expired() const { return expired_; }
  Failure Expiry() const;

  const boost::asio::any_io_executor& executor() const { return executor_; }
  /// Waits; the connection must be open. At most one wait at a time; the deadline ends it too.
  void Wait(std::unique_ptr<Readiness::Waiter> waiter) {
    readiness_.Wait(watch_, MayHaveMore(), std::move(waiter));
  }
  void CancelWait();
  /// True if another read may find bytes or the end although none arrive meanwhile. They have to be
  /// read before a wait.
  bool MayHaveMore() const;

  Transport& transport() { return transport_; }

  /// Buffers that live as long as the connection, so that a request allocates none.
  std::string& output() { return output_; }
  ResponseHead& head() { return head_; }
  /// Wipes the request, which holds the key.
  void ClearOutput();

  /// When the pool has to close it.
  TimePoint idle_until{};
  /// Its share of a `ConnectionLimit`; null: there is none.
  std::shared_ptr<void> slot;

 private:
  boost::asio::awaitable<std::optional<Failure>> Connect(const Endpoint& endpoint,
                                                         const Deadline& deadline,
                                                         Counters& counters);
  boost::asio::awaitable<std::optional<Failure>> OpenTunnel(const Endpoint& endpoint,
                                                            const Deadline& deadline);
  boost::asio::awaitable<std::optional<Failure>> Handshake(const Endpoint& endpoint,
                                                           const Deadline& deadline,
                                                           Counters& counters);
  void Arm();
  void OnTimer(unsigned int generation);
  bool LeaveReactor();

  boost::asio::any_io_executor executor_;
  Readiness& readiness_;
  Socket socket_;  // until the connection is open; from then on Asio does not wait for it
  int descriptor_ = -1;
  Readiness::Watch watch_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>,
                                    boost::asio::io_context::executor_type>
      timer_;
  Transport transport_;
  Deadline deadline_;
  TimePoint armed_for_{};
  unsigned int generation_ = 0;  // of the timer's wait, which tells a late one from the current one
  bool armed_ = false;
  bool expired_ = false;
  std::string output_;
  ResponseHead head_;
};

/// The io_context behind the executor of a coroutine: its own executor, or a strand on it.
/// Throws std::logic_error for any other kind of executor.
boost::asio::io_context& ContextOf(const boost::asio::any_io_executor& executor);

/// True if the executor of a coroutine is an io_context's own: handlers can then run without going
/// through the executor.
bool IsPlain(const boost::asio::any_io_executor& executor);

}  // namespace llmload::net

#endif  // LLMLOAD_NET_CONNECTION_H_
