// Which processes to watch while a target is under load.
#ifndef LLMLOAD_WORLD_TARGET_SAMPLERS_H_
#define LLMLOAD_WORLD_TARGET_SAMPLERS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/metrics/resource_monitor.h"

namespace llmload {

/// This process under the name `own_label`, and as "local server" the one that serves a target on
/// this machine: `server`, or else the process that listens on the port of `target_url` if that is
/// a loopback URL. No second probe if there is no such process, or if it is this one.
std::vector<std::shared_ptr<ResourceProbe>> SamplersFor(const std::string& target_url,
                                                        std::optional<pid_t> server,
                                                        std::string own_label = "test process");

}  // namespace llmload

#endif  // LLMLOAD_WORLD_TARGET_SAMPLERS_H_
