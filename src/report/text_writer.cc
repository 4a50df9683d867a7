#include "llmload/report/text_writer.h"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string_view>
#include <utility>

#include "src/report/error_table.h"
#include "src/report/group_table.h"
#include "src/report/terminal.h"
#include "src/report/text_parts.h"
#include "src/report/text_sections.h"

namespace llmload::report {

using text::CleanLine;
using text::FormatCount;
using text::FormatDuration;
using text::FormatInterval;
using text::FormatQuantity;
using text::Table;

std::string Coloured(Verdict verdict, bool colour) {
  const std::string_view name = ToString(verdict);
  if (!colour) return std::string(name);
  const std::string_view code = verdict == Verdict::kPass           ? "32"
                                : verdict == Verdict::kInconclusive ? "33"
                                : verdict == Verdict::kFail         ? "31"
                                                                    : "35";
  return std::string("\033[1;").append(code).append("m").append(name).append("\033[0m");
}

namespace {

std::string WallClock(std::chrono::system_clock::time_point at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm utc{};
  char buffer[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) {
    std::strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S UTC", &utc);
  }
  return buffer;
}

// "streamed, at most 16 tokens".
std::string AnswersOf(const RunRecord& run) {
  const std::uint64_t sent = run.metrics[Counter::kSent] + run.unmeasured[Counter::kSent];
  if (sent == 0) return "";
  const std::uint64_t streamed =
      run.metrics[Counter::kStreamed] + run.unmeasured[Counter::kStreamed];
  std::string text = streamed == sent ? "streamed"
                     : streamed == 0  ? "whole"
                                      : FormatCount(streamed) + " streamed, " +
                                           FormatCount(sent - streamed) + " whole";
  const auto& least = run.configuration.min_max_tokens;
  const auto& most = run.configuration.max_max_tokens;
  if (least && most) {
    text += ", at most " + std::to_string(*least);
    if (*most != *least) text += " to " + std::to_string(*most);
    text += *most == 1 ? " token" : " tokens";
  }
  return text;
}

void PrintHeader(std::string& out, const RunReport& report, bool colour, std::size_t width) {
  const RunRecord& run = report.record;
  const RunConfiguration& configuration = run.configuration;
  const std::string rule(std::min<std::size_t>(width, 80), '=');
  out += rule + "\n";
  Wrap(out, Coloured(report.judgement.verdict, colour) + "  " + CleanLine(run.name), width, 0);
  Wrap(out, CleanLine(Explain(report.judgement)), width);
  out += rule + "\n";
  Table table(1);
  const auto add = [&table](std::string name, const std::string& value) {
    if (!value.empty()) table.Add({std::move(name), CleanLine(value)});
  };
  // What is special about a test comes first.
  for (const Detail& detail : configuration.details) add(CleanLine(detail.name), detail.value);
  for (const Look& look : run.looks) {
    add("look after " + FormatCount(look.requests) + " requests",
        FormatDuration(look.at) + ": " + look.found);
  }
  add("started", WallClock(run.started_at));
  add("duration", FormatDuration(run.duration) + (run.interrupted ? " (interrupted)" : ""));
  for (const TargetRecord& target : configuration.targets) {
    const std::string suffix = target.name.empty() ? "" : " of " + CleanLine(target.name);
    add("provider" + suffix, target.provider.name);
    add("region" + suffix, target.provider.region);
    add("target" + suffix, target.url);
    add("credential" + suffix, target.provider.credential);
  }
  add(configuration.models.size() > 1 ? "models" : "model", Joined(configuration.models));
  add("schedule", configuration.schedule);
  add("prompts", configuration.prompts);
  add("answers", AnswersOf(run));
  add("a good request has", Describe(configuration.objectives));
  if (configuration.planned_requests) {
    add("planned requests", FormatCount(*configuration.planned_requests));
  }
  if (const std::uint64_t warm_up = run.unmeasured[Counter::kScheduled]; warm_up > 0) {
    add("warm-up and cool-down requests", FormatCount(warm_up));
  }
  add("seed", std::to_string(configuration.seed));
  add("workers", std::to_string(configuration.workers));
  if (run.shares.of > 1) {
    add("shares",
        std::to_string(run.shares.present.size()) + " of " + std::to_string(run.shares.of));
  }
  add("run", run.run_id);
  add("llmload", run.origin.version + (run.origin.commit.empty() ? "" : " " + run.origin.commit) +
                     ", on " + run.origin.host);
  table.Print(out, width);
}

// "1000", and where they resemble their neighbours "1000 like 118".
std::string SamplesOf(const CriterionResult& result) {
  std::string samples = FormatCount(result.samples);
  if (result.effective_samples) {
    // A report that is read back may say anything.
    const double effective = std::clamp(*result.effective_samples, 0.0, 1e15);
    samples += " like " + FormatCount(static_cast<std::uint64_t>(effective));
  }
  return samples;
}

// Each remark once, with the metrics it is about.
void PrintRemarks(std::string& out, const std::vector<CriterionResult>& criteria,
                  std::size_t width) {
  for (std::size_t i = 0; i < criteria.size(); ++i) {
    const std::string& remark = criteria[i].remark;
    const auto is_same = [&](const CriterionResult& other) { return other.remark == remark; };
    const auto first = std::find_if(criteria.begin(), criteria.end(), is_same);
    if (remark.empty() || first != criteria.begin() + static_cast<std::ptrdiff_t>(i)) continue;
    std::string names;
    for (std::size_t k = i; k < criteria.size(); ++k) {
      if (is_same(criteria[k])) names += (names.empty() ? "" : ", ") + CleanLine(criteria[k].name);
    }
    Wrap(out, names + ": " + CleanLine(remark) + ".", width);
  }
}

// What fits into a column: the unit of a rate is said by the metric's name.
std::string ShortUnit(const std::string& unit) {
  return unit == "requests/s" ? "/s" : CleanLine(unit);
}

void PrintCriteria(std::string& out, const RunReport& report, bool colour, std::size_t width) {
  if (report.judgement.criteria.empty()) return;
  Heading(out, "Criteria");
  Table table;
  table.BreakBefore(4);
  const double confidence = report.judgement.criteria.back().confidence;
  table.Add({"metric", "observed", "bound", "verdict",
             text::FormatPercent(confidence, 4) + " confidence", "samples"});
  for (const CriterionResult& result : report.judgement.criteria) {
    const std::string unit = ShortUnit(result.unit);
    table.Add({CleanLine(result.name), Optional(result.observed, unit),
               std::string(ToString(result.comparison)) + " " + FormatQuantity(result.bound, unit),
               Coloured(result.verdict, colour),
               FormatInterval(result.observed_lower, result.observed_upper, unit),
               SamplesOf(result)});
  }
  table.Print(out, width);
  PrintRemarks(out, report.judgement.criteria, width);
}

}  // namespace
}  // namespace llmload::report

namespace llmload {

std::string ToText(const RunReport& report, bool colour, std::size_t width) {
  using namespace report;  // NOLINT(google-build-using-namespace): its sections make up the text
  std::string out;
  PrintHeader(out, report, colour, width);
  PrintCriteria(out, report, colour, width);
  const RunRecord& run = report.record;
  PrintRequests(out, run, width);
  PrintTimes(out, run, width);
  PrintGroups(out, report, width);
  AppendErrors(run.metrics, width, out);
  PrintProviders(out, run.metrics, width);
  PrintTokens(out, run.metrics, width);
  PrintMeasurements(out, run, width);
  PrintGenerator(out, run.health, width);
  for (const ResourceSummary& resource : run.resources) PrintProcess(out, resource, width);
  PrintTimeline(out, run, width);
  return out;
}

bool WriteText(std::FILE* out, const RunReport& report) {
  const std::string text = ToText(report, report::HasColours(out), WidthOf(out));
  return std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0;
}

std::size_t WidthOf(std::FILE* out) noexcept { return report::ColumnsOf(out); }

bool IsTerminal(std::FILE* out) noexcept { return report::IsTty(out); }

}  // namespace llmload
