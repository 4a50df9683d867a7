// What a provider promises of its answers.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "src/testing/conformance_checks.h"

namespace llmload::conformance {

namespace {

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 80;
  return "\"" + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "...\"" : "\"");
}

// How the streamed text differs from the text of the completion, in a few words.
std::string Difference(std::string streamed, std::string text) {
  if (streamed.size() > text.size()) return "a token came twice, or one that is not of the answer";
  if (streamed.size() < text.size()) return "a token is missing";
  std::sort(streamed.begin(), streamed.end());
  std::sort(text.begin(), text.end());
  return streamed == text ? "tokens came out of order" : "a token is not of the answer";
}

}  // namespace

void CheckIdentity(CheckRun& run) {
  Provider& provider = *run.Healthy().provider;
  const ProviderIdentity before = provider.Identity();
  if (before.name.empty()) run.Violation("the name of the provider is empty", "a short name");
  run.session().Complete(provider, run.Request(false));
  const ProviderIdentity& after = provider.Identity();
  if (after.name != before.name || after.region != before.region ||
      after.credential != before.credential) {
    run.Violation("the identity was " + Quoted(before.name) + " (" + before.region + ", " +
                      before.credential + ") before a call and " + Quoted(after.name) + " (" +
                      after.region + ", " + after.credential + ") after it",
                  "the same identity over the provider's life");
  }
}

void CheckAnswers(CheckRun& run) {
  Provider& provider = *run.Healthy().provider;
  for (const bool stream : {false, true}) {
    const Call& call = run.session().Complete(provider, run.Request(stream));
    if (!run.Succeeded(call)) continue;
    const Completion& completion = **call.result;
    if (completion.text.empty()) {
      run.Violation(Describe(call) + ": the text of the completion is empty", "an answer");
    }
    if (completion.finish_reason.empty()) {
      run.Violation(Describe(call) + ": the finish reason is empty",
                    "the service's word for the end (\"stop\", \"length\")");
    }
  }
}

void CheckTokenOrder(CheckRun& run) {
  const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(true));
  if (!run.Succeeded(call)) return;
  const std::vector<SeenToken> tokens = call.observer.tokens();
  if (tokens.empty()) {
    run.Violation("streamed call: the observer saw no token", "one event for each token");
    return;
  }
  const std::string streamed = ContentOf(tokens);
  const std::string& text = (*call.result)->text;
  if (streamed != text) {
    run.Violation("streamed call: " + Difference(streamed, text) + ": the tokens make up " +
                      Quoted(streamed) + ", the completion's text is " + Quoted(text),
                  "each token once, in order, so that they make up the text");
  }
}

void CheckEmptyTokens(CheckRun& run) {
  const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(true));
  if (!run.Succeeded(call)) return;
  const std::vector<SeenToken> tokens = call.observer.tokens();
  const auto empty = std::count_if(tokens.begin(), tokens.end(),
                                   [](const SeenToken& token) { return token.text.empty(); });
  if (empty > 0) {
    run.Violation("streamed call: " + std::to_string(empty) + " of " +
                      std::to_string(tokens.size()) + " token events are empty",
                  "events with a non-empty token only: an empty one would pass for the first");
  }
  const auto seen = static_cast<std::int64_t>(tokens.size()) - empty;
  if ((*call.result)->token_events != seen) {
    run.Violation("streamed call: the completion counts " +
                      std::to_string((*call.result)->token_events) +
                      " token events, the observer saw " + std::to_string(seen),
                  "the number of events that carried a token in `token_events`");
  }
}

void CheckLateTokens(CheckRun& run) {
  const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(true));
  if (!run.Succeeded(call)) return;
  run.session().Settle();
  for (const SeenToken& token : call.observer.tokens()) {
    if (!token.late) continue;
    run.Violation("streamed call: the observer got the token " + Quoted(token.text) +
                      " after the call had ended",
                  "the last token before `Complete` returns: the observer may be gone by then");
  }
}

void CheckWithoutObserver(CheckRun& run) {
  const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(true), false);
  if (run.Succeeded(call) && (*call.result)->token_events <= 0) {
    run.Violation("streamed call without an observer: the completion counts no token events",
                  "the same answer as with an observer");
  }
}

