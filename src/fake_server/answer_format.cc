#include "src/fake_server/answer_format.h"

namespace llmload::fake_server {

std::unique_ptr<AnswerFormat> MakeAnswerFormat(const AnswerFacts& facts, Random& random) {
  switch (facts.request.protocol) {
    case Protocol::kOpenAi:
    case Protocol::kAzure:
      return facts.request.operation == Operation::kResponses ? MakeResponsesFormat(facts, random)
                                                              : MakeOpenAiFormat(facts, random);
    case Protocol::kAnthropic:
      return MakeAnthropicFormat(facts, random);
    case Protocol::kConverse:
    case Protocol::kInvokeAnthropic:
    case Protocol::kInvokeTitan:
      return MakeBedrockFormat(facts, random);
    case Protocol::kOllama:
      return MakeOllamaFormat(facts, random);
  }
  return nullptr;
}

std::string Identifier(std::string_view prefix, std::size_t size, Random& random) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string text(prefix);
  for (std::size_t i = 0; i < size;) {
    std::uint64_t bits = random.Next();
    for (int k = 0; k < 12 && i < size; ++k, ++i) {
      text.push_back(kAlphabet[bits % kAlphabet.size()]);
      bits /= kAlphabet.size();
    }
  }
  return text;
}

std::string_view Padding(int event) {
  constexpr std::string_view kText =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const std::uint32_t mixed = static_cast<std::uint32_t>(event) * 2654435761U;
  return kText.substr(0, 1 + mixed % kText.size());
}

}  // namespace llmload::fake_server
