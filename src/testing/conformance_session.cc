#include "src/testing/conformance_session.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace llmload::conformance {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// Between two turns of the coroutine that shows that the thread is free.
constexpr Duration kTurn = 1ms;
// How long what is left over after a call may take to show itself.
constexpr Duration kSettleTime = 30ms;

}  // namespace

std::string ContentOf(const std::vector<SeenToken>& tokens) {
  std::string content;
  for (const SeenToken& token : tokens) {
    if (token.kind == TokenKind::kContent && !token.late) content += token.text;
  }
  return content;
}

void KeepingObserver::OnToken(const TokenEvent& event) {
  const std::lock_guard lock(mutex_);
  tokens_.push_back({.text = std::string(event.text),
                     .kind = event.kind,
                     .at = event.at,
                     .late = ended_,
                     .on_other_thread = std::this_thread::get_id() != thread_});
}

bool KeepingObserver::HasSeenToken() const {
  const std::lock_guard lock(mutex_);
  return !tokens_.empty();
}

void KeepingObserver::CallEnded() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

std::vector<SeenToken> KeepingObserver::tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

void Call::NoteTurn(TimePoint now) {
  if (last_turn_) held_up = std::max(held_up, now - *last_turn_);
  last_turn_ = now;
}

Session::Session(Clock& clock, VirtualClock* virtual_clock, Duration patience)
    : clock_(clock),
      virtual_clock_(virtual_clock),
      patience_(patience),
      work_(asio::make_work_guard(context_)) {}

Session::~Session() = default;

Call& Session::Start(Provider& provider, CompletionRequest request, bool observed,
                     std::optional<Duration> cancel_after) {
  calls_.push_back(std::make_unique<Call>());
  Call& call = *calls_.back();
  call.request = std::move(request);
  call.observed = observed;
  call.cancel_after = cancel_after;
  asio::co_spawn(context_, RunCall(provider, call),
                 asio::bind_cancellation_slot(call.signal.slot(), asio::detached));
  asio::co_spawn(context_, CountTurns(call), asio::detached);
  if (cancel_after) asio::co_spawn(context_, CancelLater(call), asio::detached);
  return call;
}

Call& Session::Complete(Provider& provider, CompletionRequest request, bool observed,
                        std::optional<Duration> cancel_after) {
  Call& call = Start(provider, std::move(request), observed, cancel_after);
  Run();
  return call;
}

void Session::Run() { RunUntil(clock_.Now() + patience_); }

void Session::Settle() {
  if (virtual_clock_ != nullptr) {
    virtual_clock_->RunUntil(context_, clock_.Now() + kSettleTime);
  } else {
    context_.run_for(kSettleTime);
  }
}

bool Session::AllEnded() const {
  return std::all_of(calls_.begin(), calls_.end(),
                     [](const auto& call) { return call->ended.load(); });
}

void Session::RunUntil(TimePoint limit) {
  if (virtual_clock_ != nullptr) {
    // In steps, so that time does not run on once everything has ended.
    while (!AllEnded() && clock_.Now() < limit) {
      virtual_clock_->RunUntil(context_, std::min(limit, clock_.Now() + kTurn));
    }
    return;
  }
  context_.restart();
  while (!AllEnded() && clock_.Now() < limit) context_.run_one_until(limit);
}

asio::awaitable<void> Session::RunCall(Provider& provider, Call& call) {
  call.started = clock_.Now();
  call.NoteTurn(call.started);
  try {
    StreamObserver* const observer = call.observed ? &call.observer : nullptr;
    call.result.emplace(co_await provider.Complete(call.request, observer));
  } catch (...) {
    call.thrown = std::current_exception();
  }
  call.finished = clock_.Now();
  call.finished_on_other_thread = std::this_thread::get_id() != thread_;
  if (!call.finished_on_other_thread) call.NoteTurn(call.finished);
  call.observer.CallEnded();
  call.ended = true;
}

asio::awaitable<void> Session::CancelLater(Call& call) {
  co_await clock_.SleepFor(*call.cancel_after);
  if (call.ended) co_return;
  call.cancelled_at = clock_.Now();
  call.signal.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> Session::CountTurns(Call& call) {
  for (;;) {
    co_await clock_.SleepFor(kTurn);
    if (call.ended) co_return;
    call.NoteTurn(clock_.Now());
    if (!call.observer.HasSeenToken()) ++call.others_ran;
  }
}

}  // namespace llmload::conformance
