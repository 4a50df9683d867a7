// The public conformance kit on every provider of the tree.
#include "tests/conformance/kit_subjects.h"

namespace llmload::test_support {
namespace {

LLMLOAD_PROVIDER_CONFORMANCE(OpenAiConformance, OpenAiSubject);
LLMLOAD_PROVIDER_CONFORMANCE(AzureConformance, AzureSubject);
LLMLOAD_PROVIDER_CONFORMANCE(AnthropicConformance, AnthropicSubject);
LLMLOAD_PROVIDER_CONFORMANCE(BedrockConformance, BedrockSubject);
LLMLOAD_PROVIDER_CONFORMANCE(OllamaConformance, OllamaSubject);
LLMLOAD_PROVIDER_CONFORMANCE(BlockingConformance, BlockingSubject);
LLMLOAD_PROVIDER_CONFORMANCE(SimulatedConformance, SimulatedSubject);
LLMLOAD_PROVIDER_CONFORMANCE(RecordingConformance, RecordingSubject);
LLMLOAD_PROVIDER_CONFORMANCE(CircuitBreakerConformance, CircuitBreakerSubject);
LLMLOAD_PROVIDER_CONFORMANCE(FailoverConformance, FailoverSubject);
LLMLOAD_PROVIDER_CONFORMANCE(HedgingConformance, HedgingSubject);
LLMLOAD_PROVIDER_CONFORMANCE(MockConformance, MockSubject);

}  // namespace
}  // namespace llmload::test_support
