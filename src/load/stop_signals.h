// The signals of a process while runs go on in it.
#ifndef LLMLOAD_SRC_LOAD_STOP_SIGNALS_H_
#define LLMLOAD_SRC_LOAD_STOP_SIGNALS_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>

namespace llmload {

/// As long as one of these lives, SIGPIPE is ignored unless the program handles it. The
/// dispositions of all signals concerned are restored when the last one goes. Thread-safe.
class SignalDispositions {
 public:
  SignalDispositions();
  ~SignalDispositions();
  SignalDispositions(const SignalDispositions&) = delete;
  SignalDispositions& operator=(const SignalDispositions&) = delete;
};

/// SIGINT, SIGTERM and SIGHUP, as events of `context`. A SIGHUP that is ignored stays ignored.
class StopSignals {
 public:
  /// `on_signal` is called on the context for each signal.
  StopSignals(boost::asio::io_context& context, std::function<void()> on_signal);

  /// No further calls; from now on the signals have their default effect.
  void Release();

 private:
  void Wait();

  SignalDispositions dispositions_;  // outlives the set
  boost::asio::signal_set signals_;
  std::function<void()> on_signal_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_STOP_SIGNALS_H_
