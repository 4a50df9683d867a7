// HTTP/1.1 requests over kept-alive connections: one service, any number of threads.
#ifndef LLMLOAD_NET_HTTP_CLIENT_H_
#define LLMLOAD_NET_HTTP_CLIENT_H_

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/clock.h"
#include "src/net/connection.h"
#include "src/net/connection_pool.h"
#include "src/net/counters.h"
#include "src/net/response_reader.h"

namespace llmload::net {

struct HttpClientOptions {
  Endpoint endpoint;
  PoolOptions pool;
  std::size_t max_connections = 0;  ///< open at once, over all io_contexts; 0: without a bound
  std::size_t max_header_bytes = std::size_t{64} << 10;
};

/// Time limits of one exchange, as in `ProviderTimeouts`.
struct ExchangeTimeouts {
  Duration connect;
  Duration tls;
  Duration first_token;  ///< from the last byte of the request to the sink's first output
  Duration idle;
  Duration total;
};

/// The outcome of an exchange. The answer itself has gone to the sink.
struct Exchange {
  std::optional<Failure> failure;
  bool reused = false;  ///< sent on a pooled connection
  /// Until there was a connection, with the wait for a turn where connections are bounded; zero for
  /// a pooled one that was free.
  Duration connection_wait{};
  std::optional<TimePoint> sent;        ///< last byte of the request handed to the socket
  std::optional<TimePoint> first_byte;  ///< first byte of the answer
  std::optional<TimePoint> completed;   ///< the sink had enough, or the body was complete
};

/// Thread-safe. An exchange under way may outlive the client.
class HttpClient {
 public:
  /// @param clock  for the instants of `Exchange` and of the sink; has to outlive the client's
  /// exchanges
  HttpClient(HttpClientOptions options, const Clock& clock);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends one request and passes the answer to `sink`. Sends no request twice, and follows no
  /// redirect. Throws only `operation_aborted` when the coroutine is cancelled; its connection is
  /// then closed.
  ///
  /// @param head_fields  request line and all header fields but Content-Length, each with its CRLF;
  /// has to stay alive until the awaitable has finished, as `body` and `sink` do
  /// @param body  a GET has none
  boost::asio::awaitable<Exchange> Send(std::string_view head_fields, std::string_view body,
                                        const ExchangeTimeouts& timeouts, ResponseSink& sink);

  /// The counts of all exchanges of this client so far.
  ConnectionCounters Connections() const noexcept;

 private:
  struct State;
  static boost::asio::awaitable<Exchange> Run(std::shared_ptr<State> state,
                                              std::string_view head_fields, std::string_view body,
                                              ExchangeTimeouts timeouts, ResponseSink& sink);
  std::shared_ptr<State> state_;
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_HTTP_CLIENT_H_