void CheckUnaryObserver(CheckRun& run) {
  const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(false));
  if (!run.Succeeded(call)) return;
  run.session().Settle();
  if (const std::size_t count = call.observer.tokens().size(); count > 0) {
    run.Violation("unary call: the observer was called " + std::to_string(count) +
                      " times, but the request does not stream",
                  "tokens for the observer with `CompletionRequest::stream` only");
  }
  const Completion& completion = **call.result;
  if (completion.token_events != 0 || completion.timings.first_token ||
      completion.timings.first_output_token || completion.timings.last_token) {
    run.Violation("unary call: the completion has token events or instants of tokens",
                  "none: without streaming they have no meaning");
  }
}

void CheckInstants(CheckRun& run) {
  for (const bool stream : {false, true}) {
    const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(stream));
    if (!run.Succeeded(call)) continue;
    const Timings& timings = (*call.result)->timings;
    struct Instant {
      const char* name = nullptr;
      std::optional<TimePoint> at;
      bool required = false;
    };
    const Instant instants[] = {{"the call's start", call.started, true},
                                {"sent", timings.sent, false},
                                {"first_byte", timings.first_byte, false},
                                {"first_token", timings.first_token, stream},
                                {"first_output_token", timings.first_output_token, false},
                                {"last_token", timings.last_token, stream},
                                {"completed", timings.completed, true},
                                {"the call's end", call.finished, true}};
    const Instant* previous = nullptr;
    for (const Instant& instant : instants) {
      if (!instant.at) {
        if (instant.required) {
          run.Violation(Describe(call) + ": the instant " + instant.name + " is missing",
                        "the instant, on the clock of the caller");
        }
        continue;
      }
      if (previous != nullptr && *instant.at < *previous->at) {
        run.Violation(Describe(call) + ": " + instant.name + " lies before " + previous->name,
                      "instants on the clock of the caller, in the order in which they happen");
      }
      previous = &instant;
    }
    const std::vector<SeenToken> tokens = call.observer.tokens();
    if (!std::is_sorted(tokens.begin(), tokens.end(),
                        [](const auto& a, const auto& b) { return a.at < b.at; })) {
      run.Violation(Describe(call) + ": a token event lies before the one that came before it",
                    "`TokenEvent::at` in order");
    }
    if (!tokens.empty() && timings.first_token && tokens.front().at != *timings.first_token) {
      run.Violation(Describe(call) + ": first_token is not the instant of the first token event",
                    "the same instant in both: the time to first token is taken from it");
    }
  }
}

void CheckUsage(CheckRun& run) {
  for (const bool stream : {false, true}) {
    const Call& call = run.session().Complete(*run.Healthy().provider, run.Request(stream));
    if (!run.Succeeded(call)) continue;
    const Completion& completion = **call.result;
    const Usage& usage = completion.usage;
    const std::string numbers =
        "input " + std::to_string(usage.input) + " (cached " + std::to_string(usage.cached_input) +
        ", written to the cache " + std::to_string(usage.cache_write_input) + "), output " +
        std::to_string(usage.output) + " (reasoning " + std::to_string(usage.reasoning) + ")";
    if (std::min({usage.input, usage.cached_input, usage.cache_write_input, usage.output,
                  usage.reasoning}) < 0) {
      run.Violation(Describe(call) + ": usage is negative: " + numbers, "counts of tokens");
    } else if (usage.cached_input + usage.cache_write_input > usage.input ||
               usage.reasoning > usage.output) {
      run.Violation(Describe(call) + ": a part of the usage is larger than the whole: " + numbers,
                    "cached tokens as a part of the input, reasoning as a part of the output");
    }
    if (stream && completion.token_events > 0 && usage.output == 0) {
      run.Violation("streamed call: " + std::to_string(completion.token_events) +
                        " token events, but no output tokens",
                    "the service's number, or the counted events (`TokenSource`)");
    }
  }
}

