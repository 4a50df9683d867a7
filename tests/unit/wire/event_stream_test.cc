#include "src/wire/event_stream.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <vector>

#include "tests/support/sanitized.h"
#include "tests/unit/wire/wire_fixture.h"

namespace llmload::wire {
namespace {

using Status = EventStreamDecoder::Status;

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// The status of decoding `bytes` alone.
Status Decode(std::string_view bytes, EventStreamMessage& message, std::size_t limit = 1 << 20) {
  EventStreamDecoder decoder(limit);
  decoder.Feed(bytes);
  return decoder.Next(message);
}

// Frames made with AWS's JavaScript codec and read again by botocore.
constexpr const char* kMessageStart =
    "000000760000005296d5fade0b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e"
    "742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e74"
    "7b22726f6c65223a22617373697374616e74227d6fa8c599";
constexpr const char* kDelta =
    "0000009700000057f30be03e0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a63"
    "6f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070005"
    "6576656e747b22636f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874223a224865"
    "6c6c6f227d7d67623831";
constexpr const char* kException =
    "00000090000000618e91a9b70f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074"
    "696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74"
    "797065070009657863657074696f6e7b226d657373616765223a22546f6f206d616e79207265717565737473227de6"
    "7f8005";
constexpr const char* kError =
    "000000750000006569c825010b3a6572726f722d636f646507000d496e7465726e616c4572726f720e3a6572726f72"
    "2d6d657373616765070021416e20696e7465726e616c20736572766572206572726f72206f636375727265640d3a6d"
    "6573736167652d747970650700056572726f72b014c750";

TEST(EventStream, ReadsTheEmptyMessage) {
  EventStreamMessage message;
  ASSERT_EQ(Decode(FromHex("000000100000000005c248eb7d98c8ff"), message), Status::kMessage);
  EXPECT_TRUE(message.headers.empty());
  EXPECT_EQ(message.payload, "");
}

TEST(EventStream, ReadsGoldenFrames) {
  EventStreamMessage message;
  const std::string start = FromHex(kMessageStart);
  ASSERT_EQ(Decode(start, message), Status::kMessage);
  EXPECT_EQ(message.Text(":message-type"), "event");
  EXPECT_EQ(message.Text(":event-type"), "messageStart");
  EXPECT_EQ(message.Text(":content-type"), "application/json");
  EXPECT_EQ(message.Text(":nothing"), "");
  EXPECT_EQ(message.payload, R"({"role":"assistant"})");

  const std::string delta = FromHex(kDelta);
  ASSERT_EQ(Decode(delta, message), Status::kMessage);
  EXPECT_EQ(message.payload, R"({"contentBlockIndex":0,"delta":{"text":"Hello"}})");

  const std::string exception = FromHex(kException);
  ASSERT_EQ(Decode(exception, message), Status::kMessage);
  EXPECT_EQ(message.Text(":message-type"), "exception");
  EXPECT_EQ(message.Text(":exception-type"), "throttlingException");

  const std::string error = FromHex(kError);
  ASSERT_EQ(Decode(error, message), Status::kMessage);
  EXPECT_EQ(message.Text(":error-code"), "InternalError");
  EXPECT_EQ(message.Text(":error-message"), "An internal server error occurred");
  EXPECT_EQ(message.payload, "");
}

TEST(EventStream, WritesGoldenFrames) {
  std::string out;
  AppendEventStreamMessage({}, "", out);
  EXPECT_EQ(out, FromHex("000000100000000005c248eb7d98c8ff"));

  const std::array headers = {TextHeader(":event-type", "messageStart"),
                              TextHeader(":content-type", "application/json"),
                              TextHeader(":message-type", "event")};
  out.clear();
  AppendEventStreamMessage(headers, R"({"role":"assistant"})", out);
  EXPECT_EQ(out, FromHex(kMessageStart));

  // int32_header and payload_no_headers of AWS's JavaScript codec's own tests.
  out.clear();
  const std::array number = {EventStreamHeader{
      .name = "event-type", .type = EventStreamType::kInt, .number = 40972, .bytes = {}}};
  AppendEventStreamMessage(number, "{'foo':'bar'}", out);
  EXPECT_EQ(out,
            FromHex("0000002d0000001041c424b80a6576656e742d74797065040000a00c7b27666f6f273a2762"
                    "6172277d36f480a0"));
  out.clear();
  AppendEventStreamMessage({}, "{'foo':'bar'}", out);
  EXPECT_EQ(out, FromHex("0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"));
}

TEST(EventStream, CarriesHeadersOfAllTypes) {
  const std::string uuid = "0123456789abcdef";
  const std::string bytes("\x00\x01\xff", 3);
  const auto number = [](std::string_view name, EventStreamType type, std::int64_t value) {
    return EventStreamHeader{.name = name, .type = type, .number = value, .bytes = {}};
  };
  const std::vector<EventStreamHeader> headers = {
      number("true", EventStreamType::kTrue, 0),
      number("false", EventStreamType::kFalse, 0),
      number("byte", EventStreamType::kByte, -49),
      number("short", EventStreamType::kShort, -21555),
      number("int", EventStreamType::kInt, -2'000'000'000),
      number("long", EventStreamType::kLong, -4'000'000'000'000),
      {.name = "bytes", .type = EventStreamType::kBytes, .number = 0, .bytes = bytes},
      TextHeader("string", "Grüße"),
      number("timestamp", EventStreamType::kTimestamp, 1'700'000'000'123),
      {.name = "uuid", .type = EventStreamType::kUuid, .number = 0, .bytes = uuid}};
  std::string frame;
  AppendEventStreamMessage(headers, "payload", frame);
  EventStreamMessage message;
  ASSERT_EQ(Decode(frame, message), Status::kMessage);
  ASSERT_EQ(message.headers.size(), headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    SCOPED_TRACE(std::string(headers[i].name));
    EXPECT_EQ(message.headers[i].name, headers[i].name);
    EXPECT_EQ(message.headers[i].type, headers[i].type);
    EXPECT_EQ(message.headers[i].number, headers[i].number);
    EXPECT_EQ(message.headers[i].bytes, headers[i].bytes);
  }
  EXPECT_EQ(message.payload, "payload");
}

TEST(EventStream, RefusesAnyCorruptedByte) {
  const std::string frame = FromHex(kDelta);
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string corrupted = frame;
      corrupted[at] = static_cast<char>(corrupted[at] ^ (1 << bit));
      EventStreamMessage message;
      EXPECT_EQ(Decode(corrupted, message), Status::kMalformed) << "byte " << at;
    }
  }
}

// Headers with wrong lengths and types, in frames whose checksums are right.
TEST(EventStream, RefusesBrokenHeaders) {
  const std::array whole = {TextHeader("name", "value")};
  std::string frame;
  AppendEventStreamMessage(whole, "", frame);
  const std::string header = frame.substr(12, frame.size() - 16);
  const auto decode = [](const std::string& headers) {
    // The bytes of the headers as a payload, then declared to be headers.
    std::string made;
    AppendEventStreamMessage({}, headers, made);
    std::string prelude = made.substr(0, 4);
    for (int shift = 24; shift >= 0; shift -= 8) {
      prelude.push_back(static_cast<char>(headers.size() >> static_cast<unsigned>(shift) & 0xFFU));
    }
    const auto append = [](std::string& out, std::uint32_t crc) {
      for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(crc >> static_cast<unsigned>(shift) & 0xFFU));
      }
    };
    append(prelude, Crc32(prelude));
    made = prelude + headers;
    append(made, Crc32(made));
    EventStreamMessage message;
    return Decode(made, message);
  };
  EXPECT_EQ(decode(header), Status::kMessage);
  for (std::size_t size = 1; size < header.size(); ++size) {
    EXPECT_EQ(decode(header.substr(0, size)), Status::kMalformed) << size;
  }
  EXPECT_EQ(decode(std::string("\x00\x00", 2)), Status::kMalformed);  // no name
  EXPECT_EQ(decode("\x01"
                   "a\x0a"),
            Status::kMalformed);  // no such type
  EXPECT_EQ(decode("\x01"
                   "a\x07\xff\xff"),
            Status::kMalformed);                           // longer than there is
  EXPECT_EQ(decode(header + header), Status::kMalformed);  // twice
}

