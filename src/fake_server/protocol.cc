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

// Azure: deployments/{deployment}/chat/completions, v1/chat/completions, v1/responses
void ReadAzure(std::string_view path, std::string_view query, Route& route) {
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
  if (path == "responses" && route.model.empty()) {
    route.endpoint = Endpoint::kCompletion;
    route.operation = Operation::kResponses;
  }
}

// OpenAI, with or without the /v1: chat/completions, responses, models, models/{id}
void ReadOpenAi(std::string_view path, Route& route) {
  Take(path, "/v1");
  if (path == "/chat/completions" || path == "/responses") {
    route.endpoint = Endpoint::kCompletion;
    if (path == "/responses") route.operation = Operation::kResponses;
  } else if (path == "/models") {
    route.endpoint = Endpoint::kModels;
  } else if (Take(path, "/models/") && !path.empty()) {
    route.endpoint = Endpoint::kModel;
    route.model = text::UriDecoded(path);
  }
}

// Anthropic: messages. Paths below it belong to the API as well, and do not exist here.
void ReadAnthropic(std::string_view path, Route& route) {
  route.protocol = Protocol::kAnthropic;
  if (path.empty()) route.endpoint = Endpoint::kCompletion;
}

// Ollama: chat, generate, tags
void ReadOllama(std::string_view path, Route& route) {
  route.protocol = Protocol::kOllama;
  if (path == "/chat" || path == "/generate") route.endpoint = Endpoint::kCompletion;
  if (path == "/generate") route.operation = Operation::kGenerate;
  if (path == "/tags") route.endpoint = Endpoint::kModels;
}

// Takes `prefix` off if it is the path or a folder of it.
bool TakeFolder(std::string_view& path, std::string_view prefix) {
  const bool inside =
      path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
  if (inside) path.remove_prefix(prefix.size());
  return inside;
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
  } else if (TakeFolder(path, "/model")) {
    route.protocol = Protocol::kConverse;
    if (Take(path, "/")) ReadBedrock(path, route);
  } else if (TakeFolder(path, "/openai")) {
    route.protocol = Protocol::kAzure;
    if (Take(path, "/")) ReadAzure(path, query, route);
  } else if (TakeFolder(path, "/v1/messages")) {
    ReadAnthropic(path, route);
  } else if (TakeFolder(path, "/api")) {
    ReadOllama(path, route);
  } else {
    ReadOpenAi(path, route);
  }
  return route;
}

}  // namespace llmload::fake_server
