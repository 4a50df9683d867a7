// Helpers of all JSON codecs: read one member of a known type, write one value.
#ifndef LLMLOAD_WIRE_JSON_FIELDS_H_
#define LLMLOAD_WIRE_JSON_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/extra_body.h"

namespace llmload::wire {

/// Calls `take(name)` for each member of the object that comes next, which must consume the
/// member's value; skips a value that is not an object.
/// @param key_storage  holds an escaped name
template <class Take>
void ReadMembers(text::JsonCursor& cursor, std::string& key_storage, Take take) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  text::JsonString name;
  while (cursor.NextMember(name)) take(Text(name, key_storage));
}

/// Reads a string into `view`, which points into the parsed text or into `storage`. `view` stays as
/// it is if another type comes, as in "content":null.
void ReadView(text::JsonCursor& cursor, std::string_view& view, std::string& storage);

/// Greater than any real count, and small enough for counts to be added up.
inline constexpr std::int64_t kMaxCount = 1'000'000'000'000'000;

/// Reads a count, at most `kMaxCount`; 0 for a negative number or another type.
std::int64_t ReadCount(text::JsonCursor& cursor);

/// The count `name` of the object that comes next; 0 if it has none.
std::int64_t ReadDetail(text::JsonCursor& cursor, std::string_view name, std::string& key_storage);

void AppendJsonNumber(std::int64_t number, std::string& out);
/// Writes `null` for a number that JSON cannot express, so that the service refuses it.
void AppendJsonNumber(double number, std::string& out);

/// "system", "user" or "assistant".
std::string_view RoleName(Role role);

/// Appends the array of `messages`, each `{"role":...,"content":...}`.
/// @param with_system  false: without system messages
void AppendMessages(const std::vector<Message>& messages, bool with_system, std::string& out);

/// Appends the object `nested` with the bound of the output, named `max_tokens` there, with the
/// temperature, and with the nested members of `extra`, of which a temperature goes first. Appends
/// nothing if there are none.
/// @param extra  may be null
void AppendSampling(std::string_view nested, std::string_view max_tokens,
                    const CompletionRequest& request, const ExtraBody* extra, std::string& out);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_JSON_FIELDS_H_
