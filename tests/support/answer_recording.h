// What a decoder made of an answer, as text, so that two decodings can be compared.
#ifndef LLMLOAD_TESTS_SUPPORT_ANSWER_RECORDING_H_
#define LLMLOAD_TESTS_SUPPORT_ANSWER_RECORDING_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/wire/answer_decoder.h"

namespace llmload::test_support {

/// Writes down what it is told.
class AnswerRecorder final : public wire::AnswerHandler {
 public:
  void OnToken(TokenKind kind, std::string_view token) override {
    constexpr const char* kNames[] = {"content", "reasoning", "tool"};
    Add(kNames[static_cast<int>(kind)], token);
  }
  void OnModel(std::string_view model) override { Add("model", model); }
  void OnFinishReason(std::string_view reason) override { Add("finish", reason); }
  void OnUsage(const Usage& usage, std::string_view raw) override {
    Add("usage", std::to_string(usage.input) + "/" + std::to_string(usage.cached_input) + "/" +
                     std::to_string(usage.cache_write_input) + " " + std::to_string(usage.output) +
                     "/" + std::to_string(usage.reasoning) + " " + std::string(raw));
  }
  void Add(std::string_view what, std::string_view value) {
    text.append(what).append("=").append(value).append("\n");
  }

  std::string text;
};

using MakeDecoder = std::function<std::unique_ptr<wire::AnswerDecoder>()>;

inline void RecordStatus(wire::AnswerDecoder& decoder, wire::AnswerDecoder::Status status,
                         AnswerRecorder& recorder) {
  if (status == wire::AnswerDecoder::Status::kDone) recorder.Add("done", "");
  if (status == wire::AnswerDecoder::Status::kFailed) {
    const wire::DecodeFailure& failure = decoder.failure();
    recorder.Add(ToString(failure.kind), failure.code + ": " + failure.message);
  }
}

/// Decodes a stream given in pieces; the last line is "done=" or "KIND=CODE: MESSAGE".
inline std::string DecodeStream(const MakeDecoder& make,
                                const std::vector<std::string_view>& pieces) {
  const std::unique_ptr<wire::AnswerDecoder> decoder = make();
  AnswerRecorder recorder;
  auto status = wire::AnswerDecoder::Status::kNeedMore;
  for (const std::string_view piece : pieces) {
    // A copy of its own size: reading beyond its end is found by the address sanitizer.
    const std::vector<char> copy(piece.begin(), piece.end());
    status = decoder->FeedStream({copy.data(), copy.size()}, recorder);
    if (status != wire::AnswerDecoder::Status::kNeedMore) break;
  }
  if (status == wire::AnswerDecoder::Status::kNeedMore) status = decoder->FinishStream(recorder);
  RecordStatus(*decoder, status, recorder);
  return recorder.text;
}

/// Decodes an answer that is not streamed.
inline std::string DecodeWhole(const MakeDecoder& make, std::string_view body) {
  const std::unique_ptr<wire::AnswerDecoder> decoder = make();
  AnswerRecorder recorder;
  RecordStatus(*decoder, decoder->DecodeAnswer(body, recorder), recorder);
  return recorder.text;
}

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_ANSWER_RECORDING_H_
