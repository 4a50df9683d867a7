#include "llmload/report/load_report.h"

namespace llmload {

RunReport MakeLoadReport(const RunIdentity& identity, const LoadResult& result,
                         const ResourceMonitor* resources) {
  RunReport report;
  report.test_name = identity.name;
  report.started_at = identity.started_at;
  report.duration = result.duration;
  report.configuration = {
      {"provider", identity.provider.name},
      {"model", identity.model},
      {"target", identity.target},
      {"seed", std::to_string(identity.seed)},
      {"workers", std::to_string(result.workers)},
  };
  if (result.planned != ClosedLoop::kUnlimited) {
    report.configuration.emplace_back("planned requests", std::to_string(result.planned));
  }
  if (!identity.provider.credential.empty()) {
    report.configuration.emplace_back("credential", identity.provider.credential);
  }
  if (result.unmeasured.scheduled > 0) {
    report.configuration.emplace_back("warm-up and cool-down requests",
                                      std::to_string(result.unmeasured.scheduled));
  }
  report.metrics = result.metrics;
  report.health = result.health;
  if (resources != nullptr) report.resources = resources->Summarise();
  report.interrupted = result.interrupted;
  if (!result.drained) {
    report.invalid_reasons.emplace_back("a provider call did not end even when it was cancelled");
  }
  return report;
}

}  // namespace llmload
