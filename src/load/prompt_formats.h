// The forms that a record of a data set can have.
#ifndef LLMLOAD_SRC_LOAD_PROMPT_FORMATS_H_
#define LLMLOAD_SRC_LOAD_PROMPT_FORMATS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "llmload/load/prompt_source.h"
#include "llmload/provider/completion.h"
#include "src/load/jsonl.h"

namespace llmload {

/// What a data set says of one request.
struct DatasetPrompt {
  std::vector<Message> messages = {};
  std::optional<int> max_tokens = {};
  std::vector<RequestTag> tags = {};
  std::string extra_body = {};  ///< as `CompletionRequest::extra_body`
};

/// The format of a data set that begins with `object`: the one whose fields it has, or else
/// `kPrompts`.
DatasetFormat FormatOf(const nlohmann::json& object);

/// The prompt of one record. Empty if it has none that can be asked: a conversation without a human
/// turn. Throws `ConfigurationError` for a record that is not of that format.
/// @param format  one of the forms of JSON, and not `kDetect`
std::optional<DatasetPrompt> ReadPrompt(DatasetFormat format, const JsonlLine& line,
                                        const nlohmann::json& object);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_PROMPT_FORMATS_H_
