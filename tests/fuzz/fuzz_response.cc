// The whole path of an answer: HTTP, the API's framing, the decoder, and what becomes of it.
#include <memory>
#include <string>
#include <vector>

#include "src/net/response_reader.h"
#include "src/service/answer_sink.h"
#include "src/wire/anthropic_codec.h"
#include "src/wire/ollama_codec.h"
#include "src/wire/openai_codec.h"
#include "tests/fuzz/fuzz_decoder.h"

namespace llmload {
namespace {

using net::ResponseReader;

// Beyond what an input has: how exactly the bound is kept depends on where a header is cut.
constexpr std::size_t kMaxHeader = 64 << 10;

std::unique_ptr<wire::AnswerDecoder> MakeDecoder(std::uint32_t seed) {
  switch (seed % 3) {
    case 0:
      return std::make_unique<wire::OpenAiAnswerDecoder>(fuzz::kLimit);
    case 1:
      return std::make_unique<wire::AnthropicAnswerDecoder>(fuzz::kLimit);
    default:
      return std::make_unique<wire::OllamaAnswerDecoder>(fuzz::kLimit);
  }
}

class CountingObserver final : public StreamObserver {
 public:
  void OnToken(const TokenEvent& event) override {
    fuzz::Require(event.at >= last_, "instants do not run backwards");
    last_ = event.at;
    ++count_;
  }
  std::int64_t count() const { return count_; }

 private:
  TimePoint last_{};
  std::int64_t count_ = 0;
};

// What came of an answer that is received in `pieces`.
std::string Receive(const std::vector<std::string_view>& pieces, std::uint32_t seed) {
  const bool stream = (seed >> 8U) % 2 == 0;
  ProviderLimits limits;
  limits.body_bytes = 3 * fuzz::kLimit;
  const Secret secret("sk-secret");
  const Redactor redact({&secret, 1});
  const auto decoder = MakeDecoder(seed);
  CountingObserver observer;
  AnswerSink sink(stream, limits, redact, *decoder, &observer);
  net::ResponseHead head;
  ResponseReader reader(head, sink, kMaxHeader);
  net::Exchange exchange;
  auto status = ResponseReader::Status::kNeedMore;
  TimePoint at{std::chrono::seconds(1)};
  for (const std::string_view piece : pieces) {
    // A copy of its own size: reading beyond its end is found by the address sanitizer.
    const std::vector<char> copy(piece.begin(), piece.end());
    if (copy.empty()) continue;
    status = reader.Feed({copy.data(), copy.size()}, at);
    at += std::chrono::milliseconds(1);
    if (status != ResponseReader::Status::kNeedMore) break;
  }
  if (status == ResponseReader::Status::kNeedMore && reader.HasStarted()) {
    status = reader.FeedEnd();
    if (status != ResponseReader::Status::kComplete) {
      exchange.failure = net::Failure{ErrorKind::kConnectionReset, "the answer was cut"};
    }
  } else if (status == ResponseReader::Status::kNeedMore) {
    exchange.failure = net::Failure{ErrorKind::kConnectionReset, "no answer"};
  } else if (status == ResponseReader::Status::kMalformed) {
    exchange.failure = net::Failure{ErrorKind::kMalformedResponse, "not HTTP"};
  } else if (status == ResponseReader::Status::kTooLarge) {
    exchange.failure = net::Failure{ErrorKind::kResponseTooLarge, "header"};
  }
  if (!exchange.failure) exchange.completed = at;
  const Result<Completion> result = sink.Finish(exchange);
  if (result.has_error()) {
    const Error error = result.error();
    fuzz::Require(error.kind != ErrorKind::kInternal, "an error has a kind");
    fuzz::Require(Describe(error).find("sk-secret") == std::string::npos, "a secret stays secret");
    fuzz::Require(error.partial_tokens == observer.count(), "every token event is accounted for");
    // A header that never ends may also be wrong, and is looked at again only when more of it
    // comes.
    if (error.http_status == 0) return "no usable header";
    return std::string(ToString(error.kind)) + "|" + std::to_string(error.http_status) + "|" +
           error.partial_text + "|" + std::to_string(error.partial_tokens);
  }
  const Completion& completion = *result;
  fuzz::Require(completion.token_events == observer.count(), "every token event is accounted for");
  fuzz::Require(completion.text.size() <= limits.body_bytes, "the text keeps to its bound");
  return completion.text + "|" + completion.finish_reason + "|" +
         std::to_string(completion.token_events) + "|" + std::to_string(completion.usage.output);
}

}  // namespace
}  // namespace llmload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  return fuzz::WithSeed(data, size, [](std::string_view answer, std::uint32_t seed) {
    const std::string whole = Receive({answer}, seed);
    const std::size_t first = answer.empty() ? 0 : seed % answer.size();
    const std::size_t second = first + (seed / 7) % (answer.size() - first + 1);
    const std::string cut = Receive(
        {answer.substr(0, first), answer.substr(first, second - first), answer.substr(second)},
        seed);
    if (cut != whole) std::fprintf(stderr, "whole: %s\ncut:   %s\n", whole.c_str(), cut.c_str());
    fuzz::Require(cut == whole, "an answer is received alike wherever it is cut");
  });
}
