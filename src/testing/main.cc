// main() of a load-test program: GoogleMock, and the gate for those who run the program without
// ctest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llmload/core/environment.h"
#include "llmload/testing/load_test_environment.h"

namespace {

// A malformed gate runs the tests too: each then fails with the message that says what is wrong.
bool RunsDisabledTests() {
  try {
    return llmload::LoadTestsEnabled();
  } catch (const llmload::ConfigurationError&) {
    return true;
  }
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  if (RunsDisabledTests()) GTEST_FLAG_SET(also_run_disabled_tests, true);
  return RUN_ALL_TESTS();
}
