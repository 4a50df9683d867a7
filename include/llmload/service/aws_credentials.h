// Sources of AWS credentials, in the order and with the variables that AWS's own tools use.
#ifndef LLMLOAD_SERVICE_AWS_CREDENTIALS_H_
#define LLMLOAD_SERVICE_AWS_CREDENTIALS_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/secret.h"
#include "llmload/core/time.h"
#include "llmload/provider/error.h"

namespace llmload {

/// Keys that sign a request to AWS.
struct AwsCredentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;  ///< empty for a long-term key
  std::optional<std::chrono::system_clock::time_point> expires;
};

/// `Error::provider_code` of a chain in which no source is configured, as opposed to one that is
/// configured wrongly.
inline constexpr std::string_view kNoAwsCredentials = "no_credentials";

/// A source of credentials. Thread-safe.
class AwsCredentialSource {
 public:
  virtual ~AwsCredentialSource() = default;

  /// Returns credentials that have not expired, or `ErrorKind::kCredential` with the sources that
  /// were tried and the variables that can be set. May wait for a fetch; all callers share one.
  /// Throws only `operation_aborted`, when the coroutine is cancelled. The executor has to be an
  /// `io_context`'s or a strand on one.
  virtual boost::asio::awaitable<Result<AwsCredentials>> Get() = 0;

  /// What `Get` would return without waiting; nullopt if it would have to wait.
  virtual std::optional<AwsCredentials> TryGet() { return std::nullopt; }

  /// Tells that the service refused the current credentials: the next `Get` fetches new ones.
  virtual void Invalidate() = 0;

  /// The source of the credentials, for messages and reports. Holds no secret, and of an access key
  /// id its fingerprint ("access key key-3fa9c1d2").
  virtual std::string Describe() const = 0;
};

/// Returns always these. Throws `ConfigurationError` if they cannot be sent in a header field.
std::shared_ptr<AwsCredentialSource> FixedAwsCredentials(AwsCredentials credentials);

/// Settings of the default chain.
struct AwsCredentialOptions {
  // 1. The environment itself.
  std::string access_key_id;  ///< AWS_ACCESS_KEY_ID
  Secret secret_access_key;   ///< AWS_SECRET_ACCESS_KEY
  Secret session_token;       ///< AWS_SESSION_TOKEN
  // 2. A profile of the shared files: its keys, or its credential_process.
  std::string profile = "default";  ///< AWS_PROFILE
  bool profile_required = false;    ///< true: AWS_PROFILE was set, so that it has to exist
  std::string credentials_file;     ///< AWS_SHARED_CREDENTIALS_FILE; ~/.aws/credentials
  std::string config_file;          ///< AWS_CONFIG_FILE; ~/.aws/config
  Duration process_timeout = std::chrono::seconds(30);  ///< of credential_process
  // 3. The credential endpoint of a container.
  std::string container_uri;         ///< AWS_CONTAINER_CREDENTIALS_FULL_URI, or ..._RELATIVE_URI on
                                     ///< http://169.254.170.2
  Secret container_token;            ///< AWS_CONTAINER_AUTHORIZATION_TOKEN
  std::string container_token_file;  ///< AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; goes first
  // 4. The instance metadata service, version 2.
  bool metadata_disabled = false;                            ///< AWS_EC2_METADATA_DISABLED
  std::string metadata_endpoint = "http://169.254.169.254";  ///< AWS_EC2_METADATA_SERVICE_ENDPOINT
  Duration endpoint_timeout = std::chrono::seconds(1);       ///< of one request of 3 and 4
  int endpoint_attempts = 3;
  /// AWS_WEB_IDENTITY_TOKEN_FILE. Web identity is not supported: if it is set, that is an error.
  std::string web_identity_token_file;
  /// How long before the credentials expire new ones are fetched. Until then the old ones are used.
  Duration refresh_before = std::chrono::minutes(5);
  /// The time that is compared with `AwsCredentials::expires`; empty: the system's clock.
  std::function<std::chrono::system_clock::time_point()> wall_clock;

  /// Reads the variables named above. Throws `ConfigurationError` for a malformed value.
  static AwsCredentialOptions FromEnvironment();
};

/// The first of environment, profile, container and instance metadata that has credentials. They
/// are cached, and replaced before they expire; if that fails, the old ones are used until they
/// have expired. A source that is configured but not supported (SSO, assumed roles, web identity)
/// is an error that says so.
std::shared_ptr<AwsCredentialSource> AwsCredentialChain(AwsCredentialOptions options);

/// `AWS_REGION`, else `AWS_DEFAULT_REGION`, else the region of the profile. Nullopt if none is set.
/// Throws `ConfigurationError` if a file cannot be parsed.
std::optional<std::string> AwsRegionFromEnvironment();

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_AWS_CREDENTIALS_H_
