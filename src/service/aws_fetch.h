// Fetches AWS credentials from other processes and from local endpoints. Blocking: meant for a
// thread of its own.
#ifndef LLMLOAD_SRC_SERVICE_AWS_FETCH_H_
#define LLMLOAD_SRC_SERVICE_AWS_FETCH_H_

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/secret.h"
#include "llmload/core/time.h"
#include "llmload/provider/error.h"

namespace llmload {

struct LocalRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://
  std::vector<std::pair<std::string, Secret>> fields;
  Duration timeout{};
};

struct LocalAnswer {
  int status = 0;
  std::string body;
};

/// Asks a local endpoint. An error has one of the kinds of the groups "network" and "deadlines".
Result<LocalAnswer> AskEndpoint(const LocalRequest& request);

/// Runs `command` by the shell and returns its standard output. The command is killed when
/// `timeout` has passed, `stop` is set, or the output is beyond a bound.
Result<std::string> RunCommand(const std::string& command, Duration timeout,
                               const std::atomic<bool>& stop);

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_AWS_FETCH_H_
