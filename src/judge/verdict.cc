#include "llmload/judge/verdict.h"

#include <algorithm>

namespace llmload {

std::string_view ToString(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kInconclusive:
      return "INCONCLUSIVE";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kInvalid:
      return "INVALID";
  }
  return "INVALID";
}

Verdict Combine(Verdict a, Verdict b) noexcept { return std::max(a, b); }

}  // namespace llmload
