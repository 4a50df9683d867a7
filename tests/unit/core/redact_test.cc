#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/secret.h"
#include "src/core/text/ascii.h"
#include "src/core/text/base64.h"
#include "src/core/text/json_cursor.h"
#include "src/core/text/redactor.h"
#include "src/core/text/uri.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Secret& Key() {
  static const Secret kKey("sk-proj-Ab3_dE6+gH9/kLmN0pQrStUvWxYz");
  return kKey;
}

std::string Base64(std::string_view bytes) {
  std::string out;
  text::AppendBase64(bytes, out);
  return out;
}

std::string Base64Url(std::string_view bytes) {
  std::string out = Base64(bytes);
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  out.erase(out.find_last_not_of('=') + 1);
  return out;
}

std::string Formatted(const char* format, std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    std::array<char, 16> unit{};
    std::snprintf(unit.data(), unit.size(), format, static_cast<unsigned>(c));
    out += unit.data();
  }
  return out;
}

std::string Quoted(std::string_view text) {
  std::string json;
  text::AppendJsonString(text, json);
  return json;
}

std::string Reversed(std::string_view text) { return {text.rbegin(), text.rend()}; }

TEST(Redact, RemovesEveryOccurrenceAndNothingElse) {
  const std::string key(Key().Reveal());
  EXPECT_EQ(Redact("a " + key + " b" + key, Key()), "a [redacted] b[redacted]");
  EXPECT_EQ(Redact(key + key, Key()), "[redacted]");
  EXPECT_EQ(Redact("nothing here: 100 %, C:\\temp, a&b;", Key()),
            "nothing here: 100 %, C:\\temp, a&b;");
  EXPECT_EQ(Redact("text", Secret()), "text");
  EXPECT_EQ(Redact("", Key()), "");
}

TEST(Redact, FindsEveryFormInWhichAServiceMayEchoIt) {
  const std::string key(Key().Reveal());
  std::string upper = key;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  std::string percent;
  text::AppendUriEncoded(key, true, percent);
  std::string slashes = key;
  slashes.insert(slashes.find('/'), "\\");
  for (const std::string& form : {text::Lower(key),
                                  upper,
                                  Reversed(key),
                                  slashes,
                                  percent,
                                  text::Lower(percent),
                                  Formatted("%%%02x", key),
                                  Formatted("%%25%02X", key),
                                  Formatted("\\u%04x", key),
                                  Formatted("\\\\u%04X", key),
                                  Formatted("\\x%02x", key),
                                  Formatted("\\u{%x}", key),
                                  Formatted("\\%03o", key),
                                  Formatted("&#%u;", key),
                                  Formatted("&#x%X;", key),
                                  Formatted("&amp;#%u;", key),
                                  Formatted("%02x", key),
                                  Formatted("%02X", key),
                                  Base64(key),
                                  Base64Url(key),
                                  Base64("user:" + key),
                                  Base64("Bearer " + key + "\n"),
                                  Base64Url("xy" + key + "z")}) {
    EXPECT_EQ(Redact("say \"" + form + "\".", Key()).find(form), std::string::npos) << form;
    EXPECT_THAT(Redact("say \"" + form + "\".", Key()), HasSubstr("[redacted]")) << form;
    EXPECT_THAT(Redact("say \"" + form + "\".", Key()), HasSubstr("say \"")) << form;
  }
  EXPECT_EQ(Redact("Basic " + Base64(key) + "; next", Key()), "Basic [redacted]; next");
}

TEST(Redact, LeavesHintsButNotPartsThatGiveItAway) {
  const std::string key(Key().Reveal());  // of 36 characters
  for (const std::string& hint :
       {"sk-proj-..." + key.substr(32), std::string("keys begin with sk-proj-"),
        key.substr(0, 15) + "***"}) {
    EXPECT_EQ(Redact(hint, Key()), hint);
  }
  EXPECT_EQ(Redact(key.substr(0, 16) + "***", Key()), "[redacted]***");
  EXPECT_EQ(Redact("..." + key.substr(12, 17) + "...", Key()), "...[redacted]...");
  const Secret shorter("aB3dE6gH9k");
  EXPECT_EQ(Redact("aB3dE6gH9...", shorter), "[redacted]...");
  EXPECT_EQ(Redact("aB3d...", shorter), "aB3d...");
}

TEST(Redact, AShortSecretDoesNotTurnMessagesIntoNoise) {
  const std::string message = "a server that answers with an error: bad key 'abc', as in abcdef";
  for (const char* key : {"a", "er", "abc"}) EXPECT_EQ(Redact(message, Secret(key)), message);
  const Secret key("tok1");
  EXPECT_EQ(Redact("Bearer tok1, 'tok1' tok12 my-tok1 stok1 tok1_", key),
            "Bearer [redacted], '[redacted]' tok12 my-tok1 stok1 tok1_");
  EXPECT_EQ(Redact("Basic " + Base64("me:pw") + ", 1kot", Secret("me:pw")),
            "Basic [redacted], 1kot");
  EXPECT_EQ(Redact("key=%74ok1", key), "key=[redacted]");
}

