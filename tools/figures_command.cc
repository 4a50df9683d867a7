#include "tools/figures_command.h"

#include <boost/program_options.hpp>
#include <cstdio>
#include <string_view>

#include "llmload/metrics/distribution.h"
#include "llmload/metrics/figures.h"
#include "llmload/record/failover_figures.h"
#include "llmload/report/text_writer.h"
#include "src/core/text/format.h"
#include "tools/arguments.h"
#include "tools/console.h"
#include "tools/criterion_spec.h"

namespace llmload::tools {
namespace {

std::string_view NameOf(FigureScope scope) {
  switch (scope) {
    case FigureScope::kSuccesses:
      return "successes";
    case FigureScope::kStreamedSuccesses:
      return "streamed successes";
    case FigureScope::kTokenEvents:
      return "reads of a stream";
    case FigureScope::kBurstyStreams:
      return "streams in bursts";
    case FigureScope::kFailures:
      return "failures";
    case FigureScope::kSent:
      return "all sent";
    case FigureScope::kFailedOver:
      return "failed over";
  }
  return "";
}

void AddSection(std::string& out, std::string_view heading, const text::Table& table,
                std::size_t width) {
  out += (out.empty() ? "" : "\n") + text::FitLines(heading, width) + "\n";
  table.Print(out, width);
}

std::string TimesHeading() {
  std::string heading = "Times (seconds in JSON). --slo 'NAME:STATISTIC<TIME' with STATISTIC ";
  for (const NamedQuantile& row : kQuantiles) heading.append(row.name).append(", ");
  return heading + "mean or max; in a test P95(Figure::k...), Mean, Max";
}

constexpr std::string_view kLengthsHeading =
    "Lengths (tokens). --slo 'NAME:STATISTIC<TOKENS' with the same statistics, as in "
    "output_length:p50>=50";

}  // namespace

std::string FiguresText(std::size_t width) {
  std::string out;
  text::Table times(1);
  text::Table lengths(1);
  for (text::Table* table : {&times, &lengths}) table->Add({"name", "of", "meaning"});
  for (const FigureInfo& row : kFigures) {
    std::string name(row.name);
    if (!row.alias.empty()) name.append(", ").append(row.alias);
    text::Table& table = row.unit == FigureUnit::kTime ? times : lengths;
    table.Add({std::move(name), std::string(NameOf(row.scope)),
               std::string(row.title).append(": ").append(row.span)});
  }
  AddSection(out, TimesHeading(), times, width);
  AddSection(out, kLengthsHeading, lengths, width);

  text::Table numbers(1);
  numbers.Add({"name", "unit", "meaning"});
  for (const NumberMetric& row : NumberMetrics()) {
    numbers.Add({std::string(row.name), std::string(row.unit), row.meaning});
  }
  AddSection(out, "Single numbers. --slo 'NAME>=VALUE'", numbers, width);

  text::Table counters(1);
  counters.Add({"name", "unit", "meaning"});
  for (const CounterInfo& row : kCounters) {
    // Of a row that is part of the one above it, the title begins with spaces.
    const std::string_view title = row.title.substr(row.title.find_first_not_of(' '));
    std::string meaning(title);
    if (!row.meaning.empty()) meaning.append(": ").append(row.meaning);
    // Answers without usage stand with the tokens, and are requests.
    const bool of_tokens = row.of_tokens && row.counter != Counter::kAnswersWithoutUsage;
    counters.Add({std::string(row.name), of_tokens ? "tokens" : "requests", meaning});
  }
  AddSection(out, "Counts, in tables, JSON and CTest measurements", counters, width);

  text::Table values(1);
  text::Table distributions(1);
  for (text::Table* table : {&values, &distributions}) table->Add({"name", "unit", "meaning"});
  for (const FailoverFigureInfo& row : kFailoverFigures) {
    (row.is_distribution ? distributions : values)
        .Add({std::string(row.name), row.unit.empty() ? "number" : std::string(row.unit),
              std::string(row.meaning)});
  }
  AddSection(out, "Of tests of failover: Measurement(\"NAME\")", values, width);
  AddSection(out, "Of tests of failover: MaxOf(\"NAME\"), MeanOf(\"NAME\")", distributions, width);
  return out;
}

int RunFigures(const std::vector<std::string>& arguments) {
  const std::size_t width = WidthOf(stdout);
  boost::program_options::options_description options("Options of llmload figures",
                                                      static_cast<unsigned>(width));
  options.add_options()("help,h", "this text");
  if (ReadArguments(arguments, options, "figures").count("help") > 0) {
    PrintFitted(stdout,
                "Usage: llmload figures\n\nLists what reports measure: the names that --slo and "
                "criteria take, with unit and meaning.\n");
    return 0;
  }
  PrintFitted(stdout, FiguresText(width));
  return 0;
}

}  // namespace llmload::tools
