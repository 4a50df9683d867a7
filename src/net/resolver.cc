#include "src/net/resolver.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <system_error>
#include <thread>
#include <utility>

namespace llmload::net {
namespace asio = boost::asio;
using asio::ip::tcp;

// A look-up that has not returned for so long is given up, and another one started.
constexpr Duration kAbandoned = std::chrono::seconds(20);

struct Resolver::Waiter {
  explicit Waiter(const asio::any_io_executor& ex, TimePoint deadline)
      : executor(ex), timer(ex, deadline) {}
  asio::any_io_executor executor;
  asio::steady_timer timer;
  bool woken = false;  // touched on `executor` only
};

struct Resolver::Lookup {
  explicit Lookup(std::shared_ptr<Resolver> resolver) : owner(std::move(resolver)) {}
  std::shared_ptr<Resolver> owner;
  TimePoint started = std::chrono::steady_clock::now();
  // Guarded by the owner's mutex:
  bool done = false;
  boost::system::error_code error;
  std::shared_ptr<const Addresses> addresses;
  std::vector<std::shared_ptr<Waiter>> waiters;
};

// Takes a waiter off the list however its coroutine ends, so that none is woken after its
// io_context was destroyed.
class Resolver::Registration {
 public:
  Registration(Resolver& resolver, std::shared_ptr<Lookup> lookup, std::shared_ptr<Waiter> waiter)
      : resolver_(resolver), lookup_(std::move(lookup)), waiter_(std::move(waiter)) {}
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() {
    const std::lock_guard lock(resolver_.mutex_);
    std::erase(lookup_->waiters, waiter_);
  }

 private:
  Resolver& resolver_;
  std::shared_ptr<Lookup> lookup_;
  std::shared_ptr<Waiter> waiter_;
};

Resolver::Resolver(std::string host, std::uint16_t port, bool is_address, Duration ttl)
    : host_(std::move(host)), port_(port), ttl_(ttl) {
  if (is_address) {
    cached_ =
        std::make_shared<const Addresses>(1, tcp::endpoint(asio::ip::make_address(host_), port_));
    expires_ = TimePoint::max();
  }
}

std::shared_ptr<Resolver::Lookup> Resolver::JoinLookup(Counters& counters) {
  // Called with mutex_ held.
  if (lookup_ && std::chrono::steady_clock::now() - lookup_->started < kAbandoned) return lookup_;
  auto lookup = std::make_shared<Lookup>(shared_from_this());
  // Asio's own resolver has one thread per io_context: a name server that hangs would delay the
  // look-ups of all other services there, including those that calls fail over to.
  try {
    std::thread(&Resolver::LookUp, lookup).detach();
  } catch (const std::system_error& error) {
    lookup->done = true;
    lookup->error = error.code();
    return lookup;
  }
  Count(counters.dns_lookups);
  lookup_ = lookup;
  return lookup;
}

void Resolver::LookUp(const std::shared_ptr<Lookup>& lookup) {
  Resolver& resolver = *lookup->owner;
  boost::system::error_code error;
  auto addresses = std::make_shared<Addresses>();
  asio::io_context unused(1);
  const auto results = tcp::resolver(unused).resolve(resolver.host_, std::to_string(resolver.port_),
                                                     tcp::resolver::numeric_service, error);
  for (const auto& entry : results) addresses->push_back(entry.endpoint());
  resolver.Finish(*lookup, error, std::move(addresses));
}

void Resolver::Finish(Lookup& lookup, boost::system::error_code error,
                      std::shared_ptr<const Addresses> addresses) {
  const std::lock_guard lock(mutex_);
  if (lookup.done) return;
  lookup.done = true;
  if (!error && addresses->empty()) error = asio::error::host_not_found;
  lookup.error = error;
  if (!error) {
    lookup.addresses = addresses;
    cached_ = std::move(addresses);
    expires_ = std::chrono::steady_clock::now() + ttl_;
  }
  for (const std::shared_ptr<Waiter>& waiter : lookup.waiters) {
    asio::post(waiter->executor, [waiter] {
      waiter->woken = true;
      waiter->timer.cancel();
    });
  }
  lookup.waiters.clear();
  if (lookup_.get() == &lookup) lookup_ = nullptr;
}

asio::awaitable<Resolution> Resolver::Resolve(TimePoint deadline, Counters& counters) {
  const auto self = shared_from_this();
  std::shared_ptr<Lookup> lookup;
  std::shared_ptr<Waiter> waiter;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  {
    const std::lock_guard lock(mutex_);
    if (cached_ && std::chrono::steady_clock::now() < expires_) co_return Resolution{cached_, {}};
    lookup = JoinLookup(counters);
    if (lookup->done) co_return Resolution{nullptr, lookup->error};
    waiter = std::make_shared<Waiter>(executor, deadline);
    lookup->waiters.push_back(waiter);
  }
  const Registration registration(*self, lookup, waiter);
  const auto [error] = co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  const std::lock_guard lock(mutex_);
  if (lookup->done) co_return Resolution{lookup->addresses, lookup->error};
  if (error) throw boost::system::system_error(error);  // cancelled
  co_return Resolution{nullptr, asio::error::timed_out};
}

}  // namespace llmload::net
