// One error, as each API words it.
#ifndef LLMLOAD_SRC_FAKE_SERVER_ERROR_DIALECT_H_
#define LLMLOAD_SRC_FAKE_SERVER_ERROR_DIALECT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "src/fake_server/api_error.h"
#include "src/fake_server/protocol.h"

namespace llmload::fake_server {

/// What the service answers with `status`. `code` picks between the causes that share one; empty:
/// the usual one. With Bedrock it is the name of the exception.
ApiError ErrorForStatus(Protocol protocol, int status, std::string_view code,
                        std::string_view model);

ApiError WrongKey(Protocol protocol, std::string_view key);
ApiError MissingKey(Protocol protocol);
ApiError UnknownModel(Protocol protocol, std::string_view model);
ApiError PromptTooLong(Protocol protocol, std::int64_t limit, std::int64_t prompt_tokens,
                       std::int64_t output_tokens);
/// A request that the service refuses, in its words.
ApiError Invalid(Protocol protocol, std::string message);
/// Too many requests for the limit; text and fields say the same. With a `code` of another cause
/// (see `ErrorForStatus`) the limit is not mentioned.
/// @param rate  of a refusal: `RateState::Refused`
ApiError TooMany(Protocol protocol, const RateState& rate, std::string_view code = {});

// Refusals before anything is known but the path.
ApiError UnknownPath(Protocol protocol, std::string_view method, std::string_view path);
/// @param allow  the methods that the path knows
ApiError WrongMethod(Protocol protocol, std::string_view method, std::string_view path,
                     std::string allow);
ApiError BodyTooLarge(Protocol protocol, std::size_t limit);
/// @param status  400: not HTTP; 431: the header is too large
ApiError Unreadable(Protocol protocol, int status);

/// A complete error answer.
void AppendError(std::string& out, Protocol protocol, const ApiError& error, std::string_view date,
                 std::string_view request_id, bool keep_alive);

/// The body alone.
std::string ErrorBody(Protocol protocol, const ApiError& error, std::string_view request_id);

/// The media type of JSON that is not streamed.
std::string_view JsonType(Protocol protocol);

/// The name of the field that carries the request id.
std::string_view RequestIdField(Protocol protocol);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ERROR_DIALECT_H_
