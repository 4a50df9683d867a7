#include "src/net/response_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llmload::net {
namespace {

using Status = ResponseReader::Status;

// Keeps the answer; stops or aborts at a marker in the body.
class RecordingSink final : public ResponseSink {
 public:
  Next OnHead(const ResponseHead& response, TimePoint) override {
    ++heads;
    status = response.status;
    type = response.Get("content-type");
    return Next::kContinue;
  }
  Next OnBody(std::string_view bytes, TimePoint) override {
    body.append(bytes);
    if (body.find("<abort>") != std::string::npos) return Next::kAbort;
    return body.find("<stop>") != std::string::npos ? Next::kStop : Next::kContinue;
  }
  bool HasOutput() const override { return !body.empty(); }

  int heads = 0;
  int status = 0;
  std::string type;
  std::string body;
};

struct Outcome {
  Status status = Status::kNeedMore;
  int http_status = 0;
  std::string body;
  bool reusable = false;
  bool operator==(const Outcome&) const = default;
};

Outcome Parse(const std::vector<std::string>& pieces, bool end = false, std::size_t limit = 4096) {
  RecordingSink sink;
  ResponseHead head;
  ResponseReader reader(head, sink, limit);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    const std::string copy = piece;
    if (copy.empty()) continue;
    outcome.status = reader.Feed(copy, TimePoint{});
    if (outcome.status != Status::kNeedMore && outcome.status != Status::kStopped) break;
  }
  if (end && (outcome.status == Status::kNeedMore || outcome.status == Status::kStopped)) {
    outcome.status = reader.FeedEnd();
  }
  outcome.http_status = sink.status;
  outcome.body = sink.body;
  outcome.reusable = outcome.status == Status::kComplete && reader.CanReuse();
  return outcome;
}

TEST(ResponseReader, ReadsAnswersCutAnywhere) {
  struct Case {
    std::string input;
    bool end;
    Outcome outcome;
  };
  const std::vector<Case> cases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
       false,
       {Status::kComplete, 200, "hello", true}},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\nT: "
       "1\r\n\r\n",
       false,
       {Status::kComplete, 200, "abc0123456789", true}},
      // A status line without a reason and without the space before it, as some proxies write it,
      // also behind an interim answer.
      {"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
       false,
       {Status::kComplete, 200, "hello", true}},
      {"HTTP/1.1 100\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
       false,
       {Status::kComplete, 200, "ok", true}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
       false,
       {Status::kComplete, 200, "ok", false}},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
       false,
       {Status::kComplete, 200, "ok", false}},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 Slow\r\n"
       "Content-Length: 0\r\n\r\n",
       false,
       {Status::kComplete, 429, "", true}},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end",
       true,
       {Status::kComplete, 200, "until the end", false}},
      {"HTTP/1.1 204 No Content\r\n\r\n", false, {Status::kComplete, 204, "", true}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na<stop>",
       false,
       {Status::kStopped, 200, "a<stop>", false}},
  };
  for (const Case& item : cases) {
    const std::string& input = item.input;
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      ASSERT_EQ(Parse({input.substr(0, cut), input.substr(cut)}, item.end), item.outcome)
          << ::testing::PrintToString(input) << " cut at " << cut;
    }
    std::vector<std::string> bytes;
    for (const char byte : input) bytes.emplace_back(1, byte);
    EXPECT_EQ(Parse(bytes, item.end).body, item.outcome.body) << input;
  }
}

TEST(ResponseReader, RefusesWhatIsNotHttp) {
  for (const char* input : {"garbage\r\n\r\n", "HTTP/3 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                            "\r\n\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    EXPECT_EQ(Parse({input}).status, Status::kMalformed) << input;
  }
}

TEST(ResponseReader, KnowsAServerThatSpeaksTls) {
  for (const std::string bytes : {"\x15\x03\x01\x00\x02\x02\x46", "\x16\x03\x03"}) {
    RecordingSink sink;
    ResponseHead head;
    ResponseReader reader(head, sink, 4096);
    EXPECT_EQ(reader.Feed(bytes, TimePoint{}), Status::kMalformed);
    EXPECT_EQ(reader.problem(), kSpeaksTls);
  }
}

TEST(ResponseReader, NoticesACutAnswer) {
  for (const char* input :
       {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    EXPECT_EQ(Parse({input}, true).status, Status::kMalformed) << input;
  }
  EXPECT_EQ(Parse({}, true).status, Status::kMalformed);
}

TEST(ResponseReader, BoundsTheHeader) {
  const std::string long_field = "X: " + std::string(5000, 'x') + "\r\n";
  EXPECT_EQ(Parse({"HTTP/1.1 200 OK\r\n" + long_field + "\r\n"}).status, Status::kTooLarge);
  std::vector<std::string> many = {"HTTP/1.1 200 OK\r\n"};
  for (int i = 0; i < 1000; ++i) many.push_back("Field-" + std::to_string(i) + ": value\r\n");
  EXPECT_EQ(Parse(many).status, Status::kTooLarge);
  EXPECT_EQ(Parse({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                   "1;" + std::string(3000, 'e'), std::string(3000, 'e')})
                .status,
            Status::kTooLarge);
}

TEST(ResponseReader, BoundsInterimAnswers) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(Parse({many}).status, Status::kMalformed);
}

TEST(ResponseReader, DoesNotReuseAConnectionWithUnrequestedBytes) {
  const Outcome outcome = Parse({"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200"});
  EXPECT_EQ(outcome.status, Status::kComplete);
  EXPECT_FALSE(outcome.reusable);
}

TEST(ResponseReader, AbortsForTheSink) {
  EXPECT_EQ(Parse({"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<abort>xxx"}).status,
            Status::kAborted);
}

TEST(ResponseReader, GarbageBehindWhatTheSinkWantedIsNoErrorWhereverItIsCut) {
  const std::string wanted =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\na<stop>\r\n";
  const std::string garbage = "xyz\r\n garbage";
  for (std::size_t cut = wanted.size(); cut <= wanted.size() + garbage.size(); ++cut) {
    const std::string all = wanted + garbage;
    const Outcome outcome = Parse({all.substr(0, cut), all.substr(cut)});
    EXPECT_EQ(outcome.status, Status::kAborted) << cut;
    EXPECT_EQ(outcome.body, "a<stop>") << cut;
    EXPECT_FALSE(outcome.reusable) << cut;
  }
}

TEST(ResponseReader, GivesTheSinkNothingAfterItStopped) {
  const Outcome outcome =
      Parse({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<stop>\r\n",
             "4\r\nmore\r\n0\r\n\r\n"});
  EXPECT_EQ(outcome.status, Status::kComplete);
  EXPECT_EQ(outcome.body, "<stop>");
  EXPECT_TRUE(outcome.reusable);
}

TEST(ResponseHead, FindsTheFirstFieldOfAName) {
  ResponseHead head;
  head.Add("X-One", "1");
  head.Add("x-two", "a\nb");
  head.Add("X-ONE", "again");
  head.Add("Empty", "");
  EXPECT_EQ(head.Get("x-one"), "1");
  EXPECT_EQ(head.Get("x-two"), "a b");
  EXPECT_EQ(head.Get("empty"), "");
  EXPECT_EQ(head.Get("1"), "");
  EXPECT_EQ(head.Get("x"), "");
}

}  // namespace
}  // namespace llmload::net
