// Request line and header fields of a provider's calls.
#ifndef LLMLOAD_SRC_SERVICE_REQUEST_HEAD_H_
#define LLMLOAD_SRC_SERVICE_REQUEST_HEAD_H_

#include <string>
#include <string_view>
#include <utility>

#include "llmload/core/secret.h"
#include "src/net/url.h"

namespace llmload {

/// Builds the head of a POST with a JSON body, without Content-Length: the form that
/// `net::HttpClient` requires.
class RequestHead {
 public:
  /// @param path    as it goes on the wire, already encoded; appended to the path of `base`
  /// @param accept  media types
  RequestHead(const net::Url& base, std::string_view path, std::string_view accept);

  RequestHead& Add(std::string_view name, std::string_view value);
  /// Adds a field `name: prefix` + `secret`.
  RequestHead& AddSecret(std::string_view name, std::string_view prefix, const Secret& secret);

  /// The head; a secret, because it holds the key.
  Secret Take() { return Secret(std::move(fields_)); }

 private:
  std::string fields_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_REQUEST_HEAD_H_
