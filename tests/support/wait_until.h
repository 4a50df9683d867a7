// Waiting for what another thread or a peer does. No wait has a limit of its own, which a busy
// machine would miss: CTest ends a test that waits for what never comes.
#ifndef LLMLOAD_TESTS_SUPPORT_WAIT_UNTIL_H_
#define LLMLOAD_TESTS_SUPPORT_WAIT_UNTIL_H_

#include <chrono>
#include <cstdio>
#include <thread>

#include "llmload/core/time.h"

namespace llmload::test_support {

/// Returns once `condition` is true. A client sees an answer, or the end of a connection, before
/// the server's thread has counted it. `file` and `line` are those of the call.
template <class Condition>
void WaitUntil(Condition condition, const char* file = __builtin_FILE(),
               int line = __builtin_LINE()) {
  constexpr int kRoundsUntilItIsSaid = 2000;  // some ten seconds
  for (int round = 0; !condition(); ++round) {
    if (round == kRoundsUntilItIsSaid) {
      std::fprintf(stderr, "%s:%d: still waiting\n", file, line);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// Calls `attempt` with a time-out, and with twice the time-out as long as it says that this one
/// was too short for the machine: for a time-out that has to pass, but only after something else
/// has happened. What never happens keeps it going until CTest ends the test.
template <class Attempt>
void DoubleUntilLongEnough(Duration timeout, Attempt attempt) {
  while (!attempt(timeout)) timeout *= 2;
}

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_WAIT_UNTIL_H_
