// A suite that fails. A test runs it and sees that it does.
#include "tests/conformance/broken_provider.h"

namespace llmload::test_support {
namespace {

LLMLOAD_PROVIDER_CONFORMANCE(BrokenSuite, [] { return SubjectWith(Defect::kIgnoresTheDeadline); });

}  // namespace
}  // namespace llmload::test_support
