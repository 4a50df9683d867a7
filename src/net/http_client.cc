#include "src/net/http_client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <memory>
#include <mutex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "src/net/connection_limit.h"
#include "src/net/when_ready.h"

namespace llmload::net {
namespace asio = boost::asio;

namespace {

// Bounds of the rest of a body after its terminal event. Beyond them the connection is closed
// instead of pooled.
constexpr Duration kDrainTime = std::chrono::milliseconds(100);
constexpr std::size_t kMaxDrainBytes = 64 << 10;

// Reads of a connection whose peer sends faster than it is read, before other connections have
// their turn.
constexpr int kMaxReadsAtOnce = 16;

// One read buffer for all connections of a thread: a read is parsed before the next wait.
std::array<char, 32 << 10>& ReadBuffer() {
  thread_local std::array<char, 32 << 10> buffer;
  return buffer;
}

// The idle time of a Keep-Alive field such as "timeout=5, max=100": a little less than the timeout,
// so that the server does not close first.
Duration KeepAliveTime(std::string_view field) {
  constexpr std::string_view kName = "timeout=";
  const std::size_t at = field.find(kName);
  if (at == std::string_view::npos) return Duration::max();
  field.remove_prefix(at + kName.size());
  std::int32_t seconds = 0;
  const auto [end, failure] = std::from_chars(field.data(), field.data() + field.size(), seconds);
  if (failure != std::errc() || seconds < 0) return Duration::max();
  return std::chrono::seconds(seconds) - std::chrono::milliseconds(500);
}

std::string ReasonOf(const Transport& transport, IoStatus status) {
  if (status != IoStatus::kFailed) return "the peer closed the connection";
  if (transport.system_error() == 0) return "the peer broke the TLS protocol";
  return boost::system::error_code(transport.system_error(), boost::system::system_category())
      .message();
}

}  // namespace

struct HttpClient::State {
  State(HttpClientOptions opts, const Clock& its_clock)
      : options(std::move(opts)),
        clock(its_clock),
        id(NextId()),
        limit(options.max_connections == 0
                  ? nullptr
                  : std::make_shared<ConnectionLimit>(options.max_connections)) {}
  ~State() {
    for (const auto& weak : pools) {
      if (const auto idle = weak.lock()) idle->Close();
    }
  }

  static std::uint64_t NextId() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
  }

  std::shared_ptr<IdleConnections> Pool(asio::io_context& context) {
    // A thread mostly runs one io_context and calls one service again and again. A context that was
    // destroyed has closed its pool, even if another one has its address now.
    thread_local LastPool last;
    if (last.context == &context && last.client == id) {
      std::shared_ptr<IdleConnections> idle = last.pool.lock();
      if (idle != nullptr && !idle->IsClosed()) return idle;
    }
    std::shared_ptr<IdleConnections> idle = FindPool(context);
    last = {.context = &context, .client = id, .pool = idle};
    return idle;
  }

  std::shared_ptr<IdleConnections> FindPool(asio::io_context& context) {
    bool made = false;
    auto idle = asio::use_service<ConnectionPool>(context).Find(id, options.pool, made);
    if (made) {
      const std::lock_guard lock(mutex);
      std::erase_if(pools, [](const auto& weak) { return weak.expired(); });
      pools.push_back(idle);
    }
    return idle;
  }

  // The share of a new connection in the bound of their number, for which an idle one is closed if
  // there is no other way. Null without a bound.
  std::shared_ptr<void> Slot() {
    if (!limit) return nullptr;
    std::shared_ptr<void> slot = ConnectionLimit::TakeSlot(limit, false);
    // One that another thread is just closing may still be counted.
    while (!slot) slot = ConnectionLimit::TakeSlot(limit, !CloseIdle());
    return slot;
  }

  // Closes an idle connection of any io_context. False if there is none.
  bool CloseIdle() {
    const std::lock_guard lock(mutex);
    return std::any_of(pools.begin(), pools.end(), [](const auto& weak) {
      const std::shared_ptr<IdleConnections> idle = weak.lock();
      return idle != nullptr && idle->CloseOldest();
    });
  }

  struct LastPool {
    const asio::io_context* context = nullptr;
    std::uint64_t client = 0;
    std::weak_ptr<IdleConnections> pool;
  };

  const HttpClientOptions options;
  const Clock& clock;
  const std::uint64_t id;
  const std::shared_ptr<ConnectionLimit> limit;  // null: connections are not bounded
  Counters counters;
  std::mutex mutex;
  std::vector<std::weak_ptr<IdleConnections>> pools;  // guarded by mutex: one per io_context
};

