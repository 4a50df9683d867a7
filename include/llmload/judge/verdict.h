// The four answers a load test can give.
#ifndef LLMLOAD_JUDGE_VERDICT_H_
#define LLMLOAD_JUDGE_VERDICT_H_

#include <cstdint>
#include <string_view>

namespace llmload {

/// In ascending order of what has to be said first. See `Combine`.
enum class Verdict : std::uint8_t {
  kPass,          ///< every criterion holds, with enough samples
  kInconclusive,  ///< too few samples to say
  kFail,          ///< a criterion is violated
  kInvalid,       ///< the measurement itself cannot be trusted
};

/// "PASS", "INCONCLUSIVE", "FAIL", "INVALID".
std::string_view ToString(Verdict verdict) noexcept;

/// The verdict on both together: INVALID over FAIL over INCONCLUSIVE over PASS.
///
/// INVALID comes first because a generator that was late, dropped arrivals or was cut short can
/// make a good service look bad and a bad one look good: neither its PASS nor its FAIL means
/// anything. FAIL comes before INCONCLUSIVE because one violated criterion is enough, whatever the
/// others would say with more samples.
Verdict Combine(Verdict a, Verdict b) noexcept;

}  // namespace llmload

#endif  // LLMLOAD_JUDGE_VERDICT_H_
