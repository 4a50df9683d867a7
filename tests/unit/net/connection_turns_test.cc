// Who is given a turn of a bounded number of connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "src/net/connection_limit.h"

namespace llmload::net {
namespace {

namespace asio = boost::asio;

class ConnectionTurns : public ::testing::Test {
 protected:
  // Lets a coroutine on `context` wait for a turn and end it at once, and notes `name` then.
  void Queue(asio::io_context& context, char name) {
    Spawn(context, [](ConnectionTurns& self, char its_name) -> asio::awaitable<void> {
      if (co_await ConnectionLimit::WaitForTurn(self.limit_, TimePoint::max())) {
        self.order_ += its_name;
      }
    }(*this, name));
  }
  // Takes the one turn on `context`, for as long as the result lives.
  std::optional<ConnectionLimit::Turn> Hold(asio::io_context& context) {
    std::optional<ConnectionLimit::Turn> turn;
    Spawn(context, [](ConnectionTurns& self, auto& held) -> asio::awaitable<void> {
      auto given = co_await ConnectionLimit::WaitForTurn(self.limit_, TimePoint::max());
      held.emplace(*std::move(given));
    }(*this, turn));
    return turn;
  }
  void RunAll() {
    while (RunOne(one_) || RunOne(other_)) {
    }
  }

  asio::io_context one_{1};
  asio::io_context other_{1};
  const std::shared_ptr<ConnectionLimit> limit_ = std::make_shared<ConnectionLimit>(1);
  std::string order_;

 private:
  static bool RunOne(asio::io_context& context) {
    context.restart();
    return context.poll_one() > 0;
  }
  static void Spawn(asio::io_context& context, asio::awaitable<void> task) {
    asio::co_spawn(context, std::move(task), asio::detached);
    while (RunOne(context)) {
    }
  }
};

TEST_F(ConnectionTurns, GoToTheIoContextThatHasTheConnectionButPassNobodyOverForever) {
  {
    const auto held = Hold(one_);
    Queue(other_, 'b');
    for (int i = 0; i < 20; ++i) Queue(one_, 'a');
    Queue(other_, 'b');
    RunAll();
    ASSERT_EQ(order_, "");
  }
  RunAll();
  EXPECT_EQ(order_, "aaaaaaaabbaaaaaaaaaaaa");
}

TEST_F(ConnectionTurns, GoToTheLongestWaitWhereTheIoContextHasNone) {
  asio::io_context third(1);
  {
    const auto held = Hold(third);
    for (int i = 0; i < 3; ++i) {
      Queue(other_, 'b');
      Queue(one_, 'a');
    }
  }
  RunAll();
  EXPECT_EQ(order_, "bbbaaa");
}

}  // namespace
}  // namespace llmload::net