void CheckAttempts(CheckRun& run) {
  const auto check = [&run](const Provider& provider, const Call& call,
                            const std::string& answered_by, const std::vector<Attempt>& attempts,
                            bool nobody_was_asked = false) {
    const std::string where =
        Describe(call) + (call.succeeded() ? " that succeeded" : " that failed");
    const std::string expected = "the name of who was asked: " + run.NamesOf(provider);
    if (!run.MayAnswer(provider, answered_by)) {
      run.Violation(where + ": it says that it is by " + Quoted(answered_by), expected);
    }
    bool answered = false;
    for (const Attempt& attempt : attempts) {
      answered = answered || !attempt.error;
      if (!run.MayAnswer(provider, attempt.provider)) {
        run.Violation(where + ": an attempt is of " + Quoted(attempt.provider), expected);
      }
      if (attempt.started < call.started || attempt.finished < attempt.started ||
          attempt.finished > call.finished) {
        run.Violation(where + ": an attempt lies outside of the call",
                      "start and end of the attempt on the clock of the caller");
      }
    }
    if (attempts.empty() && nobody_was_asked) return;
    if (attempts.empty() || answered != call.succeeded()) {
      run.Violation(where + ": " +
                        (attempts.empty() ? "it records no attempt"
                         : answered       ? "one of its attempts succeeded"
                                          : "all of its attempts failed"),
                    "a record of every provider call, with its outcome");
    }
  };
  for (const bool stream : {false, true}) {
    Provider& provider = *run.Healthy().provider;
    const Call& call = run.session().Complete(provider, run.Request(stream));
    if (!run.Succeeded(call)) continue;
    check(provider, call, (*call.result)->provider, (*call.result)->attempts);
    if (!run.subject().failing) continue;
    for (const ErrorKind kind : run.subject().failures) {
      const auto factory = [&](Clock& clock) { return run.subject().failing(clock, kind); };
      const ConformanceTarget& failing = run.Make(factory, "failing");
      const Call& failed = run.session().Complete(*failing.provider, run.Request(stream));
      const Error* const error = failed.ended ? failed.error() : nullptr;
      if (error == nullptr) continue;  // which is another check's
      // A request can fail before it is sent: an open circuit, or one that cannot be valid.
      check(*failing.provider, failed, error->provider, error->attempts,
            error->kind == ErrorKind::kCircuitOpen ||
                (failing.calls_seen && failing.calls_seen() == 0));
    }
  }
}

void CheckCallsSeen(CheckRun& run) {
  const auto count = [&run](const ConformanceTarget& target, bool stream) {
    if (!target.calls_seen) throw NotOffered{"the subject does not say how many calls were seen"};
    const std::uint64_t before = target.calls_seen();
    const Call& call = run.session().Complete(*target.provider, run.Request(stream));
    if (!run.Returned(call)) return;
    const std::uint64_t seen = target.calls_seen() - before;
    const std::size_t recorded =
        call.succeeded() ? (*call.result)->attempts.size() : call.error()->attempts.size();
    if (seen == recorded) return;
    run.Violation(Describe(call) + " that " + (call.succeeded() ? "succeeded" : "failed") +
                      ": the service saw " + std::to_string(seen) + " calls, the record holds " +
                      std::to_string(recorded) + " attempts",
                  "an attempt for every call, retries included: each is load, and is billed");
  };
  for (const bool stream : {false, true}) {
    count(run.Healthy(), stream);
    if (!run.subject().failing) continue;
    for (const ErrorKind kind : run.subject().failures) {
      const auto failing = [&](Clock& clock) { return run.subject().failing(clock, kind); };
      count(run.Make(failing, "failing"), stream);
    }
  }
}

void CheckCallsAtOnce(CheckRun& run) {
  constexpr int kCalls = 8;
  Provider& provider = *run.Healthy().provider;
  std::vector<const Call*> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(&run.session().Start(provider, run.Request(true)));
  }
  run.session().Run();
  for (const Call* call : calls) {
    if (!run.Succeeded(*call)) return;
    const std::string streamed = ContentOf(call->observer.tokens());
    if (streamed == (*call->result)->text) continue;
    run.Violation("one of " + std::to_string(kCalls) + " streamed calls at once: its tokens make " +
                      "up " + Quoted(streamed) + ", its text is " + Quoted((*call->result)->text),
                  "that calls under way at the same time do not mix");
    return;
  }
}

}  // namespace llmload::conformance
