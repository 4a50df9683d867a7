// Finds a secret in text that a server or a library wrote, also in the forms that they give it.
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "llmload/core/secret.h"
#include "src/core/text/ascii.h"
#include "src/core/text/base64.h"
#include "src/core/text/utf8.h"

namespace llmload {
namespace {

constexpr std::string_view kMark = "[redacted]";
constexpr std::size_t kMinSecret = 4;    // shorter ones are not looked for
constexpr std::size_t kMinAnywhere = 8;  // shorter ones are looked for where they stand alone
constexpr std::size_t kMaxPart = 16;     // as many characters in a row are always redacted
constexpr std::size_t kMaxLayers = 3;    // escapes of escapes, as in JSON in JSON
constexpr int kMaxPlaces = 64;    // where the same bytes stand in a secret that repeats itself
constexpr std::size_t kGram = 4;  // bytes that are compared at once

struct Range {
  std::size_t begin;
  std::size_t end;
};

// What `size` bytes at the front of a text stand for: a byte, or a character of Unicode.
struct Escape {
  char32_t value = 0;
  std::size_t size = 1;  // 1: it is no escape
  bool is_character = false;
};

// `digits` as a whole; false unless they are a number of that base.
bool ReadCode(std::string_view digits, int base, std::uint32_t& code) {
  const char* const end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, code, base);
  return failure == std::errc() && stop == end && code <= 0x10FFFF;
}

Escape NoEscape(char c) { return {static_cast<unsigned char>(c), 1}; }

Escape ReadBackslash(std::string_view text) {
  if (text.size() < 2) return NoEscape(text[0]);
  std::uint32_t code = 0;
  const char kind = text[1];
  if (kind == 'u' && text.size() >= 6 && ReadCode(text.substr(2, 4), 16, code)) {
    return {code, 6, true};
  }
  if (kind == 'u' && text.substr(2, 1) == "{") {
    const std::size_t close = text.substr(0, 12).find('}');
    if (close != std::string_view::npos && ReadCode(text.substr(3, close - 3), 16, code)) {
      return {code, close + 1, true};
    }
  }
  if (kind == 'x' && text.size() >= 4 && ReadCode(text.substr(2, 2), 16, code)) return {code, 4};
  if (kind >= '0' && kind <= '3' && text.size() >= 4 && ReadCode(text.substr(1, 3), 8, code)) {
    return {code, 4};
  }
  const bool is_space = std::string_view("bfnrt").find(kind) != std::string_view::npos;
  return {is_space ? U' ' : static_cast<unsigned char>(kind), 2};
}

Escape ReadEntity(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char32_t>, 5> kNames{
      {{"amp", U'&'}, {"lt", U'<'}, {"gt", U'>'}, {"quot", U'"'}, {"apos", U'\''}}};
  const std::size_t close = text.substr(0, 12).find(';');
  if (close == std::string_view::npos) return NoEscape(text[0]);
  const std::string_view name = text.substr(1, close - 1);
  for (const auto& [known, value] : kNames) {
    if (name == known) return {value, close + 1};
  }
  std::uint32_t code = 0;
  const bool is_hex = name.starts_with("#x") || name.starts_with("#X");
  if (name.starts_with('#') && ReadCode(name.substr(is_hex ? 2 : 1), is_hex ? 16 : 10, code)) {
    return {code, close + 1, true};
  }
  return NoEscape(text[0]);
}

// What a reader of JSON, source code, a URL or HTML sees at the front of `text`.
Escape ReadCharacter(std::string_view text) {
  std::uint32_t code = 0;
  switch (text[0]) {
    case '\\':
      return ReadBackslash(text);
    case '%':
      if (text.size() >= 3 && ReadCode(text.substr(1, 2), 16, code)) return {code, 3};
      return NoEscape('%');
    case '&':
      return ReadEntity(text);
    default:
      return NoEscape(text[0]);
  }
}

// A text without its escapes, and where its characters came from.
class Layer {
 public:
  explicit Layer(std::string_view escaped) {
    text_.reserve(escaped.size());
    for (std::size_t at = 0; at < escaped.size();) {
      const Escape read = ReadCharacter(escaped.substr(at));
      if (read.is_character) {
        text::AppendUtf8(read.value, text_);
      } else {
        text_.push_back(static_cast<char>(read.value));
      }
      at += read.size;
      if (read.size > 1) jumps_.push_back({text_.size(), at});
    }
  }

  const std::string& text() const { return text_; }
  bool IsSameAsSource() const { return jumps_.empty(); }

  // The bytes of the source that a part of `text` stands for.
  Range Source(const Range& part) const { return {SourceOf(part.begin), SourceOf(part.end)}; }

 private:
  struct Jump {
    std::size_t at;      // position after an escape,
    std::size_t source;  // and the one in the source
  };

