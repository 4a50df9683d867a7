// A provider of a team's own that has nothing to do with HTTP, and can be broken in many ways.
#ifndef LLMLOAD_TESTS_CONFORMANCE_BROKEN_PROVIDER_H_
#define LLMLOAD_TESTS_CONFORMANCE_BROKEN_PROVIDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "llmload/testing/provider_conformance.h"

namespace llmload::test_support {

enum class Defect : std::uint8_t {
  kNone,
  kIgnoresTheDeadline,
  kIgnoresAPassedDeadline,
  kEndsLongAfterTheDeadline,
  kEndsLongBeforeTheDeadline,
  kIgnoresCancellation,
  kReturnsWhenCancelled,
  kEndsLongAfterItIsCancelled,
  kIsOfNoUseOnceCancelled,
  kAnswersNothing,
  kThrows,
  kAnswersAllErrorsAlike,
  kTokenAfterTheEnd,
  kTokensOutOfOrder,
  kTokenTwice,
  kEmptyToken,
  kTokensOfAUnaryCall,
  kCountsForTheObserverOnly,
  kTokensOnAnotherThread,
  kLeaksTheSecret,
  kNamesAnother,
  kRetriesSilently,
  kRecordsNothing,
  kBlocksTheThread,
  kNegativeUsage,
  kPartLargerThanTheWhole,
  kNoFirstTokenInstant,
  kMixesCalls,
  kChangesItsIdentity,
  kForgetsThatOutputHadBegun,
  kTakesABrokenStreamForAnAnswer,
};

/// The provider with that defect, in virtual time, in every state that the suite knows.
ConformanceSubject SubjectWith(Defect defect);

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_CONFORMANCE_BROKEN_PROVIDER_H_
