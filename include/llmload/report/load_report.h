// From what a generator brought back to a report that can be judged.
#ifndef LLMLOAD_REPORT_LOAD_REPORT_H_
#define LLMLOAD_REPORT_LOAD_REPORT_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "llmload/load/load_generator.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/provider/provider.h"
#include "llmload/report/run_report.h"

namespace llmload {

/// What a run was, apart from its result.
struct RunIdentity {
  std::string name;  ///< of the test
  std::chrono::system_clock::time_point started_at{};
  ProviderIdentity provider;
  std::string model;
  std::string target;  ///< where the provider points
  std::uint64_t seed = 1;
};

/// The report of `result` with everything but criteria. `resources` may be null.
RunReport MakeLoadReport(const RunIdentity& identity, const LoadResult& result,
                         const ResourceMonitor* resources);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_LOAD_REPORT_H_
