#include "llmload/run/run_plan.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/metrics/statistics.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

// How many requests are made to see what the prompts ask for.
constexpr std::uint64_t kSampledRequests = 200;

// What tokenizers make of a code of seven letters and digits, with room to spare.
constexpr int kTokensOfCode = 10;

// What a sample of the requests asks for.
struct Asked {
  bool streams = false;  // at least one of them
  /// The most output tokens that one of them allows; empty: no bound.
  std::optional<std::uint64_t> most_tokens = 0;
  std::optional<int> fewest_tokens = std::nullopt;  // empty: none has a bound
};

class PlanCheck {
 public:
  explicit PlanCheck(const RunPlan& plan) : plan_(plan) {}

  std::vector<std::string> Run() {
    CheckLanes();
    CheckNumbers();
    CheckLoad();
    CheckPrompts();
    CheckAnswers();
    CheckObjectives();
    CheckStopRules();
    if (plan_.until_conclusive && problems_.empty()) CheckUntilConclusive(*plan_.until_conclusive);
    for (const Criterion& criterion : plan_.criteria) CheckCriterion(criterion);
    return std::move(problems_);
  }

 private:
  void Add(std::string problem) { problems_.push_back(std::move(problem)); }

  // Notes what `check` refuses.
  template <class Check>
  bool Accepts(const std::string& part, Check check) {
    try {
      check();
      return true;
    } catch (const std::exception& refused) {
      Add(part + refused.what());
      return false;
    }
  }

  void CheckLanes() {
    if (plan_.lanes.empty()) {
      Add("lanes: got none, expected at least one target to send the requests to");
    }
    for (std::size_t i = 0; i < plan_.lanes.size(); ++i) {
      const Target& target = plan_.lanes[i].target;
      if (target.provider || !target.unavailable.empty()) continue;
      Add("lanes[" + std::to_string(i) +
          "].target: got neither a provider nor a reason why there is none (`unavailable`), "
          "expected one of them: a function that makes a target has to return it");
    }
  }

  void CheckNumbers() {
    if (plan_.share.of == 0 || plan_.share.index >= plan_.share.of) {
      Add("share: got " + std::to_string(plan_.share.index) + " of " +
          std::to_string(plan_.share.of) +
          ", expected an index from 0 to below the number of shares");
    }
    const auto positive = [&](const char* name, Duration value, Duration least) {
      if (value >= least) return;
      Add(std::string(name) + ": got " + text::FormatDuration(value) + ", expected " +
          (least > Duration::zero() ? "more than 0 s" : "0 s or more"));
    };
    positive("sample_interval", plan_.sample_interval, Duration(1));
    positive("stop.drain_timeout", plan_.stop.drain_timeout.value_or(Duration::zero()),
             Duration::zero());
    positive("stop.interrupted_drain_timeout", plan_.stop.interrupted_drain_timeout,
             Duration::zero());
    positive("validity.max_schedule_lag_p99", plan_.validity.max_schedule_lag_p99,
             Duration::zero());
    positive("validity.max_loop_delay_p99", plan_.validity.max_loop_delay_p99, Duration::zero());
  }

  void CheckLoad() {
    Accepts("load: ", [&] { planned_ = PlannedLoadOf(WithSeed(plan_.load, plan_.Seed())); });
  }

  void CheckPrompts() {
    const std::uint64_t sampled =
        std::min(planned_.requests.value_or(kSampledRequests), kSampledRequests);
    Accepts("prompts: ", [&] {
      const auto source = MakePromptSource(plan_.prompts, plan_.request, plan_.Seed());
      tag_names_ = source->TagNames();
      Asked asked;
      for (std::uint64_t i = 0; i < std::max<std::uint64_t>(sampled, 1); ++i) {
        const CompletionRequest request = source->MakeRequest(i);
        asked.streams = asked.streams || request.stream;
        if (request.max_tokens) {
          asked.fewest_tokens =
              std::min(asked.fewest_tokens.value_or(*request.max_tokens), *request.max_tokens);
        }
        if (!request.max_tokens || *request.max_tokens < 0) {
          asked.most_tokens.reset();
        } else if (asked.most_tokens) {
          asked.most_tokens =
              std::max(*asked.most_tokens, static_cast<std::uint64_t>(*request.max_tokens));
        }
      }
      asked_ = asked;
    });
  }

