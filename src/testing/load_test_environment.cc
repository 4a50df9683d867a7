#include "llmload/testing/load_test_environment.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/provider/openai_provider.h"

namespace llmload {

namespace {

constexpr const char* kGate = "SKIP_LOAD_TESTS";

std::optional<std::string> ReadableFile(const char* name) {
  auto path = environment::Text(name);
  std::error_code error;
  if (path && !std::filesystem::is_regular_file(*path, error)) {
    throw ConfigurationError::Invalid(name, *path,
                                      "the path of an existing file (PEM certificates)");
  }
  return path;
}

std::shared_ptr<Provider> MakeProvider(OpenAiOptions options,
                                       const LoadTestEnvironment& environment, const Clock& clock) {
  options.ca_file = environment.ca_file.value_or("");
  return std::make_shared<OpenAiProvider>(std::move(options), clock);
}

}  // namespace

bool LoadTestsEnabled() {
  const auto skip = environment::Text(kGate);
  if (!skip || *skip == "1") return false;
  if (*skip == "0") return true;
  throw ConfigurationError::Invalid(kGate, *skip,
                                    "0 (run the load tests), 1 or nothing (leave them out)");
}

LoadTestEnvironment LoadTestEnvironment::Read() {
  LoadTestEnvironment read;
  const std::string provider =
      environment::OneOf("LLMLOAD_PROVIDER", {"fake", "openai", "local"}).value_or("fake");
  if (provider == "openai") read.provider = ProviderChoice::kOpenAi;
  if (provider == "local") read.provider = ProviderChoice::kLocal;
  if (auto model = environment::Text("LLMLOAD_MODEL")) read.model = std::move(*model);
  read.openai_base_url = environment::Text("OPENAI_BASE_URL");
  read.local_url = environment::Text("LLMLOAD_LOCAL_URL");
  read.ca_file = ReadableFile("LLMLOAD_CA_FILE");
  read.report_dir = environment::Text("LLMLOAD_REPORT_DIR");
  read.local_pid =
      environment::Integer("LLMLOAD_LOCAL_PID", 1, std::numeric_limits<std::int32_t>::max());
  read.seed = environment::Integer("LLMLOAD_SEED", 0, std::numeric_limits<std::uint64_t>::max())
                  .value_or(read.seed);
  return read;
}

Target TargetFromEnvironment(const LoadTestEnvironment& environment, const Clock& clock) {
  Target target;
  OpenAiOptions options;
  switch (environment.provider) {
    case ProviderChoice::kFake:
      target.unavailable =
          "LLMLOAD_PROVIDER=fake, but this test embeds no fake LLM server: set "
          "LLMLOAD_PROVIDER=openai or local";
      return target;
    case ProviderChoice::kOpenAi: {
      auto key = environment::SecretText("OPENAI_API_KEY");
      if (!key) {
        target.unavailable =
            "no key for LLMLOAD_PROVIDER=openai: set OPENAI_API_KEY (and OPENAI_BASE_URL for "
            "anything but OpenAI itself)";
        return target;
      }
      options.api_key = std::move(*key);
      if (environment.openai_base_url) options.base_url = *environment.openai_base_url;
      break;
    }
    case ProviderChoice::kLocal:
      if (!environment.local_url) {
        target.unavailable =
            "no server for LLMLOAD_PROVIDER=local: set LLMLOAD_LOCAL_URL, as in "
            "http://127.0.0.1:8080/v1";
        return target;
      }
      options.name = "local";
      options.base_url = *environment.local_url;
      break;
  }
  target.url = options.base_url;
  try {
    target.provider = MakeProvider(std::move(options), environment, clock);
  } catch (const ConfigurationError& error) {
    // The provider knows its options, the user knows variables.
    const char* variable =
        environment.provider == ProviderChoice::kLocal ? "LLMLOAD_LOCAL_URL" : "OPENAI_BASE_URL";
    throw ConfigurationError(std::string(error.what()) + " (from " + variable +
                             (environment.ca_file ? " or LLMLOAD_CA_FILE)" : ")"));
  }
  return target;
}

}  // namespace llmload
