#include "src/fake_server/server_counters.h"

#include <nlohmann/json.hpp>
#include <string>

namespace llmload::fake_server {

std::uint64_t Gauge::Up() noexcept {
  const std::uint64_t level = value_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (level > peak && !peak_.compare_exchange_weak(peak, level, std::memory_order_relaxed)) {
  }
  return level;
}

void InstantLog::Add(TimePoint at) {
  if (capacity_ == 0) return;
  const std::lock_guard lock(mutex_);
  if (ring_.size() < capacity_) {
    ring_.push_back(at);
    return;
  }
  ring_[oldest_] = at;
  oldest_ = (oldest_ + 1) % capacity_;
}

std::vector<TimePoint> InstantLog::Snapshot() const {
  const std::lock_guard lock(mutex_);
  const auto middle = ring_.begin() + static_cast<std::ptrdiff_t>(oldest_);
  std::vector<TimePoint> ordered(middle, ring_.end());
  ordered.insert(ordered.end(), ring_.begin(), middle);
  return ordered;
}

FakeLlmServerCounters ServerCounters::Snapshot() const {
  FakeLlmServerCounters snapshot;
  snapshot.connections = connections.Get();
  snapshot.connections_open = connections_open.Get();
  snapshot.tls_handshakes = tls_handshakes.Get();
  snapshot.tls_failures = tls_failures.Get();
  snapshot.chat_requests = chat_requests.Get();
  snapshot.models_requests = models_requests.Get();
  snapshot.health_requests = health_requests.Get();
  snapshot.other_requests = other_requests.Get();
  snapshot.arrivals = arrivals.Get();
  snapshot.azure_requests = azure_requests.Get();
  snapshot.anthropic_requests = anthropic_requests.Get();
  snapshot.bedrock_requests = bedrock_requests.Get();
  snapshot.ollama_requests = ollama_requests.Get();
  snapshot.streams_open = streams.Get();
  snapshot.streams_peak = streams.Peak();
  snapshot.in_flight = in_flight.Get();
  snapshot.in_flight_peak = in_flight.Peak();
  snapshot.tokens_sent = tokens_sent.Get();
  for (std::size_t status = 0; status < answers.size(); ++status) {
    const std::uint64_t count = answers[status].Get();
    if (count > 0) snapshot.answers_by_status.emplace(static_cast<int>(status), count);
  }
  for (std::size_t kind = 0; kind < faults.size(); ++kind) {
    snapshot.faults_by_kind[kind] = faults[kind].Get();
  }
  snapshot.validation_failures = validation_failures.Get();
  snapshot.rate_limited = rate_limited.Get();
  snapshot.over_capacity = over_capacity.Get();
  snapshot.aborted_by_client = aborted_by_client.Get();
  snapshot.leaked_bytes = leaked_bytes.Get();
  return snapshot;
}

std::string ToJson(const FakeLlmServerCounters& counters) {
  nlohmann::ordered_json answers = nlohmann::ordered_json::object();
  for (const auto& [status, count] : counters.answers_by_status) {
    answers[std::to_string(status)] = count;
  }
  nlohmann::ordered_json faults = nlohmann::ordered_json::object();
  for (int kind = 0; kind < simulation::kFaultKindCount; ++kind) {
    const std::uint64_t count = counters.faults(static_cast<simulation::FaultKind>(kind));
    if (count > 0) faults[std::string(ToString(static_cast<simulation::FaultKind>(kind)))] = count;
  }
  const nlohmann::ordered_json json = {
      {"connections", counters.connections},
      {"connections_open", counters.connections_open},
      {"tls_handshakes", counters.tls_handshakes},
      {"tls_failures", counters.tls_failures},
      {"chat_requests", counters.chat_requests},
      {"models_requests", counters.models_requests},
      {"health_requests", counters.health_requests},
      {"other_requests", counters.other_requests},
      {"arrivals", counters.arrivals},
      {"azure_requests", counters.azure_requests},
      {"anthropic_requests", counters.anthropic_requests},
      {"bedrock_requests", counters.bedrock_requests},
      {"ollama_requests", counters.ollama_requests},
      {"streams_open", counters.streams_open},
      {"streams_peak", counters.streams_peak},
      {"in_flight", counters.in_flight},
      {"in_flight_peak", counters.in_flight_peak},
      {"tokens_sent", counters.tokens_sent},
      {"answers_by_status", answers},
      {"faults_by_kind", faults},
      {"validation_failures", counters.validation_failures},
      {"rate_limited", counters.rate_limited},
      {"over_capacity", counters.over_capacity},
      {"aborted_by_client", counters.aborted_by_client},
      {"leaked_bytes", counters.leaked_bytes},
  };
  return json.dump();
}

}  // namespace llmload::fake_server