  // A model that may say too little cannot repeat a code.
  void CheckAnswers() {
    const bool needs_codes =
        std::any_of(plan_.answer_checks.begin(), plan_.answer_checks.end(),
                    [](const AnswerCheck& check) { return check.needs_codes(); });
    if (!needs_codes || !asked_ || !asked_->fewest_tokens) return;
    if (*asked_->fewest_tokens >= kTokensOfCode) return;
    Add("answer_checks: the bound of " + std::to_string(*asked_->fewest_tokens) +
        " output tokens has no room for the code that an answer has to repeat, expected " +
        std::to_string(kTokensOfCode) + " or more (`max_tokens`, --max-tokens)");
  }

  void CheckObjectives() {
    const RequestObjectives& objectives = plan_.objectives;
    const auto check = [&](const char* name, const std::optional<Duration>& bound, Figure figure) {
      if (!bound) return;
      if (*bound <= Duration::zero()) {
        Add(std::string("objectives.") + name + ": got " + text::FormatDuration(*bound) +
            ", expected a time above 0 s");
      } else if (asked_ && NeedsStreaming(figure) && !asked_->streams) {
        Add(std::string("objectives.") + name + ": " + NoStream(figure));
      }
    };
    check("scheduled_latency", objectives.scheduled_latency, Figure::kScheduledLatency);
    check("service_latency", objectives.service_latency, Figure::kServiceLatency);
    check("ttft", objectives.ttft, Figure::kTtft);
    check("ttfo", objectives.ttfo, Figure::kTtfo);
    check("tpot", objectives.tpot, Figure::kTpot);
    check("chunk_gap", objectives.chunk_gap, Figure::kChunkGap);
  }

  void CheckStopRules() {
    for (const AbortRule& rule : plan_.stop.abort_when) {
      const bool positive = rule.window > Duration::zero() &&
                            rule.slower_than.value_or(Duration(1)) > Duration::zero();
      if (rule.share > 0 && rule.share < 1 && positive) continue;
      Add("stop.abort_when: got \"" + Describe(rule) +
          "\", expected a share above 0 and below 1, and times above 0 s");
    }
  }

  void CheckUntilConclusive(const UntilConclusive& until) {
    const auto refuse = [&](const std::string& why) { Add("until_conclusive" + why); };
    const MeasuredPart part = MeasuredPartOf(plan_.load);
    const Duration planned = part.end ? *part.end - part.begin : Duration::zero();
    if (until.longest < UntilConclusive::kEarliestLook || until.longest <= planned) {
      refuse(".longest: got " + text::FormatDuration(until.longest) +
             ", expected 60 s or more, and more than the planned " + text::FormatDuration(planned));
    } else if (until.first_look && (*until.first_look < UntilConclusive::kEarliestLook ||
                                    *until.first_look > until.longest)) {
      refuse(".first_look: got " + text::FormatDuration(*until.first_look) +
             ", expected 60 s to the longest length");
    }
    if (until.requests && *until.requests < planned_.requests.value_or(1)) {
      refuse(".requests: got " + std::to_string(*until.requests) +
             ", expected at least the planned " + std::to_string(planned_.requests.value_or(1)));
    }
    const ClosedLoop* const closed = plan_.load.closed_loop();
    if (closed != nullptr && closed->duration && closed->requests != ClosedLoop::kUnlimited) {
      refuse(
          ": the closed loop has a duration and a number of requests; leave one of them out, to "
          "say "
          "what its planned length is");
    }
    if (plan_.criteria.empty()) refuse(": there is no criterion to decide");
    if (plan_.share.of > 1)
      refuse(": a share of a run cannot tell when the whole has shown enough");
    if (plan_.stop.enough) refuse(": stop.enough ends the run, too; leave one of them out");
    Accepts("until_conclusive: ", [&] { PlannedLoadOf(LongestLoad(plan_)); });
    for (const Criterion& criterion : plan_.criteria) {
      const MetricNeeds& needs = criterion.metric().needs();
      if (needs.measurement.empty() && needs.distribution.empty()) continue;
      refuse(": \"" + criterion.Describe() +
             "\" is known after the last request only, so that no look could decide it");
    }
  }

  static std::string NoStream(Figure figure) {
    return "the requests do not ask for streamed answers, and only those have a " +
           std::string(InfoOf(figure).title) + "; stream the answers, or leave it out";
  }

