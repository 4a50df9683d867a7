// Percent-encoding (RFC 3986, section 2.1), and URLs in messages.
#ifndef LLMLOAD_SRC_CORE_TEXT_URI_H_
#define LLMLOAD_SRC_CORE_TEXT_URI_H_

#include <string>
#include <string_view>

namespace llmload::text {

/// Appends `bytes` with every byte but the unreserved ones (section 2.3) encoded, and '/' only if
/// `encode_slash`.
void AppendUriEncoded(std::string_view bytes, bool encode_slash, std::string& out);

/// Decodes once; what is not a valid escape stays as it is.
std::string UriDecoded(std::string_view text);

/// `text`, which is or should be a URL, as messages may show it: without its query and fragment,
/// which often hold a key, and not at all if it may hold a password or looks like a key that was
/// put in the wrong variable.
std::string ShownUrl(std::string_view text);

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_URI_H_
