#include "src/service/target_advice.h"

#include <string_view>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/net/response_reader.h"
#include "src/net/url.h"
#include "src/wire/error_words.h"

namespace llmload {
namespace {

bool Mentions(const Error& error, std::string_view words) {
  return text::FindIgnoringCase(error.message, words) != std::string_view::npos;
}

bool IsClearText(const Target& target) { return target.url.starts_with("http://"); }

// The path of a URL that exists; empty for the root, and for what is not a URL.
std::string BasePathOf(const std::string& url) {
  try {
    return net::ParseBaseUrl("url", url).path;
  } catch (const ConfigurationError&) {
    return "";
  }
}

std::string AdviceOnPath(const Target& target) {
  const std::string path = BasePathOf(target.url);
  const std::string& name = target.provider->Identity().name;
  // These append the version of their API themselves.
  const bool appends_version =
      name == "anthropic" || name == "ollama" || name == "azure" || name == "bedrock";
  if (appends_version && path.ends_with("/v1")) return "leave \"/v1\" out of the URL";
  if (appends_version || path.find("/v1") != std::string::npos) {
    return "check the path of the URL: the API is not there";
  }
  return path.empty() ? "is \"/v1\" missing at the end of the URL?"
                      : "check the path of the URL: is \"/v1\" missing?";
}

// Of a request that the service refuses: its own words say why, except for these.
std::string AdviceOnRefusal(const Target& target, const Error& error) {
  // The words of nginx and Go; Apache's page has them further below than its title.
  const bool wants_tls = Mentions(error, "to an HTTPS server") ||
                         Mentions(error, "sent to HTTPS port") ||
                         (error.http_status == 400 && error.message == "400 Bad Request");
  if (wants_tls && IsClearText(target)) return "does it want https:// instead of http://?";
  switch (error.http_status) {
    case 404:
    case 405:
      return AdviceOnPath(target);
    case 407:
      return "a proxy in between wants a user and a password: they go into HTTPS_PROXY";
    case 413:
      return "make the prompts shorter, or raise the limit of the service";
    default:
      return "the service refuses the request itself: change what it names";
  }
}

std::string AdviceOnMalformed(const Error& error) {
  struct Api {
    std::string_view words;
    std::string_view provider;
  };
  static constexpr Api kApis[] = {
      {"Anthropic's API", "anthropic"}, {"OpenAI's API", "openai"}, {"Ollama's API", "ollama"}};
  for (const Api& api : kApis) {
    if (!Mentions(error, api.words)) continue;
    return "choose --provider " + std::string(api.provider) + " (LLMLOAD_PROVIDER)";
  }
  if (Mentions(error, net::kSpeaksTls)) return "";
  if (Mentions(error, "a whole answer came instead")) {
    return "ask for whole answers (--no-stream), or have what is in between pass streams on";
  }
  if (Mentions(error, "the answer is HTML")) {
    return "a web page stands at this URL: set the URL to the API's own";
  }
  return "check the URL, and that --provider (LLMLOAD_PROVIDER) is what answers there";
}

std::string AdviceOnServerError(int http_status) {
  switch (http_status) {
    case 502:
    case 504:
      return "the gateway reaches no server behind it: start that, or correct the gateway's route";
    case 503:
      return "it is starting, overloaded or switched off: wait until it is healthy";
    default:
      return "its own log says more";
  }
}

}  // namespace

std::string AdviceFor(const Target& target, const Error& error) {
  switch (error.kind) {
    case ErrorKind::kDnsFailure:
      return "check the host name, and that this machine can look it up";
    case ErrorKind::kConnectFailure:
      if (Mentions(error, "the proxy ")) return "check HTTPS_PROXY";
      return "start the server, or correct host and port";
    case ErrorKind::kConnectTimeout:
      return "check host and port: a firewall may drop what is sent there";
    case ErrorKind::kTlsTimeout:
      return "does the server speak TLS on this port (http:// instead of https://?)";
    case ErrorKind::kTlsFailure:
      // A message that knows the cause says what to do.
      return error.message.find(';') != std::string::npos
                 ? ""
                 : "does the server speak TLS on this port (http:// instead of https://?)";
    case ErrorKind::kConnectionReset:
    case ErrorKind::kStaleConnection:
      return IsClearText(target) ? "does it want https:// instead of http://?"
                                 : "something accepts connections there and drops them";
    case ErrorKind::kFirstTokenTimeout:
    case ErrorKind::kIdleTimeout:
    case ErrorKind::kTotalTimeout:
      return "raise the timeouts if an answer may take that long";
    case ErrorKind::kCredential:
      return target.credential_help;
    case ErrorKind::kQuotaExhausted:
      return "waiting does not help: add credit, or raise the limit of this key";
    case ErrorKind::kModelUnavailable:
      return "check the name of the model (--model, LLMLOAD_MODEL), and that this key may use it";
    case ErrorKind::kContextLength:
      return "make the prompts shorter, or choose another model";
    case ErrorKind::kInvalidRequest:
      return AdviceOnRefusal(target, error);
    case ErrorKind::kServerError:
    case ErrorKind::kOverloaded:
      return AdviceOnServerError(error.http_status);
    case ErrorKind::kMalformedResponse:
    case ErrorKind::kTruncatedStream:
      return AdviceOnMalformed(error);
    default:
      return "";
  }
}

bool MayPass(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kConnectionReset:
    case ErrorKind::kStaleConnection:
    case ErrorKind::kServerError:
    case ErrorKind::kOverloaded:
    case ErrorKind::kStreamError:
    case ErrorKind::kTruncatedStream:
      return true;
    case ErrorKind::kMalformedResponse:
      return !wire::IsFromAnotherService(error.message) && !Mentions(error, net::kSpeaksTls) &&
             !Mentions(error, "a whole answer came instead");
    default:
      return false;
  }
}

}  // namespace llmload