  void CheckCriterion(const Criterion& criterion) {
    const MetricNeeds& needs = criterion.metric().needs();
    const auto refuse = [&](const std::string& why) {
      Add("criterion \"" + criterion.Describe() + "\" cannot be judged: " + why);
    };
    const double bound = criterion.bound();
    if (criterion.metric().unit() == "s" && bound < 0) {
      refuse("no time is below 0 s; give a bound of 0 s or more");
    }
    if (needs.is_share && (bound < 0 || bound > 1)) {
      refuse("its value is a share between 0 and 1; 95 % is 0.95, not 95");
    }
    if (needs.objectives && plan_.objectives.empty()) {
      refuse(
          "without objectives no request counts as good; say what makes a request a good one "
          "(`objectives`, --good)");
    }
    if (needs.figure && asked_ && NeedsStreaming(*needs.figure) && !asked_->streams) {
      refuse(NoStream(*needs.figure));
    }
    if (!needs.measurement.empty() && !Makes(&ExtraFigures::measurements, needs.measurement)) {
      refuse("nothing in this run makes the measurement \"" + needs.measurement + "\"; " +
             Known(&ExtraFigures::measurements));
    }
    if (!needs.distribution.empty() && !Makes(&ExtraFigures::distributions, needs.distribution)) {
      refuse("nothing in this run makes the distribution \"" + needs.distribution + "\"; " +
             Known(&ExtraFigures::distributions));
    }
    CheckSlice(needs.slice, refuse);
    // What is not as observed has more samples when the run goes on.
    const bool goes_on = plan_.until_conclusive && !criterion.as_observed();
    if (needs.figure && needs.quantile && !goes_on) {
      CheckSamples(needs, refuse);
    }
  }

  template <class Refuse>
  void CheckSlice(const Slice& slice, Refuse refuse) {
    if (slice.phase) CheckPhase(*slice.phase, refuse);
    CheckModelAndTags(slice, refuse);
  }

  template <class Refuse>
  void CheckModelAndTags(const Slice& slice, Refuse refuse) {
    // A source of the user's own may ask for any model, with any tags.
    if (std::holds_alternative<std::shared_ptr<const PromptSource>>(plan_.prompts)) return;
    const std::string& model = plan_.request.model;
    if (slice.model && !model.empty() && *slice.model != model) {
      refuse("all requests ask for model \"" + model + "\"");
    }
    if (!slice.tags.empty() && !std::holds_alternative<DatasetPrompts>(plan_.prompts)) {
      refuse(
          "the prompts of this run have no tags; those of a data set have them (`tags`), and those "
          "of a prompt source of your own");
      return;
    }
    if (!tag_names_) return;
    for (const RequestTag& tag : slice.tags) {
      if (std::find(tag_names_->begin(), tag_names_->end(), tag.name) != tag_names_->end())
        continue;
      std::string known;
      for (const std::string& name : *tag_names_) known += (known.empty() ? "" : ", ") + name;
      refuse("no prompt of the data set has a tag \"" + tag.name + "\"; " +
             (known.empty() ? "none has any tag" : "their tags are: " + known));
    }
  }

  template <class Refuse>
  void CheckPhase(const std::string& name, Refuse refuse) {
    if (plan_.load.closed_loop() != nullptr) return refuse("a closed loop has no phases");
    std::string known;
    bool is_there = false;
    if (!planned_.requests) return;  // the load is refused already
    for (const PlannedPhase& phase : PlannedPhasesOf(plan_.load)) {
      if (phase.name == name && phase.measured) return;
      is_there = is_there || phase.name == name;
      known += (known.empty() ? "" : ", ") + phase.name;
    }
    if (is_there) return refuse("phase \"" + name + "\" is not measured");
    refuse("the load has no phase \"" + name + "\"; " +
           (known.empty() ? "the phases of a profile of more than 32 are not told apart"
                          : "it has: " + known));
  }

  // How many measured requests a criterion can be about; empty: not known.
  std::optional<std::uint64_t> RequestsOf(const Slice& slice) const {
    const LoadProfile* const profile = plan_.load.profile();
    if (!slice.phase || profile == nullptr || !planned_.requests) {
      return planned_.measured_requests;
    }
    const std::vector<PlannedPhase> phases = PlannedPhasesOf(plan_.load);
    const std::vector<std::uint64_t> arrivals = CountArrivalsByPhase(*profile);
    std::uint64_t requests = 0;
    for (std::size_t i = 0; i < phases.size(); ++i) {
      if (phases[i].name == *slice.phase && phases[i].measured) requests += arrivals[i];
    }
    return requests;
  }

