// Finds the process behind a local endpoint, so that its memory can be watched.
#ifndef LLMLOAD_METRICS_LOCAL_PROCESS_H_
#define LLMLOAD_METRICS_LOCAL_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace llmload {

/// The processes that hold a TCP socket which listens on `port` of a loopback or wildcard address,
/// IPv4 or IPv6, in ascending order. Several share one after a fork. Linux: from /proc/net and
/// /proc/PID/fd; a process of another user, or in another network namespace, is not found.
std::vector<pid_t> FindListeningProcesses(std::uint16_t port);

/// The lowest of `FindListeningProcesses`, which after a fork usually is the parent. Empty if none
/// is found.
std::optional<pid_t> FindListeningProcess(std::uint16_t port);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_LOCAL_PROCESS_H_
