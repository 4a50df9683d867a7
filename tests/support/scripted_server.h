// A server that does on each connection exactly what a test says, however broken.
#ifndef LLMLOAD_TESTS_SUPPORT_SCRIPTED_SERVER_H_
#define LLMLOAD_TESTS_SUPPORT_SCRIPTED_SERVER_H_

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace llmload::test_support {

struct Step {
  enum class Kind {
    kHandshake,    ///< TLS handshake; the first step of a TLS server unless a test leaves it out
    kReadRequest,  ///< one request with its body
    kSend,         ///< `bytes`
    kSleep,        ///< `time`, or until the peer is gone
    kHang,         ///< until the peer is gone
    kClose,        ///< orderly, with close_notify in TLS
    kCut,          ///< without close_notify
    kReset,        ///< with a TCP reset
  };
  Kind kind;
  std::string bytes;
  std::chrono::milliseconds time{0};
};

using Script = std::vector<Step>;

Step ReadRequest();
Step Send(std::string bytes);
Step Sleep(std::chrono::milliseconds time);
Step Hang();
Step Close();
Step Cut();
Step Reset();

/// Listens on 127.0.0.1 from construction to destruction, one thread per connection.
class ScriptedServer {
 public:
  /// Connection k plays `scripts[k]`, or the last one if there are fewer; a script ends with an
  /// orderly close.
  /// @param tls  null: clear text
  ScriptedServer(std::vector<Script> scripts, std::shared_ptr<SSL_CTX> tls, bool handshake = true);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& host = "127.0.0.1") const;
  int connections() const { return connections_; }
  /// Connections whose peer is still there or whose script has not ended.
  int open_connections() const { return open_; }
  /// `Send` steps that have ended: the system has taken all their bytes.
  int sends() const { return sends_; }
  /// Head and body of each request, in order of arrival.
  std::vector<std::string> requests() const;

 private:
  class Peer;
  void Accept();
  void Serve(int descriptor, const Script& script);

  const std::vector<Script> scripts_;
  const std::shared_ptr<SSL_CTX> tls_;
  const bool handshake_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0};
  std::atomic<int> open_{0};
  std::atomic<int> sends_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::vector<std::thread> peers_;     // of the accepting thread, then of the destructor
  std::thread acceptor_;
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_SCRIPTED_SERVER_H_
