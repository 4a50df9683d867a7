// The answer to one chat completion request as a function of time: sans-io, bytes out.
#ifndef LLMLOAD_SRC_FAKE_SERVER_CHAT_ANSWER_H_
#define LLMLOAD_SRC_FAKE_SERVER_CHAT_ANSWER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "llmload/core/random.h"
#include "src/fake_server/answer_format.h"
#include "src/fake_server/behaviour.h"
#include "src/fake_server/chat_request.h"
#include "src/fake_server/server_counters.h"

namespace llmload::fake_server {

/// What becomes of the connection after an answer.
enum class Ending : std::uint8_t { kKeepAlive, kClose, kAbrupt, kReset };

/// What an answer needs to know besides the request.
struct AnswerContext {
  BehaviourBox::Snapshot behaviour;
  FaultPlan plan;
  std::uint64_t arrival = 0;
  TimePoint arrived{};
  bool http_1_1 = true;
  bool keep_alive = true;
  bool timestamp_tokens = false;
  RateState rate;
  std::string redirect_to;  ///< URL, for `FaultKind::kRedirect`
  bool multibyte_text = false;
};

class ChatAnswer {
 public:
  static constexpr TimePoint kNever = TimePoint::max();

  struct Progress {
    bool finished = false;
    Ending ending = Ending::kKeepAlive;
    TimePoint next = kNever;     ///< if not finished: when to call again; never for a hang
    std::size_t drip_bytes = 0;  ///< if not 0: send the output so slowly
    Duration drip_interval{0};
  };

  ChatAnswer(ChatRequest request, AnswerContext context, ServerCounters& counters);
  ChatAnswer(const ChatAnswer&) = delete;
  ChatAnswer& operator=(const ChatAnswer&) = delete;

  /// Appends everything due by `now` to `out`.
  Progress Advance(TimePoint now, std::string_view date, std::string& out);

  bool stream() const noexcept { return request_.stream; }

 private:
  enum class Stage : std::uint8_t { kBegin, kTokens, kUnary, kUnaryRest, kSilent };

  bool Is(FaultKind kind) const noexcept {
    return context_.plan.fault != nullptr && context_.plan.fault->kind == kind;
  }
  Progress Finish(Ending ending) const;
  Progress Begin(TimePoint now, std::string_view date, std::string& out);
  Progress StreamTokens(TimePoint now, std::string& out);
  Progress StreamEnd(std::string& out);
  Progress Unary(TimePoint now, std::string_view date, std::string& out);
  /// Does what the fault does after its number of tokens. True if the answer is over or silent.
  bool StrikeMidStream(TimePoint now, std::string& out, Progress& progress);

  void AppendHead(std::string& out, std::string_view date, std::string_view content_type,
                  std::int64_t content_length);
  void AppendToken(std::string& out, TimePoint now);
  /// Text, or a piece of the arguments of the call that is being made.
  void AppendPiece(BodyWriter& body, std::string_view text);
  /// Ends the call that is being made, if there is one.
  void EndCall(BodyWriter& body);
  std::string UnaryBody();
  Ending UsualEnding() const noexcept;

  ChatRequest request_;
  AnswerContext context_;
  ServerCounters& counters_;
  AnswerPlan
      times_;  // apart from the texts, so that a streamed and a unary answer take the same time
  Random texts_;
  AnswerContent content_;
  AnswerFacts facts_;
  std::unique_ptr<AnswerFormat> format_;
  Words words_;
  Stage stage_ = Stage::kBegin;
  int tokens_ = 0;  // of the answer, per choice
  int sent_ = 0;
  std::size_t call_ = 0;         // the one that is being made, or is next
  std::size_t call_pieces_ = 0;  // of it that were sent
  bool in_call_ = false;
  bool chunked_ = true;
  bool struck_ = false;
  TimePoint begin_{};  // arrival plus extra latency
  TimePoint due_{};    // of the next token, or of the whole unary answer
  std::string rest_;   // of a unary answer that stalls half way
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_CHAT_ANSWER_H_