  template <class Refuse>
  void CheckSamples(const MetricNeeds& needs, Refuse refuse) {
    const Figure figure = *needs.figure;
    const double quantile = *needs.quantile;
    const std::optional<std::uint64_t> requests = RequestsOf(needs.slice);
    // Of a phase without a request, another sentence says so.
    if (!requests || quantile <= 0.5 || (needs.slice.phase && *requests == 0)) return;
    std::uint64_t most = *requests;
    if (InfoOf(figure).scope == FigureScope::kTokenEvents) {
      if (!asked_ || !asked_->most_tokens) return;
      const std::uint64_t each = *asked_->most_tokens;
      if (each > 0 && most > std::numeric_limits<std::uint64_t>::max() / each) return;
      most *= each;
    }
    const std::uint64_t needed = MinimumSamples(quantile);
    if (most >= needed) return;
    refuse("it needs at least " + std::to_string(needed) + " values, and the plan's " +
           std::to_string(*requests) + " measured requests " +
           (needs.slice.phase ? "of that phase " : "") + "give " +
           (most == *requests ? "no more than that" : "at most " + std::to_string(most)) +
           "; plan more requests, or choose a lower percentile");
  }

  using Names = std::vector<std::string> ExtraFigures::*;

  bool Makes(Names names, const std::string& name) const {
    return std::any_of(plan_.extra_figures.begin(), plan_.extra_figures.end(),
                       [&](const ExtraFigures& extra) {
                         return std::find((extra.*names).begin(), (extra.*names).end(), name) !=
                                (extra.*names).end();
                       });
  }

  std::string Known(Names names) const {
    std::string known;
    for (const ExtraFigures& extra : plan_.extra_figures) {
      for (const std::string& name : extra.*names) known += (known.empty() ? "" : ", ") + name;
    }
    return known.empty() ? "it makes none (`extra_figures`)" : "it makes: " + known;
  }

  const RunPlan& plan_;
  PlannedLoad planned_;
  std::optional<Asked> asked_;
  std::optional<std::vector<std::string>> tag_names_;  // that requests can have; empty: not known
  std::vector<std::string> problems_;
};

}  // namespace

LoadShape LongestLoad(const RunPlan& plan) {
  LoadShape load = WithSeed(plan.load, plan.Seed());
  if (!plan.until_conclusive) return load;
  return Prolonged(load, plan.until_conclusive->longest, plan.until_conclusive->requests);
}

Duration DrainTimeout(const RunPlan& plan) {
  if (plan.stop.drain_timeout) return *plan.stop.drain_timeout;
  Duration longest = std::chrono::seconds(30);
  for (const Lane& lane : plan.lanes) {
    if (!lane.target.provider) continue;
    longest = std::max(longest, lane.target.provider->Settings().longest_call.value_or(longest));
  }
  return longest;
}

PlannedLoad PlannedLoadOf(const LoadShape& load) {
  if (const ClosedLoop* const loop = load.closed_loop()) {
    const ClosedLoop& closed = *loop;
    Validate(closed);
    PlannedLoad planned{
        .requests = std::nullopt, .measured_requests = std::nullopt, .duration = closed.duration};
    if (closed.requests != ClosedLoop::kUnlimited) {
      planned.requests = closed.requests;
      planned.measured_requests =
          closed.requests - std::min(closed.requests, closed.warm_up_requests);
    }
    return planned;
  }
  ArrivalSequence arrivals(*load.profile());
  std::uint64_t measured = 0;
  Duration last{};
  while (const auto arrival = arrivals.Next()) {
    measured += arrival->measured ? 1 : 0;
    last = arrival->at;
  }
  const bool capped = arrivals.index() >= load.profile()->max_arrivals;
  return {.requests = arrivals.index(),
          .measured_requests = measured,
          .duration = capped ? last : arrivals.duration()};
}

void CheckPlan(const RunPlan& plan) {
  const std::vector<std::string> problems = PlanCheck(plan).Run();
  if (problems.empty()) return;
  std::string message = "plan of \"" + plan.name + "\": ";
  for (std::size_t i = 0; i < problems.size(); ++i) message += (i > 0 ? "; " : "") + problems[i];
  throw ConfigurationError(message);
}

}  // namespace llmload
