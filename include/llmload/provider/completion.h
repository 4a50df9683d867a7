// The request to a provider, and its answer.
#ifndef LLMLOAD_PROVIDER_COMPLETION_H_
#define LLMLOAD_PROVIDER_COMPLETION_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/provider/error.h"

namespace llmload {

enum class Role : std::uint8_t { kSystem, kUser, kAssistant };

/// One message of a conversation.
struct Message {
  Role role = Role::kUser;
  std::string content = {};
};

/// A name and a value by which requests are told apart in reports and criteria, such as "tenant"
/// and "a".
struct RequestTag {
  std::string name = {};
  std::string value = {};
  friend auto operator<=>(const RequestTag&, const RequestTag&) = default;
};

/// A chat completion request in the terms all providers share.
struct CompletionRequest {
  std::string model = {};
  std::vector<Message> messages = {};
  std::optional<int> max_tokens = {};  ///< upper bound of output tokens
  std::optional<double> temperature = {};
  bool stream = false;
  std::optional<TimePoint> deadline = {};  ///< of the whole request, over all its attempts
  /// Never sent to a service. Of more than 8, the first 8 by name count; of a name that is there
  /// twice, one of them; and names and values are cut to 64 bytes.
  std::vector<RequestTag> tags = {};
  /// A JSON object whose members are added to the body, for providers that send one; empty: none.
  /// It is merged with `HttpOptions::extra_body`, whose members it overrides, and the same members
  /// are refused: then the request fails with `ErrorKind::kInvalidRequest`.
  std::string extra_body = {};
};

/// Tokens as the provider bills them, normalised: `input` holds all tokens read, `cached_input` and
/// `cache_write_input` being parts of it, and `output` all tokens generated, `reasoning` being a
/// part of it. Providers count differently (docs/providers.md); the decoders convert their counts.
struct Usage {
  std::int64_t input = 0;
  std::int64_t cached_input = 0;       ///< read from the provider's prompt cache
  std::int64_t cache_write_input = 0;  ///< written to that cache
  std::int64_t output = 0;
  std::int64_t reasoning = 0;
};

/// Where an output token count comes from.
enum class TokenSource : std::uint8_t {
  kUsage,  ///< the provider's usage
  /// The provider sent no usage, and token events were counted. An event may bundle several
  /// tokens.
  kCountedEvents,
};

/// Instants of one provider call, on the clock of the caller (definitions: docs/metrics.md).
/// An instant that did not happen, or has no meaning for the call, is empty.
struct Timings {
  /// How long the call waited for a connection: until one was free, where their number is bounded,
  /// and for name, connect and TLS of a new one. Zero for a pooled one that was free.
  std::optional<Duration> connection_wait;
  std::optional<TimePoint> sent;         ///< last byte of the request handed to the socket
  std::optional<TimePoint> first_byte;   ///< first byte of the response
  std::optional<TimePoint> first_token;  ///< first non-empty token of any kind; streaming only
  std::optional<TimePoint> first_output_token;  ///< first non-empty answer content; streaming only
  std::optional<TimePoint> last_token;          ///< last non-empty token; streaming only
  std::optional<TimePoint> completed;           ///< terminal event received, or body complete
};

/// A complete, successful answer.
struct Completion {
  std::string text;
  std::string finish_reason;  ///< the provider's own word ("stop", "length")
  std::string model;          ///< as the provider names it in the answer
  std::string provider;       ///< `ProviderIdentity::name` of the provider that answered
  std::string request_id;     ///< the service's request id; empty if it sent none
  Usage usage;
  /// The provider's own numbers, JSON as it sent them; empty if it sent none.
  std::string raw_usage;
  TokenSource token_source = TokenSource::kUsage;
  std::int64_t token_events = 0;  ///< streaming: events that carried a non-empty token
  Timings timings;
  std::vector<Attempt> attempts;  ///< every provider call made for the request, oldest first
};

enum class TokenKind : std::uint8_t { kContent, kReasoning, kToolCall };

/// One event of a stream that carries a non-empty token. It may bundle several tokens.
struct TokenEvent {
  TokenKind kind = TokenKind::kContent;
  std::string_view text;  ///< valid during the call only
  TimePoint at{};         ///< of the first event: the same instant as `Timings::first_token`
};

/// Receives the tokens of a stream as they arrive, in order, on the thread of the request.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  /// Called once per token event, before `Provider::Complete` returns, and never after it. Must not
  /// block.
  virtual void OnToken(const TokenEvent& event) = 0;
  /// False if only the instants in the events matter. Then a simulation may deliver events late and
  /// together, instead of waking up for each.
  virtual bool NeedsEventsInTime() const { return true; }
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_COMPLETION_H_
