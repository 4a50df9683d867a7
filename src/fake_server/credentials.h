// Who may call: keys, tokens and AWS signatures.
#ifndef LLMLOAD_SRC_FAKE_SERVER_CREDENTIALS_H_
#define LLMLOAD_SRC_FAKE_SERVER_CREDENTIALS_H_

#include <chrono>
#include <optional>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/fake_server/api_error.h"
#include "src/fake_server/http_request.h"
#include "src/fake_server/protocol.h"

namespace llmload::fake_server {

/// The refusal, in the words of the API, if the request's credential is not one of those that are
/// accepted. With none configured, everything is that is well-formed.
/// @param now  the server's wall clock
std::optional<ApiError> CheckCredential(const HttpRequest& request, Protocol protocol,
                                        const FakeLlmServerOptions& options,
                                        std::chrono::sys_seconds now);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_CREDENTIALS_H_