// A message of the permitted size, all headers, several times: to compare each with each would take
// longer than this test may.
TEST(EventStream, ReadsManyHeadersInTimeThatDoesNotExplode) {
  std::vector<std::string> names;
  for (int i = 0; i < 150'000; ++i) {
    names.push_back({static_cast<char>(i), static_cast<char>(i >> 8), static_cast<char>(i >> 16)});
  }
  std::vector<EventStreamHeader> headers;
  for (const std::string& name : names) {
    headers.push_back({.name = name, .type = EventStreamType::kTrue, .number = 0, .bytes = {}});
  }
  EventStreamMessage message;
  std::string frame;
  AppendEventStreamMessage(headers, "", frame);
  const int times = test_support::kSanitized ? 2 : 10;
  for (int i = 0; i < times; ++i) EXPECT_EQ(Decode(frame, message), Status::kMessage);
  headers.push_back(headers.front());
  frame.clear();
  AppendEventStreamMessage(headers, "", frame);
  EXPECT_EQ(Decode(frame, message), Status::kMalformed);
}

TEST(EventStream, BoundsWhatItAllocates) {
  // A prelude, valid in itself, that announces 1 GiB.
  std::string prelude = FromHex("4000000000000000");
  const std::uint32_t crc = Crc32(prelude);
  for (int shift = 24; shift >= 0; shift -= 8) {
    prelude.push_back(static_cast<char>(crc >> static_cast<unsigned>(shift) & 0xFFU));
  }
  EventStreamMessage message;
  EXPECT_EQ(Decode(prelude, message), Status::kTooLarge);
  EXPECT_EQ(Decode(FromHex(kDelta), message, 150), Status::kTooLarge);
  EXPECT_EQ(Decode(FromHex(kDelta), message, 151), Status::kMessage);
}

