// The token counts of OpenAI-compatible services.
#ifndef LLMLOAD_WIRE_OPENAI_USAGE_H_
#define LLMLOAD_WIRE_OPENAI_USAGE_H_

#include <optional>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"

namespace llmload::wire {

/// Reads a usage object, normalised: `prompt_tokens` and `completion_tokens`, or the names that the
/// Responses API and Google have for them. Nullopt if it is not an object, or if it counts no
/// output; either way the value is consumed.
std::optional<Usage> ReadOpenAiUsage(text::JsonCursor& cursor);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_OPENAI_USAGE_H_
