// A run that goes on until its criteria are decided.
#ifndef LLMLOAD_RUN_UNTIL_CONCLUSIVE_H_
#define LLMLOAD_RUN_UNTIL_CONCLUSIVE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload {

/// How long a run may go on for a verdict. At its planned length, what is judged by the value of
/// the run is decided: criteria `AsObserved`, and those on figures without an interval, such as
/// counts. (One of them that is violated whatever is still to come ends the run at once.) From then
/// on the same load goes on, and is looked at: after `first_look` and each time when it has become
/// twice as long. A look that decides every criterion, or violates one, ends the run; so do two
/// looks in a row by which it would have to be more than twice as long as it may be. The
/// probability of error is divided among the looks, so that looking often does not buy a wrong
/// verdict (docs/verdicts.md).
struct UntilConclusive {
  /// No look comes earlier: what has a minute of its own is not judged by less.
  static constexpr Duration kEarliestLook = std::chrono::seconds(60);

  Duration longest{};                                 ///< measured time at most
  std::optional<std::uint64_t> requests = {};         ///< at most, warm-up included
  std::optional<Duration> first_look = std::nullopt;  ///< empty: an eighth of `longest`
};

/// "10m", or with the other members "10m,requests=20000,first-look=2m". Throws `ConfigurationError`
/// that names `name`, the text and what is accepted.
UntilConclusive ParseUntilConclusive(std::string_view name, std::string_view text);

}  // namespace llmload

#endif  // LLMLOAD_RUN_UNTIL_CONCLUSIVE_H_
