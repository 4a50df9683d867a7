#include "src/net/readiness.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "src/net/connection.h"

namespace llmload::net {
namespace asio = boost::asio;

namespace {

// The waiters resumed in one turn; after it, timers and other handlers of the event loop run.
constexpr std::size_t kAtOnce = 64;

int NewEpoll() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) {
    throw boost::system::system_error(errno, boost::system::system_category(), "epoll_create1");
  }
  return descriptor;
}

std::uint64_t Pack(Readiness::Watch watch) {
  return (std::uint64_t{watch.generation} << 32) | watch.index;
}

Readiness::Watch Unpack(std::uint64_t packed) {
  return {.index = static_cast<std::uint32_t>(packed),
          .generation = static_cast<std::uint32_t>(packed >> 32)};
}

}  // namespace

Readiness::Waiter::Waiter(const asio::any_io_executor& executor)
    : executor_(executor), plain_(IsPlain(executor)) {}

Readiness::Readiness(asio::execution_context& context)
    : service(context), epoll_(NewEpoll()), any_(static_cast<asio::io_context&>(context), epoll_) {}

Readiness::~Readiness() = default;

void Readiness::shutdown() {
  std::vector<Slot> slots;
  std::vector<std::unique_ptr<Waiter>> woken;
  {
    const std::lock_guard lock(mutex_);
    slots.swap(slots_);  // destroying the waiters may still cancel or remove
    woken.swap(woken_);
    waiting_ = 0;
  }
}

Readiness::Slot* Readiness::Find(Watch watch) {
  if (watch.index >= slots_.size() || slots_[watch.index].generation != watch.generation)
    return nullptr;
  return &slots_[watch.index];
}

Readiness::Watch Readiness::Add(int descriptor) {
  const std::lock_guard lock(mutex_);
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  const Watch watch{.index = index, .generation = slots_[index].generation};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = Pack(watch);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return {};
  free_slots_.pop_back();
  return watch;
}

void Readiness::Remove(Watch watch) {
  const std::lock_guard lock(mutex_);
  Slot* const slot = Find(watch);
  if (slot == nullptr) return;
  // Closing takes the descriptor out of the epoll instance; events that it reported before are
  // recognised by their generation.
  const std::uint32_t next = watch.generation + 1;
  *slot = {};
  slot->generation = next == 0 ? 1 : next;
  free_slots_.push_back(watch.index);
}

void Readiness::Wait(Watch watch, bool at_once, std::unique_ptr<Waiter> waiter) {
  {
    const std::lock_guard lock(mutex_);
    Slot* const slot = Find(watch);
    if (slot != nullptr && !slot->ready && !at_once) {
      slot->waiter = std::move(waiter);
      ++waiting_;
      if (!polling_) WaitForAny();
      return;
    }
    if (slot != nullptr) slot->ready = false;
  }
  Post(std::move(waiter), {});
}

void Readiness::Cancel(Watch watch) {
  std::unique_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    Slot* const slot = Find(watch);
    if (slot == nullptr || slot->waiter == nullptr) return;
    waiter = std::move(slot->waiter);
    // A wait without waiters would keep the io_context running.
    if (--waiting_ == 0) any_.cancel();
  }
  Post(std::move(waiter), asio::error::operation_aborted);
}

void Readiness::WaitForAny() {
  polling_ = true;
  any_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (!error) {
      Poll();
    } else {
      AfterPoll();
    }
  });
}

void Readiness::Poll() {
  // Even if a waiter throws, all that were woken must be resumed.
  struct Finally {
    Readiness& readiness;
    ~Finally() { readiness.AfterPoll(); }
  } const finally{*this};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): `count` of them are filled
  std::array<epoll_event, kAtOnce> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      Slot* const slot = Find(Unpack(event.data.u64));
      if (slot == nullptr) continue;
      if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) slot->hung_up = true;
      if (slot->waiter == nullptr) {
        slot->ready = true;
      } else {
        woken_.push_back(std::move(slot->waiter));
        --waiting_;
      }
    }
  }
  for (std::unique_ptr<Waiter>& each : woken_) {
    if (!each->plain_) {
      Post(std::move(each), {});
      continue;
    }
    Waiter& waiter = *each;
    waiter.Resume(std::move(each), {});
  }
}

void Readiness::AfterPoll() {
  for (std::unique_ptr<Waiter>& waiter : woken_) {
    if (waiter != nullptr) Post(std::move(waiter), {});
  }
  woken_.clear();
  const std::lock_guard lock(mutex_);
  polling_ = false;
  if (waiting_ > 0) WaitForAny();
}

void Readiness::Post(std::unique_ptr<Waiter> waiter, boost::system::error_code error) {
  const asio::any_io_executor executor = waiter->executor_;
  asio::post(executor, [waiter = std::move(waiter), error]() mutable {
    Waiter& resumed = *waiter;
    resumed.Resume(std::move(waiter), error);
  });
}

}  // namespace llmload::net
