#include "src/metrics/error_log.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>

#include "src/core/text/ascii.h"
#include "src/core/text/harmless.h"
#include "src/metrics/single_writer.h"

namespace llmload {
namespace metrics {
namespace {

// Providers keep their messages shorter than twice this; those of other programs may be endless.
constexpr std::size_t kMaxLoggedMessage = 300;

class Fnv {
 public:
  void Add(std::string_view bytes) {
    for (const char c : bytes) {
      hash_ ^= static_cast<unsigned char>(c);
      hash_ *= 0x100000001b3;
    }
  }
  // A field ends, so that ("a", "bc") and ("ab", "c") differ.
  void End() { Add(std::string_view("\0", 1)); }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

bool IsWordCharacter(char c) { return text::IsLetterOrDigit(c) || c == '_' || c == '-'; }

}  // namespace

std::uint64_t LikenessOf(std::string_view provider, int http_status, std::string_view code,
                         std::string_view message) {
  Fnv likeness;
  likeness.Add(provider);
  likeness.End();
  const std::array<char, 2> status = {static_cast<char>(http_status & 0xFF),
                                      static_cast<char>(http_status >> 8)};
  likeness.Add({status.data(), status.size()});
  likeness.Add(code);
  likeness.End();
  message = message.substr(0, kMaxLoggedMessage);
  while (!message.empty()) {
    const auto* const end = std::find_if_not(message.begin(), message.end(), IsWordCharacter);
    const auto size = std::max<std::size_t>(static_cast<std::size_t>(end - message.begin()), 1);
    const std::string_view word = message.substr(0, size);
    likeness.Add(std::any_of(word.begin(), word.end(), text::IsDigit) ? "0" : word);
    message.remove_prefix(size);
  }
  return likeness.value();
}

struct ErrorLog::OfKind {
  struct Slot {
    Count count;
    // Written before the slot is published, constant afterwards.
    std::uint64_t likeness = 0;
    TimePoint first{};
    ErrorExample example;
  };

  Count count;
  SingleWriter<Duration::rep> first{std::numeric_limits<Duration::rep>::max()};
  SingleWriter<Duration::rep> last{std::numeric_limits<Duration::rep>::min()};
  std::array<Slot, ErrorSummary::kMostExamples> slots;
  std::atomic<std::size_t> known{0};
};

ErrorLog::~ErrorLog() {
  for (auto& kind : kinds_) delete kind.load(std::memory_order_acquire);
}

void ErrorLog::Record(const Error& error, TimePoint at) {
  auto& owner = kinds_[std::min(static_cast<std::size_t>(error.kind), kinds_.size() - 1)];
  OfKind* kind = owner.load(std::memory_order_relaxed);
  if (kind == nullptr) {
    kind = new OfKind;
    owner.store(kind, std::memory_order_release);
  }
  const std::uint64_t likeness =
      LikenessOf(error.provider, error.http_status, error.provider_code, error.message);
  const std::size_t known = kind->known.load(std::memory_order_relaxed);
  const auto end = kind->slots.begin() + static_cast<std::ptrdiff_t>(known);
  const auto slot = std::find_if(kind->slots.begin(), end,
                                 [&](const auto& each) { return each.likeness == likeness; });
  if (slot == end && known < kind->slots.size()) {
    slot->likeness = likeness;
    slot->first = at;
    slot->example.message = text::Excerpt(error.message, kMaxLoggedMessage);
    slot->example.http_status = error.http_status;
    slot->example.provider = error.provider;
    slot->example.code = error.provider_code;
    slot->example.request_id = error.request_id;
    kind->known.store(known + 1, std::memory_order_release);
  }
  if (slot != kind->slots.end()) slot->count.Add(1);
  kind->first.LowerTo(at.time_since_epoch().count());
  kind->last.RaiseTo(at.time_since_epoch().count());
  kind->count.Add(1);
}

std::uint64_t ErrorLog::CountOf(ErrorKind kind) const {
  const OfKind* const of_kind =
      kinds_[static_cast<std::size_t>(kind)].load(std::memory_order_acquire);
  return of_kind == nullptr ? 0 : of_kind->count.Get();
}

std::array<ErrorSummary, kErrorKindCount> ErrorLog::Snapshot(TimePoint start) const {
  std::array<ErrorSummary, kErrorKindCount> summaries;
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const OfKind* const kind = kinds_[i].load(std::memory_order_acquire);
    if (kind == nullptr) continue;
    ErrorSummary& summary = summaries[i];
    summary.count = kind->count.Get();
    if (summary.count == 0) continue;  // the first one is being recorded just now
    const Duration::rep origin = start.time_since_epoch().count();
    summary.first = Duration(kind->first.Get() - origin);
    summary.last = Duration(kind->last.Get() - origin);
    const std::size_t known = kind->known.load(std::memory_order_acquire);
    for (std::size_t k = 0; k < known; ++k) {
      const OfKind::Slot& slot = kind->slots[k];
      ErrorExample& example = summary.examples.emplace_back(slot.example);
      example.count = std::max<std::uint64_t>(slot.count.Get(), 1);
      example.first = slot.first - start;
    }
  }
  return summaries;
}

}  // namespace metrics

void ErrorSummary::Merge(const ErrorSummary& other) {
  count += other.count;
  if (other.first) first = std::min(first.value_or(*other.first), *other.first);
  if (other.last) last = std::max(last.value_or(*other.last), *other.last);
  const auto likeness = [](const ErrorExample& each) {
    return metrics::LikenessOf(each.provider, each.http_status, each.code, each.message);
  };
  const auto rank = [](const ErrorExample& each) {
    return std::tie(each.first, each.message, each.http_status, each.provider, each.code,
                    each.request_id);
  };
  for (const ErrorExample& more : other.examples) {
    const auto known = std::find_if(examples.begin(), examples.end(), [&](const auto& each) {
      return likeness(each) == likeness(more);
    });
    if (known == examples.end()) {
      examples.push_back(more);
      continue;
    }
    const std::uint64_t sum = known->count + more.count;
    if (rank(more) < rank(*known)) *known = more;
    known->count = sum;
  }
  std::sort(examples.begin(), examples.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  if (examples.size() > kMostExamples) examples.resize(kMostExamples);
}

}  // namespace llmload
