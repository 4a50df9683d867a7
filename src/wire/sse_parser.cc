#include "src/wire/sse_parser.h"

namespace llmload::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Position of the first CR or LF, or npos.
std::size_t FindLineEnd(std::string_view text) {
  const std::size_t line_feed = text.find('\n');
  const std::size_t carriage_return = text.substr(0, line_feed).find('\r');
  return carriage_return != std::string_view::npos ? carriage_return : line_feed;
}

}  // namespace

SseParser::Status SseParser::Next(SseEvent& event) {
  if (dispatched_) {
    name_.clear();
    data_storage_.clear();
    data_ = {};
    has_data_ = data_in_input_ = dispatched_ = false;
  }
  if (too_large_) return Status::kTooLarge;
  std::string_view line;
  bool in_input = false;
  while (TakeLine(line, in_input)) {
    if (line.empty()) {
      if (Dispatch(event)) return Status::kEvent;
    } else {
      TakeField(line, in_input);
      too_large_ = line.size() > max_event_bytes_ || name_.size() + data_.size() > max_event_bytes_;
    }
    if (too_large_) return Status::kTooLarge;
  }
  if (partial_.size() > max_event_bytes_) {
    too_large_ = true;
    return Status::kTooLarge;
  }
  if (finished_ && Dispatch(event)) return Status::kEvent;
  KeepData();
  return Status::kNeedMore;
}

bool SseParser::TakeLine(std::string_view& line, bool& in_input) {
  if (skip_line_feed_ && !input_.empty()) {
    if (input_.front() == '\n') input_.remove_prefix(1);
    skip_line_feed_ = false;
  }
  const std::size_t end = FindLineEnd(input_);
  in_input = end != std::string_view::npos && partial_.empty();
  if (in_input) {
    line = input_.substr(0, end);
  } else {
    partial_.append(input_.substr(0, end));
    if (end == std::string_view::npos) {
      input_ = {};
      if (!finished_ || partial_.empty()) return false;
    }
    line_.swap(partial_);
    partial_.clear();
    line = line_;
  }
  if (end != std::string_view::npos) {
    skip_line_feed_ = input_[end] == '\r';
    input_.remove_prefix(end + 1);
  }
  if (first_line_) {
    first_line_ = false;
    if (line.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
      line.remove_prefix(kByteOrderMark.size());
    }
  }
  return true;
}

void SseParser::TakeField(std::string_view line, bool in_input) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) {
    value = line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  }
  if (field == "data") {
    if (!has_data_ && in_input) {
      data_ = value;
      data_in_input_ = true;
    } else {
      KeepData();
      if (has_data_) data_storage_.push_back('\n');
      data_storage_.append(value);
      data_ = data_storage_;
    }
    has_data_ = true;
  } else if (field == "event") {
    name_.assign(value);
  }
}

void SseParser::KeepData() {
  if (!data_in_input_) return;
  data_storage_.assign(data_);
  data_ = data_storage_;
  data_in_input_ = false;
}

bool SseParser::Dispatch(SseEvent& event) {
  if (!has_data_) {
    name_.clear();
    return false;
  }
  event.name = name_;
  event.data = data_;
  dispatched_ = true;
  return true;
}

}  // namespace llmload::wire
