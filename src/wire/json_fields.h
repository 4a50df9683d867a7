// Small things that all JSON codecs do: read one member of a known type, write one value.
#ifndef LLMLOAD_WIRE_JSON_FIELDS_H_
#define LLMLOAD_WIRE_JSON_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"

namespace llmload::wire {

/// Calls `take(name)` for each member of the object that comes next, which must consume the
/// member's value; skips what is no object.
/// @param key_storage  where an escaped name is put
template <class Take>
void ReadMembers(JsonCursor& cursor, std::string& key_storage, Take take) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  JsonString name;
  while (cursor.NextMember(name)) take(Text(name, key_storage));
}

/// Reads a string into `view`, which is in the text that is parsed or in `storage`; leaves `view`
/// alone if another type comes, as in "content":null.
void ReadView(JsonCursor& cursor, std::string_view& view, std::string& storage);

/// Beyond any count that a service can mean, and small enough for counts to be added up.
inline constexpr std::int64_t kMaxCount = 1'000'000'000'000'000;

/// Reads a count, at most `kMaxCount`: 0 for a negative number or another type.
std::int64_t ReadCount(JsonCursor& cursor);

/// The count `name` of the object that comes next; 0 if it is not there.
std::int64_t ReadDetail(JsonCursor& cursor, std::string_view name, std::string& key_storage);

void AppendJsonNumber(std::int64_t number, std::string& out);
/// `null` for what JSON cannot write: the service shall be the one to refuse it.
void AppendJsonNumber(double number, std::string& out);

/// "system", "user" or "assistant".
std::string_view RoleName(Role role);

/// Appends the array of `messages`, each `{"role":...,"content":...}`.
/// @param with_system  false: leave system messages out
void AppendMessages(const std::vector<Message>& messages, bool with_system, std::string& out);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_JSON_FIELDS_H_
