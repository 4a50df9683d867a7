#include "src/report/request_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "src/core/text/harmless.h"
#include "src/core/text/json_cursor.h"
#include "src/record/record_json.h"

namespace llmload::report {
namespace {

constexpr std::string_view kRecordsSchema = "llmload.records/1";

template <class Integer>
void AppendInteger(Integer value, std::string& out) {
  std::array<char, 24> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

// Seconds to the nanosecond, exactly: "1.25".
void AppendSeconds(Duration value, std::string& out) {
  constexpr std::int64_t kNanos = 1'000'000'000;
  std::int64_t nanos = value.count();
  if (nanos < 0) {
    out.push_back('-');
    nanos = -nanos;
  }
  AppendInteger(nanos / kNanos, out);
  std::int64_t rest = nanos % kNanos;
  if (rest == 0) return;
  out.push_back('.');
  for (std::int64_t digit = kNanos / 10; rest > 0; digit /= 10) {
    out.push_back(static_cast<char>('0' + rest / digit));
    rest %= digit;
  }
}

// A cell as RFC 4180 has it. Text that is not plain comes without control characters.
void AppendCsvCell(std::string_view text, std::string& out) {
  const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != ','; };
  if (std::all_of(text.begin(), text.end(), plain)) {
    out += text;
    return;
  }
  out.push_back('"');
  for (const char c : text::HarmlessLines(text)) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void AppendMessages(const CompletionRequest& request, std::string& out) {
  constexpr std::array<std::string_view, 3> kRoles{"system", "user", "assistant"};
  char separator = '[';
  for (const Message& message : request.messages) {
    out.push_back(separator);
    separator = ',';
    out += "{\"role\":\"";
    out += kRoles[static_cast<std::size_t>(message.role)];
    out += "\",\"content\":";
    text::AppendJsonString(message.content, out);
    out.push_back('}');
  }
  if (separator == '[') out.push_back('[');
  out.push_back(']');
}

// A member for each value that there is.
class JsonLine {
 public:
  explicit JsonLine(std::string& out) : out_(out) {}

  void RunId(const std::string&) {}  // it is in the header
  void Text(std::string_view name, std::string_view text) {
    if (!text.empty()) text::AppendJsonString(text, Value(name));
  }
  template <class Integer>
  void Number(std::string_view name, std::optional<Integer> value) {
    if (value) AppendInteger(*value, Value(name));
  }
  void Seconds(std::string_view name, std::optional<Duration> value) {
    if (value) AppendSeconds(*value, Value(name));
  }
  void Flag(std::string_view name, bool value) { Value(name) += value ? "true" : "false"; }
  void Messages(std::string_view name, const CompletionRequest* request) {
    if (request != nullptr) AppendMessages(*request, Value(name));
  }
  void End() { out_ += "}\n"; }

 private:
  std::string& Value(std::string_view name) {
    out_.push_back(separator_);
    separator_ = ',';
    out_.push_back('"');
    out_ += name;
    out_ += "\":";
    return out_;
  }

  std::string& out_;
  char separator_ = '{';
};

// A cell for each name, which is empty where there is no value.
class CsvLine {
 public:
  explicit CsvLine(std::string& out) : out_(out) {}

  void RunId(const std::string& run_id) { Text("run_id", run_id); }
  void Text(std::string_view name, std::string_view text) { AppendCsvCell(text, Value(name)); }
  template <class Integer>
  void Number(std::string_view name, std::optional<Integer> value) {
    Value(name);
    if (value) AppendInteger(*value, out_);
  }
  void Seconds(std::string_view name, std::optional<Duration> value) {
    Value(name);
    if (value) AppendSeconds(*value, out_);
  }
  void Flag(std::string_view name, bool value) { Value(name) += value ? "true" : "false"; }
  void Messages(std::string_view name, const CompletionRequest* request) {
    std::string messages;
    if (request != nullptr) AppendMessages(*request, messages);
    Text(name, messages);
  }
  void End() { out_.push_back('\n'); }

 protected:
  std::string& Value(std::string_view) {
    if (!first_) out_.push_back(',');
    first_ = false;
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// The names alone.
class CsvNames {
 public:
  explicit CsvNames(std::string& out) : line_(out) {}

  void RunId(const std::string&) { line_.Text({}, "run_id"); }
  void Text(std::string_view name, std::string_view) { line_.Text({}, name); }
  template <class Integer>
  void Number(std::string_view name, std::optional<Integer>) {
    line_.Text({}, name);
  }
  void Seconds(std::string_view name, std::optional<Duration>) { line_.Text({}, name); }
  void Flag(std::string_view name, bool) { line_.Text({}, name); }
  void Messages(std::string_view name, const CompletionRequest*) { line_.Text({}, name); }
  void End() { line_.End(); }

 private:
  CsvLine line_;
};

// The one list of members. A service's numbers are those that it counts by.
template <class Line>
void Append(const RequestLines& lines, const EndedRequest& request, Line line) {
  const Completion* const answer = request.completion;
  const Error* const error = request.error;
  const auto since_start = [&](const std::optional<TimePoint>& at) {
    return at ? std::optional(*at - lines.start) : std::nullopt;
  };
  // What answer and error both have: of the one that there is.
  const auto text = [&](std::string Completion::*of_answer, std::string Error::*of_error) {
    if (answer != nullptr) return std::string_view(answer->*of_answer);
    return error != nullptr ? std::string_view(error->*of_error) : std::string_view();
  };
  const std::vector<Attempt>* const attempts =
      answer != nullptr ? &answer->attempts : (error != nullptr ? &error->attempts : nullptr);
  std::string_view provider = text(&Completion::provider, &Error::provider);
  if (provider.empty() && attempts != nullptr && !attempts->empty()) {
    provider = attempts->back().provider;
  }
  using Count = std::optional<std::int64_t>;
  const auto usage = [&](std::int64_t Usage::*member) {
    return answer != nullptr ? Count(answer->usage.*member) : std::nullopt;
  };

  line.RunId(lines.run_id);
  line.Number("index", std::optional(request.index));
  line.Number("phase", request.phase);
  line.Text("phase_name", request.phase_name);
  line.Flag("measured", request.measured);
  line.Text("outcome", ToString(request.outcome));
  line.Seconds("scheduled_seconds", request.scheduled - lines.start);
  line.Seconds("dispatched_seconds", since_start(request.dispatched));
  line.Seconds("first_token_seconds", since_start(request.first_token));
  line.Seconds("completed_seconds", since_start(request.completed));
  line.Text("error", error != nullptr ? ToString(error->kind) : std::string_view());
  line.Number("http_status", error != nullptr && error->http_status != 0
                                 ? std::optional(error->http_status)
                                 : std::nullopt);
  line.Text("provider", provider);
  line.Text("model", request.request != nullptr ? std::string_view(request.request->model)
                                                : std::string_view());
  line.Text("request_id", text(&Completion::request_id, &Error::request_id));
  line.Text("finish_reason",
            answer != nullptr ? std::string_view(answer->finish_reason) : std::string_view());
  line.Number("input_tokens", usage(&Usage::input));
  line.Number("cached_input_tokens", usage(&Usage::cached_input));
  line.Number("output_tokens", usage(&Usage::output));
  line.Number("token_events", answer != nullptr  ? Count(answer->token_events)
                              : error != nullptr ? Count(error->partial_tokens)
                                                 : std::nullopt);
  line.Number("attempts", attempts != nullptr ? std::optional(attempts->size()) : std::nullopt);
  line.Text("message", error != nullptr ? std::string_view(error->message) : std::string_view());
  if (lines.with_text) {
    line.Messages("messages", request.request);
    line.Text("answer", text(&Completion::text, &Error::partial_text));
  }
  line.End();
}

}  // namespace

std::string HeaderLine(const RequestLines& lines, const RunStart& run) {
  std::string out;
  if (lines.format == LineFormat::kCsv) {
    Append(lines, {}, CsvNames(out));
    return out;
  }
  JsonLine header(out);
  header.Text("schema", kRecordsSchema);
  header.Text("run_id", run.run_id);
  header.Text("name", run.name);
  header.Number("seed", std::optional(run.seed));
  header.Text("started_at", record::Timestamp(run.started_at));
  header.End();
  return out;
}

void AppendRequestLine(const RequestLines& lines, const EndedRequest& request, std::string& out) {
  if (lines.format == LineFormat::kCsv) {
    Append(lines, request, CsvLine(out));
  } else {
    Append(lines, request, JsonLine(out));
  }
}

}  // namespace llmload::report
