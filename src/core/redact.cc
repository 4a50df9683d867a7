// Finds a secret in text that a server or a library wrote, also in the forms that they give it.
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "llmload/core/secret.h"
#include "src/core/text/ascii.h"
#include "src/core/text/base64.h"
#include "src/core/text/redactor.h"
#include "src/core/text/unescaped.h"

namespace llmload {
namespace {

constexpr std::string_view kMark = "[redacted]";
constexpr std::size_t kMinSecret = 4;    // shorter ones are not looked for
constexpr std::size_t kMinAnywhere = 8;  // shorter ones are looked for where they stand alone
constexpr std::size_t kMaxPart = 16;     // as many characters in a row are always redacted
constexpr std::size_t kMaxLayers = 3;    // escapes of escapes, as in JSON in JSON
constexpr int kMaxPlaces = 64;    // where the same bytes stand in a secret that repeats itself
constexpr std::size_t kGram = 4;  // bytes that are compared at once

// Finds runs of forms of a secret in time that grows with the text only: every run that is long
// enough holds four bytes at one of the places that are looked at.
class Finder {
 public:
  // How bytes are compared: letters of either case as the same, or the two alphabets of base64.
  enum class Equal : std::uint8_t { kInAnyCase, kAsBase64 };

  struct Form {
    Secret text;
    std::size_t min_run;  // a run of as many bytes of it, at least, is found
    bool alone;           // only where neither a letter, a digit, '-' nor '_' is next to it
  };

  Finder(Equal equal, const std::vector<Form>& forms) : equal_(equal) {
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

  void Find(std::string_view text, std::vector<text::Range>& found) const {
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
        const text::Range run = RunThrough(text, at, gram);
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
    forms_.push_back({Secret(std::move(text)), form.min_run, form.alone});
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
  text::Range RunThrough(std::string_view text, std::size_t at, const Gram& gram) const {
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
    const text::Range run = {at - before, at + size};
    if (before + size < form.min_run || (form.alone && !IsAlone(text, run))) return {at, at};
    return run;
  }

  static bool IsAlone(std::string_view text, const text::Range& run) {
    const auto is_word = [](char c) { return text::IsLetterOrDigit(c) || c == '-' || c == '_'; };
    return (run.begin == 0 || !is_word(text[run.begin - 1])) &&
           (run.end == text.size() || !is_word(text[run.end]));
  }

  // With the letters at either end that hold some bits of the secret only, and the padding.
  text::Range WithRest(std::string_view text, text::Range run) const {
    const auto is_letter = [this](char c) {
      return text::IsLetterOrDigit(c) || Folded(c) == '+' || Folded(c) == '/';
    };
    if (run.begin > 0 && is_letter(text[run.begin - 1])) --run.begin;
    if (run.end < text.size() && is_letter(text[run.end])) ++run.end;
    while (run.end < text.size() && text[run.end] == '=') ++run.end;
    return run;
  }

  const Equal equal_;
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

// What to look for of `secret`, compared as `Finder::Equal` says.
struct Forms {
  std::vector<Finder::Form> plain;
  std::vector<Finder::Form> base64;

  void Add(const Secret& secret) {
    const std::string_view key = secret.Reveal();
    if (key.size() < kMinSecret) return;
    const bool alone = key.size() < kMinAnywhere;
    const std::size_t part =
        alone ? key.size() : std::clamp(key.size() / 2 + 1, kMinAnywhere, kMaxPart);
    plain.push_back({secret, part, alone});
    plain.push_back({Secret({key.rbegin(), key.rend()}), part, alone});
    plain.push_back({Secret(Hexadecimal(key)), 2 * part, alone});
    // A key that looks as if it had escapes loses them together with the others around it.
    if (const text::Unescaped bare(key); !bare.IsSameAsSource()) {
      plain.push_back({Secret(bare.text()), std::min(part, bare.text().size()), alone});
    }
    if (alone) {
      std::string whole;
      text::AppendBase64(key, whole);
      whole.erase(whole.find_last_not_of('=') + 1);
      base64.push_back({Secret(whole), whole.size(), alone});
      return;
    }
    const std::size_t least = Base64Within(key.substr(0, part), 1).size();
    for (std::size_t before = 0; before < 3; ++before) {
      base64.push_back({Secret(Base64Within(key, before)), least, alone});
    }
  }
};

}  // namespace

class Redactor::Impl {
 public:
  explicit Impl(const Forms& forms)
      : plain_(Finder::Equal::kInAnyCase, forms.plain),
        base64_(Finder::Equal::kAsBase64, forms.base64) {}

  std::string Redact(std::string text) const {
    std::vector<text::Range> found = Find(text);
    std::vector<text::Unescaped> layers;
    layers.reserve(kMaxLayers);
    for (std::string_view above = text; layers.size() < kMaxLayers && MayHoldEscapes(above);
         above = layers.back().text()) {
      layers.emplace_back(above);
      if (layers.back().IsSameAsSource()) break;
      for (text::Range range : Find(layers.back().text())) {
        for (std::size_t i = layers.size(); i-- > 0;) range = layers[i].Source(range);
        found.push_back(range);
      }
    }
    return found.empty() ? std::move(text) : Marked(text, std::move(found));
  }

 private:
  static bool MayHoldEscapes(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return c == '\\' || c == '%' || c == '&'; });
  }

  std::vector<text::Range> Find(std::string_view text) const {
    std::vector<text::Range> found;
    plain_.Find(text, found);
    base64_.Find(text, found);
    return found;
  }

  static std::string Marked(const std::string& text, std::vector<text::Range> found) {
    std::sort(found.begin(), found.end(),
              [](const text::Range& a, const text::Range& b) { return a.begin < b.begin; });
    std::string marked;
    marked.reserve(text.size());
    std::size_t shown = 0;
    text::Range last = found.front();
    const auto mark = [&] {
      marked.append(text, shown, last.begin - shown).append(kMark);
      shown = last.end;
    };
    for (const text::Range& range : found) {
      if (range.begin > last.end) {
        mark();
        last = range;
      }
      last.end = std::max(last.end, range.end);
    }
    mark();
    return marked.append(text, shown);
  }

  const Finder plain_;
  const Finder base64_;
};

Redactor::Redactor(std::span<const Secret> secrets) {
  Forms forms;
  for (const Secret& secret : secrets) forms.Add(secret);
  if (!forms.plain.empty()) impl_ = std::make_shared<const Impl>(forms);
}

std::string Redactor::operator()(std::string text) const {
  if (!impl_ || text.size() < kMinSecret) return text;
  return impl_->Redact(std::move(text));
}

std::string Redact(std::string text, const Secret& secret) {
  if (text.size() < kMinSecret) return text;
  return Redactor({&secret, 1})(std::move(text));
}

}  // namespace llmload
