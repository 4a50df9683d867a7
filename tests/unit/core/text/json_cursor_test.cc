#include "src/core/text/json_cursor.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/core/random.h"

namespace llmload::text {
namespace {

bool IsValid(std::string_view text) {
  JsonCursor cursor(text);
  cursor.Skip();
  return cursor.Finished();
}

// The text that the cursor reads, rebuilt as a tree with its operations.
nlohmann::json Rebuild(JsonCursor& cursor) {
  std::string storage;
  switch (cursor.Peek()) {
    case JsonCursor::Type::kObject: {
      nlohmann::json object = nlohmann::json::object();
      cursor.EnterObject();
      JsonString name;
      while (cursor.NextMember(name)) {
        const std::string key(Text(name, storage));
        object[key] = Rebuild(cursor);
      }
      return object;
    }
    case JsonCursor::Type::kArray: {
      nlohmann::json array = nlohmann::json::array();
      cursor.EnterArray();
      while (cursor.NextElement()) array.push_back(Rebuild(cursor));
      return array;
    }
    case JsonCursor::Type::kString: {
      const auto string = cursor.ReadString();
      return string ? nlohmann::json(Text(*string, storage)) : nlohmann::json();
    }
    case JsonCursor::Type::kNumber:
      return cursor.ReadInteger().value_or(0);
    default:
      cursor.Skip();
      return nullptr;
  }
}

// The same tree without the differences that Rebuild does not keep.
nlohmann::json Level(const nlohmann::json& value) {
  if (value.is_object() || value.is_array()) {
    nlohmann::json out = value;
    for (auto& item : out) item = Level(item);
    return out;
  }
  if (value.is_number_float()) {
    constexpr auto kLimits = std::numeric_limits<std::int64_t>();
    const double number = value.get<double>();
    if (number >= 9.2e18) return kLimits.max();
    if (number <= -9.2e18) return kLimits.min();
    return static_cast<std::int64_t>(number);
  }
  if (value.is_boolean()) return nullptr;
  return value;
}

const std::vector<std::string>& Corpus() {
  static const std::vector<std::string> corpus = {
      R"({"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]})",
      R"({"a":[1,-2.5e3,true,false,null,{"b":{}},[]],"c":"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"})",
      "[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 and a longer stretch of plain text\", 0, -0, 10]",
      " { \"x\" : [ ] , \"y\" : [ 1 , 2 ] } ",
      "\"text\"",
      "12",
      "true",
      "null",
      "-1.5E-7"};
  return corpus;
}

TEST(JsonCursor, ReadsWhatIsThere) {
  for (const std::string& text : Corpus()) {
    JsonCursor cursor(text);
    EXPECT_EQ(Rebuild(cursor), Level(nlohmann::json::parse(text))) << text;
    EXPECT_TRUE(cursor.Finished()) << text;
  }
}

// The code of the escape sequence of a surrogate at `at`; 0 for anything else.
unsigned int SurrogateAt(const std::string& text, std::size_t at) {
  const std::string digits = at + 6 <= text.size() ? text.substr(at + 2, 4) : "";
  if (digits.empty() || text[at] != '\\' || text[at + 1] != 'u' ||
      digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return 0;
  }
  const auto code = static_cast<unsigned int>(std::stoul(digits, nullptr, 16));
  return code >= 0xD800 && code <= 0xDFFF ? code : 0;
}

// `text` with what only this parser accepts replaced as it replaces it: bytes that are not UTF-8,
// and halves of surrogate pairs.
std::string Mended(const std::string& text) {
  std::string quoted;
  AppendJsonString(text, quoted);
  const std::string utf8 = nlohmann::json::parse(quoted).get<std::string>();
  std::string mended;
  for (std::size_t at = 0; at < utf8.size();) {
    const unsigned int code = SurrogateAt(utf8, at);
    const bool is_pair = code != 0 && code < 0xDC00 && SurrogateAt(utf8, at + 6) >= 0xDC00;
    std::size_t used = 1;
    if (is_pair) used = 12;
    if (code != 0 && !is_pair) used = 6;
    if (code == 0 && utf8[at] == '\\') used = 2;
    mended += used == 6 ? "\\ufffd" : utf8.substr(at, used);
    at += used;
  }
  return mended;
}

TEST(JsonCursor, AcceptsNumbersThatJsonDoesNotHaveAsNull) {
  for (const char* text : {"NaN", "Infinity", "-Infinity", "[1,NaN,{\"a\":-Infinity}]"}) {
    EXPECT_TRUE(IsValid(text)) << text;
  }
  for (const char* text : {"Nan", "Inf", "+Infinity", "-NaN", "-I", "N", "I", "nan"}) {
    EXPECT_FALSE(IsValid(text)) << text;
  }
  JsonCursor cursor("[NaN,-Infinity]");
  ASSERT_TRUE(cursor.EnterArray());
  ASSERT_TRUE(cursor.NextElement());
  EXPECT_EQ(cursor.Peek(), JsonCursor::Type::kNull);
  EXPECT_EQ(cursor.ReadInteger(), std::nullopt);
  ASSERT_TRUE(cursor.NextElement());
  EXPECT_EQ(cursor.ReadInteger(), std::nullopt);
  EXPECT_FALSE(cursor.NextElement());
  EXPECT_TRUE(cursor.Finished());
}

