// One thread of the server: an event loop and the connections that belong to it.
#ifndef LLMLOAD_SRC_FAKE_SERVER_WORKER_H_
#define LLMLOAD_SRC_FAKE_SERVER_WORKER_H_

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "src/fake_server/server_state.h"
#include "src/fake_server/timer_queue.h"

namespace llmload::fake_server {

class Connection;

using Socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

/// Everything but the constructor, `context`, `Start` and `Join` belongs to the worker's own
/// thread.
class Worker {
 public:
  using Connections = std::list<std::shared_ptr<Connection>>;

  explicit Worker(ServerState& state);
  ~Worker();

  void Start();
  /// After `Shutdown` has been posted.
  void Join();
  boost::asio::io_context& context() noexcept { return context_; }

  void Adopt(Socket socket, std::uint64_t number);
  void Forget(Connections::iterator connection);
  /// Closes all connections, or only those that wait for a request.
  void CloseConnections(bool only_idle);
  /// Closes everything and lets the event loop end.
  void Shutdown();

  ServerState& state() noexcept { return state_; }
  TimerQueue& timers() noexcept { return timers_; }
  const BehaviourBox::Snapshot& behaviour();
  /// The Date field, made once per second.
  const std::string& Date(TimePoint now);
  std::array<char, 16384>& scratch() noexcept { return scratch_; }

 private:
  ServerState& state_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  TimerQueue timers_;
  Connections connections_;
  BehaviourBox::Snapshot behaviour_;
  std::uint64_t behaviour_generation_ = 0;
  std::string date_;
  TimePoint date_made_{};
  std::array<char, 16384> scratch_{};
  std::thread thread_;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_WORKER_H_