namespace {

// An exchange is under way as long as this lives.
class ActiveExchange {
 public:
  explicit ActiveExchange(std::shared_ptr<IdleConnections> pool) : pool_(std::move(pool)) {
    pool_->Begin();
  }
  ~ActiveExchange() { pool_->End(); }
  ActiveExchange(const ActiveExchange&) = delete;
  ActiveExchange& operator=(const ActiveExchange&) = delete;

 private:
  const std::shared_ptr<IdleConnections> pool_;
};

// The state of an exchange, apart from the coroutine so that the coroutine's frame is small.
class Progress {
 public:
  Progress(Connection& connection, ResponseSink& sink, const Clock& clock, bool reused,
           std::size_t max_header_bytes, Exchange& exchange)
      : connection_(connection),
        sink_(sink),
        clock_(clock),
        clock_is_steady_(typeid(clock) == typeid(SystemClock)),
        reused_(reused),
        exchange_(exchange),
        reader_(connection.head(), sink, max_header_bytes) {}

  // Reads what has arrived. Returns true if the exchange is over.
  bool Read(const ExchangeTimeouts& timeouts, TimePoint total) {
    if (connection_.expired()) {
      Expire();
      return true;
    }
    auto& buffer = ReadBuffer();
    for (int i = 0; i < kMaxReadsAtOnce; ++i) {
      const IoResult result = connection_.transport().Read(buffer.data(), buffer.size());
      switch (result.status) {
        case IoStatus::kOk:
          if (Take({buffer.data(), result.size}, timeouts, total)) return true;
          break;
        case IoStatus::kWantRead:
        case IoStatus::kWantWrite:
          return false;
        default:
          return End(result.status);
      }
      if (!connection_.MayHaveMore()) break;
    }
    return false;
  }

  bool CanReuse() const { return reusable_; }

 private:
  // The deadline came.
  void Expire() {
    if (!draining_) exchange_.failure = connection_.Expiry();
  }

  bool Take(std::string_view bytes, const ExchangeTimeouts& timeouts, TimePoint total) {
    const TimePoint at = clock_.Now();
    if (!exchange_.first_byte) exchange_.first_byte = at;
    switch (reader_.Feed(bytes, at)) {
      case ResponseReader::Status::kNeedMore:
        if (sink_.HasOutput()) {
          connection_.SetDeadline(
              Deadline{SteadyAt(at) + timeouts.idle, ErrorKind::kIdleTimeout}.NotAfter(total));
        }
        return false;
      case ResponseReader::Status::kStopped:
        if (!draining_) {
          draining_ = true;
          exchange_.completed = at;
          connection_.SetDeadline(
              Deadline{SteadyNow() + kDrainTime, ErrorKind::kIdleTimeout}.NotAfter(total));
        } else {
          drained_ += bytes.size();
        }
        return drained_ > kMaxDrainBytes;
      case ResponseReader::Status::kComplete:
        if (!draining_) exchange_.completed = at;
        reusable_ = reader_.CanReuse();
        return true;
      case ResponseReader::Status::kAborted:
        if (!draining_) exchange_.completed = at;
        return true;
      case ResponseReader::Status::kMalformed:
        return Fail(ErrorKind::kMalformedResponse,
                    "the answer is not HTTP: " + std::string(reader_.problem()));
      case ResponseReader::Status::kTooLarge:
        return Fail(ErrorKind::kResponseTooLarge,
                    "the header of the answer is too large: " + std::string(reader_.problem()));
    }
    return true;
  }

  // Saves a reading of the clock if `at` is one of the steady clock.
  TimePoint SteadyAt(TimePoint at) const { return clock_is_steady_ ? at : SteadyNow(); }

  bool End(IoStatus status) {
    if (draining_) return true;
    if (!reader_.HasStarted()) {
      return Fail(reused_ ? ErrorKind::kStaleConnection : ErrorKind::kConnectionReset,
                  "no answer on a " + std::string(reused_ ? "pooled" : "new") +
                      " connection: " + ReasonOf(connection_.transport(), status));
    }
    if (status == IoStatus::kEnd && reader_.FeedEnd() == ResponseReader::Status::kComplete) {
      exchange_.completed = clock_.Now();
      return true;
    }
    return Fail(ErrorKind::kConnectionReset,
                "the answer was cut: " + ReasonOf(connection_.transport(), status));
  }

  bool Fail(ErrorKind kind, std::string message) {
    exchange_.failure = Failure{kind, std::move(message)};
    return true;
  }

  Connection& connection_;
  ResponseSink& sink_;
  const Clock& clock_;
  const bool clock_is_steady_;
  const bool reused_;
  Exchange& exchange_;
  ResponseReader reader_;
  std::size_t drained_ = 0;
  bool draining_ = false;
  bool reusable_ = false;
};

void Assemble(std::string& out, std::string_view head_fields, std::string_view body) {
  std::array<char, 24> digits{};
  const auto [end, failure] =
      std::to_chars(digits.data(), digits.data() + digits.size(), body.size());
  out.reserve(head_fields.size() + body.size() + 48);
  out.append(head_fields);
  if (!head_fields.starts_with("GET ")) {
    out.append("Content-Length: ").append(digits.data(), end).append("\r\n");
  }
  out.append("\r\n").append(body);
}

}  // namespace

