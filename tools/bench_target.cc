#include "tools/bench_target.h"

#include <boost/program_options/value_semantic.hpp>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/parse.h"

namespace llmload::tools {

namespace po = boost::program_options;

po::options_description DescribeService(std::size_t width, std::size_t text_width) {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  po::options_description service("What the service needs", static_cast<unsigned>(width),
                                  static_cast<unsigned>(text_width));
  service.add_options()(
      "header", po::value<std::vector<std::string>>()->value_name("FIELD"),
      "a header field of each request, as in 'X-Tenant: blue'; repeatable. ${NAME} in single "
      "quotes "
      "is that variable, so that a secret stays out of the command line; $$ is a dollar. Replaces "
      "the field that llmload sends itself, also the key; default: LLMLOAD_HEADERS, one in a line")(
      "extra-body", text("JSON"),
      "members of the body of each request, as in '{\"top_p\":0.9}'; objects are merged; default: "
      "LLMLOAD_EXTRA_BODY")(
      "path", text("PATH"),
      "the whole path of the requests, where the service has another one than its API; default: "
      "LLMLOAD_PATH, else that of the API behind that of --url")(
      "timeout", text("TIME"), "for a whole call; default: LLMLOAD_TIMEOUT, else 10m")(
      "first-token-timeout", text("TIME"),
      "to the first token of a stream; a whole answer has --timeout only; default: "
      "LLMLOAD_FIRST_TOKEN_TIMEOUT, else 2m")(
      "idle-timeout", text("TIME"),
      "between two reads of an answer; default: LLMLOAD_IDLE_TIMEOUT, else 1m")(
      "connect-timeout", text("TIME"),
      "for name and TCP, and as long again for TLS; default: LLMLOAD_CONNECT_TIMEOUT, else 5s")(
      "drain-timeout", text("TIME"),
      "for requests in flight after the last arrival; default: --timeout")(
      "connections", text("N"),
      "at most N at once, 1 to 1000000; a request beyond it waits until one is free (figure: "
      "connection wait); default: LLMLOAD_CONNECTIONS, else as many as there are requests")(
      "new-connections", "a connection of its own for each request (or LLMLOAD_NEW_CONNECTIONS=1)")(
      "clear-text",
      "allow http:// to another machine: keys and prompts can be read on the way (or "
      "LLMLOAD_CLEAR_TEXT=1)");
  return service;
}

void ReadService(const Given& given, BenchOptions& options) {
  TargetOverrides& target = options.target;
  const auto not_empty = [&](const char* name, const char* accepted, std::string& into) {
    if (!given.Has(name)) return;
    if (given.Text(name).empty()) {
      throw ConfigurationError::Invalid(Given::Option(name), "", accepted);
    }
    into = given.Text(name);
  };
  const auto time = [&](const char* name, std::optional<Duration>& into) {
    if (given.Has(name)) into = text::ParsePositiveTime(Given::Option(name), given.Text(name));
  };
  for (const std::string& header : given.Texts("header")) {
    target.headers.push_back(ParseHttpHeader("--header", header));
  }
  not_empty("extra-body", "a JSON object, as in '{\"top_p\":0.9}'", target.extra_body);
  not_empty("path", "a path, as in /v1/chat/completions", target.path);
  time("timeout", target.total_timeout);
  time("first-token-timeout", target.first_token_timeout);
  time("idle-timeout", target.idle_timeout);
  time("connect-timeout", target.connect_timeout);
  if (given.Has("drain-timeout")) {
    options.plan.stop.drain_timeout = given.Time("drain-timeout", {});
  }
  if (given.Has("connections")) {
    target.max_connections = given.Whole<std::size_t>("connections", 1, kMaxConnections, 1);
  }
  if (given.Has("new-connections")) target.new_connections = true;
  if (given.Has("clear-text")) target.clear_text = true;
}

}  // namespace llmload::tools
