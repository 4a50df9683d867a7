#include "llmload/world/target_samplers.h"

#include <unistd.h>

#include <utility>

#include "llmload/metrics/local_process.h"
#include "llmload/service/target.h"

namespace llmload {

std::vector<std::shared_ptr<ResourceProbe>> SamplersFor(const std::string& target_url,
                                                        std::optional<pid_t> server,
                                                        std::string own_label) {
  std::vector<std::shared_ptr<ResourceProbe>> samplers;
  samplers.push_back(ProcProbe::Self(std::move(own_label)));
  if (!server) {
    if (const auto port = LoopbackPort(target_url)) server = FindListeningProcess(*port);
  }
  if (server && *server != ::getpid()) {
    samplers.push_back(std::make_shared<ProcProbe>("local server", *server));
  }
  return samplers;
}

}  // namespace llmload
