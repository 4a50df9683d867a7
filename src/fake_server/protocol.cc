#include "src/fake_server/protocol.h"

#include "src/core/text/uri.h"

namespace llmload::fake_server {
namespace {

// Takes `prefix` off; false if it is not there.
bool Take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

// Bedrock: {modelId}/{operation}
bool ReadBedrock(std::string_view path, Route& route) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  route.model = text::UriDecoded(path.substr(0, slash));
  const std::string_view operation = path.substr(slash + 1);
  route.stream = operation == "converse-stream" || operation == "invoke-with-response-stream";
  if (operation == "converse" || operation == "converse-stream") {
    route.protocol = Protocol::kConverse;
  } else if (operation == "invoke" || operation == "invoke-with-response-stream") {
    const bool titan = route.model.find("amazon.titan") != std::string::npos;
    route.protocol = titan ? Protocol::kInvokeTitan : Protocol::kInvokeAnthropic;
  } else {
    return false;
  }
  route.endpoint = Endpoint::kCompletion;
  return true;
}

// Azure: deployments/{deployment}/chat/completions, v1/chat/completions
void ReadAzure(std::string_view path, std::string_view query, Route& route) {
  route.protocol = Protocol::kAzure;
  if (Take(path, "deployments/")) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos || slash == 0) return;
    route.model = text::UriDecoded(path.substr(0, slash));
    route.has_version =
        query.starts_with("api-version=") || query.find("&api-version=") != std::string_view::npos;
    path.remove_prefix(slash + 1);
  } else if (!Take(path, "v1/")) {
    return;
  }
  if (path == "chat/completions") route.endpoint = Endpoint::kCompletion;
  if (path == "models") route.endpoint = Endpoint::kModels;
}

}  // namespace

Route RouteOf(std::string_view target) {
  const std::size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  Route route;
  if (path == "/healthz") {
    route.endpoint = Endpoint::kHealth;
  } else if (Take(path, "/model/")) {
    route.protocol = Protocol::kConverse;
    ReadBedrock(path, route);
  } else if (Take(path, "/openai/")) {
    ReadAzure(path, query, route);
  } else if (path == "/v1/messages") {
    route.endpoint = Endpoint::kCompletion;
    route.protocol = Protocol::kAnthropic;
  } else if (path == "/api/chat") {
    route.endpoint = Endpoint::kCompletion;
    route.protocol = Protocol::kOllama;
  } else if (path == "/api/tags") {
    route.endpoint = Endpoint::kModels;
    route.protocol = Protocol::kOllama;
  } else {
    if (path.starts_with("/v1/")) path.remove_prefix(3);
    if (path == "/chat/completions") route.endpoint = Endpoint::kCompletion;
    if (path == "/models") route.endpoint = Endpoint::kModels;
  }
  return route;
}

}  // namespace llmload::fake_server
