// Looks at a run that goes on until it is conclusive.
//
//   start   planned length   look 1     look 2            last look
//     |-- warm-up --|-------------|--------|---------|------------------|
//                   criteria      each look judges all that was measured before it, with a part of
//                   as observed   the probability of error; the end of the load is the last one
#ifndef LLMLOAD_SRC_RUN_RUN_LOOKS_H_
#define LLMLOAD_SRC_RUN_RUN_LOOKS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/judge/judgement.h"
#include "llmload/record/run_record.h"
#include "llmload/run/run_plan.h"

namespace llmload {

/// One of the looks at a run, from the start of its measured part on. It does not include the end
/// of the load, which is the last look.
std::vector<Duration> LookTimes(const UntilConclusive& until, Duration planned);

class RunLooks {
 public:
  /// Precondition: `plan` has `until_conclusive` and makes sense (`CheckPlan`). It must outlive
  /// this.
  explicit RunLooks(const RunPlan& plan);

  /// The plan's load, prolonged.
  const LoadShape& load() const noexcept { return load_; }
  /// When to look; without `enough`.
  LoadLooks times() const;

  /// A look at what was measured before it. True if the run has shown enough.
  bool Enough(std::size_t look, const RunRecord& so_far);

  /// True if a criterion `AsObserved` is going to be violated at the planned length even if every
  /// request that is still to end there succeeds at once.
  bool IsCertainToFail(const MetricsSnapshot& so_far);
  /// False where that cannot be, or not any more: then nothing needs to be measured for it.
  bool MayFailForCertain(Duration elapsed) const noexcept {
    return planned_measured_ && part_.end && elapsed < *part_.end;
  }

  /// How the record of the whole run is judged: with the probability of error that is left.
  JudgingOptions HowToJudge() const;
  /// Notes the looks, and in the results that they left open why the run was given up.
  void Conclude(RunRecord& record, Judgement& judgement);

 private:
  struct Entry {
    Duration at{};          // since the start of the run; of no use if it is by requests
    bool observes = false;  // what is judged by the value of the planned run
    bool judges = false;    // all others
  };

  bool IsObserved(std::size_t criterion) const;
  // True if there is something to be seen.
  bool Observe(const RunRecord& so_far);
  // Whether two looks in a row say that the run would have to be too long, or that a criterion has
  // nothing to judge.
  bool IsHopeless(const Judgement& judgement, Duration elapsed);
  std::string LengthNeeded(const Judgement& judgement, Duration elapsed) const;
  void Note(const Entry& entry, const RunRecord& so_far, double error, std::string found);

  const RunPlan& plan_;
  LoadShape load_;
  MeasuredPart part_;                   // of the planned load
  std::uint64_t planned_requests_ = 0;  // that end at the planned length, where a look is at these
  std::optional<std::uint64_t> planned_measured_;  // requests; where criteria are as observed
  std::vector<Entry> entries_;
  double error_each_ = 0;
  double error_left_ = 0;
  std::vector<std::optional<CriterionResult>> decided_;  // at the planned length
  std::vector<bool> certain_;  // criteria that are violated whatever is still to come
  std::vector<Look> looks_;
  bool ended_ = false;         // a look ended the run
  bool concluded_ = false;     // likewise, and it was one that judges
  bool was_hopeless_ = false;  // at the last look
  std::string given_up_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_RUN_RUN_LOOKS_H_
