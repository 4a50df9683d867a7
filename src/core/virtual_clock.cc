#include "llmload/core/virtual_clock.h"

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace llmload {

namespace asio = boost::asio;
using boost::system::error_code;

// The sleepers: a heap by deadline and then by arrival. A cancelled sleeper leaves its entry
// behind, which is skipped when its deadline comes.
class VirtualClock::Sleepers : public std::enable_shared_from_this<Sleepers> {
 public:
  template <class CompletionHandler>
  void Add(TimePoint deadline, CompletionHandler&& handler) {
    const asio::any_io_executor executor = asio::get_associated_executor(handler);
    LeaveWhenDestroyed(asio::query(executor, asio::execution::context));
    Sleeper* const sleeper = TakeSleeper();
    sleeper->sequence = next_sequence_++;
    sleeper->executor = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    sleeper->handler.emplace(std::forward<CompletionHandler>(handler));
    heap_.push_back({deadline, sleeper->sequence, sleeper});
    std::push_heap(heap_.begin(), heap_.end(), Later);
    ++asleep_;
    // The slot of the erased handler, not of the original: erasing takes the original's slot for
    // itself.
    auto slot = asio::get_associated_cancellation_slot(*sleeper->handler);
    if (slot.is_connected()) {
      slot.assign([this, sleeper](asio::cancellation_type type) {
        if (type != asio::cancellation_type::none) {
          Wake(*sleeper, asio::error::operation_aborted);
        }
      });
    }
  }

  // Drops the sleepers of a context that is being destroyed; its coroutines end without being
  // resumed.
  void Drop(const asio::execution_context& context) {
    std::vector<Handler> dropped;  // destroyed after the heap is whole again
    for (const Entry& entry : heap_) {
      Sleeper& sleeper = *entry.sleeper;
      if (sleeper.sequence != entry.sequence || !sleeper.handler) continue;
      if (&asio::query(sleeper.executor, asio::execution::context) != &context) continue;
      dropped.push_back(std::move(*sleeper.handler));
      sleeper.handler.reset();
      sleeper.executor = {};
      --asleep_;
    }
    if (last_context_ == &context) last_context_ = nullptr;
  }

  std::size_t size() const { return asleep_; }

  // The first deadline of a sleeper; nullopt if there is none.
  std::optional<TimePoint> NextDeadline() {
    while (!heap_.empty() && !heap_.front().sleeper->handler) PopEntry();
    if (heap_.empty()) return std::nullopt;
    return heap_.front().deadline;
  }

  void WakeDue(TimePoint now) {
    for (auto next = NextDeadline(); next && *next <= now; next = NextDeadline()) {
      Wake(*heap_.front().sleeper, {});
    }
  }

 private:
  using Handler = asio::any_completion_handler<void(error_code)>;

  struct Sleeper {
    std::uint64_t sequence = 0;
    asio::any_io_executor executor;  // counts as work of its context while asleep
    // Empty: woken, cancelled or dropped. Not assigned to: in Boost 1.81 a handler's move
    // assignment copies itself without end.
    std::optional<Handler> handler;
  };

  struct Entry {
    TimePoint deadline;
    std::uint64_t sequence;
    Sleeper* sleeper;
  };

  static bool Later(const Entry& a, const Entry& b) {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.sequence > b.sequence;
  }

  // Makes sure that no sleeper outlives its context.
  void LeaveWhenDestroyed(asio::execution_context& context);

  void Wake(Sleeper& sleeper, error_code result) {
    Handler handler = std::move(*sleeper.handler);
    sleeper.handler.reset();
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.clear();
    --asleep_;
    const asio::any_io_executor executor = std::exchange(sleeper.executor, {});
    asio::post(executor,
               [handler = std::move(handler), result]() mutable { std::move(handler)(result); });
  }

  Sleeper* TakeSleeper() {
    if (free_.empty()) {
      storage_.emplace_back();
      return &storage_.back();
    }
    Sleeper* const sleeper = free_.back();
    free_.pop_back();
    return sleeper;
  }

  void PopEntry() {
    free_.push_back(heap_.front().sleeper);
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    heap_.pop_back();
  }

  std::vector<Entry> heap_;
  std::deque<Sleeper> storage_;
  std::vector<Sleeper*> free_;
  std::size_t asleep_ = 0;
  std::uint64_t next_sequence_ = 0;
  const asio::execution_context* last_context_ = nullptr;
};

// Tells the clocks that a context's coroutines sleep on when that context is destroyed.
class VirtualClock::ContextWatch : public asio::execution_context::service {
 public:
  using key_type = ContextWatch;
  static inline asio::execution_context::id id;

  explicit ContextWatch(asio::execution_context& context) : service(context) {}

  void Tell(const std::shared_ptr<Sleepers>& sleepers) {
    for (const auto& known : clocks_) {
      if (known.lock() == sleepers) return;
    }
    clocks_.push_back(sleepers);
  }

 private:
  void shutdown() override {
    for (const auto& known : clocks_) {
      if (const auto sleepers = known.lock()) sleepers->Drop(context());
    }
  }

  std::vector<std::weak_ptr<Sleepers>> clocks_;
};

void VirtualClock::Sleepers::LeaveWhenDestroyed(asio::execution_context& context) {
  if (last_context_ == &context) return;
  asio::use_service<ContextWatch>(context).Tell(shared_from_this());
  last_context_ = &context;
}

VirtualClock::VirtualClock(TimePoint start)
    : now_(start.time_since_epoch().count()), sleepers_(std::make_shared<Sleepers>()) {}

VirtualClock::~VirtualClock() = default;

asio::awaitable<void> VirtualClock::SleepUntil(TimePoint deadline) {
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(
      [this, deadline](auto handler) { sleepers_->Add(deadline, std::move(handler)); },
      asio::use_awaitable);
}

bool VirtualClock::Run(asio::io_context& context) { return RunUntil(context, TimePoint::max()); }

bool VirtualClock::RunUntil(asio::io_context& context, TimePoint until) {
  for (;;) {
    context.restart();
    context.poll();
    // Out of work, or stopped by one of its handlers.
    if (context.stopped()) break;
    const auto next = sleepers_->NextDeadline();
    // TimePoint::max() is not an instant: a coroutine that sleeps for it sleeps until cancelled.
    if (!next || *next > until || *next == TimePoint::max()) break;
    const TimePoint now = std::max(Now(), *next);
    now_.store(now.time_since_epoch().count());
    sleepers_->WakeDue(now);
  }
  if (until != TimePoint::max() && until > Now()) now_.store(until.time_since_epoch().count());
  return context.stopped();
}

void VirtualClock::AdvanceBy(Duration by) {
  assert(by >= Duration::zero());
  now_.fetch_add(by.count());
}

std::size_t VirtualClock::SleeperCount() const noexcept { return sleepers_->size(); }

}  // namespace llmload
