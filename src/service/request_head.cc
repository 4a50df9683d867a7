#include "src/service/request_head.h"

#include "src/service/extra_headers.h"

namespace llmload {

RequestHead::RequestHead(const net::Url& base, const HttpOptions& options, std::string_view path,
                         std::string_view accept)
    : options_(options) {
  fields_.append("POST ");
  if (options.path.empty()) {
    fields_.append(base.path).append(path);
  } else {
    fields_.append(options.path);
  }
  fields_.append(" HTTP/1.1\r\n");
  Add("Host", base.authority);
  Add("User-Agent", "llmload");
  Add("Accept", accept);
  // Unpacking costs time that would be measured as the service's.
  Add("Accept-Encoding", "identity");
  Add("Content-Type", "application/json");
  if (!options.reuse_connections) Add("Connection", "close");
}

RequestHead& RequestHead::Add(std::string_view name, std::string_view value) {
  if (options_.headers.empty() || FindHeader(options_.headers, name) == nullptr) {
    Append(name, "", value);
  }
  return *this;
}

RequestHead& RequestHead::AddCredential(std::string_view name, std::string_view prefix,
                                        const Secret& secret) {
  if (!secret.empty() && FindCredential(options_.headers) == nullptr) {
    Append(name, prefix, secret.Reveal());
  }
  return *this;
}

Secret RequestHead::Take() {
  for (const HttpHeader& header : options_.headers) Append(header.name, "", header.value.Reveal());
  return Secret(std::move(fields_));
}

void RequestHead::Append(std::string_view name, std::string_view prefix, std::string_view value) {
  // Reserved beforehand: growing would leave copies of a secret in memory.
  const std::size_t needed = fields_.size() + name.size() + prefix.size() + value.size() + 8;
  if (needed > fields_.capacity()) {
    std::string larger;
    larger.reserve(2 * needed);
    larger.append(fields_);
    Secret wiped(std::move(fields_));
    fields_ = std::move(larger);
  }
  fields_.append(name).append(": ").append(prefix).append(value).append("\r\n");
}

}  // namespace llmload