TEST(JsonCursor, ReplacesWhatIsNotUtf8) {
  const auto text_of = [](std::string_view json) {
    JsonCursor cursor(json);
    std::string storage;
    const auto string = cursor.ReadString();
    return string ? std::string(Text(*string, storage)) : "(refused)";
  };
  EXPECT_EQ(text_of(R"("a\ud83d")"), "a\xEF\xBF\xBD");
  EXPECT_EQ(text_of(R"("\ude00b")"),
            "\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(text_of(R"("\ud83d\ud83d\ude00")"), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  EXPECT_EQ(text_of(R"("\ud83d\n")"), "\xEF\xBF\xBD\n");
  EXPECT_EQ(text_of("\"a\xF0\x9F\""), "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(text_of("\"\xFF\\u00e9\""), "\xEF\xBF\xBD\xC3\xA9");
  EXPECT_EQ(text_of(R"("\ud83")"), "(refused)");
}

TEST(JsonCursor, AcceptsAndRejectsWhatTheReferenceParserDoes) {
  const std::uint64_t seed = 20240117;
  Random random(seed);
  static constexpr std::string_view kBytes = "{}[]\",:\\u0dD8-+.eE1tfn \n\x80\xC3\xED\xF4\x01z";
  for (int round = 0; round < 40000; ++round) {
    std::string text = Corpus()[random.Below(Corpus().size())];
    const std::uint64_t edits = 1 + random.Below(3);
    for (std::uint64_t edit = 0; edit < edits && !text.empty(); ++edit) {
      const std::size_t at = random.Below(text.size());
      const char byte = kBytes[random.Below(kBytes.size())];
      switch (random.Below(4)) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        case 2:
          text.erase(at, 1 + random.Below(4));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    const auto reference = nlohmann::json::parse(Mended(text), nullptr, false);
    ASSERT_EQ(IsValid(text), !reference.is_discarded()) << "seed " << seed << ": " << text;
    if (!reference.is_discarded()) {
      JsonCursor cursor(text);
      ASSERT_EQ(Rebuild(cursor), Level(reference)) << "seed " << seed << ": " << text;
    }
  }
}

TEST(JsonCursor, RejectsEveryTruncation) {
  for (const std::string& text : Corpus()) {
    if (text.front() != '{' && text.front() != '[' && text.front() != '"') continue;
    for (std::size_t size = 0; size < text.size(); ++size) {
      EXPECT_FALSE(IsValid(text.substr(0, size))) << text.substr(0, size);
    }
  }
}

TEST(JsonCursor, BoundsTheDepth) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(IsValid(nested(JsonCursor::kMaxDepth)));
  EXPECT_FALSE(IsValid(nested(JsonCursor::kMaxDepth + 1)));
  EXPECT_FALSE(IsValid(nested(1000000)));
}

TEST(JsonCursor, SkipsValuesOfAnotherTypeThanAskedFor) {
  JsonCursor cursor(R"({"a":{"deep":[1,2]},"b":"text","c":7})");
  JsonString name;
  std::string seen;
  ASSERT_TRUE(cursor.EnterObject());
  EXPECT_FALSE(cursor.EnterArray());
  ASSERT_TRUE(cursor.NextMember(name));
  EXPECT_FALSE(cursor.ReadString().has_value());
  ASSERT_TRUE(cursor.NextMember(name));
  EXPECT_FALSE(cursor.ReadInteger().has_value());
  ASSERT_TRUE(cursor.NextMember(name));
  EXPECT_EQ(cursor.ReadInteger(), 7);
  EXPECT_FALSE(cursor.NextMember(name));
  EXPECT_TRUE(cursor.Finished());
}

TEST(JsonCursor, ClampsIntegers) {
  const auto read = [](std::string_view text) { return JsonCursor(text).ReadInteger().value(); };
  using Limits = std::numeric_limits<std::int64_t>;
  EXPECT_EQ(read("9223372036854775807"), Limits::max());
  EXPECT_EQ(read("-9223372036854775808"), Limits::min());
  EXPECT_EQ(read("92233720368547758080"), Limits::max());
  EXPECT_EQ(read("-1e300"), Limits::min());
  EXPECT_EQ(read("1e999"), Limits::max());
  EXPECT_EQ(read("-1e999"), Limits::min());
  EXPECT_EQ(read("1e-999"), 0);
  EXPECT_EQ(read("12.9"), 12);
  EXPECT_EQ(read("1e3"), 1000);
}

TEST(JsonCursor, WritesStringsThatReadBack) {
  std::string all;
  for (int byte = 0; byte < 128; ++byte) all.push_back(static_cast<char>(byte));
  all += "\xC3\xA9\xF0\x9F\x98\x80";
  std::string json;
  AppendJsonString(all, json);
  EXPECT_EQ(nlohmann::json::parse(json).get<std::string>(), all);
  JsonCursor cursor(json);
  std::string storage;
  EXPECT_EQ(Text(cursor.ReadString().value(), storage), all);
}

TEST(JsonCursor, ReplacesBytesThatAreNotUtf8WhenWriting) {
  std::string json;
  AppendJsonString("a\xFF\xC3\xED\xA0\x80z", json);
  const std::string text = nlohmann::json::parse(json).get<std::string>();
  EXPECT_EQ(text.front(), 'a');
  EXPECT_EQ(text.back(), 'z');
  EXPECT_NE(text.find("\xEF\xBF\xBD"), std::string::npos);
}

}  // namespace
}  // namespace llmload::text
