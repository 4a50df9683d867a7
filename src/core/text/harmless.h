// Text from outside (servers, files, the environment), made safe to show to people.
#ifndef LLMLOAD_SRC_CORE_TEXT_HARMLESS_H_
#define LLMLOAD_SRC_CORE_TEXT_HARMLESS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace llmload::text {

/// `text` as one line of UTF-8 that a terminal, a log, an XML file or a page shows as it stands.
/// Bytes that are not UTF-8, and noncharacters that XML forbids, become U+FFFD. A character
/// that moves the cursor, ends a line, turns the direction of writing or is not seen at all becomes
/// a space: the controls (C0, DEL and C1), U+2028, U+2029, the bidirectional controls, and all that
/// Unicode calls default-ignorable. Of these U+200C, U+200D and U+FE00 to U+FE0F stay, because
/// emoji, Persian and Indic texts need them between or behind the characters that they change.
///
/// Nothing is dropped without a space in its place, so that no two parts of a text (of a key, or of
/// a command to CTest) are joined here. Text that is harmless comes back as it is.
std::string Harmless(std::string_view text);

/// As `Harmless`, with the ends of lines that `text` has.
std::string HarmlessLines(std::string_view text);

/// `Harmless(text)`, of which at most `max_bytes` bytes are kept, up to the end of a character; if
/// that is not all, "..." follows. Reads no more of `text` than it keeps. A key that might stand in
/// `text` has to be redacted before, because the part of it that is kept would not be found.
std::string Excerpt(std::string_view text, std::size_t max_bytes);

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_HARMLESS_H_
