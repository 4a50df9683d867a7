#include "src/service/request_head.h"

namespace llmload {

RequestHead::RequestHead(const net::Url& base, std::string_view path, std::string_view accept) {
  fields_.append("POST ").append(base.path).append(path).append(" HTTP/1.1\r\n");
  Add("Host", base.authority);
  Add("User-Agent", "llmload");
  Add("Accept", accept);
  // Unpacking costs time that would be measured as the service's.
  Add("Accept-Encoding", "identity");
  Add("Content-Type", "application/json");
}

RequestHead& RequestHead::Add(std::string_view name, std::string_view value) {
  fields_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

RequestHead& RequestHead::AddSecret(std::string_view name, std::string_view prefix,
                                    const Secret& secret) {
  // Reserved beforehand: growing would leave copies of the secret in memory.
  fields_.reserve(fields_.size() + name.size() + prefix.size() + secret.Reveal().size() + 8);
  fields_.append(name).append(": ").append(prefix).append(secret.Reveal()).append("\r\n");
  return *this;
}

}  // namespace llmload
