// An LLM service to test against: real sockets, real TLS, the real protocol, and faults on demand.
#ifndef LLMLOAD_FAKE_SERVER_FAKE_LLM_SERVER_H_
#define LLMLOAD_FAKE_SERVER_FAKE_LLM_SERVER_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/secret.h"
#include "llmload/core/time.h"
#include "llmload/simulation/fault.h"
#include "llmload/simulation/latency_model.h"

namespace llmload::fake_server {

/// An AWS credential that the server accepts.
struct FakeAwsCredential {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;  ///< empty: requests must not send one
  bool expired = false;  ///< true: answered with ExpiredTokenException
};

/// Where the server listens, how fast it answers, which credentials it accepts, and its faults.
struct FakeLlmServerOptions {
  std::string address = "127.0.0.1";  ///< numeric IPv4 or IPv6
  std::uint16_t port = 0;             ///< 0: any free one
  int threads = 1;                    ///< connections are dealt out in turn; 1..64
  bool clear_text = false;            ///< http:// instead of https://; loopback addresses only
  /// subjectAltName entries ("DNS:example.test", "IP:10.0.0.1") of the certificate, in place of
  /// DNS:localhost, IP:127.0.0.1, IP:::1 and the address: to see a host name mismatch.
  std::vector<std::string> certificate_names;

  /// Keys and bearer tokens that are accepted, of any API. If these and `aws_credentials` are
  /// empty, a request may bring any key or none; Bedrock's still need a well-formed signature or a
  /// token.
  std::vector<Secret> api_keys;
  /// What Bedrock's requests may be signed with; the signature is verified.
  std::vector<FakeAwsCredential> aws_credentials;
  std::vector<std::string> aws_regions;        ///< that signatures may name; empty: any
  std::vector<std::string> models;             ///< ids and deployments; empty: any model exists
  std::optional<std::int64_t> context_length;  ///< tokens of prompt plus requested output
  bool allow_unknown_parameters = false;  ///< true: ignore what OpenAI does not know, as vLLM does

  /// An answer that is not streamed takes the same total time as a streamed one.
  simulation::LatencyModel latency;
  std::vector<simulation::Fault> faults;
  /// Every draw, of latencies, texts and faults, depends on (seed, arrival number) only.
  std::uint64_t seed = 1;
  std::optional<int> max_concurrent;  ///< answers in progress; one more is answered 503
  /// One more is answered 429 with Retry-After; bursts of one second pass. What answers say about
  /// limits, in fields and texts, is the state of this one.
  std::optional<int> requests_per_minute;

  std::size_t max_body_bytes = 32U << 20;  ///< of a request; a larger one is answered 413
  std::optional<Duration> idle_timeout;    ///< after so long without a request a connection closes
  std::size_t arrival_log_capacity = 1U << 16;  ///< instants kept, the newest
  /// How much the server's wall clock is ahead: in its `Date`, and where it judges the age of a
  /// signature.
  std::chrono::seconds clock_offset{0};
  bool multibyte_text = false;  ///< answers consist of UTF-8 sequences of two to four bytes
  /// The text of each token is the instant it was sent, in ns of std::chrono::steady_clock: for
  /// measuring delivery lag.
  bool timestamp_tokens = false;
};

/// What the server has seen and done since it started.
struct FakeLlmServerCounters {
  std::uint64_t connections = 0;       ///< accepted
  std::uint64_t connections_open = 0;  ///< now
  std::uint64_t tls_handshakes = 0;    ///< completed
  std::uint64_t tls_failures = 0;      ///< handshakes that failed
  std::uint64_t chat_requests = 0;     ///< for a completion, whatever the API and the method
  std::uint64_t models_requests = 0;   ///< for the list of models
  std::uint64_t health_requests = 0;   ///< to /healthz
  std::uint64_t other_requests = 0;    ///< to any other path, or not HTTP
  std::uint64_t arrivals = 0;          ///< POSTs for a completion, completely read
  std::uint64_t azure_requests = 0;    ///< those of `chat_requests` that are Azure OpenAI's
  std::uint64_t anthropic_requests = 0;
  std::uint64_t bedrock_requests = 0;
  std::uint64_t ollama_requests = 0;
  std::uint64_t streams_open = 0;  ///< streamed answers in progress now
  std::uint64_t streams_peak = 0;
  std::uint64_t in_flight = 0;  ///< answers in progress now, streamed or not, hung ones too
  std::uint64_t in_flight_peak = 0;
  std::uint64_t tokens_sent = 0;
  std::map<int, std::uint64_t> answers_by_status;
  /// How often each kind hit; index: `simulation::FaultKind`.
  std::array<std::uint64_t, simulation::kFaultKindCount> faults_by_kind{};
  /// Requests that the real service would refuse, also for their credential.
  std::uint64_t validation_failures = 0;
  std::uint64_t rate_limited = 0;       ///< refused by `requests_per_minute`
  std::uint64_t over_capacity = 0;      ///< refused by `max_concurrent`
  std::uint64_t aborted_by_client = 0;  ///< connection ended before the answer did
  std::uint64_t leaked_bytes = 0;       ///< by `simulation::FaultKind::kLeak`

