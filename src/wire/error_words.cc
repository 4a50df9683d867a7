#include "src/wire/error_words.h"

#include <algorithm>
#include <utility>

#include "src/core/text/ascii.h"
#include "src/wire/sse_parser.h"

namespace llmload::wire {
namespace {

constexpr std::size_t kMaxBeginning = 120;
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view WithoutBlanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// What stands between the first <tag ...> and its end; empty if there is no such tag.
std::string_view Element(std::string_view body, std::string_view tag) {
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text::FindIgnoringCase(body.substr(at), "<" + std::string(tag));
    if (open == std::string_view::npos) return {};
    at += open + 1 + tag.size();
    if (at < body.size() && (body[at] == '>' || kBlanks.find(body[at]) != std::string_view::npos)) {
      break;
    }
  }
  const std::size_t begin = body.find('>', at);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = body.substr(begin + 1);
  return WithoutBlanks(rest.substr(0, rest.find('<')));
}

// `text` with the five entities that every page uses decoded.
std::string WithoutEntities(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&amp;", '&'}};
  std::string plain;
  while (!text.empty()) {
    const auto* const entity =
        std::find_if(std::begin(kEntities), std::end(kEntities),
                     [text](const auto& each) { return text.starts_with(each.first); });
    if (entity != std::end(kEntities)) {
      plain.push_back(entity->second);
      text.remove_prefix(entity->first.size());
    } else {
      plain.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return plain;
}

bool IsEventField(std::string_view line) {
  const std::string_view field = line.substr(0, line.find(':'));
  return field.size() < line.size() && (field.empty() || field == "data" || field == "event" ||
                                        field == "id" || field == "retry");
}

}  // namespace

std::string_view FirstLine(std::string_view text) {
  text = WithoutBlanks(text);
  return text.substr(0, text.find_first_of("\r\n"));
}

bool IsEventStream(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::string_view line = FirstLine(text);
  return line.empty() || IsEventField(line);
}

std::optional<std::string> DataOfFirstEvent(std::string_view body) {
  if (WithoutBlanks(body).empty() || !IsEventStream(body)) return {};
  SseParser events(body.size());
  events.Feed(WithoutBlanks(body));
  events.Finish();
  SseEvent event;
  while (events.Next(event) == SseParser::Status::kEvent) {
    if (!event.data.empty()) return std::string(event.data);
  }
  return {};
}

std::string WordsOf(std::string_view body) {
  if (WithoutBlanks(body).starts_with('<')) {
    for (const char* tag : {"title", "h1", "h2"}) {
      if (const std::string_view title = Element(body, tag); !title.empty()) {
        return WithoutEntities(title);
      }
    }
    const std::string_view message = Element(body, "message");
    const std::string_view code = Element(body, "code");
    if (!message.empty()) {
      return WithoutEntities((code.empty() ? "" : std::string(code) + ": ") + std::string(message));
    }
  }
  return std::string(WithoutBlanks(body));
}

std::string Beginning(std::string_view body) {
  std::string words = WordsOf(body);
  if (words.empty()) return "it is empty";
  const bool page = WithoutBlanks(body).starts_with('<');
  if (words.size() > kMaxBeginning) words.resize(kMaxBeginning);
  return (page ? "it is a page, \"" : "it begins with \"") + words + "\"";
}

}  // namespace llmload::wire
