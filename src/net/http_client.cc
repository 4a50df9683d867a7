#include "src/net/http_client.h"

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <mutex>
#include <utility>
#include <vector>

#include "src/net/counters.h"

namespace llmload::net {
namespace asio = boost::asio;

namespace {

using WaitType = Connection::Socket::wait_type;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

// What may still come of a body after its terminal event, before the connection is given up instead
// of pooled.
constexpr Duration kDrainTime = std::chrono::milliseconds(100);
constexpr std::size_t kMaxDrainBytes = 64 << 10;

// One read buffer for all connections of a thread: a read is parsed before the next wait.
std::array<char, 32 << 10>& ReadBuffer() {
  thread_local std::array<char, 32 << 10> buffer;
  return buffer;
}

TimePoint SteadyNow() { return std::chrono::steady_clock::now(); }

// "timeout=5, max=100" of a Keep-Alive field: a little less than that, as the server closes first
// otherwise.
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
      : options(std::move(opts)), clock(its_clock), id(NextId()) {}
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
    bool made = false;
    auto idle = asio::use_service<ConnectionPool>(context).Find(id, options.pool, made);
    if (made) {
      const std::lock_guard lock(mutex);
      std::erase_if(pools, [](const auto& weak) { return weak.expired(); });
      pools.push_back(idle);
    }
    return idle;
  }

  const HttpClientOptions options;
  const Clock& clock;
  const std::uint64_t id;
  std::mutex mutex;
  std::vector<std::weak_ptr<IdleConnections>> pools;  // guarded by mutex: one per io_context
};

namespace {

// What one exchange knows while it runs, apart from the coroutine, whose frame is better small.
class Progress {
 public:
  Progress(Connection& connection, ResponseSink& sink, const Clock& clock, bool reused,
           std::size_t max_header_bytes, Exchange& exchange)
      : connection_(connection),
        sink_(sink),
        clock_(clock),
        reused_(reused),
        exchange_(exchange),
        reader_(connection.head(), sink, max_header_bytes) {}

  // Reads what is there. True: the exchange is over. Otherwise `wait` says what to wait for, if
  // anything.
  bool Read(const ExchangeTimeouts& timeouts, TimePoint total, std::optional<WaitType>& wait) {
    auto& buffer = ReadBuffer();
    const IoResult result = connection_.transport().Read(buffer.data(), buffer.size());
    switch (result.status) {
      case IoStatus::kOk:
        wait.reset();
        if (!connection_.transport().HasBuffered()) wait = WaitType::wait_read;
        return Take({buffer.data(), result.size}, timeouts, total);
      case IoStatus::kWantRead:
        wait = WaitType::wait_read;
        return false;
      case IoStatus::kWantWrite:
        wait = WaitType::wait_write;
        return false;
      default:
        return End(result.status);
    }
  }

  // The deadline came.
  void Expire() {
    if (!draining_) exchange_.failure = connection_.Expiry();
  }

  bool CanReuse() const { return reusable_; }

 private:
  bool Take(std::string_view bytes, const ExchangeTimeouts& timeouts, TimePoint total) {
    const TimePoint at = clock_.Now();
    if (!exchange_.first_byte) exchange_.first_byte = at;
    switch (reader_.Feed(bytes, at)) {
      case ResponseReader::Status::kNeedMore:
        if (sink_.OutputHasBegun()) {
          connection_.SetDeadline(
              Deadline{SteadyNow() + timeouts.idle, ErrorKind::kIdleTimeout}.NotAfter(total));
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

  bool End(IoStatus status) {
    if (draining_) return true;
    if (!reader_.HasStarted()) {
      if (reused_) Count(ProcessCounters().stale);
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

asio::awaitable<Exchange> HttpClient::Send(std::string_view head_fields, std::string_view body,
                                           const ExchangeTimeouts& timeouts, ResponseSink& sink) {
  return Run(state_, head_fields, body, timeouts, sink);
}

asio::awaitable<Exchange> HttpClient::Run(std::shared_ptr<State> state,
                                          std::string_view head_fields, std::string_view body,
                                          ExchangeTimeouts timeouts, ResponseSink& sink) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::io_context& context = ContextOf(executor);
  const TimePoint total = SteadyNow() + timeouts.total;
  const std::shared_ptr<IdleConnections> pool = state->Pool(context);
  std::shared_ptr<Connection> connection = pool->Take();
  Exchange exchange;
  exchange.reused = connection != nullptr;
  if (exchange.reused) {
    connection->Bind(executor);
    Count(ProcessCounters().reuses);
  } else {
    connection = std::make_shared<Connection>(context);
    connection->Bind(executor);
    exchange.failure =
        co_await connection->Open(state->options.endpoint, timeouts.connect, timeouts.tls, total);
    if (exchange.failure) {
      connection->ClearDeadline();
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
  while (sent < out.size() && !broken && !over) {
    const IoResult result = connection->transport().Write(out.data() + sent, out.size() - sent);
    if (result.status == IoStatus::kOk) {
      sent += result.size;
    } else if (result.status == IoStatus::kWantRead || result.status == IoStatus::kWantWrite) {
      const auto direction =
          result.status == IoStatus::kWantRead ? WaitType::wait_read : WaitType::wait_write;
      const auto [error] = co_await connection->socket().async_wait(direction, kAsTuple);
      if (connection->expired()) {
        exchange.failure = connection->Expiry();
        over = true;
      } else if (error) {
        throw boost::system::system_error(error);
      }
    } else {
      broken = true;  // the service may have answered before it closed: see below
    }
  }
  connection->ClearOutput();
  if (!broken && !over) {
    exchange.sent = state->clock.Now();
    connection->SetDeadline(
        Deadline{SteadyNow() + timeouts.first_token, ErrorKind::kFirstTokenTimeout}.NotAfter(
            total));
  }

  Progress progress(*connection, sink, state->clock, exchange.reused,
                    state->options.max_header_bytes, exchange);
  // An answer that came before the request was written may have been read along with the handshake.
  std::optional<WaitType> wait;
  if (!connection->transport().HasBuffered()) wait = WaitType::wait_read;
  while (!over) {
    if (wait) {
      const auto [error] = co_await connection->socket().async_wait(*wait, kAsTuple);
      if (connection->expired()) {
        progress.Expire();
        break;
      }
      if (error) throw boost::system::system_error(error);
    }
    over = progress.Read(timeouts, total, wait);
  }
  connection->ClearDeadline();
  if (progress.CanReuse() && !broken) {
    const Duration idle_time = KeepAliveTime(connection->head().Get("keep-alive"));
    pool->Give(std::move(connection), idle_time);
  } else if (!exchange.failure) {
    connection->transport().SayGoodbye();
  }
  co_return exchange;
}

}  // namespace llmload::net
