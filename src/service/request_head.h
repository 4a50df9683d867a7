// Request line and header fields of a provider's calls.
#ifndef LLMLOAD_SRC_SERVICE_REQUEST_HEAD_H_
#define LLMLOAD_SRC_SERVICE_REQUEST_HEAD_H_

#include <string>
#include <string_view>
#include <utility>

#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "src/net/url.h"

namespace llmload {

/// Builds the head of a POST with a JSON body, without Content-Length: the form that
/// `net::HttpClient` requires. A field that the options have, too, is sent as they have it.
class RequestHead {
 public:
  /// @param options  with the headers of the user, and the path that replaces `path`; must outlive
  /// the builder
  /// @param path    as it goes on the wire, already encoded; appended to the path of `base`
  /// @param accept  media types
  RequestHead(const net::Url& base, const HttpOptions& options, std::string_view path,
              std::string_view accept);

  RequestHead& Add(std::string_view name, std::string_view value);
  /// Adds a field `name: prefix` + `secret`, unless the secret is empty or the options have a
  /// credential of their own.
  RequestHead& AddCredential(std::string_view name, std::string_view prefix, const Secret& secret);

  /// The head; a secret, because it holds the key. Call it once.
  Secret Take();

 private:
  void Append(std::string_view name, std::string_view prefix, std::string_view value);

  const HttpOptions& options_;
  std::string fields_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_REQUEST_HEAD_H_
