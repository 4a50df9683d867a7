// What a provider promises of threads, deadlines, cancellation and errors.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "src/testing/conformance_checks.h"

namespace llmload::conformance {

using namespace std::chrono_literals;

namespace {

// Long enough for a stream to begin, also on a busy machine: then the stalled stream is seen. Some
// services take their time.
constexpr Duration kDeadline = 250ms;
constexpr Duration kLongDeadline = 1s;
constexpr Duration kCancelAfter = 30ms;
// How late is still on time. Real time adds what held up the thread, which is not the provider's
// fault; the sum stays below the time-outs that a subject may have of its own.
constexpr Duration kGraceInVirtualTime = 10ms;
constexpr Duration kGrace = 1s;

bool WasAborted(const Call& call) {
  if (!call.thrown) return false;
  try {
    std::rethrow_exception(call.thrown);
  } catch (const boost::system::system_error& error) {
    return error.code() == boost::asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

std::string Quoted(ErrorKind kind) { return "`" + std::string(ToString(kind)) + "`"; }

// Whether `call` ended later than it may, if it should have at `due`.
bool EndedLate(const CheckRun& run, const Call& call, TimePoint due) {
  const Duration grace = run.subject().virtual_time ? kGraceInVirtualTime : kGrace + call.held_up;
  return call.finished > due + grace;
}

// "it ended 260 ms after it began", or that it did not.
std::string EndOf(const CheckRun& run, const Call& call) {
  return call.ended
             ? "it ended " + Milliseconds(call.finished - call.started) + " after it began"
             : "it had not ended " + Milliseconds(run.subject().patience) + " after it began";
}

// Of a provider that has no answer: that the call ended at its deadline, `after` its beginning. Not
// long before, either: an answer could have come.
bool ExpectEndAtDeadline(CheckRun& run, const Call& call, Duration after,
                         const std::string& where) {
  const TimePoint deadline = *call.request.deadline;
  if (call.ended && !EndedLate(run, call, deadline) && call.finished >= deadline - after / 2) {
    return true;
  }
  run.Violation(
      where + EndOf(run, call) + "; its deadline was " + Milliseconds(after) + " after it began",
      "an error of kind `total_timeout` at the deadline of the request");
  return false;
}

// Expects the error of a failure after tokens to say so.
void ExpectPartialAnswer(CheckRun& run, const Call& call, const Error& error) {
  const std::vector<SeenToken> tokens = call.observer.tokens();
  if (tokens.empty()) throw NotOffered{"no token came before the stream failed"};
  if (!error.after_first_token) {
    run.Violation("streamed call: it failed after " + std::to_string(tokens.size()) +
                      " token events, but `after_first_token` is not set",
                  "`after_first_token`: or else the request is sent, and billed, twice");
  }
  if (error.partial_tokens != static_cast<std::int64_t>(tokens.size()) ||
      error.partial_text != ContentOf(tokens)) {
    run.Violation("streamed call: it failed after " + std::to_string(tokens.size()) +
                      " token events (\"" + ContentOf(tokens) + "\"), the error holds " +
                      std::to_string(error.partial_tokens) + " (\"" + error.partial_text + "\")",
                  "the output before the failure in `partial_tokens` and `partial_text`");
  }
}

std::string TextOf(const std::vector<Attempt>& attempts) {
  std::string text;
  for (const Attempt& attempt : attempts) {
    text += " " + attempt.provider + " " + attempt.region + " " + attempt.model;
  }
  return text;
}

// One call of a provider that never ends by itself, cancelled.
void CheckCancelled(CheckRun& run, const ConformanceFactory& factory, std::string_view state,
                    bool stream) {
  const Call& call = run.session().Complete(*run.Make(factory, state).provider, run.Request(stream),
                                            true, kCancelAfter);
  const std::string who = Describe(call) + " of the provider that is " + std::string(state);
  const std::string expected = "the end of the call at once, by system_error(operation_aborted)";
  if (!call.cancelled_at) {
    run.Violation(who + ": it ended before it was cancelled", "a provider that does not end");
  } else if (!call.ended || EndedLate(run, call, *call.cancelled_at)) {
    run.Violation(who + ": " + EndOf(run, call) + "; it was cancelled " +
                      Milliseconds(*call.cancelled_at - call.started) + " after it began",
                  expected);
  } else if (call.thrown && !WasAborted(call)) {
    run.Violation(who + ": cancelled, it threw " + Describe(call.thrown), expected);
  } else if (!call.thrown) {
    run.Violation(
        who + ": cancelled, it returned " +
            (call.succeeded() ? "a completion" : "an error: " + llmload::Describe(*call.error())),
        expected);
  }
  run.session().Settle();
  for (const SeenToken& token : call.observer.tokens()) {
    if (!token.late) continue;
    run.Violation(who + ": the observer was called after the cancelled call had ended",
                  "that a cancelled call releases everything");
    break;
  }
}

}  // namespace

void CheckThread(CheckRun& run) {
  const ConformanceTarget& target = run.Healthy();
  const auto report = [&run](const Call& call) {
    if (!run.Succeeded(call)) return;
    const std::vector<SeenToken> tokens = call.observer.tokens();
    const bool strange = std::any_of(tokens.begin(), tokens.end(),
                                     [](const auto& token) { return token.on_other_thread; });
    if (!strange && !call.finished_on_other_thread) return;
    run.Violation(Describe(call) + ": " +
                      (strange ? "the observer was called" : "the awaiting coroutine went on") +
                      " on another thread than the request's",
                  "everything on the executor of the coroutine that awaits the call");
  };
  if (run.subject().virtual_time) {  // which has one thread
    report(run.session().Complete(*target.provider, run.Request(true)));
    return;
  }
  // Two threads at once, each with an event loop of its own.
  const auto calls = [&](Session& session) {
    std::vector<const Call*> made;
    for (const bool stream : {true, false, true}) {
      made.push_back(&session.Complete(*target.provider, run.Request(stream)));
    }
    return made;
  };
  std::optional<Session> other;
  std::vector<const Call*> of_other;
  std::exception_ptr thrown_there;
  std::thread thread([&] {
    try {
      other.emplace(run.clock(), nullptr, run.subject().patience);
      of_other = calls(*other);
    } catch (...) {
      thrown_there = std::current_exception();
    }
  });
  std::vector<const Call*> made;
  std::exception_ptr thrown;
  try {
    made = calls(run.session());
  } catch (...) {
    thrown = std::current_exception();
  }
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
  if (thrown_there) std::rethrow_exception(thrown_there);
  for (const Call* call : made) report(*call);
  for (const Call* call : of_other) report(*call);
}

void CheckBlocking(CheckRun& run) {
  const ConformanceTarget& target = run.Make(run.subject().slow, "slow");
  // A machine that is busy can keep others from running, too, but hardly each time.
  constexpr int kTries = 3;
  for (const bool stream : {false, true}) {
    for (int i = 1; i <= kTries; ++i) {
      const Call& call = run.session().Complete(*target.provider, run.Request(stream));
      if (!run.Succeeded(call) || call.others_ran > 0) break;
      if (i < kTries) continue;
      run.Violation(Describe(call) +
                        " of the provider that is slow: no other coroutine ran until " +
                        (stream ? "its first token" : "its end") +
                        ": it blocks its thread, or it is not slow",
                    "that a call which waits suspends its coroutine, so that others can run");
    }
  }
}

void CheckDeadline(CheckRun& run) {
  const ConformanceTarget& target = run.Make(run.subject().hanging, "hanging");
  for (const bool stream : {false, true}) {
    CompletionRequest request = run.Request(stream);
    request.deadline = run.clock().Now() + kDeadline;
    const Call& call = run.session().Complete(*target.provider, std::move(request));
    if (call.ended && !run.Returned(call)) continue;
    const Error* error = call.ended ? call.error() : nullptr;
    if (!call.ended || (error != nullptr && error->kind == ErrorKind::kTotalTimeout)) {
      ExpectEndAtDeadline(run, call, kDeadline, Describe(call) + ": ");
      continue;
    }
    run.Violation(Describe(call) + ": its deadline passed, and it ended with " +
                      (error == nullptr ? "a completion" : llmload::Describe(*error)),
                  "an error of kind `total_timeout` at the deadline of the request");
  }
}

void CheckPassedDeadline(CheckRun& run) {
  const ConformanceTarget& target = run.Healthy();
  for (const bool stream : {false, true}) {
    CompletionRequest request = run.Request(stream);
    request.deadline = run.clock().Now() - 1s;
    const Call& call = run.session().Complete(*target.provider, std::move(request));
    if (!run.Returned(call)) continue;
    const Error* error = call.error();
    if (error != nullptr && error->kind == ErrorKind::kTotalTimeout) continue;
    run.Violation(Describe(call) + ": its deadline had passed before it began, and it ended with " +
                      (error == nullptr ? "a completion" : llmload::Describe(*error)),
                  "an error of kind `total_timeout`");
  }
}

void CheckStalledStream(CheckRun& run) {
  const ConformanceTarget& target = run.Make(run.subject().stalling, "stalling");
  for (const Duration after : {kDeadline, kLongDeadline}) {
    CompletionRequest request = run.Request(true);
    request.deadline = run.clock().Now() + after;
    const Call& call = run.session().Complete(*target.provider, std::move(request));
    if (call.ended && !run.Returned(call)) return;
    const Error* error = call.ended ? call.error() : nullptr;
    if (call.ended && (error == nullptr || (error->kind != ErrorKind::kTotalTimeout &&
                                            error->kind != ErrorKind::kStreamInterrupted))) {
      run.Violation(
          "streamed call: the stream fell silent until its deadline, and the call ended " +
              ("with " +
               (error == nullptr ? std::string("a completion") : llmload::Describe(*error))),
          "an error of kind `total_timeout` (of a chain: `stream_interrupted`)");
      return;
    }
    if (!ExpectEndAtDeadline(run, call, after, "streamed call: the stream fell silent, and ")) {
      return;
    }
    if (after == kDeadline && call.observer.tokens().empty()) continue;  // it begins later
    ExpectPartialAnswer(run, call, *error);
    return;
  }
}

void CheckCancellation(CheckRun& run) {
  if (!run.subject().hanging && !run.subject().stalling) {
    throw NotOffered{"the subject offers no provider that is hanging or stalling"};
  }
  if (run.subject().hanging) {
    for (const bool stream : {false, true}) {
      CheckCancelled(run, run.subject().hanging, "hanging", stream);
    }
  }
  if (run.subject().stalling) CheckCancelled(run, run.subject().stalling, "stalling", true);
}

void CheckAfterCancellation(CheckRun& run) {
  const ConformanceTarget& target = run.Make(run.subject().slow, "slow");
  for (const bool stream : {false, true}) {
    const Call& cancelled =
        run.session().Complete(*target.provider, run.Request(stream), true, kCancelAfter);
    if (!cancelled.ended) {
      run.Violation(Describe(cancelled) + ": it was cancelled, but had not ended after " +
                        Milliseconds(run.subject().patience),
                    "the end of the call at once, by system_error(operation_aborted)");
      return;
    }
    run.Succeeded(run.session().Complete(*target.provider, run.Request(stream)));
  }
}

void CheckFailures(CheckRun& run) {
  if (!run.subject().failing || run.subject().failures.empty()) {
    throw NotOffered{"the subject offers no provider that is failing"};
  }
  for (const ErrorKind kind : run.subject().failures) {
    const auto failing = [&](Clock& clock) { return run.subject().failing(clock, kind); };
    const ConformanceTarget& target = run.Make(failing, "failing");
    for (const bool stream : {false, true}) {
      const Call& call = run.session().Complete(*target.provider, run.Request(stream));
      const std::string where = Describe(call) + " that fails with " + Quoted(kind);
      if (!run.Returned(call)) continue;
      const Error* const error = call.error();
      if (error == nullptr) {
        run.Violation(where + ": it returned a completion", "an error of that kind");
        continue;
      }
      if (error->kind != kind) {
        run.Violation(where + ": the error is " + llmload::Describe(*error),
                      "the kind by which callers decide what to do: " + Quoted(kind));
      }
      if (error->message.empty()) {
        run.Violation(where + ": the message is empty", "a message for people");
      }
      if (error->after_first_token || error->partial_tokens != 0 || !error->partial_text.empty()) {
        run.Violation(where + ": the error claims output before the failure", "none: none came");
      }
    }
  }
}

void CheckBrokenStream(CheckRun& run) {
  const Call& call = run.session().Complete(*run.Make(run.subject().breaking, "breaking").provider,
                                            run.Request(true));
  if (!run.Returned(call)) return;
  const Error* const error = call.error();
  if (error == nullptr) {
    run.Violation("streamed call: the stream broke, and the call returned a completion",
                  "an error: a broken stream is not an answer");
    return;
  }
  ExpectPartialAnswer(run, call, *error);
}

void CheckSecret(CheckRun& run) {
  if (!run.subject().refused) {
    throw NotOffered{"the subject offers no provider that is refused for its credential"};
  }
  // Looks like a key; long enough not to occur by chance.
  const Secret secret("sk-conformance-4b1d0c7e9a5f4c62b8d3");
  run.Hide(secret);
  const auto refused = [&](Clock& clock) { return run.subject().refused(clock, secret); };
  Provider& provider = *run.Make(refused, "refused").provider;
  std::vector<std::pair<std::string, std::string>> texts;
  const ProviderIdentity identity = provider.Identity();
  texts.emplace_back("the identity", identity.name + identity.region + identity.credential);
  for (const bool stream : {false, true}) {
    const Call& call = run.session().Complete(provider, run.Request(stream));
    const std::string where = Describe(call) + ": ";
    if (call.thrown) texts.emplace_back(where + "the exception", Describe(call.thrown));
    if (!run.Returned(call)) continue;
    if (call.succeeded()) {
      const Completion& completion = **call.result;
      texts.emplace_back(where + "the completion",
                         completion.text + completion.raw_usage + completion.model +
                             completion.provider + completion.finish_reason +
                             completion.request_id + TextOf(completion.attempts));
      continue;
    }
    const Error& error = *call.error();
    texts.emplace_back(where + "the error's message", error.message);
    texts.emplace_back(where + "the error's code or request id",
                       error.provider_code + " " + error.request_id);
    texts.emplace_back(where + "the error's partial text", error.partial_text);
    texts.emplace_back(where + "the error's provider or attempts",
                       error.provider + TextOf(error.attempts));
    if (Classify(error.kind) != ErrorClass::kCredential) {
      run.Violation(
          where + "its credential was refused, and the error is " + llmload::Describe(error),
          "the kind `credential`");
    }
  }
  for (const auto& [where, text] : texts) {
    if (Redact(text, secret) == text) continue;
    run.Violation(where + " holds the secret: \"" + text + "\"",
                  "a `Secret::Fingerprint`, or \"[redacted]\" (`Redact`)");
  }
}

}  // namespace llmload::conformance
