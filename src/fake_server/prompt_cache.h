// The prompts that a service keeps when it is told to, so that a later one that begins alike costs
// less.
#ifndef LLMLOAD_SRC_FAKE_SERVER_PROMPT_CACHE_H_
#define LLMLOAD_SRC_FAKE_SERVER_PROMPT_CACHE_H_

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "llmload/core/time.h"

namespace llmload::fake_server {

/// A prompt up to the end of one of its blocks.
struct PromptPrefix {
  std::uint64_t hash = 0;  ///< of all that it says
  std::int64_t bytes = 0;  ///< of text
  Duration life{0};        ///< how long to keep it; 0: not at all
};

/// Tokens of a prompt by what the cache did with them.
struct CacheUse {
  std::int64_t read = 0;
  std::int64_t written = 0;
  bool for_an_hour = false;  ///< what was written is kept for longer than the usual minutes
};

/// Thread-safe.
class PromptCache {
 public:
  /// Keeps what is to be kept of a prompt, and says how much of it was there already.
  /// @param prefixes  of one prompt, the longest last
  CacheUse Use(const std::vector<PromptPrefix>& prefixes, TimePoint now) {
    // As with the real service, a short prompt is not kept.
    constexpr std::int64_t kLeastBytes = 4096;  // 1024 tokens
    const auto last = std::find_if(prefixes.rbegin(), prefixes.rend(),
                                   [](const PromptPrefix& p) { return p.life > Duration::zero(); });
    CacheUse use;
    if (last == prefixes.rend() || last->bytes < kLeastBytes) return use;
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(last, prefixes.rend(), [&](const PromptPrefix& prefix) {
      const auto kept = until_.find(prefix.hash);
      return kept != until_.end() && kept->second > now;
    });
    const std::int64_t read_bytes = found == prefixes.rend() ? 0 : found->bytes;
    use.read = read_bytes / 4;
    use.written = last->bytes / 4 - use.read;
    use.for_an_hour = last->life >= std::chrono::hours(1);
    Trim(now);
    for (const PromptPrefix& prefix : prefixes) {
      if (prefix.life == Duration::zero() || prefix.bytes < kLeastBytes) continue;
      TimePoint& until = until_[prefix.hash];
      until = std::max(until, now + prefix.life);
    }
    return use;
  }

 private:
  // Bounds the memory of a long run whose prompts are all different.
  void Trim(TimePoint now) {
    constexpr std::size_t kMost = 10'000;
    if (until_.size() < kMost) return;
    std::erase_if(until_, [now](const auto& kept) { return kept.second <= now; });
    if (until_.size() >= kMost) until_.clear();
  }

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, TimePoint> until_;  // by the hash of a prefix
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_PROMPT_CACHE_H_
