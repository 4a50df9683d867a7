// What answers say about limits, in their header fields.
#ifndef LLMLOAD_SRC_FAKE_SERVER_RATE_FIELDS_H_
#define LLMLOAD_SRC_FAKE_SERVER_RATE_FIELDS_H_

#include <cstdint>
#include <string>

#include "src/fake_server/http_response.h"
#include "src/fake_server/protocol.h"
#include "src/fake_server/rate_limiter.h"

namespace llmload::fake_server {

/// The fields of the protocol's API about `rate`; none for an API that has none.
/// @param prompt_tokens  that the request has taken from the limit of tokens, which is never
/// reached
void AppendRateFields(HeadWriter& head, Protocol protocol, const RateState& rate,
                      std::int64_t prompt_tokens);

/// "6ms", "1.5s", "1m26.4s": as OpenAI writes durations, in whole milliseconds, rounded up.
std::string GoDuration(Duration duration);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_RATE_FIELDS_H_
