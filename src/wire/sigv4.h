// AWS Signature Version 4 in its header form, sans-io, to sign and to verify.
// Steps and names follow AWS's "Create a signed AWS API request".
#ifndef LLMLOAD_WIRE_SIGV4_H_
#define LLMLOAD_WIRE_SIGV4_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/secret.h"
#include "src/core/text/uri.h"
#include "src/wire/header_field.h"

namespace llmload::wire {

/// The signed parts of a request. Views have to stay alive during the call only.
struct SigV4Request {
  std::string_view method;
  std::string_view target;               ///< path and query exactly as on the wire
  std::span<const HeaderField> headers;  ///< the headers to sign; fields of one name in their order
  std::string_view body;
};

/// How the path becomes the canonical one. All services but S3 do both.
struct SigV4PathRules {
  bool normalize = true;     ///< remove empty, "." and ".." segments
  bool encode_again = true;  ///< percent-encode the path of the wire once more
};

/// Where and for what a signature is valid.
struct SigV4Scope {
  std::string_view date;  ///< YYYYMMDD
  std::string_view region;
  std::string_view service;
};

/// "20240102T030405Z".
std::string AmzDate(std::chrono::sys_seconds time);
/// Nullopt unless `text` has that form and is a date.
std::optional<std::chrono::sys_seconds> ParseAmzDate(std::string_view text);

/// Lower-case hexadecimal SHA-256.
std::string Sha256Hex(std::string_view bytes);

/// The lower-case names of `headers`, sorted, joined by ';'.
std::string SignedHeaders(std::span<const HeaderField> headers);

/// Step 1: the canonical request.
/// @param payload_hash  `Sha256Hex` of the body, or the text that replaces it
std::string CanonicalRequest(const SigV4Request& request, std::string_view payload_hash,
                             SigV4PathRules rules = {});

/// Steps 2 and 3: the string to sign.
std::string StringToSign(std::string_view amz_date, const SigV4Scope& scope,
                         std::string_view canonical_request);

/// Step 4: derives the signing key. It is as secret as the access key.
std::array<unsigned char, 32> SigningKey(std::string_view secret_access_key,
                                         const SigV4Scope& scope);

/// Lower-case hexadecimal HMAC-SHA-256 of `string_to_sign`.
std::string Signature(const std::array<unsigned char, 32>& key, std::string_view string_to_sign);

/// The parts of an `Authorization` field of this scheme. Views point into the field.
struct SigV4Authorization {
  std::string_view access_key_id;
  SigV4Scope scope;
  std::vector<std::string_view> signed_headers;
  std::string_view signature;
};

/// Nullopt unless `field` is well-formed.
std::optional<SigV4Authorization> ParseSigV4Authorization(std::string_view field);

/// Signs requests with one credential; the derived key is kept from call to call as long as day,
/// region and service stay the same. Thread-safe.
class SigV4Signer {
 public:
  SigV4Signer(std::string access_key_id, Secret secret_access_key, std::string region,
              std::string service);
  ~SigV4Signer();
  SigV4Signer(const SigV4Signer&) = delete;
  SigV4Signer& operator=(const SigV4Signer&) = delete;

  /// The value of the `Authorization` field.
  /// @param request  its headers hold at least `host` and `x-amz-date`, the latter with `time`
  std::string Authorization(const SigV4Request& request, std::chrono::sys_seconds time);

 private:
  std::array<unsigned char, 32> KeyFor(std::string_view date);

  const std::string access_key_id_;
  const Secret secret_access_key_;
  const std::string region_;
  const std::string service_;
  std::mutex mutex_;
  std::string key_date_;                 // guarded by mutex_, as is:
  std::array<unsigned char, 32> key_{};  // of key_date_
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_SIGV4_H_
