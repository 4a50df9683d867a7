// One provider from environment variables: LLMLOAD_PROVIDER names it, its own usual variables
// configure it.
#ifndef LLMLOAD_SERVICE_TARGET_H_
#define LLMLOAD_SERVICE_TARGET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"

namespace llmload {

enum class ProviderChoice : std::uint8_t {
  kFake,       ///< the embedded fake LLM server: no key, no cost (the default)
  kOpenAi,     ///< OpenAI, or anything that speaks its API
  kAzure,      ///< Azure OpenAI
  kBedrock,    ///< AWS Bedrock
  kAnthropic,  ///< Anthropic's Messages API
  kOllama,     ///< Ollama's own API
  kLocal,      ///< an OpenAI-compatible server at `LLMLOAD_LOCAL_URL`
};

/// As `LLMLOAD_PROVIDER` names it ("bedrock").
std::string_view ToString(ProviderChoice choice) noexcept;

/// The choice of that name; nothing for an unknown one.
std::optional<ProviderChoice> ProviderOfName(std::string_view name) noexcept;

/// `LLMLOAD_PROVIDER`; `kFake` if it is not set. Throws `ConfigurationError` for an unknown name.
ProviderChoice ProviderFromEnvironment();

/// `LLMLOAD_MODEL`, or what is usual for `choice`: a small, cheap model. Azure's is
/// `AZURE_OPENAI_DEPLOYMENT`.
std::string ModelFromEnvironment(ProviderChoice choice);

/// A provider to test, or the reason why there is none.
struct Target {
  std::shared_ptr<Provider> provider = nullptr;  ///< null: unavailable
  std::string unavailable = {};                  ///< why, and what to set
  std::string url = {};                          ///< where it points, for the report
  std::string credential_help = {};  ///< what to check if the service refuses the credential
};

/// The port of a URL that points at this machine; nothing for any other, and for what is no URL: a
/// simulation has none.
std::optional<std::uint16_t> LoopbackPort(const std::string& url);

/// What a caller knows better than the environment. Empty: as the environment says.
struct TargetOverrides {
  /// Base URL, in place of the provider's own variable. Then a provider whose key is not set sends
  /// none instead of being unavailable: its server may want none. (Not Azure OpenAI's, which has no
  /// such server, nor Bedrock's, which signs.)
  std::string url;
  std::string deployment;  ///< Azure OpenAI: in place of `AZURE_OPENAI_DEPLOYMENT`
  std::string ca_file;     ///< in place of `LLMLOAD_CA_FILE`
};

/// The provider `choice` as the environment describes it; docs/providers.md lists the variables.
/// Without what it cannot do without (a key, a URL, a region) it is unavailable; AWS credentials
/// are looked for at the first call. The embedded fake server belongs to whoever embeds it, so that
/// `kFake` is unavailable here.
///
/// Throws `ConfigurationError`, naming the variables, for a value that cannot be used. Opens no
/// connection.
/// @param clock  must outlive the provider
Target TargetFromEnvironment(ProviderChoice choice, const Clock& clock,
                             const TargetOverrides& overrides = {});

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_TARGET_H_
