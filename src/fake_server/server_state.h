// What all workers of one server share.
#ifndef LLMLOAD_SRC_FAKE_SERVER_SERVER_STATE_H_
#define LLMLOAD_SRC_FAKE_SERVER_SERVER_STATE_H_

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/fake_server/behaviour.h"
#include "src/fake_server/prompt_cache.h"
#include "src/fake_server/rate_limiter.h"
#include "src/fake_server/server_counters.h"
#include "src/fake_server/server_tls.h"

namespace llmload::fake_server {

/// Memory that `FaultKind::kLeak` keeps until the server is destroyed.
class LeakStore {
 public:
  void Keep(std::uint64_t bytes) {
    auto block = std::make_unique_for_overwrite<char[]>(static_cast<std::size_t>(bytes));
    // Touched, so that it is resident; not zero, so that no page is shared.
    std::memset(block.get(), 0x5A, static_cast<std::size_t>(bytes));
    const std::lock_guard lock(mutex_);
    blocks_.push_back(std::move(block));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

struct ServerState {
  explicit ServerState(FakeLlmServerOptions given)
      : options(std::move(given)),
        arrivals(options.arrival_log_capacity),
        connections(options.arrival_log_capacity),
        limiter(options.requests_per_minute) {}

  const FakeLlmServerOptions options;
  ServerTls tls;  // no context with clear_text
  std::string origin;
  std::string base_url;
  ServerCounters counters;
  InstantLog arrivals;
  InstantLog connections;
  BehaviourBox behaviour;
  RateLimiter limiter;
  LeakStore leaks;
  PromptCache prompts;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_SERVER_STATE_H_
