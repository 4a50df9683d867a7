// Who may call: keys, tokens and AWS signatures.
#ifndef LLMLOAD_MOCKS_SRC_CREDENTIALS_H_
#define LLMLOAD_MOCKS_SRC_CREDENTIALS_H_

#include <chrono>
#include <optional>

#include "llmload/mocks/fake_llm_server.h"
#include "mocks/src/api_error.h"
#include "mocks/src/http_request.h"
#include "mocks/src/protocol.h"

namespace llmload::mocks {

/// The refusal, in the words of the API, if the request's credential is not one of those that are
/// accepted. With none configured, everything is that is well-formed.
/// @param now  the server's wall clock
std::optional<ApiError> CheckCredential(const HttpRequest& request, Protocol protocol,
                                        const FakeLlmServerOptions& options,
                                        std::chrono::sys_seconds now);

}  // namespace llmload::mocks

#endif  // LLMLOAD_MOCKS_SRC_CREDENTIALS_H_
