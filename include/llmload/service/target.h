// The target of a load test: one service, named by LLMLOAD_PROVIDER and configured by the variables
// that are usual for it.
#ifndef LLMLOAD_SERVICE_TARGET_H_
#define LLMLOAD_SERVICE_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/core/time.h"
#include "llmload/provider/http_options.h"
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

/// Its name in `LLMLOAD_PROVIDER` ("bedrock").
std::string_view ToString(ProviderChoice choice) noexcept;

/// The choice of that name; nullopt for an unknown name.
std::optional<ProviderChoice> ProviderOfName(std::string_view name) noexcept;

/// `LLMLOAD_PROVIDER`; `kFake` if it is not set. Throws `ConfigurationError` for an unknown name.
ProviderChoice ProviderFromEnvironment();

/// `LLMLOAD_MODEL`, or a default for `choice`: a small, cheap model. Azure's is
/// `AZURE_OPENAI_DEPLOYMENT`.
std::string ModelFromEnvironment(ProviderChoice choice);

/// A provider to test, or the reason why there is none.
struct Target {
  std::shared_ptr<Provider> provider = nullptr;  ///< null: unavailable
  std::string unavailable = {};                  ///< the reason, and what to set
  std::string url = {};                          ///< base URL, for the report
  std::string credential_help = {};  ///< what to check if the service refuses the credential
  /// Requests are free: a plan may send as many as it needs. A gateway on this machine may still
  /// pay for them.
  bool costs_nothing = false;
};

/// The port of a URL that points at this machine; nullopt for any other URL, and for a text that is
/// not a URL (a simulation has none).
std::optional<std::uint16_t> LoopbackPort(const std::string& url);

/// Values that replace those of the environment. Empty: the environment's.
struct TargetOverrides {
  /// Base URL, in place of the provider's own variable. Then a provider whose key is not set sends
  /// none instead of being unavailable, because the server may not require one. (This excludes
  /// Azure OpenAI, which always requires a key, and Bedrock, which signs.)
  std::string url = {};
  std::string deployment = {};  ///< Azure OpenAI: in place of `AZURE_OPENAI_DEPLOYMENT`
  std::string ca_file = {};     ///< in place of `LLMLOAD_CA_FILE`
  /// "max_tokens" or "max_completion_tokens", in place of `LLMLOAD_MAX_TOKENS_FIELD`; for services
  /// that speak OpenAI's API, as is:
  std::string max_tokens_field = {};
  std::string stream_options = {};  ///< "send" or "omit", in place of `LLMLOAD_STREAM_OPTIONS`

  // See `HttpOptions`.
  std::vector<HttpHeader> headers = {};  ///< beside `LLMLOAD_HEADERS`, of which they replace some
  std::string extra_body = {};           ///< in place of `LLMLOAD_EXTRA_BODY`
  std::string path = {};                 ///< in place of `LLMLOAD_PATH`
  std::optional<Duration> total_timeout = {};        ///< in place of `LLMLOAD_TIMEOUT`
  std::optional<Duration> first_token_timeout = {};  ///< of `LLMLOAD_FIRST_TOKEN_TIMEOUT`
  std::optional<Duration> idle_timeout = {};         ///< of `LLMLOAD_IDLE_TIMEOUT`
  /// Of `LLMLOAD_CONNECT_TIMEOUT`: for name and TCP, and as long again for TLS.
  std::optional<Duration> connect_timeout = {};
  std::optional<std::size_t> max_connections = {};  ///< in place of `LLMLOAD_CONNECTIONS`
  std::optional<bool> new_connections = {};         ///< in place of `LLMLOAD_NEW_CONNECTIONS`
  std::optional<bool> clear_text = {};              ///< in place of `LLMLOAD_CLEAR_TEXT`
};

/// The most that `LLMLOAD_CONNECTIONS` and `--connections` take.
inline constexpr std::size_t kMaxConnections = 1'000'000;

/// The header field that `text` is, "NAME: VALUE". In the value `${NAME}` stands for that variable
/// of the environment, which is then a secret, and `$$` for a dollar. Throws `ConfigurationError`
/// that names `field`, which is the option or variable, and shows no value.
HttpHeader ParseHttpHeader(std::string_view field, std::string_view text);

/// The options of a provider as the environment has them, but for the proxy, which depends on the
/// URL. Throws `ConfigurationError`, naming the variable.
HttpOptions HttpOptionsFromEnvironment(const TargetOverrides& overrides = {});

/// The provider `choice` as the environment describes it; docs/providers.md lists the variables.
/// Without a required value (a key, a URL, a region) it is unavailable; AWS credentials are looked
/// for at the first call. `kFake` is unavailable here, because the program that embeds the fake
/// server makes its target.
///
/// Throws `ConfigurationError`, naming the variables, for a value that cannot be used. Opens no
/// connection.
/// @param clock  must outlive the provider
Target TargetFromEnvironment(ProviderChoice choice, const Clock& clock,
                             const TargetOverrides& overrides = {});

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_TARGET_H_
