#include "src/load/stop_signals.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <utility>

namespace llmload {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

// Several runs may go on at once, but a process has one disposition of each signal.
struct Saved {
  std::mutex mutex;
  int users = 0;
  std::array<struct sigaction, kSignals.size()> actions{};
};

Saved& TheSaved() {
  static Saved saved;
  return saved;
}

bool HasHandler(const struct sigaction& action, void (*handler)(int)) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == handler;
}

}  // namespace

SignalDispositions::SignalDispositions() {
  Saved& saved = TheSaved();
  const std::lock_guard lock(saved.mutex);
  if (saved.users++ > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &saved.actions[i]);
    if (kSignals[i] == SIGPIPE && HasHandler(saved.actions[i], SIG_DFL)) {
      std::signal(SIGPIPE, SIG_IGN);
    }
  }
}

SignalDispositions::~SignalDispositions() {
  Saved& saved = TheSaved();
  const std::lock_guard lock(saved.mutex);
  if (--saved.users > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &saved.actions[i], nullptr);
  }
}

StopSignals::StopSignals(boost::asio::io_context& context, std::function<void()> on_signal)
    : signals_(context, SIGINT, SIGTERM), on_signal_(std::move(on_signal)) {
  struct sigaction hangup {};
  if (sigaction(SIGHUP, nullptr, &hangup) != 0 || !HasHandler(hangup, SIG_IGN)) {
    signals_.add(SIGHUP);
  }
  Wait();
}

void StopSignals::Release() { signals_.clear(); }

void StopSignals::Wait() {
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    on_signal_();
    Wait();
  });
}

}  // namespace llmload