  std::size_t SourceOf(std::size_t at) const {
    const auto after =
        std::upper_bound(jumps_.begin(), jumps_.end(), at,
                         [](std::size_t p, const Jump& jump) { return p < jump.at; });
    if (after == jumps_.begin()) return at;
    const Jump& last = *std::prev(after);
    return last.source + (at - last.at);
  }

  std::string text_;
  std::vector<Jump> jumps_;
};

// Finds runs of forms of a secret in time that grows with the text only: every run that is long
// enough holds four bytes at one of the places that are looked at.
class Finder {
 public:
  // How bytes are compared: letters of either case as the same, or the two alphabets of base64.
  enum class Equal : std::uint8_t { kInAnyCase, kAsBase64 };

  struct Form {
    Secret text;
    std::size_t min_run;  // a run of as many bytes of it, at least, is found
  };

  // `alone`: a form is found where neither a letter, a digit, '-' nor '_' is next to it.
  Finder(Equal equal, bool alone, const std::vector<Form>& forms) : equal_(equal), alone_(alone) {
    for (std::size_t i = 0; i < fold_.size(); ++i) fold_[i] = Fold(static_cast<char>(i));
    std::size_t size = 0;
    for (const Form& form : forms) size += form.text.Reveal().size();
    grams_.reserve(size);  // no copies of the secret are left behind
    while (heads_.size() < 2 * size) heads_.resize(2 * heads_.size(), kNone);
    for (const Form& form : forms) Add(form);
  }
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;
  ~Finder() { OPENSSL_cleanse(grams_.data(), grams_.capacity() * sizeof(Gram)); }

  void Find(std::string_view text, std::vector<Range>& found) const {
    if (forms_.empty()) return;
    for (std::size_t at = 0; at + kGram <= text.size();) {
      std::size_t next = at + stride_;
      const std::uint32_t bytes = GramAt(text.data() + at);
      std::size_t end = 0;
      int tried = 0;
      for (auto place = heads_[Slot(bytes)]; place != kNone && tried < kMaxPlaces;
           place = grams_[place].next) {
        const Gram& gram = grams_[place];
        if (gram.bytes != bytes) continue;
        ++tried;
        const Range run = RunThrough(text, at, gram);
        if (run.end == run.begin) continue;
        end = std::max(end, run.end);
        found.push_back(equal_ == Equal::kAsBase64 ? WithRest(text, run) : run);
        if (run.end - run.begin == forms_[gram.form].text.Reveal().size()) break;
      }
      // Another run may begin within this one.
      if (end > 0) next = end - kGram + 1;
      at = next;
    }
  }

 private:
  struct Gram {
    std::uint32_t bytes;  // folded, as they stand in memory
    std::uint32_t form;
    std::uint32_t at;
    std::uint32_t next;  // in `grams_`, of those with the same slot
  };
  static constexpr auto kNone = static_cast<std::uint32_t>(-1);

  void Add(const Form& form) {
    std::string text(form.text.Reveal());
    if (form.min_run < kGram || text.size() < form.min_run) return;
    for (char& c : text) c = Fold(c);
    // Backwards, so that the first places are tried first, from which the longest runs go on.
    for (auto at = static_cast<std::uint32_t>(text.size() - kGram + 1); at-- > 0;) {
      const std::uint32_t bytes = GramAt(text.data() + at);
      std::uint32_t& head = heads_[Slot(bytes)];
      grams_.push_back({bytes, static_cast<std::uint32_t>(forms_.size()), at, head});
      head = static_cast<std::uint32_t>(grams_.size() - 1);
    }
    stride_ = std::min(stride_, form.min_run - kGram + 1);
    forms_.push_back({Secret(std::move(text)), form.min_run});
  }

  char Fold(char c) const {
    if (equal_ == Equal::kInAnyCase) return text::Lower(c);
    return c == '-' ? '+' : c == '_' ? '/' : c;
  }
  char Folded(char c) const { return fold_[static_cast<unsigned char>(c)]; }

  std::uint32_t GramAt(const char* at) const {
    const std::array<char, kGram> folded = {Folded(at[0]), Folded(at[1]), Folded(at[2]),
                                            Folded(at[3])};
    std::uint32_t gram = 0;
    std::memcpy(&gram, folded.data(), kGram);
    return gram;
  }
  std::size_t Slot(std::uint32_t gram) const {
    return (gram * 0x9E3779B1U >> 12) & (heads_.size() - 1);
  }

