#include "src/fake_server/answer_content.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "src/core/text/json_cursor.h"
#include "src/fake_server/answer_format.h"

namespace llmload::fake_server {
namespace {

constexpr std::array<std::string_view, 32> kWords = {
    " the",    " service", " answers", " every", " request", " within",  " its",  " deadline",
    " while",  " load",    " grows",   " and",   " tokens",  " arrive",  " one",  " by",
    " one",    " until",   " a",       " model", " has",     " said",    " all",  " it",
    " wanted", " to",      " say",     ".",      " Then",    " another", " turn", " begins"};

// Sequences of two, three and four bytes.
constexpr std::array<std::string_view, 8> kMultibyteWords = {
    " grüßt", " 世界", " données", " привет", " 🙂", " naïve", " ½", " €"};

constexpr std::uint64_t kMaxCalls = 3;

std::size_t TokensLeft(const ChatRequest& request) {
  return request.max_tokens ? static_cast<std::size_t>(*request.max_tokens)
                            : std::numeric_limits<std::size_t>::max();
}

std::string Escaped(std::string_view text) {
  std::string quoted;
  text::AppendJsonString(text, quoted);
  return quoted.substr(1, quoted.size() - 2);
}

// About as long as a model's tokens; no character is divided.
std::vector<std::string> SplitIntoTokens(std::string_view text) {
  constexpr std::size_t kTokenBytes = 4;
  std::vector<std::string> pieces;
  while (!text.empty()) {
    std::size_t size = std::min(kTokenBytes, text.size());
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) ++size;
    pieces.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return pieces;
}

std::string CallId(Protocol protocol, Random& random) {
  switch (protocol) {
    case Protocol::kAnthropic:
      return Identifier("toolu_01", 22, random);
    case Protocol::kInvokeAnthropic:
      return Identifier("toolu_bdrk_01", 22, random);
    case Protocol::kConverse:
      return Identifier("tooluse_", 22, random);
    default:
      return Identifier("call_", 24, random);
  }
}

void ComposeCalls(const ChatRequest& request, Random& choices, AnswerContent& content) {
  // Each of another tool: clients that ask for one tool expect one call.
  const std::uint64_t most =
      request.parallel_calls ? std::min<std::uint64_t>(kMaxCalls, request.tools.size()) : 1;
  const std::uint64_t count = 1 + choices.Below(most);
  const std::uint64_t first = choices.Below(request.tools.size());
  std::size_t left = TokensLeft(request);
  content.tokens = 0;
  content.cut = false;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (left == 0) content.cut = true;
    if (content.cut) return;
    const Tool& tool = request.tools[static_cast<std::size_t>((first + i) % request.tools.size())];
    ToolCall call{.id = CallId(request.protocol, choices),
                  .name = tool.name,
                  .arguments = tool.arguments,
                  .pieces = SplitIntoTokens(tool.arguments)};
    if (call.pieces.size() > left) {
      call.pieces.resize(left);
      call.complete = false;
      call.arguments.clear();
      for (const std::string& piece : call.pieces) call.arguments += piece;
      content.cut = true;
    }
    left -= call.pieces.size();
    content.tokens += static_cast<int>(call.pieces.size());
    for (std::string& piece : call.pieces) piece = Escaped(piece);
    content.calls.push_back(std::move(call));
  }
}

// Cuts the text before the first of the request's stop sequences.
void StopText(const ChatRequest& request, AnswerContent& content,
              std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  std::size_t end = std::string::npos;
  for (const std::string& sequence : request.stop) {
    const std::size_t at = text.find(sequence);
    if (at >= end) continue;
    end = at;
    content.stop_sequence = sequence;
  }
  if (end == std::string::npos) return;
  content.cut = false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (end >= pieces[i].size()) {
      end -= pieces[i].size();
      continue;
    }
    pieces[i].resize(end);
    pieces.resize(end == 0 ? i : i + 1);
    return;
  }
}

}  // namespace

std::string_view Words::Next() {
  std::string_view word = multibyte_ ? kMultibyteWords[random_.Below(kMultibyteWords.size())]
                                     : kWords[random_.Below(kWords.size())];
  if (first_ && word.front() == ' ') word.remove_prefix(1);
  first_ = false;
  return word;
}

std::string_view SampleText(const FakeLlmServerOptions& options) {
  return options.multibyte_text ? "grüßt 世界 🙂" : "the service answers";
}

AnswerContent ComposeAnswer(const ChatRequest& request, int tokens, bool cut, Random choices,
                            Words& words) {
  AnswerContent content;
  content.tokens = tokens;
  content.cut = cut;
  const bool calls = !request.tools.empty() &&
                     (request.must_call || (!request.after_tool_result && choices.Chance(0.5)));
  if (calls) {
    ComposeCalls(request, choices, content);
    return content;
  }
  if (!request.json && request.stop.empty() && request.code.empty()) return content;

  std::vector<std::string> pieces;
  if (request.json) {
    pieces = SplitIntoTokens(*request.json);
    content.cut = pieces.size() > TokensLeft(request);
    if (content.cut) pieces.resize(TokensLeft(request));
  } else {
    // A model that is asked to begin with a code does so, and says the rest after it.
    pieces = SplitIntoTokens(request.code);
    if (!pieces.empty()) pieces.back() += ' ';
    while (pieces.size() < static_cast<std::size_t>(tokens)) pieces.emplace_back(words.Next());
    if (cut) pieces.resize(static_cast<std::size_t>(tokens));
    const bool ends = !request.stop.empty() && !cut && choices.Chance(0.5);
    if (ends) pieces.push_back(request.stop[choices.Below(request.stop.size())]);
  }
  StopText(request, content, pieces);
  for (std::string& piece : pieces) piece = Escaped(piece);
  content.tokens = static_cast<int>(pieces.size());
  content.pieces = std::move(pieces);
  return content;
}

}  // namespace llmload::fake_server
