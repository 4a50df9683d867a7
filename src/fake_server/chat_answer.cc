#include "src/fake_server/chat_answer.h"

#include <algorithm>
#include <utility>

#include "src/fake_server/error_dialect.h"
#include "src/fake_server/http_response.h"

namespace llmload::fake_server {
namespace {

constexpr std::string_view kNoMoreChunks = "0\r\n\r\n";

constexpr std::uint64_t kTextSalt = 0x74657874ULL;
constexpr std::uint64_t kChoiceSalt = 0x63616c6cULL;

std::uint64_t BytesOr(const Fault& fault, std::uint64_t usual) {
  return fault.bytes > 0 ? fault.bytes : usual;
}

std::optional<int> OutputLimit(const ChatRequest& request) {
  if (!request.max_tokens) return std::nullopt;
  return static_cast<int>(*request.max_tokens);  // at most 1e9, by validation
}

}  // namespace

ChatAnswer::ChatAnswer(ChatRequest request, AnswerContext context, ServerCounters& counters)
    : request_(std::move(request)),
      context_(std::move(context)),
      counters_(counters),
      times_(context_.behaviour->latency, context_.behaviour->seed, context_.arrival,
             OutputLimit(request_)),
      texts_(Random::Stream(context_.behaviour->seed ^ kTextSalt, context_.arrival)),
      facts_{.request = request_,
             .content = content_,
             .ttft = times_.ttft(),
             .total = times_.ttft(),
             .rate = context_.rate},
      format_(MakeAnswerFormat(facts_, texts_)),
      words_(texts_, context_.multibyte_text) {
  content_ = ComposeAnswer(request_, request_.loads.empty() ? times_.tokens() : 0, times_.cut(),
                           Random::Stream(context_.behaviour->seed ^ kChoiceSalt, context_.arrival),
                           words_);
  facts_.tokens = tokens_ = content_.tokens;
  facts_.cut = content_.cut;
  begin_ = context_.arrived + context_.plan.extra_latency;
  due_ = begin_ + times_.ttft();
  if (Is(FaultKind::kSlowFirstToken)) due_ += context_.plan.fault->delay;
  chunked_ = context_.http_1_1;
  if (context_.plan.close || !context_.http_1_1) context_.keep_alive = false;
}

Ending ChatAnswer::UsualEnding() const noexcept {
  return context_.keep_alive ? Ending::kKeepAlive : Ending::kClose;
}

ChatAnswer::Progress ChatAnswer::Finish(Ending ending) const {
  Progress progress;
  progress.finished = true;
  progress.ending = ending;
  if (Is(FaultKind::kSlowDrip)) {
    progress.drip_bytes = static_cast<std::size_t>(BytesOr(*context_.plan.fault, 8));
    progress.drip_interval = context_.plan.fault->delay > Duration::zero()
                                 ? context_.plan.fault->delay
                                 : std::chrono::milliseconds(100);
  }
  return progress;
}

ChatAnswer::Progress ChatAnswer::Advance(TimePoint now, std::string_view date, std::string& out) {
  switch (stage_) {
    case Stage::kBegin:
      if (now < begin_) return {.next = begin_};
      return Begin(now, date, out);
    case Stage::kTokens:
      return StreamTokens(now, out);
    case Stage::kUnary:
      return Unary(now, date, out);
    case Stage::kUnaryRest:
      if (now < due_) return {.next = due_};
      out.append(rest_);
      return Finish(UsualEnding());
    case Stage::kSilent:
      break;
  }
  return {};
}

ChatAnswer::Progress ChatAnswer::Begin(TimePoint now, std::string_view date, std::string& out) {
  const Fault* const fault = context_.plan.fault;
  switch (fault == nullptr ? FaultKind::kExtraLatency : fault->kind) {
    case FaultKind::kHttpError: {
      ApiError error =
          fault->status == 429
              ? TooMany(request_.protocol, context_.rate.Refused(fault->retry_after), fault->code)
              : ErrorForStatus(request_.protocol, fault->status, fault->code, request_.model);
      error.retry_after = fault->retry_after;
      counters_.CountAnswer(error.status);
      AppendError(out, request_.protocol, error, date, format_->request_id(), context_.keep_alive);
      return Finish(UsualEnding());
    }
    case FaultKind::kHang:
      stage_ = Stage::kSilent;
      return {};
    case FaultKind::kReset:
      return Finish(Ending::kReset);
    case FaultKind::kGarbage:
      out.append("\x15\x03SSH-2.0-not_an_http_server\r\n\x01\x02\x03 garbage \xff\xfe\r\n\r\n");
      return Finish(Ending::kClose);
    case FaultKind::kRedirect:
      counters_.CountAnswer(307);
      HeadWriter(out, 307, date)
          .Field("location", context_.redirect_to)
          .Field("content-length", 0)
          .Field(RequestIdField(request_.protocol), format_->request_id())
          .End(context_.keep_alive);
      return Finish(UsualEnding());
    default:
      break;
  }
  if (!request_.stream) {
    for (int i = 1; i < tokens_; ++i) due_ += times_.NextGap();
    facts_.total = due_ - context_.arrived;
    stage_ = Stage::kUnary;
    return Unary(now, date, out);
  }

  if (Is(FaultKind::kWrongContentLength)) chunked_ = false;
  constexpr std::int64_t kFarTooLong = 1 << 20;
  AppendHead(out, date, format_->StreamType(),
             Is(FaultKind::kWrongContentLength) ? kFarTooLong : -1);
  BodyWriter body(out, chunked_);
  format_->AppendBegin(body);
  // A slow drip is slow enough: the answer is composed as a whole, without the model's times.
  if (Is(FaultKind::kSlowDrip)) due_ = TimePoint::min();
  stage_ = Stage::kTokens;
  return StreamTokens(now, out);
}

void ChatAnswer::AppendHead(std::string& out, std::string_view date, std::string_view content_type,
                            std::int64_t content_length) {
  counters_.CountAnswer(200);
  HeadWriter head(out, 200, date);
  head.Field("content-type", content_type);
  format_->AppendFields(head);
  if (Is(FaultKind::kOversizedHeader)) {
    head.Field(
        "x-padding",
        std::string(static_cast<std::size_t>(BytesOr(*context_.plan.fault, 256U << 10)), 'x'));
  }
  if (content_length >= 0) {
    head.Field("content-length", content_length);
  } else if (chunked_) {
    head.Field("transfer-encoding", "chunked");
  }
  const bool closes = !context_.keep_alive || (content_length < 0 && !chunked_);
  head.End(!closes);
}

void ChatAnswer::AppendPiece(BodyWriter& body, std::string_view text) {
  if (content_.calls.empty()) return format_->AppendToken(body, text);
  call_ = std::min(call_, content_.calls.size() - 1);
  if (!in_call_) format_->AppendCallBegin(body, call_);
  in_call_ = true;
  format_->AppendCallPiece(body, call_, text);
}

void ChatAnswer::EndCall(BodyWriter& body) {
  if (!in_call_) return;
  in_call_ = false;
  format_->AppendCallEnd(body, call_++);
  call_pieces_ = 0;
}

void ChatAnswer::AppendToken(std::string& out, TimePoint now) {
  BodyWriter body(out, chunked_);
  if (!content_.calls.empty()) {
    const ToolCall& call = content_.calls[call_];
    AppendPiece(body, call.pieces[call_pieces_]);
    if (++call_pieces_ == call.pieces.size()) EndCall(body);
  } else if (content_.pieces) {
    AppendPiece(body, (*content_.pieces)[static_cast<std::size_t>(sent_)]);
  } else if (context_.timestamp_tokens) {
    AppendPiece(body, std::to_string(now.time_since_epoch().count()));
  } else {
    AppendPiece(body, words_.Next());
  }
  ++sent_;
  counters_.tokens_sent.Add(static_cast<std::uint64_t>(request_.choices));
}

bool ChatAnswer::StrikeMidStream(TimePoint now, std::string& out, Progress& progress) {
  const Fault* const fault = context_.plan.fault;
  if (struck_ || fault == nullptr || sent_ != std::min(fault->after_tokens, tokens_)) return false;
  BodyWriter body(out, chunked_);
  switch (fault->kind) {
    case FaultKind::kCut:
      if (fault->cut_mode == CutMode::kAbrupt) progress = Finish(Ending::kAbrupt);
      if (fault->cut_mode == CutMode::kReset) progress = Finish(Ending::kReset);
      if (fault->cut_mode == CutMode::kCloseNotify) progress = Finish(Ending::kClose);
      return true;
    case FaultKind::kStall:
      struck_ = true;
      if (fault->delay == Duration::zero()) {
        stage_ = Stage::kSilent;
        progress = {};
        return true;
      }
      due_ = now + fault->delay;
      return false;
    case FaultKind::kErrorEvent:
      format_->AppendError(body, fault->code);
      if (chunked_) out.append(kNoMoreChunks);
      progress = Finish(UsualEnding());
      return true;
    case FaultKind::kMalformedJson:
      struck_ = true;
      format_->AppendBroken(body);
      return false;
    case FaultKind::kOversizedEvent:
      struck_ = true;
      AppendPiece(body, std::string(static_cast<std::size_t>(BytesOr(*fault, 2U << 20)), 'x'));
      return false;
    case FaultKind::kOversizedBody: {
      struck_ = true;
      constexpr std::uint64_t kPiece = 16U << 10;
      const std::string piece(kPiece, 'x');
      for (std::uint64_t left = BytesOr(*fault, 32U << 20); left > 0;) {
        const std::uint64_t size = std::min(left, kPiece);
        AppendPiece(body, std::string_view(piece).substr(0, static_cast<std::size_t>(size)));
        left -= size;
      }
      return false;
    }
    default:
      return false;
  }
}

ChatAnswer::Progress ChatAnswer::StreamTokens(TimePoint now, std::string& out) {
  Progress progress;
  // Several tokens may be due after a busy moment: they leave together, and the schedule stays as
  // drawn.
  while (due_ <= now) {
    if (StrikeMidStream(now, out, progress)) return progress;
    if (due_ > now) break;
    if (sent_ == tokens_) return StreamEnd(out);
    AppendToken(out, now);
    if (sent_ < tokens_ && !Is(FaultKind::kSlowDrip)) due_ += times_.NextGap();
  }
  return {.next = due_};
}

ChatAnswer::Progress ChatAnswer::StreamEnd(std::string& out) {
  facts_.total = due_ > context_.arrived ? due_ - context_.arrived : facts_.ttft;
  BodyWriter body(out, chunked_);
  if (!Is(FaultKind::kMissingFinish)) {
    EndCall(body);
    format_->AppendFinish(body);
  }
  if (!Is(FaultKind::kMissingFinish) && !Is(FaultKind::kMissingDone)) {
    format_->AppendTerminal(body);
  }
  if (chunked_) out.append(kNoMoreChunks);
  return Finish(chunked_ ? UsualEnding() : Ending::kClose);
}

std::string ChatAnswer::UnaryBody() {
  if (Is(FaultKind::kErrorEvent)) {
    if (std::string failed = format_->UnaryError(); !failed.empty()) return failed;
    return ErrorBody(request_.protocol, ErrorForStatus(request_.protocol, 500, "", request_.model),
                     format_->request_id());
  }
  std::string text;
  if (Is(FaultKind::kOversizedBody)) {
    text.assign(static_cast<std::size_t>(BytesOr(*context_.plan.fault, 32U << 20)), 'x');
  }
  if (content_.pieces) {
    for (const std::string& piece : *content_.pieces) text.append(piece);
  } else if (content_.calls.empty()) {
    for (int i = 0; i < tokens_; ++i) text.append(words_.Next());
  }
  counters_.tokens_sent.Add(static_cast<std::uint64_t>(tokens_) *
                            static_cast<std::uint64_t>(request_.choices));
  std::string body = format_->UnaryBody(text);
  if (Is(FaultKind::kMalformedJson)) body.resize(body.size() / 2);
  return body;
}

ChatAnswer::Progress ChatAnswer::Unary(TimePoint now, std::string_view date, std::string& out) {
  if (now < due_ && !Is(FaultKind::kSlowDrip)) return {.next = due_};
  const std::string body = UnaryBody();
  auto length = static_cast<std::int64_t>(body.size());
  if (Is(FaultKind::kWrongContentLength)) {
    length = std::max<std::int64_t>(0, length + context_.plan.fault->length_error);
  }
  AppendHead(out, date, JsonType(request_.protocol), length);
  if (Is(FaultKind::kCut)) {
    out.append(body, 0, body.size() / 2);
    switch (context_.plan.fault->cut_mode) {
      case CutMode::kAbrupt:
        return Finish(Ending::kAbrupt);
      case CutMode::kReset:
        return Finish(Ending::kReset);
      case CutMode::kCloseNotify:
        return Finish(Ending::kClose);
    }
  }
  if (Is(FaultKind::kStall)) {
    out.append(body, 0, body.size() / 2);
    const Duration pause = context_.plan.fault->delay;
    if (pause == Duration::zero()) {
      stage_ = Stage::kSilent;
      return {};
    }
    rest_ = body.substr(body.size() / 2);
    stage_ = Stage::kUnaryRest;
    due_ = now + pause;
    return {.next = due_};
  }
  out.append(body);
  // Too long a length ends the way it does in practice: the connection closes before the rest
  // comes.
  const bool too_long =
      Is(FaultKind::kWrongContentLength) && length > static_cast<std::int64_t>(body.size());
  return Finish(too_long ? Ending::kClose : UsualEnding());
}

}  // namespace llmload::fake_server
