// Answers of every API that llmload speaks, put together from their parts: for tests that try the
// same thing in all of them, at every place of an answer.
#ifndef LLMLOAD_TESTS_SUPPORT_API_DIALECTS_H_
#define LLMLOAD_TESTS_SUPPORT_API_DIALECTS_H_

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/answer_recording.h"

namespace llmload::test_support {

/// The parts of the answers of one API. A stream is `start`, pieces, `finish`, `end`.
struct ApiDialect {
  std::string name;
  MakeDecoder make;
  std::string media_type;  ///< of a stream
  std::string start;       ///< events before the first piece
  /// An event with a piece of content; the text is written as it is between the quotes of a JSON
  /// string.
  std::function<std::string(const std::string& text)> piece;
  /// The event that says why the answer ended; for APIs that have one with the end, nothing.
  std::function<std::string(const std::string& reason)> finish;
  /// The events after it, with a usage of 9 input and `output` tokens.
  std::function<std::string(const std::string& reason, int output)> end;
  /// What a gateway sends if the service behind it is gone: the end alone.
  std::string bare_end;
  /// An event with this JSON text in place of a piece.
  std::function<std::string(const std::string& json)> event;
  /// An answer that is not streamed; an empty reason is left out.
  std::function<std::string(const std::string& text, const std::string& reason, int output)> whole;
  std::string good_reason;
};

inline void PrintTo(const ApiDialect& api, std::ostream* out) { *out << api.name; }

/// All of them.
std::vector<ApiDialect> AllDialects();

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_API_DIALECTS_H_
