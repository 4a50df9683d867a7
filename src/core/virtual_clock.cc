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
#include <map>
#include <utility>
#include <vector>

namespace llmload {

namespace asio = boost::asio;
using boost::system::error_code;

// Who sleeps, ordered by deadline and then by arrival. A cancelled sleeper is taken out at once.
class VirtualClock::Sleepers : public std::enable_shared_from_this<Sleepers> {
 public:
  using Handler = asio::any_completion_handler<void(error_code)>;
  using Key = std::pair<TimePoint, std::uint64_t>;

  template <class CompletionHandler>
  void Add(TimePoint deadline, CompletionHandler&& handler) {
    const Key key{deadline, next_sequence_++};
    const asio::any_io_executor executor = asio::get_associated_executor(handler);
    LeaveWith(asio::query(executor, asio::execution::context));
    const auto at = asleep_.emplace(
        key, Sleeper{asio::prefer(executor, asio::execution::outstanding_work.tracked),
                     Handler(std::forward<CompletionHandler>(handler))});
    // The slot of the erased handler, not of the original: erasing takes the original's slot for
    // itself.
    auto slot = asio::get_associated_cancellation_slot(at.first->second.handler);
    if (slot.is_connected()) {
      slot.assign([this, key](asio::cancellation_type type) {
        if (type != asio::cancellation_type::none) Wake(key, asio::error::operation_aborted);
      });
    }
  }

  // Drops the sleepers of a context that is being destroyed; its coroutines end without being
  // resumed.
  void Drop(const asio::execution_context& context) {
    std::map<Key, Sleeper> dropped;
    for (auto it = asleep_.begin(); it != asleep_.end();) {
      const auto current = it++;
      if (&asio::query(current->second.executor, asio::execution::context) == &context) {
        dropped.insert(asleep_.extract(current));
      }
    }
    if (last_context_ == &context) last_context_ = nullptr;
  }

  bool empty() const { return asleep_.empty(); }
  std::size_t size() const { return asleep_.size(); }
  TimePoint NextDeadline() const { return asleep_.begin()->first.first; }

  void WakeDue(TimePoint now) {
    while (!asleep_.empty() && NextDeadline() <= now) Wake(asleep_.begin()->first, {});
  }

 private:
  struct Sleeper {
    asio::any_io_executor executor;  // counts as work of its context while asleep
    Handler handler;
  };

  // Makes sure that no sleeper outlives its context.
  void LeaveWith(asio::execution_context& context);

  void Wake(Key key, error_code result) {
    auto node = asleep_.extract(key);
    if (node.empty()) return;
    Sleeper& sleeper = node.mapped();
    auto slot = asio::get_associated_cancellation_slot(sleeper.handler);
    if (slot.is_connected()) slot.clear();
    asio::post(sleeper.executor, [handler = std::move(sleeper.handler), result]() mutable {
      std::move(handler)(result);
    });
  }

  std::map<Key, Sleeper> asleep_;
  std::uint64_t next_sequence_ = 0;
  const asio::execution_context* last_context_ = nullptr;
};

// Tells the clocks that a context's coroutines sleep on when that context goes away.
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

void VirtualClock::Sleepers::LeaveWith(asio::execution_context& context) {
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
    if (sleepers_->empty() || sleepers_->NextDeadline() > until) break;
    const TimePoint next = std::max(Now(), sleepers_->NextDeadline());
    now_.store(next.time_since_epoch().count());
    sleepers_->WakeDue(next);
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
