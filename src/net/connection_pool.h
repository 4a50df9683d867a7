// Idle connections, kept per io_context so that workers share nothing.
#ifndef LLMLOAD_NET_CONNECTION_POOL_H_
#define LLMLOAD_NET_CONNECTION_POOL_H_

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "src/net/connection.h"

namespace llmload::net {

struct PoolOptions {
  std::size_t max_idle_connections = 1024;  ///< per io_context
  Duration max_idle_time = std::chrono::seconds(30);
};

/// The idle connections of one client in one io_context. Last in, first out: connections that are
/// not needed grow old and are dropped. Thread-safe, because a client may be destroyed while other
/// threads run; never contended otherwise.
class IdleConnections {
 public:
  explicit IdleConnections(PoolOptions options) : options_(options) {}

  /// Tells that an exchange starts, on a connection from here or on a new one.
  void Begin();
  /// Tells that it has ended. The last one stops the timers, which would keep the io_context busy.
  void End() noexcept;

  /// An open connection that is not too old, or null.
  /// @param counters  where connections that are found closed are counted
  std::shared_ptr<Connection> Take(Counters& counters);

  /// Keeps an idle connection.
  /// @param idle_time  how long the server keeps it, as far as it said so
  void Give(std::shared_ptr<Connection> connection, Duration idle_time);

  /// Closes the one that has been idle longest. False if there is none.
  bool CloseOldest();

  /// Closes all connections, and from now on each that is given.
  void Close();
  bool IsClosed() const;
  std::size_t size() const;

 private:
  const PoolOptions options_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> idle_;  // oldest first
  std::size_t active_ = 0;
  bool closed_ = false;
};

/// A service of an io_context, which closes the connections before the context is destroyed.
class ConnectionPool final : public boost::asio::execution_context::service {
 public:
  using key_type = ConnectionPool;
  inline static boost::asio::execution_context::id id;

  explicit ConnectionPool(boost::asio::execution_context& context) : service(context) {}

  /// The idle connections of client `client` in this context; made at the first call.
  /// @param made  set to whether this call made them
  std::shared_ptr<IdleConnections> Find(std::uint64_t client, const PoolOptions& options,
                                        bool& made);

 private:
  void shutdown() override;

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<IdleConnections>> clients_;
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_CONNECTION_POOL_H_
