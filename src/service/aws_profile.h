// The shared configuration files of AWS's tools (AWS SDKs and Tools Reference Guide, "Shared config
// and credentials files").
#ifndef LLMLOAD_SRC_SERVICE_AWS_PROFILE_H_
#define LLMLOAD_SRC_SERVICE_AWS_PROFILE_H_

#include <map>
#include <string>
#include <string_view>

namespace llmload {

/// The settings of one profile, keys in lower case. Values may be secrets.
using AwsProfile = std::map<std::string, std::string>;

/// In `config` profiles are sections [default] and [profile NAME]; in `credentials`, [NAME].
enum class AwsFileKind { kConfig, kCredentials };

/// Adds the settings that `text` has for `profile` to `into`. Throws `ConfigurationError` that
/// names `file` and the line, never a value.
/// @return whether the section exists
bool ReadAwsProfile(std::string_view text, const std::string& file, AwsFileKind kind,
                    std::string_view profile, AwsProfile& into);

/// Adds the settings of both files. Those of `credentials_file` replace others; a file that does
/// not exist counts as empty.
bool LoadAwsProfile(const std::string& config_file, const std::string& credentials_file,
                    const std::string& profile, AwsProfile& into);

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_AWS_PROFILE_H_
