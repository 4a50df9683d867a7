#include "src/wire/ndjson_parser.h"

namespace llmload::wire {

NdjsonParser::Status NdjsonParser::Next(std::string_view& line) {
  while (!too_large_) {
    if (handed_out_) {
      partial_.clear();
      handed_out_ = false;
    }
    const std::size_t end = input_.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::string_view piece = input_.substr(0, end);
    input_.remove_prefix(whole ? end + 1 : input_.size());
    if (partial_.size() + piece.size() > max_line_bytes_) {
      too_large_ = true;
      break;
    }
    if (whole && partial_.empty()) {
      line = piece;
    } else {
      partial_.append(piece);
      if (!whole && (!finished_ || partial_.empty())) return Status::kNeedMore;
      line = partial_;
      handed_out_ = true;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return Status::kLine;
  }
  return Status::kTooLarge;
}

}  // namespace llmload::wire
