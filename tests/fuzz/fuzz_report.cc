// Reports from elsewhere: any bytes are read or refused, and what is read is written as it
// was read.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "llmload/core/environment.h"
#include "llmload/report/report_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RunReport report;
  try {
    report = ReadReport(text, "fuzz");
  } catch (const ConfigurationError& refused) {
    if (std::string_view(refused.what()).starts_with("fuzz: ")) return 0;
    std::fprintf(stderr, "a refusal without the name of the file: %s\n", refused.what());
    std::abort();
  }
  // Compared as text: numbers that are not finite are not equal to themselves.
  const std::string written = ToJson(report);
  if (ToJson(ReadReport(written, "again")) != written) {
    std::fprintf(stderr, "a report that was read is not written as it was read\n");
    std::abort();
  }
  report.record.metrics.Merge(report.record.unmeasured);
  return 0;
}