  std::uint64_t faults(simulation::FaultKind kind) const {
    return faults_by_kind[static_cast<std::size_t>(kind)];
  }
};

/// One JSON object on one line, member names as in `FakeLlmServerCounters`.
std::string ToJson(const FakeLlmServerCounters& counters);

/// A server of all the APIs that llmload's providers speak, over HTTPS, on threads of its own:
/// - OpenAI: `POST /v1/chat/completions`, `POST /v1/responses`, `GET /v1/models`,
///   `GET /v1/models/{id}`; the `/v1` may be left out
/// - Azure OpenAI: `POST /openai/deployments/{deployment}/chat/completions?api-version=...`,
///   `POST /openai/v1/chat/completions` and `POST /openai/v1/responses`
/// - Anthropic: `POST /v1/messages`
/// - Bedrock: `POST /model/{modelId}/converse`, `/converse-stream`, `/invoke` and
///   `/invoke-with-response-stream` (bodies of Titan for an id with amazon.titan, else Anthropic's)
/// - Ollama: `POST /api/chat`, `POST /api/generate`, `GET /api/tags`
/// - `GET /healthz`
///
/// Requests and credentials are validated as the real services do, and each refusal is worded as
/// the API of the requested path does. The certificate authority and the server's certificate are
/// made at construction and exist in memory only. TLS 1.2 or newer; of the protocols that a client
/// offers, http/1.1 is chosen, and one that offers others only is refused.
///
/// A streamed answer sends its header and first events at once, one event per token from the time
/// to first token on, and its closing events together with the last token. Prompt tokens are
/// estimated as ceil(bytes of message text / 4), and 85 more for each image that OpenAI's API gets.
///
/// A request with tools is answered with calls of one to three of them if it demands a call; and if
/// it leaves the choice, in about half of the answers, unless the conversation ends with the result
/// of a call. Arguments, and texts where JSON is wanted, fit their schema, and are the same every
/// time. Text ends before a stop sequence; in about half of the answers it would go on with one.
/// Which answers these are depends on the seed and the arrival's number only.
///
/// A prompt of 1024 tokens or more that Anthropic's `cache_control` or Bedrock's `cachePoint` marks
/// is kept for as long as the mark says: the usage tells what a request has written, and what it
/// has found there. A request to Ollama without a prompt loads the model, and answers nothing.
///
/// Thread-safe. It works in real time, as it is a network peer and not part of what is tested.
class FakeLlmServer {
 public:
  /// Listens when it returns. Throws `ConfigurationError` if an option makes no sense, or if the
  /// address cannot be listened on.
  explicit FakeLlmServer(FakeLlmServerOptions options = {});
  /// As `Stop`.
  ~FakeLlmServer();

  FakeLlmServer(const FakeLlmServer&) = delete;
  FakeLlmServer& operator=(const FakeLlmServer&) = delete;

  /// Closes every connection, streams included, and ends the threads, at once. May be called again.
  void Stop();

  /// As if the process had died: closes every connection, and the port refuses new ones. Counters,
  /// faults and certificates stay. No effect after `Stop`.
  void Suspend();
  /// Listens on the same port again. Throws `ConfigurationError` if another process has taken it.
  void Resume();
  /// Closes the connections that wait for a request, as services do with idle ones.
  void CloseIdleConnections();

  /// Replaces the faults for requests that arrive from now on; answers in progress keep theirs.
  /// Throws `ConfigurationError` as `simulation::Validate` does for a fault of
  /// `FaultSide::kFakeServer`; then nothing has changed.
  void SetFaults(std::vector<simulation::Fault> faults);
  /// Replaces the latency model for requests that arrive from now on. Throws `ConfigurationError`.
  void SetLatency(const simulation::LatencyModel& latency);

  std::uint16_t port() const noexcept;
  /// "https://127.0.0.1:PORT/v1", as the base URL of an OpenAI client.
  const std::string& base_url() const noexcept;
  /// "https://127.0.0.1:PORT", as that of a client of any other API.
  const std::string& origin() const noexcept;
  /// The certificate authority to trust, as PEM. Empty with `clear_text`.
  const std::string& ca_pem() const noexcept;

  FakeLlmServerCounters counters() const;
  /// When chat completion requests arrived, oldest first: the newest `arrival_log_capacity` of
  /// them.
  std::vector<TimePoint> ArrivalInstants() const;
  /// When connections were accepted, as many as of the arrivals: with some faults no request ever
  /// arrives.
  std::vector<TimePoint> ConnectionInstants() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_FAKE_SERVER_FAKE_LLM_SERVER_H_
