// A suite that fails, for the test that it does: it is no test by itself.
#include "tests/conformance/broken_provider.h"

namespace llmload::test_support {
namespace {

LLMLOAD_PROVIDER_CONFORMANCE(BrokenSuite, [] { return SubjectWith(Defect::kIgnoresTheDeadline); });

}  // namespace
}  // namespace llmload::test_support
