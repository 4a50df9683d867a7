// Waiting for what another thread changes after its effect could be seen.
#ifndef LLMLOAD_TESTS_SUPPORT_EVENTUALLY_H_
#define LLMLOAD_TESTS_SUPPORT_EVENTUALLY_H_

#include <chrono>
#include <thread>

namespace llmload::test_support {

/// Whether `condition` becomes true within ten seconds. A client sees an answer, or the end of a
/// connection, before the server's thread has counted it.
template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_EVENTUALLY_H_
