#include "src/wire/error_words.h"

#include <algorithm>
#include <utility>

#include "src/core/text/ascii.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/json_fields.h"
#include "src/wire/sse_parser.h"

namespace llmload::wire {
namespace {

constexpr std::size_t kMaxBeginning = 120;
constexpr std::string_view kBlanks = " \t\r\n";

// How the messages about answers of another service begin.
constexpr std::string_view kHtml = "the answer is HTML";
constexpr std::string_view kOtherApi = "the answer is one of ";
constexpr std::string_view kOtherJson = "the answer is JSON, but not ";

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

std::string_view ApiOf(std::string_view json) {
  text::JsonCursor cursor(json);
  std::string key;
  std::string_view type;
  std::string storage;
  bool has_content = false;
  bool has_choice = false;
  bool has_done = false;
  bool has_output = false;
  ReadMembers(cursor, key, [&](std::string_view name) {
    if (name == "type") {
      ReadView(cursor, type, storage);
    } else if (name == "choices" && cursor.EnterArray()) {
      while (cursor.NextElement()) {
        has_choice = true;
        cursor.Skip();
      }
    } else {
      has_content = has_content || name == "content" || name == "message";
      has_done = has_done || name == "done";
      has_output = has_output || name == "message" || name == "response";
      cursor.Skip();
    }
  });
  if (!cursor.Finished()) return "";  // an answer of the right API may have been cut
  if ((type == "message" || type == "message_start") && has_content) return "Anthropic's API";
  if (has_choice) return "OpenAI's API";
  return has_done && has_output ? "Ollama's API" : "";
}

std::string DescribeAnswerOf(std::string_view api) { return std::string(kOtherApi).append(api); }

std::string DescribeUnknownAnswer(std::string_view expected, std::string_view body) {
  const std::string_view text = WithoutBlanks(body);
  if (text.empty()) return "the answer is empty";
  if (text.starts_with('<') && text::FindIgnoringCase(text, "html") != std::string_view::npos) {
    std::string title = WordsOf(text);
    if (title.starts_with('<')) return std::string(kHtml) + " without a title";
    title.resize(std::min(title.size(), kMaxBeginning));
    return std::string(kHtml) + ": \"" + title + "\"";
  }
  const std::string event = DataOfFirstEvent(body).value_or("");
  for (const std::string_view json : {text, FirstLine(text), std::string_view(event)}) {
    if (const auto api = ApiOf(json); !api.empty()) return DescribeAnswerOf(api);
  }
  text::JsonCursor cursor(text);
  cursor.Skip();
  const bool is_json = cursor.Finished();
  return (is_json ? std::string(kOtherJson) : std::string("the answer is not "))
      .append(expected)
      .append(": ")
      .append(Beginning(body));
}

bool IsFromAnotherService(std::string_view message) {
  return message.starts_with(kHtml) || message.starts_with(kOtherApi) ||
         message.starts_with(kOtherJson);
}

}  // namespace llmload::wire
