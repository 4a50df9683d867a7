// How an answer looks on the wire, one class per API; when what is sent is `ChatAnswer`'s part.
#ifndef LLMLOAD_SRC_FAKE_SERVER_ANSWER_FORMAT_H_
#define LLMLOAD_SRC_FAKE_SERVER_ANSWER_FORMAT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "llmload/core/random.h"
#include "llmload/core/time.h"
#include "src/fake_server/answer_content.h"
#include "src/fake_server/chat_request.h"
#include "src/fake_server/http_response.h"
#include "src/fake_server/rate_fields.h"

namespace llmload::fake_server {

/// What an answer says about itself.
struct AnswerFacts {
  const ChatRequest& request;
  const AnswerContent& content;  ///< decided after the format is made, before its first call
  int tokens = 0;                ///< of the whole answer, per choice
  bool cut = false;              ///< the output limit ended it
  Duration ttft{};
  Duration total{};  ///< from the arrival to the last token
  RateState rate;
};

/// Appends to a streamed body, in chunks or as it is.
class BodyWriter {
 public:
  BodyWriter(std::string& out, bool chunked) : out_(out), chunked_(chunked) {}
  void Append(std::initializer_list<std::string_view> parts) { AppendChunk(out_, chunked_, parts); }

 private:
  std::string& out_;
  const bool chunked_;
};

class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;

  /// Media type of a streamed answer.
  virtual std::string_view StreamType() const = 0;
  /// Fields that describe the answer: request id, limits, times.
  virtual void AppendFields(HeadWriter& head) const = 0;

  // Parts of a stream. No allocation per token once the buffers have grown. An answer consists of
  // text, or of the calls in `AnswerFacts::content`: each has its begin, its arguments in pieces,
  // and its end, also if the output limit cuts it.
  virtual void AppendBegin(BodyWriter& body) = 0;
  /// @param text  needs no escaping in JSON
  virtual void AppendToken(BodyWriter& body, std::string_view text) = 0;
  virtual void AppendCallBegin(BodyWriter& /*body*/, std::size_t /*call*/) {}
  /// @param json  a piece of the arguments, escaped as inside a JSON string
  virtual void AppendCallPiece(BodyWriter& /*body*/, std::size_t /*call*/,
                               std::string_view /*json*/) {}
  virtual void AppendCallEnd(BodyWriter& /*body*/, std::size_t /*call*/) {}
  /// What comes after the last token, but for the terminal event.
  virtual void AppendFinish(BodyWriter& body) = 0;
  /// The terminal event; for an API that has none beside its finish, nothing.
  virtual void AppendTerminal(BodyWriter& body) = 0;
  /// An error inside the stream.
  /// @param code  picks the error where the API has several; empty: the usual one
  virtual void AppendError(BodyWriter& body, std::string_view code) = 0;
  /// An event cut short in its middle, in a frame that is whole.
  virtual void AppendBroken(BodyWriter& body) = 0;

  /// The body of an answer that is not streamed. The calls of one that has any are in
  /// `AnswerFacts::content`.
  /// @param text  needs no escaping in JSON
  virtual std::string UnaryBody(std::string_view text) const = 0;

  /// The same for an answer that fails with status 200; empty: as with an error status.
  virtual std::string UnaryError() const { return {}; }

  const std::string& request_id() const { return request_id_; }

 protected:
  explicit AnswerFormat(std::string request_id) : request_id_(std::move(request_id)) {}

 private:
  const std::string request_id_;
};

/// @param facts   has to outlive the format
/// @param random  gives the identifiers
std::unique_ptr<AnswerFormat> MakeAnswerFormat(const AnswerFacts& facts, Random& random);

/// Letters and digits drawn from `random`, as in the identifiers of the services.
std::string Identifier(std::string_view prefix, std::size_t size, Random& random);

/// Padding of a length that varies from event to event, as services send it against traffic
/// analysis.
std::string_view Padding(int event);

// The makers of each API's format.
std::unique_ptr<AnswerFormat> MakeOpenAiFormat(const AnswerFacts& facts, Random& random);
std::unique_ptr<AnswerFormat> MakeResponsesFormat(const AnswerFacts& facts, Random& random);
std::unique_ptr<AnswerFormat> MakeAnthropicFormat(const AnswerFacts& facts, Random& random);
std::unique_ptr<AnswerFormat> MakeBedrockFormat(const AnswerFacts& facts, Random& random);
std::unique_ptr<AnswerFormat> MakeOllamaFormat(const AnswerFacts& facts, Random& random);

/// The fields of an answer of OpenAI or Azure, whichever of its APIs it is for.
void AppendOpenAiFields(HeadWriter& head, const AnswerFacts& facts, std::string_view request_id);

/// Whole milliseconds, as services report their latencies.
inline std::int64_t Milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ANSWER_FORMAT_H_
