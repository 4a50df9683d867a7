// One client connection: reads requests, sends answers, and breaks as the faults say.
#ifndef LLMLOAD_SRC_FAKE_SERVER_CONNECTION_H_
#define LLMLOAD_SRC_FAKE_SERVER_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/fake_server/chat_answer.h"
#include "src/fake_server/http_request.h"
#include "src/fake_server/protocol.h"
#include "src/fake_server/worker.h"
#include "src/net/transport.h"

namespace llmload::fake_server {

class Connection final : public std::enable_shared_from_this<Connection>,
                         private TimerQueue::Entry {
 public:
  Connection(Worker& worker, Socket socket, std::uint64_t number);
  ~Connection();

  void Start(Worker::Connections::iterator position);
  /// Closes at once, without a close_notify.
  void Drop();
  /// True if it waits for a request of which nothing has come yet.
  bool IsIdle() const noexcept;

 private:
  enum class State : std::uint8_t {
    kMute,  // never answers: reads past TLS and waits until the peer gives up
    kHandshake,
    kRequest,  // waiting for a request, or part of one
    kAnswer,   // an answer is being made or sent
    // All is sent; reads until the peer has closed, because a reset would destroy what the peer has
    // not read yet.
    kLingering,
    kClosed,
  };

  void OnTimer(TimePoint now) override;
  void OnReadable();
  void OnWritable();
  void Continue();
  bool IsReading() const noexcept;
  void ArmRead();
  void ArmWrite();

  void Handshake();
  void DiscardInput();
  void ReadRequests();
  /// Answers what is buffered, request by request.
  void ParseRequests();
  void PeerGone();

  void Serve(const HttpRequest& request);
  void ServeChat(const HttpRequest& request, const Route& route);
  void ServeModels(const HttpRequest& request);
  void ServeModel(const HttpRequest& request, const std::string& model);
  /// The refusal, if the credential is not one of the accepted.
  std::optional<ApiError> CheckKey(const HttpRequest& request);
  /// The refusal, if a limit is reached.
  std::optional<ApiError> Admit(TimePoint now, RateState& rate);
  void AnswerTags(const std::vector<std::string>& models, bool keep_alive);
  void AnswerText(std::string_view content_type, std::string_view body, bool keep_alive);
  void AnswerError(const ApiError& error, bool keep_alive);
  void FinishAnswer(Ending ending);

  void Advance(TimePoint now);
  void Flush();
  void OnFlushed();
  void ReleaseAdmission();
  void BeginLingering();
  void Linger();
  void AwaitRequest();
  void Close();

  std::shared_ptr<Connection> Self() { return shared_from_this(); }
  ServerState& server() noexcept { return worker_.state(); }
  ServerCounters& counters() noexcept { return worker_.state().counters; }

  Worker& worker_;
  Socket socket_;
  std::uint64_t number_;
  net::Transport transport_;
  HttpRequestParser parser_;
  Worker::Connections::iterator position_{};
  State state_ = State::kHandshake;
  bool read_armed_ = false;
  bool write_armed_ = false;
  bool admitted_ = false;  // counted as in flight
  bool admitted_stream_ = false;
  bool http_1_1_ = true;
  bool head_only_ = false;                 // the method is HEAD: no body follows
  Protocol protocol_ = Protocol::kOpenAi;  // of the latest request
  std::optional<ChatAnswer> answer_;       // while it produces output
  std::optional<Ending> ending_;           // of an answer that is complete but not yet sent
  std::size_t drip_bytes_ = 0;
  Duration drip_interval_{0};
  std::string in_;
  std::string out_;
  std::size_t out_sent_ = 0;
  TimePoint linger_end_{};
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_CONNECTION_H_