TEST(EventStream, SplitsSeveralFramesCutAnywhere) {
  const std::string stream = FromHex(kMessageStart) + FromHex(kDelta) + FromHex(kException);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    EventStreamDecoder decoder(1 << 20);
    EventStreamMessage message;
    int messages = 0;
    for (const std::string& piece : {stream.substr(0, cut), stream.substr(cut)}) {
      decoder.Feed(piece);
      Status status = decoder.Next(message);
      for (; status == Status::kMessage; status = decoder.Next(message)) ++messages;
      ASSERT_EQ(status, Status::kNeedMore) << "cut at byte " << cut;
    }
    EXPECT_EQ(messages, 3) << "cut at byte " << cut;
    EXPECT_TRUE(decoder.IsAtBoundary());
  }
}

TEST(EventStream, KnowsAPartialFrameAtTheEnd) {
  const std::string frame = FromHex(kDelta);
  for (std::size_t size = 1; size < frame.size(); ++size) {
    EventStreamDecoder decoder(1 << 20);
    EventStreamMessage message;
    const std::string part = frame.substr(0, size);
    decoder.Feed(part);
    EXPECT_EQ(decoder.Next(message), Status::kNeedMore);
    EXPECT_FALSE(decoder.IsAtBoundary()) << size;
  }
}

TEST(Crc32, IsThatOfZlib) {
  EXPECT_EQ(Crc32(""), 0U);
  EXPECT_EQ(Crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(Crc32("6789", Crc32("12345")), 0xCBF43926U);
}

}  // namespace
}  // namespace llmload::wire
