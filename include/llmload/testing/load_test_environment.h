// Where and whether load tests run: the environment variables, read once and strictly.
#ifndef LLMLOAD_TESTING_LOAD_TEST_ENVIRONMENT_H_
#define LLMLOAD_TESTING_LOAD_TEST_ENVIRONMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// True if load tests are switched on: `SKIP_LOAD_TESTS=0`. Unset, empty and 1 mean off: real calls
/// cost money. Throws `ConfigurationError` for anything else.
bool LoadTestsEnabled();

enum class ProviderChoice : std::uint8_t {
  kFake,    ///< the embedded fake LLM server: no key, no cost (the default)
  kOpenAi,  ///< OpenAI, or anything that speaks its API
  kLocal,   ///< an OpenAI-compatible server at `LLMLOAD_LOCAL_URL`
};

/// The `LLMLOAD_*` variables and the providers' own.
struct LoadTestEnvironment {
  ProviderChoice provider = ProviderChoice::kFake;  ///< LLMLOAD_PROVIDER=fake|openai|local
  std::string model = "gpt-3.5-turbo";              ///< LLMLOAD_MODEL
  std::optional<std::string> openai_base_url;       ///< OPENAI_BASE_URL
  std::optional<std::string> local_url;             ///< LLMLOAD_LOCAL_URL
  std::optional<std::string> ca_file;               ///< LLMLOAD_CA_FILE
  std::optional<std::string> report_dir;            ///< LLMLOAD_REPORT_DIR
  std::optional<std::uint64_t> local_pid;           ///< LLMLOAD_LOCAL_PID
  std::uint64_t seed = 1;                           ///< LLMLOAD_SEED

  /// Reads and checks all of them. Throws `ConfigurationError` for a malformed value.
  static LoadTestEnvironment Read();
};

/// A provider to test, or the reason why there is none.
struct Target {
  std::shared_ptr<Provider> provider;  ///< null: unavailable
  std::string unavailable;             ///< why, and what to set
  std::string url;                     ///< where it points, for the report
};

/// The provider that the environment names, for the real ones (`kOpenAi`, `kLocal`). The embedded
/// server belongs to whoever embeds it. Throws `ConfigurationError` for an unusable URL or CA file.
Target TargetFromEnvironment(const LoadTestEnvironment& environment, const Clock& clock);

}  // namespace llmload

#endif  // LLMLOAD_TESTING_LOAD_TEST_ENVIRONMENT_H_
