// The server's counters and logs, written by its workers and read by tests.
#ifndef LLMLOAD_SRC_FAKE_SERVER_SERVER_COUNTERS_H_
#define LLMLOAD_SRC_FAKE_SERVER_SERVER_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/fake_server/protocol.h"

namespace llmload::fake_server {

/// A counter: relaxed, since no other memory is published through it.
class Counter {
 public:
  void Add(std::uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t Next() noexcept { return value_.fetch_add(1, std::memory_order_relaxed) + 1; }
  std::uint64_t Get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A level with its peak.
class Gauge {
 public:
  /// The level after going up.
  std::uint64_t Up() noexcept;
  void Down() noexcept { value_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint64_t Get() const noexcept { return value_.load(std::memory_order_relaxed); }
  std::uint64_t Peak() const noexcept { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
  std::atomic<std::uint64_t> peak_{0};
};

/// The newest `capacity` instants. Thread-safe.
class InstantLog {
 public:
  explicit InstantLog(std::size_t capacity) : capacity_(capacity) {}
  void Add(TimePoint at);
  std::vector<TimePoint> Snapshot() const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<TimePoint> ring_;
  std::size_t oldest_ = 0;
};

struct ServerCounters {
  Counter connections, tls_handshakes, tls_failures;
  Counter chat_requests, models_requests, health_requests, other_requests;
  Counter azure_requests, anthropic_requests, bedrock_requests, ollama_requests;
  Counter arrivals, tokens_sent, validation_failures, rate_limited, over_capacity;
  Counter aborted_by_client, leaked_bytes;
  Gauge connections_open, streams, in_flight;
  std::array<Counter, 600> answers;  // index: HTTP status
  std::array<Counter, simulation::kFaultKindCount> faults;

  void CountCompletion(Protocol protocol) noexcept {
    chat_requests.Add();
    if (protocol == Protocol::kAzure) azure_requests.Add();
    if (protocol == Protocol::kAnthropic) anthropic_requests.Add();
    if (IsBedrock(protocol)) bedrock_requests.Add();
    if (protocol == Protocol::kOllama) ollama_requests.Add();
  }
  void CountAnswer(int status) noexcept { answers[static_cast<std::size_t>(status)].Add(); }
  void CountFault(simulation::FaultKind kind) noexcept {
    faults[static_cast<std::size_t>(kind)].Add();
  }
  FakeLlmServerCounters Snapshot() const;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_SERVER_COUNTERS_H_
