// The addresses of one service, cached.
#ifndef LLMLOAD_NET_RESOLVER_H_
#define LLMLOAD_NET_RESOLVER_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "src/net/counters.h"

namespace llmload::net {

using Addresses = std::vector<boost::asio::ip::tcp::endpoint>;

/// The result of a resolution: addresses, or the reason why there are none (`timed_out`: the
/// deadline came first).
struct Resolution {
  std::shared_ptr<const Addresses> addresses;
  boost::system::error_code error;
};

/// Resolves one host. All callers share one look-up and its result until it is older than its time
/// to live. getaddrinfo blocks and cannot be cancelled, so that it runs on a thread of its own.
/// Thread-safe. Keep it in a shared_ptr: a look-up under way keeps it alive.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  /// A `host` that is an address is not looked up.
  Resolver(std::string host, std::uint16_t port, bool is_address, Duration ttl);

  /// Throws only if the coroutine is cancelled.
  /// @param deadline  on the steady clock
  /// @param counters  where a look-up that this call starts is counted
  boost::asio::awaitable<Resolution> Resolve(TimePoint deadline, Counters& counters);

 private:
  struct Waiter;
  struct Lookup;
  class Registration;

  std::shared_ptr<Lookup> JoinLookup(Counters& counters);
  static void LookUp(const std::shared_ptr<Lookup>& lookup);
  void Finish(Lookup& lookup, boost::system::error_code error,
              std::shared_ptr<const Addresses> addresses);

  const std::string host_;
  const std::uint16_t port_;
  const Duration ttl_;

  std::mutex mutex_;
  std::shared_ptr<const Addresses> cached_;  // guarded by mutex_, as all that follows
  TimePoint expires_{};
  std::shared_ptr<Lookup> lookup_;  // under way
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_RESOLVER_H_