HttpClient::HttpClient(HttpClientOptions options, const Clock& clock)
    : state_(std::make_shared<State>(std::move(options), clock)) {}

HttpClient::~HttpClient() = default;

ConnectionCounters HttpClient::Connections() const noexcept { return state_->counters.Read(); }

asio::awaitable<Exchange> HttpClient::Send(std::string_view head_fields, std::string_view body,
                                           const ExchangeTimeouts& timeouts, ResponseSink& sink) {
  return Run(state_, head_fields, body, timeouts, sink);
}

asio::awaitable<Exchange> HttpClient::Run(std::shared_ptr<State> state,
                                          std::string_view head_fields, std::string_view body,
                                          ExchangeTimeouts timeouts, ResponseSink& sink) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::io_context& context = ContextOf(executor);
  const TimePoint begun = SteadyNow();
  const TimePoint total = begun + timeouts.total;
  const std::shared_ptr<IdleConnections> pool = state->Pool(context);
  const ActiveExchange active(pool);
  Exchange exchange;
  std::optional<ConnectionLimit::Turn> turn;  // ended after the connection is free
  if (state->limit) {
    auto given = co_await ConnectionLimit::WaitForTurn(state->limit, total);
    exchange.connection_wait = SteadyNow() - begun;
    if (!given || exchange.connection_wait >= timeouts.total) {
      exchange.failure = Failure{ErrorKind::kTotalTimeout,
                                 "no connection was free within the total timeout: at most " +
                                     std::to_string(state->limit->max()) + " are allowed"};
      co_return exchange;
    }
    turn.emplace(*std::move(given));
  }
  std::shared_ptr<Connection> connection = pool->Take(state->counters);
  exchange.reused = connection != nullptr;
  if (exchange.reused) {
    connection->Bind(executor);
    Count(state->counters.reuses);
  } else {
    connection = std::make_shared<Connection>(context);
    connection->slot = state->Slot();
    connection->Bind(executor);
    exchange.failure = co_await connection->Open(state->options.endpoint, timeouts.connect,
                                                 timeouts.tls, total, state->counters);
    exchange.connection_wait = SteadyNow() - begun;
    if (exchange.failure) {
      connection->StopTimer();
      co_return exchange;
    }
  }

  std::string& out = connection->output();
  Assemble(out, head_fields, body);
  connection->SetDeadline(
      Deadline{SteadyNow() + timeouts.first_token, ErrorKind::kFirstTokenTimeout}.NotAfter(total));
  std::size_t sent = 0;
  bool over = false;
  bool broken = false;
  // Returns true if the request is written, or if it cannot be.
  auto write = [&] {
    if (connection->expired()) {
      exchange.failure = connection->Expiry();
      over = true;
      return true;
    }
    while (sent < out.size()) {
      const IoResult result = connection->transport().Write(out.data() + sent, out.size() - sent);
      if (result.status == IoStatus::kWantRead || result.status == IoStatus::kWantWrite) {
        return false;
      }
      if (result.status != IoStatus::kOk) {
        broken = true;  // the service may have answered before it closed: see below
        return true;
      }
      sent += result.size;
    }
    return true;
  };
  if (!write()) co_await WhenReady(*connection, write);
  connection->ClearOutput();
  if (!broken && !over) {
    exchange.sent = state->clock.Now();
    connection->SetDeadline(
        Deadline{SteadyNow() + timeouts.first_token, ErrorKind::kFirstTokenTimeout}.NotAfter(
            total));
  }

  Progress progress(*connection, sink, state->clock, exchange.reused,
                    state->options.max_header_bytes, exchange);
  auto read = [&] { return progress.Read(timeouts, total); };
  // An answer that came before the request was written may have been read along with the handshake.
  if (!over && connection->MayHaveMore()) over = read();
  if (!over) co_await WhenReady(*connection, read);
  connection->ClearDeadline();
  if (progress.CanReuse() && !broken && state->options.pool.max_idle_connections > 0) {
    const Duration idle_time = KeepAliveTime(connection->head().Get("keep-alive"));
    pool->Give(std::move(connection), idle_time);
  } else {
    connection->StopTimer();
    if (!exchange.failure) {
      connection->transport().SendCloseNotify();
    } else if (exchange.failure->kind == ErrorKind::kStaleConnection) {
      Count(state->counters.stale);
    }
  }
  co_return exchange;
}

}  // namespace llmload::net