TEST(Redact, FindsAKeyThatLooksEscapedItself) {
  const Secret key("p%41ss\\word&lt;here");
  EXPECT_EQ(Redact("[p%41ss\\word&lt;here]", key), "[[redacted]]");
  EXPECT_EQ(Redact("[" + Quoted(key.Reveal()) + "]", key), "[\"[redacted]\"]");
  EXPECT_EQ(Redact("[pAssword<here]", key), "[[redacted]]");
}

TEST(Redact, FindsAPasswordBeyondAscii) {
  const Secret key("m\u00FCller:gr\u00FC\u00DFe\u20ACeuro");
  EXPECT_EQ(Redact("m\u00FCller:gr\u00FC\u00DFe\u20ACeuro!", key), "[redacted]!");
  EXPECT_EQ(Redact("m%C3%BCller:gr%c3%bc%c3%9fe%e2%82%aceuro!", key), "[redacted]!");
  EXPECT_EQ(Redact("m\\u00fcller:gr\\u00fc\\u00dfe\\u20aceuro!", key), "[redacted]!");
  EXPECT_EQ(Redact("m&#252;ller:gr&#xFC;&#xdf;e&#8364;euro!", key), "[redacted]!");
}

TEST(Redactor, RedactsSeveralSecretsEachByItsOwnRule) {
  const std::vector<Secret> secrets = {Key(), Secret("tok1"), Secret("a"), Secret()};
  const Redactor redactor{secrets};
  const std::string key(Key().Reveal());
  EXPECT_EQ(redactor("a " + key + " tok1, my-tok1 " + Base64(key)),
            "a [redacted] [redacted], my-tok1 [redacted]");
  EXPECT_EQ(redactor("nothing"), "nothing");
  const Redactor copy = redactor;
  EXPECT_EQ(copy(Reversed(key)), "[redacted]");
  EXPECT_EQ(Redactor()(key), key);
  EXPECT_EQ(Redactor({secrets.data() + 2, 2})("a text"), "a text");
}

