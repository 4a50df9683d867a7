#include "src/net/connection_pool.h"

#include <algorithm>
#include <utility>

namespace llmload::net {

void IdleConnections::Begin() {
  const std::lock_guard lock(mutex_);
  ++active_;
}

void IdleConnections::End() noexcept {
  const std::lock_guard lock(mutex_);
  if (--active_ > 0) return;
  for (const auto& connection : idle_) connection->StopTimer();
}

std::shared_ptr<Connection> IdleConnections::Take(Counters& counters) {
  while (true) {
    std::shared_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    if (std::chrono::steady_clock::now() < connection->idle_until) {
      if (connection->transport().IsAlive()) return connection;
      Count(counters.stale);
    } else {
      connection->transport().SendCloseNotify();
    }
  }
}

void IdleConnections::Give(std::shared_ptr<Connection> connection, Duration idle_time) {
  const TimePoint now = std::chrono::steady_clock::now();
  connection->idle_until = now + std::min(idle_time, options_.max_idle_time);
  // Destroyed after the lock is released.
  std::vector<std::shared_ptr<Connection>> dropped;
  const std::lock_guard lock(mutex_);
  if (closed_ || options_.max_idle_connections == 0) {
    dropped.push_back(std::move(connection));
    return;
  }
  const auto fresh = std::find_if(idle_.begin(), idle_.end(),
                                  [now](const auto& idle) { return now < idle->idle_until; });
  auto keep = fresh;
  const std::size_t left = static_cast<std::size_t>(idle_.end() - fresh);
  if (left >= options_.max_idle_connections) ++keep;
  for (auto old = idle_.begin(); old != keep; ++old) {
    (*old)->transport().SendCloseNotify();
    dropped.push_back(std::move(*old));
  }
  idle_.erase(idle_.begin(), keep);
  idle_.push_back(std::move(connection));
}

// `CloseOldest` and `Close` may run on a thread that is not the io_context's. They destroy the
// connections under the lock, because a connection uses its io_context until then, whose shutdown
// waits for the lock. That takes locks of the io_context's services and of a `ConnectionLimit`;
// nobody who holds one of those takes this one.
bool IdleConnections::CloseOldest() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return false;
  idle_.front()->transport().SendCloseNotify();
  idle_.erase(idle_.begin());
  return true;
}

void IdleConnections::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& connection : idle_) connection->transport().SendCloseNotify();
  idle_.clear();
}

bool IdleConnections::IsClosed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::size_t IdleConnections::size() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

std::shared_ptr<IdleConnections> ConnectionPool::Find(std::uint64_t client,
                                                      const PoolOptions& options, bool& made) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(client);
  made = found == clients_.end();
  if (!made) return found->second;
  std::erase_if(clients_, [](const auto& entry) { return entry.second->IsClosed(); });
  return clients_.emplace(client, std::make_shared<IdleConnections>(options)).first->second;
}

void ConnectionPool::shutdown() {
  std::unordered_map<std::uint64_t, std::shared_ptr<IdleConnections>> clients;
  {
    const std::lock_guard lock(mutex_);
    clients.swap(clients_);
  }
  for (const auto& [client, idle] : clients) idle->Close();
}

}  // namespace llmload::net
