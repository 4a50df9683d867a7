// The providers of the tree as subjects of the public conformance kit.
#ifndef LLMLOAD_TESTS_CONFORMANCE_KIT_SUBJECTS_H_
#define LLMLOAD_TESTS_CONFORMANCE_KIT_SUBJECTS_H_

#include "llmload/testing/provider_conformance.h"

namespace llmload::test_support {

// Over TLS against a fake server, in real time.
ConformanceSubject OpenAiSubject();
ConformanceSubject AzureSubject();
ConformanceSubject AnthropicSubject();
ConformanceSubject BedrockSubject();
ConformanceSubject OllamaSubject();

// In real time, on threads.
ConformanceSubject BlockingSubject();

// In virtual time.
ConformanceSubject SimulatedSubject();
ConformanceSubject RecordingSubject();
ConformanceSubject CircuitBreakerSubject();
ConformanceSubject FailoverSubject();
ConformanceSubject HedgingSubject();
ConformanceSubject MockSubject();

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_CONFORMANCE_KIT_SUBJECTS_H_
