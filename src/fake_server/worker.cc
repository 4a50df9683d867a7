#include "src/fake_server/worker.h"

#include <utility>

#include "src/fake_server/connection.h"
#include "src/fake_server/http_response.h"

namespace llmload::fake_server {

Worker::Worker(ServerState& state)
    : state_(state), work_(context_.get_executor()), timers_(context_) {}

Worker::~Worker() = default;

void Worker::Start() {
  thread_ = std::thread([this] { context_.run(); });
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::Adopt(Socket socket, std::uint64_t number) {
  auto connection = std::make_shared<Connection>(*this, std::move(socket), number);
  connections_.push_front(connection);
  connection->Start(connections_.begin());
}

void Worker::Forget(Connections::iterator connection) { connections_.erase(connection); }

void Worker::CloseConnections(bool only_idle) {
  for (auto next = connections_.begin(); next != connections_.end();) {
    const std::shared_ptr<Connection> connection = *next++;
    if (!only_idle || connection->IsIdle()) connection->Drop();
  }
}

void Worker::Shutdown() {
  CloseConnections(/*only_idle=*/false);
  timers_.Shutdown();
  work_.reset();
}

const BehaviourBox::Snapshot& Worker::behaviour() {
  state_.behaviour.Refresh(behaviour_, behaviour_generation_);
  return behaviour_;
}

const std::string& Worker::Date(TimePoint now) {
  if (date_.empty() || now - date_made_ >= std::chrono::seconds(1)) {
    date_ = HttpDate(state_.options.clock_offset);
    date_made_ = now;
  }
  return date_;
}

}  // namespace llmload::fake_server