TEST(Redact, RepetitiveKeysAndTextsAreNotLost) {
  const Secret key("aaaaaaaaaaaaaaaaaaaa");
  EXPECT_EQ(Redact(std::string(10'000, 'a'), key), "[redacted]");
  EXPECT_EQ(Redact(std::string(10, 'a'), key), std::string(10, 'a'));
}

// An alteration as a service may make it: a name for messages, and what it does.
using Alteration = std::pair<const char*, std::function<std::string(std::string_view)>>;

class RedactProperty : public ::testing::Test {
 protected:
  std::size_t Pick(std::size_t below) { return random_() % below; }
  std::string Random(std::string_view alphabet, std::size_t size) {
    std::string out;
    while (out.size() < size) out.push_back(alphabet[Pick(alphabet.size())]);
    return out;
  }

  std::vector<Alteration> Alterations() {
    return {
        {"as it is", [](std::string_view key) { return std::string(key); }},
        {"in another case",
         [this](std::string_view key) {
           std::string out(key);
           for (char& c : out) {
             if (Pick(2) == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
           }
           return out;
         }},
        {"reversed", Reversed},
        {"as JSON", [](std::string_view key) { return Quoted(key); }},
        {"as JSON in JSON", [](std::string_view key) { return Quoted(Quoted(key)); }},
        {"with \\u here and there",
         [this](std::string_view key) {
           std::string out;
           for (const char& c : key) {
             // A backslash that stayed would change what follows it.
             const bool escaped = c == '\\' || Pick(3) == 0;
             out += escaped ? Formatted("\\u%04X", {&c, 1}) : std::string(1, c);
           }
           return out;
         }},
        {"percent-encoded",
         [](std::string_view key) {
           std::string out;
           text::AppendUriEncoded(key, true, out);
           return out;
         }},
        {"percent-encoded in lower case",
         [](std::string_view key) { return Formatted("%%%02x", key); }},
        {"as HTML", [](std::string_view key) { return Formatted("&#%u;", key); }},
        {"hexadecimal", [](std::string_view key) { return Formatted("%02X", key); }},
        {"base64", Base64},
        {"base64url", Base64Url},
        {"within base64",
         [this](std::string_view key) {
           return Base64(Random("user:", Pick(9)).append(key).append(Random("ab\n", Pick(4))));
         }},
        {"within base64url",
         [this](std::string_view key) {
           return Base64Url(Random("user:", Pick(9)).append(key).append(Random("ab\n", Pick(4))));
         }},
        {"base64 in JSON, percent-encoded",
         [](std::string_view key) {
           std::string out;
           text::AppendUriEncoded(Quoted(Base64(key)), true, out);
           return out;
         }},
    };
  }

  const unsigned seed_ = std::random_device{}();

 private:
  std::mt19937 random_{seed_};
};

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kPrintable =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    "-_!#$%&'()*+,./:;<=>?@[\\]^`{|}~\"";

// Whether `text` shows `size` characters of the key in a row, as they are or reversed.
bool Shows(std::string_view shown, std::string_view key, std::size_t size) {
  const std::string text = text::Lower(shown);
  for (const std::string& form : {text::Lower(key), Reversed(text::Lower(key))}) {
    for (std::size_t at = 0; at + size <= form.size(); ++at) {
      if (text.find(form.substr(at, size)) != std::string::npos) return true;
    }
  }
  return false;
}

// Every text that someone could decode `text` to.
std::vector<std::string> Decoded(const std::string& text) {
  std::vector<std::string> all = {text, text::UriDecoded(text)};
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') plain.push_back(text[i]);
  }
  all.push_back(plain);
  for (const std::string& source : {text, all[1]}) {
    // Base64 and hexadecimal from every place on, bytes between them being ignored.
    for (std::size_t from = 0; from < 4; ++from) {
      std::string letters;
      for (const char c : source) {
        if (text::IsLetterOrDigit(c) || c == '+' || c == '/') letters.push_back(c);
        if (c == '-' || c == '_') letters.push_back(c == '-' ? '+' : '/');
      }
      letters.erase(0, from);
      letters.resize(letters.size() / 4 * 4);
      std::string bytes;
      if (text::DecodeBase64(letters, bytes)) all.push_back(bytes);
    }
    for (std::size_t from = 0; from < 2; ++from) {
      std::string bytes;
      for (std::size_t i = from; i + 1 < source.size(); i += 2) {
        const int high = text::HexValue(source[i]);
        const int low = text::HexValue(source[i + 1]);
        bytes.push_back(high < 0 || low < 0 ? '\n' : static_cast<char>(high * 16 + low));
      }
      all.push_back(bytes);
    }
  }
  return all;
}

TEST_F(RedactProperty, LeavesNothingOfAnAlteredKey) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  const std::vector<Alteration> alterations = Alterations();
  for (int round = 0; round < 600; ++round) {
    const std::string key = Random(Pick(2) == 0 ? kLetters : kPrintable, 8 + Pick(120));
    const auto& [name, alter] = alterations[Pick(alterations.size())];
    const std::string before = Random("abc \n{\":", Pick(40));
    const std::string after = Random(" xyz}\",", Pick(40));
    const std::string text = before + " '" + alter(key) + "' " + after;
    const std::string shown = Redact(text, Secret(key));
    SCOPED_TRACE(std::string(name) + ": key " + key + "\nin " + text + "\nshown as " + shown);
    for (const std::string& decoded : Decoded(shown)) ASSERT_FALSE(Shows(decoded, key, 8));
    ASSERT_TRUE(shown.starts_with(before + " '")) << "more was taken than the key";
    ASSERT_TRUE(shown.ends_with("' " + after)) << "more was taken than the key";
  }
}

TEST_F(RedactProperty, LeavesNoLongPartOfAKeyThatIsCut) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 200; ++round) {
    const std::string key = Random(kLetters, 8 + Pick(100));
    const std::size_t least = std::clamp<std::size_t>(key.size() / 2 + 1, 8, 16);
    const std::size_t size = least + Pick(key.size() - least + 1);
    const std::string part = key.substr(Pick(key.size() - size + 1), size);
    for (const std::string& echo : {part, Formatted("%%%02X", part), Reversed(part),
                                    Base64("x" + part + "yz"), Formatted("%02x", part)}) {
      const std::string shown = Redact("key: " + echo + "...", Secret(key));
      for (const std::string& decoded : Decoded(shown)) {
        ASSERT_FALSE(Shows(decoded, key, 8)) << key << "\n" << echo << "\n" << shown;
      }
    }
  }
}

TEST_F(RedactProperty, TextWithoutTheKeyComesBackUnchanged) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 500; ++round) {
    const std::string key = Random(kLetters, 1 + Pick(60));
    std::string text;
    for (std::size_t i = Pick(60); i > 0; --i) {
      switch (Pick(4)) {
        case 0:
          text += Random(kPrintable, Pick(20));
          break;
        case 1:
          text += Quoted(Base64(Random(kPrintable, Pick(30))));
          break;
        case 2:
          text += Formatted("%%%02x", Random(kPrintable, Pick(8)));
          break;
        default:
          text += " the model is overloaded \xE2\x82\xAC\xFF ";
      }
    }
    // A short key may well be in it.
    if (key.size() < 8 && Shows(Decoded(text)[1], key, key.size())) continue;
    ASSERT_EQ(Redact(text, Secret(key)), text) << key;
  }
}

}  // namespace
}  // namespace llmload
