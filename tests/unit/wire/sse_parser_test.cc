#include "src/wire/sse_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace llmload::wire {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  Events events;
  bool too_large = false;
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  for (const auto& [name, data] : outcome.events) *out << "[" << name << "|" << data << "]";
  if (outcome.too_large) *out << " too large";
}

Outcome Parse(const std::vector<std::string>& pieces, std::size_t max_event_bytes = 1000) {
  SseParser parser(max_event_bytes);
  Outcome outcome;
  const auto drain = [&] {
    SseEvent event;
    SseParser::Status status;
    while ((status = parser.Next(event)) == SseParser::Status::kEvent) {
      outcome.events.emplace_back(event.name, event.data);
    }
    outcome.too_large = status == SseParser::Status::kTooLarge;
  };
  for (const std::string& piece : pieces) {
    // A copy that is destroyed after the call: the address sanitizer finds a view that points into
    // it.
    const std::string copy = piece;
    parser.Feed(copy);
    drain();
    if (outcome.too_large) return outcome;
  }
  parser.Finish();
  drain();
  return outcome;
}

const std::vector<std::pair<std::string, Events>>& Streams() {
  static const std::vector<std::pair<std::string, Events>> corpus = {
      {"data: a\n\ndata: b\n\n", {{"", "a"}, {"", "b"}}},
      {"data: a\r\n\r\ndata: b\r\n\r\n", {{"", "a"}, {"", "b"}}},
      {"data: a\r\rdata: b\r\r", {{"", "a"}, {"", "b"}}},
      {"data: one\r\ndata: two\r\n\r\n", {{"", "one\ntwo"}}},
      {"data: one\rdata: two\r\r", {{"", "one\ntwo"}}},
      {"data: a\r\n\ndata: b\n\r\n", {{"", "a"}, {"", "b"}}},
      {"data: one\ndata: two\ndata:\ndata: four\n\n", {{"", "one\ntwo\n\nfour"}}},
      {"data:no space\n\ndata:  two spaces\n\n", {{"", "no space"}, {"", " two spaces"}}},
      {": ping\n\n:\n\ndata: x\n: in between\ndata: y\n\n", {{"", "x\ny"}}},
      {"event: delta\ndata: {}\n\ndata: next\n\n", {{"delta", "{}"}, {"", "next"}}},
      {"event: alone\n\ndata: x\n\n", {{"", "x"}}},
      {"id: 7\nretry: 10\nunknown: u\ndata: x\n\n", {{"", "x"}}},
      {"data\n\n", {{"", ""}}},
      {"data: no blank line\n", {{"", "no blank line"}}},
      {"data: no line end", {{"", "no line end"}}},
      {"data: x\r", {{"", "x"}}},
      {"\xEF\xBB\xBF"
       "data: after a mark\n\n",
       {{"", "after a mark"}}},
      {"data: \xE2\x82\xAC\xF0\x9F\x98\x80\n\n", {{"", "\xE2\x82\xAC\xF0\x9F\x98\x80"}}},
      {"data: a: b: c\n\n", {{"", "a: b: c"}}},
      {"data: {\"x\":1}\n\ndata: [DONE]\n\n", {{"", "{\"x\":1}"}, {"", "[DONE]"}}},
      {"\n\n\n", {}},
      {"", {}},
  };
  return corpus;
}

TEST(SseParser, SplitsEveryInput) {
  for (const auto& [input, events] : Streams()) {
    EXPECT_EQ(Parse({input}), (Outcome{events})) << testing::PrintToString(input);
  }
}

TEST(SseParser, DoesNotCareWhereTheStreamIsCut) {
  for (const auto& [input, events] : Streams()) {
    for (std::size_t first = 0; first <= input.size(); ++first) {
      for (std::size_t second = first; second <= input.size(); ++second) {
        const std::vector<std::string> pieces = {
            input.substr(0, first), input.substr(first, second - first), input.substr(second)};
        ASSERT_EQ(Parse(pieces), (Outcome{events}))
            << testing::PrintToString(input) << " cut at " << first << " and " << second;
      }
    }
  }
}

TEST(SseParser, TakesBytesOneByOne) {
  for (const auto& [input, events] : Streams()) {
    std::vector<std::string> pieces;
    for (const char byte : input) pieces.emplace_back(1, byte);
    EXPECT_EQ(Parse(pieces), (Outcome{events})) << testing::PrintToString(input);
  }
}

TEST(SseParser, BoundsEventsWhereverTheStreamIsCut) {
  const std::vector<std::string> inputs = {
      "data: small\n\ndata: " + std::string(30, 'x') + "\n\n",
      "data: small\n\n" + std::string(40, 'y'),
      "data: small\n\ndata: 1234567890\ndata: 1234567890\ndata: 1234567890\n\n",
      "data: small\n\nevent: " + std::string(18, 'n') + "\ndata: 123456789\n\n",
  };
  const Outcome expected{{{"", "small"}}, true};
  for (const std::string& input : inputs) {
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      EXPECT_EQ(Parse({input.substr(0, cut), input.substr(cut)}, 25), expected)
          << input << " cut at " << cut;
    }
  }
}

TEST(SseParser, AcceptsAnEventAtTheBound) {
  const std::string line = "data: " + std::string(19, 'x');
  EXPECT_EQ(Parse({line + "\n\n"}, 25), (Outcome{{{"", std::string(19, 'x')}}}));
  EXPECT_TRUE(Parse({line + "x\n\n"}, 25).too_large);
}

TEST(SseParser, StaysTooLarge) {
  SseParser parser(10);
  SseEvent event;
  parser.Feed("data: 12345678901\n\n");
  EXPECT_EQ(parser.Next(event), SseParser::Status::kTooLarge);
  parser.Feed("data: x\n\n");
  EXPECT_EQ(parser.Next(event), SseParser::Status::kTooLarge);
}

TEST(SseParser, DoesNotCopyAnEventThatIsInOnePiece) {
  const std::string input = "data: contiguous\n\n";
  SseParser parser(1000);
  SseEvent event;
  parser.Feed(input);
  ASSERT_EQ(parser.Next(event), SseParser::Status::kEvent);
  EXPECT_EQ(event.data.data(), input.data() + 6);
}

}  // namespace
}  // namespace llmload::wire
