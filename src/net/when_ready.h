// Runs the steps of a coroutine on a connection, one each time the connection is ready.
#ifndef LLMLOAD_NET_WHEN_READY_H_
#define LLMLOAD_NET_WHEN_READY_H_

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <utility>

#include "src/net/connection.h"
#include "src/net/readiness.h"

namespace llmload::net {

/// Waits, takes a step, waits again; the last step resumes the coroutine.
template <class Handler, class Step>
class StepsWhenReady final : public Readiness::Waiter {
 public:
  StepsWhenReady(Handler handler, Connection& connection, Step& step)
      : Waiter(connection.executor()),
        handler_(std::move(handler)),
        connection_(connection),
        step_(step) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([this](boost::asio::cancellation_type type) {
      using Type = boost::asio::cancellation_type;
      if ((type & Type::terminal) == Type::none) return;
      // If a step called this, there is no wait that could be cancelled.
      cancelled_ = true;
      connection_.CancelWait();
    });
  }

  void Resume(std::unique_ptr<Waiter> self, boost::system::error_code error) override {
    bool over = true;
    std::exception_ptr thrown;
    try {
      over = Advance(error);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (!over) {
      connection_.Wait(std::move(self));
      return;
    }
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
    Handler handler = std::move(handler_);
    self.reset();
    std::move(handler)(std::move(thrown));
  }

 private:
  bool Advance(boost::system::error_code error) {
    // A deadline ends the wait too; the step handles that.
    if (!connection_.expired()) {
      if (cancelled_) error = boost::asio::error::operation_aborted;
      if (error) throw boost::system::system_error(error);
    }
    const bool over = step_();
    if (cancelled_ && !over) {
      throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
    return over;
  }

  Handler handler_;
  Connection& connection_;
  Step& step_;
  bool cancelled_ = false;
};

/// Calls `step` each time the connection is ready or its deadline came, until it returns true
/// because it has nothing more to wait for. The coroutine is resumed only then: an event of a
/// stream costs no switch of coroutines and allocates nothing. What `step` throws is thrown from
/// the awaitable; so is `operation_aborted` if the coroutine is cancelled.
///
/// `connection` and `step` have to stay alive until the awaitable has finished.
template <class Step>
boost::asio::awaitable<void> WhenReady(Connection& connection, Step& step) {
  auto start = [&connection, &step](auto handler) {
    using Steps = StepsWhenReady<decltype(handler), Step>;
    connection.Wait(std::make_unique<Steps>(std::move(handler), connection, step));
  };
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                     void(std::exception_ptr)>(start, boost::asio::use_awaitable);
}

}  // namespace llmload::net

#endif  // LLMLOAD_NET_WHEN_READY_H_
