#include "src/net/readiness.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace llmload::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// A socket and its peer, registered.
struct Pair {
  explicit Pair(asio::io_context& context) : readiness(asio::use_service<Readiness>(context)) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    watch = readiness.Add(ends[0]);
    EXPECT_NE(watch.generation, 0U);
  }
  ~Pair() {
    readiness.Remove(watch);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void Send() const { EXPECT_EQ(::send(ends[1], "x", 1, MSG_NOSIGNAL), 1); }
  bool Receive() const {
    char byte = 0;
    return ::recv(ends[0], &byte, 1, 0) == 1;
  }

  Readiness& readiness;
  std::array<int, 2> ends{};
  Readiness::Watch watch;
};

class Call final : public Readiness::Waiter {
 public:
  using Function = std::function<void(error_code)>;
  Call(const asio::any_io_executor& executor, Function function, bool* destroyed = nullptr)
      : Waiter(executor), function_(std::move(function)), destroyed_(destroyed) {}
  ~Call() override {
    if (destroyed_ != nullptr) *destroyed_ = true;
  }
  void Resume(std::unique_ptr<Waiter> self, error_code error) override {
    const Function function = std::move(function_);
    self.reset();
    function(error);
  }

 private:
  Function function_;
  bool* const destroyed_;
};

void Wait(asio::io_context& context, Pair& pair, Call::Function function) {
  pair.readiness.Wait(pair.watch, false,
                      std::make_unique<Call>(context.get_executor(), std::move(function)));
}

// A new descriptor can be written: that edge wakes the first waiter. The tests are about later
// ones.
void ConsumeFirstEdge(asio::io_context& context, Pair& pair) {
  Wait(context, pair, [](error_code) {});
  context.run();
  context.restart();
}

TEST(Readiness, ResumesAWaiterForEveryArrival) {
  asio::io_context context(1);
  Pair pair(context);
  ConsumeFirstEdge(context, pair);
  int arrivals = 0;
  std::function<void(error_code)> take = [&](error_code error) {
    EXPECT_FALSE(error);
    while (pair.Receive()) ++arrivals;
    if (arrivals == 3) return;
    Wait(context, pair, take);
    pair.Send();
  };
  Wait(context, pair, take);
  pair.Send();
  context.run();
  EXPECT_EQ(arrivals, 3);
}

TEST(Readiness, ReportsAtTheNextWaitAnEventThatHadNoWaiter) {
  asio::io_context context(1);
  Pair idle(context);
  Pair other(context);
  ConsumeFirstEdge(context, idle);
  ConsumeFirstEdge(context, other);
  idle.Send();
  other.Send();
  bool told = false;
  Wait(context, other, [&](error_code) {
    // One poll reported both; it has ended by now.
    asio::post(context, [&] { Wait(context, idle, [&](error_code) { told = true; }); });
  });
  context.run();
  EXPECT_TRUE(told);
}

TEST(Readiness, ResumesACancelledWaiterLaterWithOperationAborted) {
  asio::io_context context(1);
  Pair pair(context);
  ConsumeFirstEdge(context, pair);
  error_code seen;
  Wait(context, pair, [&](error_code error) { seen = error; });
  pair.readiness.Cancel(pair.watch);
  EXPECT_FALSE(seen) << "resumed within the call";
  context.run();  // returns: there is no waiter any more
  EXPECT_EQ(seen, asio::error::operation_aborted);
}

TEST(Readiness, WaitsAgainAfterTheLastWaiterWasCancelled) {
  asio::io_context context(1);
  Pair pair(context);
  ConsumeFirstEdge(context, pair);
  bool told = false;
  Wait(context, pair, [&](error_code) {
    Wait(context, pair, [&](error_code error) { told = !error; });
    pair.Send();
  });
  pair.readiness.Cancel(pair.watch);
  context.run();
  EXPECT_TRUE(told);
}

TEST(Readiness, ResumesTheOthersWhenAWaiterThrows) {
  asio::io_context context(1);
  Pair first(context);
  Pair second(context);
  ConsumeFirstEdge(context, first);
  ConsumeFirstEdge(context, second);
  int resumed = 0;
  const auto resume = [&](error_code) {
    if (++resumed == 1) throw std::runtime_error("thrown by a waiter");
  };
  Wait(context, first, resume);
  Wait(context, second, resume);
  first.Send();
  second.Send();
  EXPECT_THROW(context.run(), std::runtime_error);
  context.run();
  EXPECT_EQ(resumed, 2);
}

TEST(Readiness, ResumesOnTheStrandOfTheWaiter) {
  asio::io_context context(1);
  Pair pair(context);
  ConsumeFirstEdge(context, pair);
  const auto strand = asio::make_strand(context);
  bool in_strand = false;
  pair.readiness.Wait(pair.watch, false, std::make_unique<Call>(strand, [&](error_code) {
                        in_strand = strand.running_in_this_thread();
                      }));
  pair.Send();
  context.run();
  EXPECT_TRUE(in_strand);
}

TEST(Readiness, RemembersThatThePeerHungUp) {
  asio::io_context context(1);
  Pair pair(context);
  ConsumeFirstEdge(context, pair);
  EXPECT_FALSE(pair.readiness.HasHungUp(pair.watch));
  pair.Send();
  ::shutdown(pair.ends[1], SHUT_WR);
  Wait(context, pair, [](error_code) {});
  context.run();
  EXPECT_TRUE(pair.readiness.HasHungUp(pair.watch));
  EXPECT_TRUE(pair.Receive());
}

TEST(Readiness, ResumesNoWaiterForADescriptorThatWasRemoved) {
  asio::io_context context(1);
  auto old = std::make_unique<Pair>(context);
  const Readiness::Watch watch = old->watch;
  old.reset();
  Pair pair(context);  // takes the same place
  EXPECT_EQ(pair.watch.index, watch.index);
  EXPECT_NE(pair.watch.generation, watch.generation);
  ConsumeFirstEdge(context, pair);
  bool resumed = false;
  Wait(context, pair, [&](error_code error) { resumed = !error; });
  pair.readiness.Cancel(watch);
  pair.Send();
  context.run();
  EXPECT_TRUE(resumed);
}

TEST(Readiness, DestroysItsWaitersWithTheContext) {
  bool destroyed = false;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  {
    asio::io_context context(1);
    auto& readiness = asio::use_service<Readiness>(context);
    const Readiness::Watch watch = readiness.Add(ends[0]);
    readiness.Wait(watch, false,
                   std::make_unique<Call>(
                       context.get_executor(), [](error_code) {}, &destroyed));
  }
  EXPECT_TRUE(destroyed);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace llmload::net
