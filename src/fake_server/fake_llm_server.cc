#include "llmload/fake_server/fake_llm_server.h"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <mutex>
#include <utility>

#include "llmload/core/environment.h"
#include "src/fake_server/connection.h"
#include "src/fake_server/worker.h"

namespace llmload::fake_server {
namespace {

namespace asio = boost::asio;
using simulation::FaultSide;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

asio::ip::address ParseAddress(const FakeLlmServerOptions& options) {
  boost::system::error_code error;
  auto address = asio::ip::make_address(options.address, error);
  if (error) {
    throw ConfigurationError::Invalid("address", options.address, "a numeric IPv4 or IPv6 address");
  }
  if (options.clear_text && !address.is_loopback()) {
    throw ConfigurationError::Invalid("address", options.address,
                                      "a loopback address, as clear_text is set");
  }
  return address;
}

void RequireAtLeast(const char* name, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return;
  throw ConfigurationError::Invalid(
      name, std::to_string(value),
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

FakeLlmServerOptions Checked(FakeLlmServerOptions options) {
  RequireAtLeast("threads", options.threads, 1, 64);
  RequireAtLeast("max_body_bytes", static_cast<std::int64_t>(options.max_body_bytes), 1, 1 << 30);
  if (options.max_concurrent) {
    RequireAtLeast("max_concurrent", *options.max_concurrent, 0, 1'000'000'000);
  }
  if (options.requests_per_minute) {
    RequireAtLeast("requests_per_minute", *options.requests_per_minute, 1, 1'000'000'000);
  }
  if (options.context_length) {
    RequireAtLeast("context_length", *options.context_length, 1, 1'000'000'000'000);
  }
  if (options.idle_timeout && *options.idle_timeout <= Duration::zero()) {
    throw ConfigurationError::Invalid("idle_timeout",
                                      std::to_string(options.idle_timeout->count()) + " ns",
                                      "a duration above 0");
  }
  for (const Secret& key : options.api_keys) {
    if (key.empty()) throw ConfigurationError::Invalid("api_keys", "", "keys that are not empty");
  }
  for (const FakeAwsCredential& credential : options.aws_credentials) {
    if (credential.access_key_id.empty() || credential.secret_access_key.empty()) {
      throw ConfigurationError::Invalid("aws_credentials", credential.access_key_id,
                                        "an access key id and a secret access key");
    }
  }
  Validate(options.latency);
  for (const Fault& fault : options.faults) Validate(fault, FaultSide::kFakeServer);
  return options;
}

std::vector<std::string> CertificateNames(const FakeLlmServerOptions& options,
                                          const asio::ip::address& address) {
  if (!options.certificate_names.empty()) return options.certificate_names;
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  const std::string own = "IP:" + address.to_string();
  if (!address.is_unspecified() && std::find(names.begin(), names.end(), own) == names.end()) {
    names.push_back(own);
  }
  return names;
}

}  // namespace

class FakeLlmServer::Impl {
 public:
  explicit Impl(FakeLlmServerOptions options);
  ~Impl() { Stop(); }

  void Stop();
  void Suspend();
  void Resume();
  void CloseConnections(bool only_idle);
  void SetBehaviour(std::optional<std::vector<Fault>> faults,
                    const std::optional<LatencyModel>& latency);
  std::uint16_t port() const noexcept { return endpoint_.port(); }
  const ServerState& state() const noexcept { return state_; }

 private:
  void Listen();
  void Unlisten();
  void Accept();
  // Runs `task` on `worker`'s thread and waits for it.
  template <class Task>
  void RunOn(Worker& worker, Task task);

  ServerState state_;
  asio::ip::tcp::endpoint endpoint_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<Acceptor> acceptor_;  // belongs to the first worker's thread
  std::optional<asio::basic_waitable_timer<std::chrono::steady_clock>> accept_pause_;
  std::uint64_t listen_generation_ = 0;
  std::size_t next_worker_ = 0;
  std::mutex control_;  // of Stop, Suspend, Resume, and of writers of the behaviour
  bool stopped_ = false;
};

FakeLlmServer::Impl::Impl(FakeLlmServerOptions options) : state_(Checked(std::move(options))) {
  const asio::ip::address address = ParseAddress(state_.options);
  if (!state_.options.clear_text) {
    state_.tls = MakeServerTls(CertificateNames(state_.options, address));
  }
  SetBehaviour(state_.options.faults, state_.options.latency);
  for (int i = 0; i < state_.options.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(state_));
  }
  endpoint_ = {address, state_.options.port};
  Listen();
  asio::ip::address shown = address;
  if (address.is_unspecified()) {
    shown = address.is_v4() ? asio::ip::address(asio::ip::address_v4::loopback())
                            : asio::ip::address(asio::ip::address_v6::loopback());
  }
  const std::string host = shown.is_v6() ? "[" + shown.to_string() + "]" : shown.to_string();
  state_.origin = (state_.options.clear_text ? "http://" : "https://") + host + ":" +
                  std::to_string(endpoint_.port());
  state_.base_url = state_.origin + "/v1";
  for (const auto& worker : workers_) worker->Start();
}

// Before the workers run, or on the first worker's thread.
void FakeLlmServer::Impl::Listen() {
  constexpr int kBacklog = 8192;
  Acceptor acceptor(workers_.front()->context());
  try {
    acceptor.open(endpoint_.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(endpoint_);
    acceptor.listen(kBacklog);
    fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
    // Once only: other threads may read it while a suspended server resumes.
    if (endpoint_.port() == 0) endpoint_ = acceptor.local_endpoint();
  } catch (const boost::system::system_error& error) {
    throw ConfigurationError::Invalid(
        "port", std::to_string(endpoint_.port()),
        "a free port of " + endpoint_.address().to_string() + " (" + error.code().message() + ")");
  }
  acceptor_.emplace(std::move(acceptor));
  Accept();
}

void FakeLlmServer::Impl::Unlisten() {
  ++listen_generation_;
  acceptor_.reset();
  accept_pause_.reset();
}

void FakeLlmServer::Impl::Accept() {
  Worker& worker = *workers_[next_worker_];
  next_worker_ = (next_worker_ + 1) % workers_.size();
  acceptor_->async_accept(
      worker.context(), [this, &worker, generation = listen_generation_](
                            const boost::system::error_code& error, Socket socket) {
        if (generation != listen_generation_) return;  // it stopped listening, or listens again
        if (!error) {
          const std::uint64_t number = state_.counters.connections.Next();
          state_.connections.Add(std::chrono::steady_clock::now());
          if (&worker == workers_.front().get()) {
            worker.Adopt(std::move(socket), number);
          } else {
            asio::post(worker.context(), [&worker, number, socket = std::move(socket)]() mutable {
              worker.Adopt(std::move(socket), number);
            });
          }
          return Accept();
        }
        // Out of descriptors, or the peer has gone already. Trying again at once could spin.
        accept_pause_.emplace(workers_.front()->context(), std::chrono::milliseconds(10));
        accept_pause_->async_wait([this](const boost::system::error_code& cancelled) {
          if (!cancelled && acceptor_) Accept();
        });
      });
}

template <class Task>
void FakeLlmServer::Impl::RunOn(Worker& worker, Task task) {
  std::packaged_task<void()> packaged(std::move(task));
  std::future<void> done = packaged.get_future();
  asio::post(worker.context(), std::move(packaged));
  done.get();
}

void FakeLlmServer::Impl::Suspend() {
  const std::lock_guard lock(control_);
  if (stopped_) return;
  RunOn(*workers_.front(), [this] { Unlisten(); });
  for (const auto& worker : workers_) {
    RunOn(*worker, [&worker] { worker->CloseConnections(/*only_idle=*/false); });
  }
}

void FakeLlmServer::Impl::Resume() {
  const std::lock_guard lock(control_);
  if (stopped_) return;
  RunOn(*workers_.front(), [this] {
    if (!acceptor_) Listen();
  });
}

void FakeLlmServer::Impl::CloseConnections(bool only_idle) {
  const std::lock_guard lock(control_);
  if (stopped_) return;
  for (const auto& worker : workers_) {
    RunOn(*worker, [&worker, only_idle] { worker->CloseConnections(only_idle); });
  }
}

void FakeLlmServer::Impl::Stop() {
  const std::lock_guard lock(control_);
  if (stopped_) return;
  stopped_ = true;
  RunOn(*workers_.front(), [this] { Unlisten(); });
  // After the acceptor: no connection is handed over behind the shutdown of its worker.
  for (const auto& worker : workers_) {
    asio::post(worker->context(), [&worker] { worker->Shutdown(); });
  }
  for (const auto& worker : workers_) worker->Join();
}

void FakeLlmServer::Impl::SetBehaviour(std::optional<std::vector<Fault>> faults,
                                       const std::optional<LatencyModel>& latency) {
  const std::lock_guard lock(control_);
  Behaviour next;
  if (const auto current = state_.behaviour.Get()) next = *current;
  next.seed = state_.options.seed;
  if (latency) next.latency = *latency;
  if (faults) {
    next.faults = std::move(*faults);
    next.since = std::chrono::steady_clock::now();
    next.arrivals_before = state_.counters.arrivals.Get();
    next.connections_before = state_.counters.connections.Get();
  }
  state_.behaviour.Set(std::move(next));
}

FakeLlmServer::FakeLlmServer(FakeLlmServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

FakeLlmServer::~FakeLlmServer() = default;

void FakeLlmServer::Stop() { impl_->Stop(); }
void FakeLlmServer::Suspend() { impl_->Suspend(); }
void FakeLlmServer::Resume() { impl_->Resume(); }
void FakeLlmServer::CloseIdleConnections() { impl_->CloseConnections(/*only_idle=*/true); }

void FakeLlmServer::SetFaults(std::vector<Fault> faults) {
  for (const Fault& fault : faults) Validate(fault, FaultSide::kFakeServer);
  impl_->SetBehaviour(std::move(faults), std::nullopt);
}

void FakeLlmServer::SetLatency(const LatencyModel& latency) {
  Validate(latency);
  impl_->SetBehaviour(std::nullopt, latency);
}

std::uint16_t FakeLlmServer::port() const noexcept { return impl_->port(); }
const std::string& FakeLlmServer::origin() const noexcept { return impl_->state().origin; }
const std::string& FakeLlmServer::base_url() const noexcept { return impl_->state().base_url; }
const std::string& FakeLlmServer::ca_pem() const noexcept { return impl_->state().tls.ca_pem; }
FakeLlmServerCounters FakeLlmServer::counters() const { return impl_->state().counters.Snapshot(); }

std::vector<TimePoint> FakeLlmServer::ArrivalInstants() const {
  return impl_->state().arrivals.Snapshot();
}

std::vector<TimePoint> FakeLlmServer::ConnectionInstants() const {
  return impl_->state().connections.Snapshot();
}

}  // namespace llmload::fake_server
