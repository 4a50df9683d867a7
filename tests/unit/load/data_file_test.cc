// Data sets and traces in whatever form they were saved: encodings, line ends, lines or an array.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "llmload/load/arrival_trace.h"
#include "llmload/load/prompt_source.h"

namespace llmload {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char32_t kReplacement = 0xFFFD;

bool IsSurrogate(char32_t code) { return code >= 0xD800 && code <= 0xDFFF; }

std::string Utf8(std::u32string_view text) {
  std::string out;
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  for (const char32_t code : text) {
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6);
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }
  return out;
}

// Surrogates stay as they are.
std::string Utf16(std::u32string_view text, bool big_endian) {
  std::string out;
  const auto put = [&](char32_t unit) {
    const char bytes[] = {static_cast<char>(unit & 0xFF), static_cast<char>(unit >> 8)};
    out.push_back(bytes[big_endian ? 1 : 0]);
    out.push_back(bytes[big_endian ? 0 : 1]);
  };
  for (const char32_t code : text) {
    if (code >= 0x10000) {
      put(0xD800 + ((code - 0x10000) >> 10));
      put(0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
      put(code);
    }
  }
  return out;
}

std::u32string Ascii(std::string_view text) { return {text.begin(), text.end()}; }

std::u32string Replaced(std::u32string_view text, char32_t from, std::u32string_view to) {
  std::u32string out;
  for (const char32_t code : text) {
    if (code == from) {
      out += to;
    } else {
      out += code;
    }
  }
  return out;
}

// A file of `text`, whose lines end with LF, in every way in which it can be saved.
struct Saved {
  std::string how;
  std::string bytes;
};

std::vector<Saved> SavedInEveryWay(const std::u32string& text) {
  std::vector<Saved> files;
  for (const auto& [end, name] : {std::pair(U"\n", "LF"), {U"\r\n", "CR LF"}, {U"\r", "CR"}}) {
    for (const bool mark : {false, true}) {
      const std::u32string whole = (mark ? U"\uFEFF" : U"") + Replaced(text, U'\n', end);
      const std::string how = name + std::string(mark ? ", with a mark" : "");
      files.push_back({"UTF-8, " + how, Utf8(whole)});
      files.push_back({"UTF-16 LE, " + how, Utf16(whole, false)});
      files.push_back({"UTF-16 BE, " + how, Utf16(whole, true)});
    }
  }
  return files;
}

std::shared_ptr<const PromptSource> ReadPrompts(const std::string& bytes,
                                                DatasetFormat format = DatasetFormat::kDetect) {
  std::istringstream input(bytes);
  return ReadDataset(input, {.path = "d", .format = format}, {.model = "m"}, 1);
}

template <class Read>
std::string MessageOfReading(Read read) {
  try {
    read();
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

// Characters that files are known to get wrong, and plain ones.
char32_t RandomCharacter(Random& random) {
  static constexpr std::array<char32_t, 24> kOdd = {
      U'"',   U'\\',  U'/',   U'\n',  U'\r',  U'\t',   1,        0x7F,
      0x85,   0xA0,   0xE9,   0xFF,   0x2028, 0x202E,  0x20AC,   0x4E2D,
      0xD83D, 0xDE00, 0xFEFF, 0xFFFD, 0xFFFF, 0x1F600, 0x10FFFF, U','};
  return random.Chance(0.5) ? kOdd[random.Below(kOdd.size())]
                            : static_cast<char32_t>(' ' + random.Below(95));
}

// A text of at least one character, and how it is written in JSON. Half a surrogate pair is written
// as an escape.
struct JsonText {
  std::u32string text;
  std::u32string json;
};

JsonText RandomText(Random& random) {
  JsonText made;
  char32_t before = 0;
  made.json = U"\"";
  for (std::uint64_t left = 1 + random.Below(30); left > 0; --left) {
    char32_t code = RandomCharacter(random);
    // The second half behind the first one would be a whole character.
    if (code == 0xDE00 && before == 0xD83D) code = U'x';
    before = code;
    made.text += IsSurrogate(code) ? kReplacement : code;
    const bool must = code < 0x20 || code == U'"' || code == U'\\' || IsSurrogate(code);
    if (code < 0x10000 && (must || random.Chance(0.2))) {
      char escape[8];
      std::snprintf(escape, sizeof escape, random.Chance(0.5) ? "\\u%04x" : "\\u%04X",
                    static_cast<unsigned>(code));
      made.json += Ascii(escape);
    } else {
      made.json += code;
    }
  }
  made.json += U"\"";
  return made;
}

// `text` as the only prompt of a record.
std::u32string RecordOf(DatasetFormat format, const std::u32string& json) {
  switch (format) {
    case DatasetFormat::kShareGpt:
      return U"{\"id\": \"a1\", \"conversations\": [{\"from\": \"human\", \"value\": " + json +
             U"}, {\"from\": \"gpt\", \"value\": \"]\"}]}";
    case DatasetFormat::kOpenAiBatch:
      return U"{\"custom_id\": \"}\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", "
             U"\"body\": {\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": " +
             json + U"}]}}";
    default:
      return U"{\"prompt\": " + json + U"}";
  }
}

// Lines, some of them blank; or an array, over several lines.
std::u32string FileOf(const std::vector<std::u32string>& records, bool array, Random& random) {
  std::u32string text = array ? U" [\n" : U"";
  for (std::size_t i = 0; i < records.size(); ++i) {
    text += records[i];
    if (array && i + 1 < records.size()) text += random.Chance(0.5) ? U"," : U"\n ,\n";
    if (!array && (i + 1 < records.size() || random.Chance(0.5))) text += U"\n";
    if (random.Chance(0.2) && (array || text.back() == U'\n')) text += U" \t\n";
  }
  return text + (array ? U"\n]\n" : U"");
}

TEST(DataFiles, TheSamePromptsAreReadHoweverTheyWereSaved) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    constexpr std::array kFormats = {DatasetFormat::kPrompts, DatasetFormat::kShareGpt,
                                     DatasetFormat::kOpenAiBatch};
    const DatasetFormat format = kFormats[random.Below(kFormats.size())];
    std::vector<std::u32string> records;
    std::vector<std::string> prompts;
    for (std::uint64_t left = 1 + random.Below(8); left > 0; --left) {
      const JsonText text = RandomText(random);
      records.push_back(RecordOf(format, text.json));
      prompts.push_back(Utf8(text.text));
    }
    for (const bool array : {false, true}) {
      for (const Saved& file : SavedInEveryWay(FileOf(records, array, random))) {
        for (const DatasetFormat said : {DatasetFormat::kDetect, format}) {
          SCOPED_TRACE(file.how + (array ? ", an array" : ", lines"));
          std::shared_ptr<const PromptSource> source;
          ASSERT_NO_THROW(source = ReadPrompts(file.bytes, said));
          EXPECT_THAT(source->Describe(),
                      HasSubstr(std::to_string(prompts.size()) + " prompts of d"));
          for (std::size_t i = 0; i < prompts.size(); ++i) {
            EXPECT_EQ(source->MakeRequest(i).messages.at(0).content, prompts[i]);
          }
        }
      }
    }
  }
}

TEST(DataFiles, TheSameArrivalsAreReadHoweverTheyWereSaved) {
  const std::string lines =
      "{\"at_seconds\": 0, \"input_tokens\": 374, \"output_tokens\": 44}\n"
      "\n{\"at_seconds\": 4.314579, \"input_tokens\": 396, \"output_tokens\": 109}";
  const std::string array =
      "[{\"at_seconds\": 0, \"input_tokens\": 374, \"output_tokens\": 44},\n"
      "{\"at_seconds\": 4.314579, \"input_tokens\": 396, \"output_tokens\": 109}]\n";
  const std::string azure =
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,374,44\n"
      "\n2023-11-16 18:17:08.2945390,396,109\n";
  for (const std::string& text : {lines, array, azure}) {
    for (const Saved& file : SavedInEveryWay(Ascii(text))) {
      SCOPED_TRACE(file.how + ": " + text);
      std::istringstream input(file.bytes);
      const ArrivalTrace trace = ArrivalTrace::Parse(input, "t");
      ASSERT_EQ(trace.entries().size(), 2u);
      EXPECT_EQ(trace.entries()[1].at, Duration(4'314'579'000));
      EXPECT_EQ(trace.entries()[0].input_tokens, 374u);
      EXPECT_EQ(trace.entries()[1].output_tokens, 109u);
    }
  }
}

TEST(DataFiles, CharactersAndLineEndsMayLieAcrossTheBlocksOfReading) {
  for (const std::size_t fill :
       std::vector<std::size_t>{32'736, 32'737, 32'738, 32'739, 32'749, 32'750, 32'751, 32'752,
                                32'753, 32'754, 32'755, 32'756, 32'757}) {
    std::u32string text = U"{\"prompt\": \"" + std::u32string(fill, U'a') + U"\U0001F600\"}\r\n";
    text += U"{\"prompt\": \"\U0001F600\U0001F600\"}\r\n";
    text += U"{\"prompt\": \"" + std::u32string(fill + 1, U'b') + U"\"}\r\n{\"prompt\": 1}";
    for (const std::string& bytes : {Utf8(text), Utf16(text, false), Utf16(text, true)}) {
      EXPECT_THAT(MessageOfReading([&] { ReadPrompts(bytes); }),
                  HasSubstr("d:4: prompt: got \"1\""))
          << fill;
    }
    const auto source = ReadPrompts(Utf16(text.substr(0, text.rfind(U'{')), true));
    EXPECT_EQ(source->MakeRequest(0).messages[0].content,
              std::string(fill, 'a') + "\xF0\x9F\x98\x80");
  }
}

TEST(DataFiles, FilesThatWerePutTogetherHaveMarksInTheMiddle) {
  const auto source =
      ReadPrompts("\xEF\xBB\xBF{\"prompt\": \"a\"}\n\xEF\xBB\xBF{\"prompt\": \"b\"}");
  EXPECT_EQ(source->MakeRequest(1).messages[0].content, "b");
}

TEST(DataFiles, HalfASurrogatePairBecomesAReplacementCharacter) {
  const auto read = [](const std::string& bytes) {
    return ReadPrompts(bytes)->MakeRequest(0).messages[0].content;
  };
  EXPECT_EQ(read(R"({"prompt": "x \ud83d"})"), "x \xEF\xBF\xBD");
  EXPECT_EQ(read(R"({"prompt": "\uDE00\ud83d\ud83d\ude00"})"),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x98\x80");
  EXPECT_EQ(read(R"({"prompt": "\\ud83d\ud83d"})"), "\\ud83d\xEF\xBF\xBD");
  const std::u32string halves =
      U"{\"prompt\": \"x" + std::u32string(1, 0xD83D) + U"y" + std::u32string(1, 0xDE00) + U"\"}";
  EXPECT_EQ(read(Utf16(halves, false)), "x\xEF\xBF\xBDy\xEF\xBF\xBD");
  EXPECT_EQ(read(Utf16(halves, true)), "x\xEF\xBF\xBDy\xEF\xBF\xBD");
}

TEST(DataFiles, WhatCannotBeReadIsNamedWithItsPlaceAndWhatToDo) {
  const std::string good = "{\"prompt\": \"a\"}\n";
  struct Case {
    std::string bytes;
    std::vector<std::string> said;
  };
  const std::vector<Case> cases = {
      {good + "{\"prompt\": \"caf\xE9 cr\xE8me\"}\n",
       {"d:2: line: got \"{\"prompt\": \"caf\xEF\xBF\xBD cr", "byte 16 (E9)",
        "save the file as UTF-8"}},
      {"[" + good + ", {\n\"prompt\": \"caf\xE9\"}]",
       {"d:3: element 2: got \"{ \"prompt\"", "(E9)"}},
      {Utf16(U"\uFEFF", false) + "\0\0{\0\0\0"s,
       {"d: got \"text in UTF-32\"", "save the file as UTF-8"}},
      {"\x1F\x8B\b\0"s, {"d: got \"a gzip file\"", "decompress"}},
      {"PAR1\x15", {"d: got \"a Parquet file\"", "as JSON"}},
      {good + "{\"prompt\": \"a\0\"}"s,
       {"d:2: line: got \"{\"prompt\": \"a \"}\"", "no NUL bytes"}},
      {good + "{\"prompt\": \"a\"", {"d:2: line: got \"{\"prompt\": \"a\"\"", "has more to come"}},
      {good + "{'prompt': 'a'}", {"d:2: line: got \"{'prompt': 'a'}\"", "from byte 2 on"}},
      {good + "{\"prompt\": \"a\tb\"}", {"got \"{\"prompt\": \"a b\"}\"", "from byte 14 on"}},
      {good + "\"a\"", {"d:2: line: got \"\"a\"\"", "a JSON object: one on each line"}},
      {"{\n  \"prompt\": \"a\"\n}\n", {"d:1: line: got \"{\"", "has more to come", "an array"}},
      {"prompt\na\n",
       {"d:1: line: got \"prompt\"", "a JSON object on each line",
        "TIMESTAMP,ContextTokens,GeneratedTokens"}},
      {"[", {"d:1: element 1: got \"the end\"", "\"]\" behind the last"}},
      {"[]", {"d: got \"\"", "at least one line with a prompt"}},
      {"[" + good + ",]", {"d:2: element 2: got \"]\""}},
      {"[" + good + ",\n,", {"d:3: element 2: got \",\""}},
      {"[" + good, {"d:2: element 2: got \"the end\""}},
      {"[" + good + good + "]",
       {"d:2: element 1: got \"{\"prompt\": \"a\"} {\"prompt\"", "byte 17"}},
      {"[" + good + ",\n{\"prompt\": \"a\n\"}]", {"d:3: element 2: got", "has more to come"}},
      {"[" + good + ",\n{\"prompt\":\n7}]", {"d:3: element 2: prompt: got \"7\""}},
      {"[" + good + ", 7]", {"d:2: element 2: got \"7\"", "a JSON object"}},
      {"[" + good + "]\n[" + good + "]",
       {"d:3: line: got \"[{\"prompt", "nothing after the array"}},
      {"[" + good + ", \"" + std::string(5 << 20, 'x') + "\"]",
       {"element 2: got \"\"xxx", "at most"}},
  };
  for (const auto& [bytes, said] : cases) {
    const std::string message = MessageOfReading([&bytes = bytes] { ReadPrompts(bytes); });
    for (const std::string& part : said) EXPECT_THAT(message, HasSubstr(part));
    EXPECT_LT(message.size(), 400u) << message;
  }
}

TEST(DataFiles, MessagesShowNothingThatATerminalWouldObey) {
  const std::string escape = "\\u001b[2J\\u009b2J\\u202e";
  for (const std::string& bytes :
       {"{\"" + escape + "\": 1}"s, "{\"prompt\": [\"" + escape + "\"]}"s,
        "{\"prompt\": \x1B[2J\xC2\x9B}"s,
        "{\"messages\": [{\"role\": \"" + escape + "\", \"content\": \"\"}]}"s}) {
    const std::string message = MessageOfReading([&] { ReadPrompts(bytes); });
    EXPECT_THAT(message, AllOf(HasSubstr("d:1: "), Not(HasSubstr("\x1B")),
                               Not(HasSubstr("\xC2\x9B")), Not(HasSubstr("\u202E"))));
  }
}

}  // namespace
}  // namespace llmload
