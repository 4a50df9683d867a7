#include "src/fake_server/timer_queue.h"

namespace llmload::fake_server {

TimerQueue::TimerQueue(boost::asio::io_context& context) : timer_(context) {}

void TimerQueue::Place(Entry* entry, std::size_t slot) {
  heap_[slot] = entry;
  entry->slot_ = slot;
}

void TimerQueue::SiftUp(std::size_t slot) {
  Entry* const entry = heap_[slot];
  while (slot > 0) {
    const std::size_t parent = (slot - 1) / 2;
    if (heap_[parent]->at_ <= entry->at_) break;
    Place(heap_[parent], slot);
    slot = parent;
  }
  Place(entry, slot);
}

void TimerQueue::SiftDown(std::size_t slot) {
  Entry* const entry = heap_[slot];
  for (;;) {
    std::size_t child = 2 * slot + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->at_ < heap_[child]->at_) ++child;
    if (entry->at_ <= heap_[child]->at_) break;
    Place(heap_[child], slot);
    slot = child;
  }
  Place(entry, slot);
}

void TimerQueue::Schedule(Entry& entry, TimePoint at) {
  if (entry.slot_ != Entry::kIdle) {
    const bool earlier = at < entry.at_;
    entry.at_ = at;
    earlier ? SiftUp(entry.slot_) : SiftDown(entry.slot_);
  } else {
    entry.at_ = at;
    heap_.push_back(&entry);
    entry.slot_ = heap_.size() - 1;
    SiftUp(entry.slot_);
  }
  Arm();
}

void TimerQueue::Cancel(Entry& entry) {
  if (entry.slot_ == Entry::kIdle) return;
  const std::size_t slot = entry.slot_;
  Entry* const last = heap_.back();
  heap_.pop_back();
  entry.slot_ = Entry::kIdle;
  if (last == &entry) return;
  Place(last, slot);
  SiftUp(slot);
  SiftDown(last->slot_);
}

void TimerQueue::Shutdown() {
  while (!heap_.empty()) Cancel(*heap_.back());
  timer_.cancel();
}

// A timer that is armed too early fires for nothing once; one too late would be wrong. So it is
// moved forward only.
void TimerQueue::Arm() {
  if (expiring_ || heap_.empty() || heap_.front()->at_ >= armed_) return;
  armed_ = heap_.front()->at_;
  timer_.expires_at(armed_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Expire();
  });
}

void TimerQueue::Expire() {
  expiring_ = true;
  armed_ = TimePoint::max();
  const TimePoint now = std::chrono::steady_clock::now();
  while (!heap_.empty() && heap_.front()->at_ <= now) {
    Entry* const entry = heap_.front();
    Cancel(*entry);
    entry->OnTimer(now);
  }
  expiring_ = false;
  Arm();
}

}  // namespace llmload::fake_server
