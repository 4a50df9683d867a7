#include "src/resilience/breaker_windows.h"

#include <algorithm>

namespace llmload::resilience {

void CountRing::Add(bool flagged, TimePoint /*now*/) {
  if (used_ == calls_.size()) {
    flagged_ -= calls_[next_];
  } else {
    ++used_;
  }
  calls_[next_] = flagged ? 1 : 0;
  flagged_ += calls_[next_];
  next_ = next_ + 1 == calls_.size() ? 0 : next_ + 1;
}

void CountRing::Clear() { next_ = used_ = flagged_ = 0; }

void CountRing::AppendTo(std::string& fingerprint, TimePoint /*now*/) const {
  for (std::size_t age = used_; age > 0; --age) {
    const std::size_t at = (next_ + calls_.size() - age) % calls_.size();
    fingerprint += calls_[at] != 0 ? 'x' : '.';
  }
  fingerprint += '|';
}

WindowSum& SliceWindow::Slice(std::int64_t index) {
  return slices_[static_cast<std::size_t>(index) % slices_.size()];
}

void SliceWindow::Expire(TimePoint now) {
  if (sum_.calls == 0) return;
  __extension__ using Wide = __int128;
  const auto count = static_cast<std::int64_t>(slices_.size());
  const Wide index = static_cast<Wide>((now - anchor_).count()) * count / options_.span.count();
  if (index - newest_ >= count) {
    Clear();
    return;
  }
  while (newest_ < index) {
    WindowSum& oldest = Slice(++newest_);
    sum_.calls -= oldest.calls;
    sum_.flagged -= oldest.flagged;
    oldest = {};
  }
}

void SliceWindow::Add(bool flagged, TimePoint now) {
  Expire(now);
  if (sum_.calls == 0) {
    anchor_ = now;
    newest_ = 0;
  }
  WindowSum& slice = Slice(newest_);
  ++slice.calls;
  ++sum_.calls;
  if (flagged) {
    ++slice.flagged;
    ++sum_.flagged;
  }
}

void SliceWindow::Clear() {
  std::fill(slices_.begin(), slices_.end(), WindowSum{});
  sum_ = {};
}

void SliceWindow::AppendTo(std::string& fingerprint, TimePoint now) const {
  SliceWindow current = *this;
  current.Expire(now);
  if (current.sum_.calls != 0) {
    fingerprint += std::to_string((now - current.anchor_).count()) + ':';
    const auto count = static_cast<std::int64_t>(slices_.size());
    for (std::int64_t i = std::max<std::int64_t>(0, current.newest_ - count + 1);
         i <= current.newest_; ++i) {
      const WindowSum& slice = current.Slice(i);
      fingerprint += std::to_string(slice.calls) + '/' + std::to_string(slice.flagged) + ',';
    }
  }
  fingerprint += '|';
}

AnyWindow MakeWindow(const std::variant<CountWindow, TimeWindow>& options) {
  if (const auto* count = std::get_if<CountWindow>(&options)) return CountRing(*count);
  return SliceWindow(std::get<TimeWindow>(options));
}

}  // namespace llmload::resilience
