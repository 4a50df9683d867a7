// Chunks that differ from the last one only in their content are decoded in a shorter way, with the
// same result.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "llmload/core/random.h"
#include "src/wire/openai_message.h"

namespace llmload::wire {
namespace {

constexpr std::string_view kHead =
    R"({"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":")";
constexpr std::string_view kTail = R"("},"finish_reason":null}]})";

std::string Chunk(std::string_view content) {
  return std::string(kHead).append(content).append(kTail);
}

std::string Text(const OpenAiMessage* message) {
  if (message == nullptr) return "not valid";
  std::string text;
  for (const std::string_view part : {message->content, message->reasoning, message->tool_call,
                                      message->finish_reason, message->model, message->raw_usage}) {
    text.append(part).append("|");
  }
  text.append(message->has_tool_call ? "tool call|" : "");
  text.append(message->has_choice ? "choice|" : "");
  text.append(message->usage ? "usage|" : "");
  return text.append(message->error ? "error: " + message->error->message : "");
}

std::string Parsed(const std::string& text) {
  OpenAiDecoder decoder;  // new
  return Text(decoder.DecodeChunk(text));
}

// The meaning of `text` after `before`, and its meaning to a new decoder.
void ExpectTheSame(const std::string& before, const std::string& text, std::string_view hint = {}) {
  OpenAiDecoder decoder;
  decoder.DecodeChunk(before);
  const std::string after = Text(decoder.DecodeChunk(text));
  EXPECT_EQ(after, Parsed(text)) << hint << "\nbefore: " << before << "\ntext:   " << text;
  // And once more, so that the state after the first does no harm.
  EXPECT_EQ(Text(decoder.DecodeChunk(before)), Parsed(before)) << hint;
}

TEST(OpenAiSimilarChunk, TakesContentThatAloneDiffers) {
  OpenAiDecoder decoder;
  ASSERT_EQ(Text(decoder.DecodeChunk(Chunk("first"))), "first||||m||choice|");
  // The text that was decoded first no longer exists.
  EXPECT_EQ(Text(decoder.DecodeChunk(Chunk("second"))), "second||||m||choice|");
}

TEST(OpenAiSimilarChunk, ParsesWhateverIsInDoubt) {
  const std::array<std::string, 9> doubtful = {
      Chunk(""),                                  // no token
      Chunk(R"(x"},"finish_reason":"stop"}]})"),  // seems to end where it does not
      Chunk(R"(x","refusal":"y)"),                // another member
      Chunk("\xC3"),                              // not UTF-8
      Chunk("a\x01"),                             // a control character
      Chunk(R"(\)"),                              // escapes the closing quote
      Chunk(R"(a\n\"b\" \u00e9)"),
      std::string(kHead),  // cut
      R"({"id":"c2","choices":[{"delta":{"content":"x"}}]})",
  };
  for (const std::string& text : doubtful) ExpectTheSame(Chunk("first"), text);
}

TEST(OpenAiSimilarChunk, ForgetsNothingThatAChunkSaidBesideItsContent) {
  const std::array<std::string, 6> chunks = {
      R"({"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]})",
      R"({"choices":[{"delta":{"content":"x"}}],"usage":{"completion_tokens":1}})",
      R"({"choices":[{"delta":{"reasoning":"r","content":"x"}}]})",
      R"({"choices":[{"delta":{"content":[{"type":"text","text":"x"}]}}]})",
      R"({"model":"a\u0062","choices":[{"delta":{"content":"x"}}]})",
      R"({"choices":[{"delta":{"content":"x"}}],"model":"behind"})",
  };
  for (const std::string& text : chunks) {
    std::string next = text;
    next.replace(next.find("\"x\""), 3, "\"yy\"");
    ExpectTheSame(text, next);
  }
}

TEST(OpenAiSimilarChunk, NeverDiffersFromTheParser) {
  constexpr std::uint64_t kSeed = 20240607;
  static constexpr std::array<std::string_view, 12> kPieces = {
      "\"",
      "\\",
      "x",
      "},",
      ",\"content\":\"",
      "\"refusal\":\"r\"",
      "\xC3\xA9",
      "\\u0041",
      "]",
      ",\"usage\":{\"completion_tokens\":3}",
      "null",
      "\\\""};
  Random random(kSeed);
  for (int turn = 0; turn < 20'000; ++turn) {
    const auto pick = [&] { return kPieces[random.Below(kPieces.size())]; };
    std::string before = Chunk("first");
    std::string text = Chunk("second");
    // The same piece at the same place of both, and other ones somewhere in the second.
    if (random.Chance(0.5)) {
      const std::size_t at = random.Below(kHead.size() + 1);
      const std::string_view piece = pick();
      before.insert(at, piece);
      text.insert(at, piece);
    }
    for (std::uint64_t i = random.Below(3); i > 0; --i) {
      text.insert(random.Below(text.size() + 1), pick());
    }
    ExpectTheSame(before, text, "seed " + std::to_string(kSeed) + " turn " + std::to_string(turn));
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace llmload::wire
