#include "tools/bench_prompts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <string>
#include <variant>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "src/core/text/parse.h"

namespace llmload::tools {
namespace {

constexpr std::uint32_t kMaxTokens = 1'000'000;

struct FormatName {
  std::string_view name;
  FileFormat format;
};

constexpr std::array<FormatName, 5> kFormatNames = {
    {{"prompts", {.dataset = DatasetFormat::kPrompts}},
     {"sharegpt", {.dataset = DatasetFormat::kShareGpt}},
     {"openai-batch", {.dataset = DatasetFormat::kOpenAiBatch}},
     {"arrivals", {.trace = TraceFormat::kArrivals}},
     {"azure-trace", {.dataset = DatasetFormat::kAzureTrace, .trace = TraceFormat::kAzure}}}};

std::uint32_t ParseTokens(std::string_view name, std::string_view text) {
  return text::ParseNumber<std::uint32_t>(name, text, 1, kMaxTokens,
                                          "a whole number from 1 to 1000000");
}

}  // namespace

Prompts PromptsOfTokens(std::string_view text) {
  constexpr std::string_view kName = "--prompt-tokens";
  const std::size_t dots = text.find("..");
  SyntheticPrompts options;
  options.min_tokens = ParseTokens(kName, text.substr(0, dots));
  options.max_tokens = dots == std::string_view::npos ? options.min_tokens
                                                      : ParseTokens(kName, text.substr(dots + 2));
  if (options.max_tokens < options.min_tokens) {
    throw ConfigurationError::Invalid(kName, text, "N..M with N at most M");
  }
  return options;
}

Prompts PromptsWithSharedPrefix(std::string_view text) {
  SharedPrefixPrompts options;
  for (const std::string_view part : text::SplitAt(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    const std::string name = "--shared-prefix " + std::string(key);
    if (key == "fraction") {
      options.shared_fraction =
          text::ParseNumber<double>(name, value, 0, 1, "a number from 0 to 1");
    } else if (key == "prefix") {
      options.prefix_tokens = ParseTokens(name, value);
    } else if (key == "suffix") {
      options.suffix_tokens = ParseTokens(name, value);
    } else if (key == "prefixes") {
      options.prefixes =
          text::ParseNumber<std::uint32_t>(name, value, 1, 1000, "a whole number from 1 to 1000");
    } else {
      throw ConfigurationError::Invalid(
          "--shared-prefix", text,
          "KEY=VALUE[,KEY=VALUE]... of fraction, prefix, suffix, prefixes");
    }
  }
  try {
    static_cast<void>(MakePromptSource(options, {}, 0));
    return options;
  } catch (const ConfigurationError& error) {
    throw ConfigurationError("--shared-prefix " + std::string(text) + ": " + error.what());
  }
}

FileFormat ParseFormat(std::string_view name, std::string_view text) {
  std::string accepted = "one of: ";
  std::string_view separator;
  for (const FormatName& format : kFormatNames) {
    if (format.name == text) return format.format;
    accepted.append(separator).append(format.name);
    separator = ", ";
  }
  throw ConfigurationError::Invalid(name, text, accepted);
}

Prompts PromptsOfDataset(std::string_view file, std::string_view order, DatasetFormat format) {
  DatasetPrompts options{.path = std::filesystem::path(file), .format = format};
  if (order == "random") {
    options.order = DatasetOrder::kRandom;
  } else if (order != "sequential") {
    throw ConfigurationError::Invalid("--dataset-order", order, "one of: sequential, random");
  }
  try {
    static_cast<void>(MakePromptSource(options, {}, 0));
    return options;
  } catch (const ConfigurationError& error) {
    throw ConfigurationError(std::string("--dataset: ") + error.what());
  }
}

Prompts UsualPrompts(const LoadShape& shape) {
  const auto* profile = shape.profile();
  if (profile != nullptr) {
    const auto replays = [](const LoadPhase& phase) {
      return std::holds_alternative<TraceReplay>(phase.shape);
    };
    const auto& phases = profile->phases;
    const auto first = std::find_if(phases.begin(), phases.end(), replays);
    if (std::count_if(phases.begin(), phases.end(), replays) == 1) {
      const std::vector<std::uint64_t> counts = CountArrivalsByPhase(*profile);
      const TracePrompts sizes{
          .trace = std::get<TraceReplay>(first->shape).trace,
          .first_request = std::accumulate(
              counts.begin(), counts.begin() + (first - phases.begin()), std::uint64_t{0})};
      return sizes;
    }
  }
  return FixedPrompt{};
}

}  // namespace llmload::tools
