// Header fields that a user adds to the requests of a provider.
#ifndef LLMLOAD_SRC_SERVICE_EXTRA_HEADERS_H_
#define LLMLOAD_SRC_SERVICE_EXTRA_HEADERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "src/core/text/redactor.h"

namespace llmload {

/// Throws `ConfigurationError` if `name` is none of a header field. The message does not hold it,
/// because it may be the beginning of a field that was written with '=' in place of ':'.
void CheckHeaderName(std::string_view field, std::string_view name);

/// Whether a header field may have that value: it has to be printable ASCII.
bool IsHeaderValue(std::string_view value);

/// Throws `ConfigurationError` for a name that is none, that stands there twice, or that is one of
/// those that llmload writes itself, and for a value that is not printable ASCII.
void CheckHeaders(const std::vector<HttpHeader>& headers);

/// The field of that name, in upper or lower case; null if there is none.
const HttpHeader* FindHeader(const std::vector<HttpHeader>& headers, std::string_view name);

/// The field that stands for the provider's own credential; null if there is none.
const HttpHeader* FindCredential(const std::vector<HttpHeader>& headers);

/// `Secret::Fingerprint` of the credential that is sent: that of the headers, or else `own`.
std::string CredentialLabel(const HttpOptions& options, const Secret& own);

/// Redacts `keys`, what is to be hidden of the headers, and the query of the path.
Redactor RedactorOf(const HttpOptions& options, std::vector<Secret> keys);

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_EXTRA_HEADERS_H_
