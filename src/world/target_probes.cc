#include "llmload/world/target_probes.h"

#include <unistd.h>

#include <utility>

#include "llmload/metrics/local_process.h"
#include "llmload/service/target.h"

namespace llmload {

std::vector<std::unique_ptr<ResourceProbe>> ProbesFor(const std::string& target_url,
                                                      std::optional<pid_t> server,
                                                      std::string own_label) {
  std::vector<std::unique_ptr<ResourceProbe>> probes;
  probes.push_back(ProcProbe::Self(std::move(own_label)));
  if (!server) {
    if (const auto port = LoopbackPort(target_url)) server = FindListeningProcess(*port);
  }
  if (server && *server != ::getpid()) {
    probes.push_back(std::make_unique<ProcProbe>("local server", *server));
  }
  return probes;
}

}  // namespace llmload