  // The longest run of the gram's form through the place `at` of the gram; empty if it is short.
  Range RunThrough(std::string_view text, std::size_t at, const Gram& gram) const {
    const Form& form = forms_[gram.form];
    const std::string_view wanted = form.text.Reveal();
    std::size_t before = 0;
    while (before < at && before < gram.at &&
           wanted[gram.at - before - 1] == Folded(text[at - before - 1])) {
      ++before;
    }
    std::size_t size = kGram;
    while (at + size < text.size() && gram.at + size < wanted.size() &&
           wanted[gram.at + size] == Folded(text[at + size])) {
      ++size;
    }
    const Range run = {at - before, at + size};
    if (before + size < form.min_run || (alone_ && !IsAlone(text, run))) return {at, at};
    return run;
  }

  static bool IsAlone(std::string_view text, const Range& run) {
    const auto is_word = [](char c) { return text::IsLetterOrDigit(c) || c == '-' || c == '_'; };
    return (run.begin == 0 || !is_word(text[run.begin - 1])) &&
           (run.end == text.size() || !is_word(text[run.end]));
  }

  // With the letters at either end that hold some bits of the secret only, and the padding.
  Range WithRest(std::string_view text, Range run) const {
    const auto is_letter = [this](char c) {
      return text::IsLetterOrDigit(c) || Folded(c) == '+' || Folded(c) == '/';
    };
    if (run.begin > 0 && is_letter(text[run.begin - 1])) --run.begin;
    if (run.end < text.size() && is_letter(text[run.end])) ++run.end;
    while (run.end < text.size() && text[run.end] == '=') ++run.end;
    return run;
  }

  const Equal equal_;
  const bool alone_;
  std::array<char, 256> fold_{};
  std::vector<Form> forms_;  // folded
  std::vector<Gram> grams_;
  std::vector<std::uint32_t> heads_ = std::vector<std::uint32_t>(1024, kNone);  // by slot
  std::size_t stride_ = static_cast<std::size_t>(-1) / 2;
};

std::string Hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const char c : bytes) {
    digits.push_back(kDigits[static_cast<unsigned char>(c) >> 4U]);
    digits.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
  }
  return digits;
}

// The letters of base64 that hold bits of `bytes` only, when `before` others stand before them.
std::string Base64Within(std::string_view bytes, std::size_t before) {
  std::string whole;
  text::AppendBase64(std::string(before, '\0').append(bytes), whole);
  const std::size_t first = (8 * before + 5) / 6;
  return whole.substr(first, 8 * (before + bytes.size()) / 6 - first);
}

}  // namespace

std::string Redact(std::string text, const Secret& secret) {
  const std::string_view key = secret.Reveal();
  if (key.size() < kMinSecret || text.size() < std::min(key.size(), kMinAnywhere)) {
    return text;
  }
  const bool is_short = key.size() < kMinAnywhere;
  const std::size_t part =
      is_short ? key.size() : std::clamp(key.size() / 2 + 1, kMinAnywhere, kMaxPart);

  std::vector<Finder::Form> forms = {{secret, part},
                                     {Secret({key.rbegin(), key.rend()}), part},
                                     {Secret(Hexadecimal(key)), 2 * part}};
  // A key that looks as if it had escapes loses them together with the others around it.
  if (const Layer bare(key); !bare.IsSameAsSource()) {
    forms.push_back({Secret(bare.text()), std::min(part, bare.text().size())});
  }
  const Finder plain(Finder::Equal::kInAnyCase, is_short, forms);
  forms.clear();
  for (std::size_t before = 0; before < 3 && !is_short; ++before) {
    forms.push_back(
        {Secret(Base64Within(key, before)), Base64Within(key.substr(0, part), 1).size()});
  }
  if (is_short) {
    std::string whole;
    text::AppendBase64(key, whole);
    whole.erase(whole.find_last_not_of('=') + 1);
    forms.push_back({Secret(whole), whole.size()});
  }
  const Finder base64(Finder::Equal::kAsBase64, is_short, forms);

  std::vector<Range> found;
  plain.Find(text, found);
  base64.Find(text, found);
  std::vector<Layer> layers;
  layers.reserve(kMaxLayers);
  while (layers.size() < kMaxLayers) {
    Layer layer(layers.empty() ? text : layers.back().text());
    if (layer.IsSameAsSource()) break;
    layers.push_back(std::move(layer));
    std::vector<Range> below;
    plain.Find(layers.back().text(), below);
    base64.Find(layers.back().text(), below);
    for (Range range : below) {
      for (std::size_t i = layers.size(); i-- > 0;) range = layers[i].Source(range);
      found.push_back(range);
    }
  }
  if (found.empty()) return text;

  std::sort(found.begin(), found.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::string redacted;
  redacted.reserve(text.size());
  std::size_t shown = 0;
  Range last = found.front();
  const auto mark = [&] {
    redacted.append(text, shown, last.begin - shown).append(kMark);
    shown = last.end;
  };
  for (const Range& range : found) {
    if (range.begin > last.end) {
      mark();
      last = range;
    }
    last.end = std::max(last.end, range.end);
  }
  mark();
  return redacted.append(text, shown);
}

}  // namespace llmload
