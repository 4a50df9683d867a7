#include "llmload/load/prompt_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const RequestTemplate kTemplate{
    .model = "model", .max_tokens = 16, .temperature = 0.5, .stream = true};

std::string PromptOf(const PromptSource& source, std::uint64_t index) {
  return source.MakeRequest(index).messages.back().content;
}

template <class Make>
std::string ErrorOf(Make make) {
  try {
    make();
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

std::shared_ptr<const PromptSource> Dataset(const std::string& text, DatasetPrompts options = {}) {
  std::istringstream input(text);
  options.path = "d.jsonl";
  return ReadDataset(input, options, kTemplate, 1);
}

std::shared_ptr<const PromptSource> Make(const Prompts& prompts, std::uint64_t seed = 1) {
  return MakePromptSource(prompts, kTemplate, seed);
}

TEST(PromptSource, TokensAreEstimatedAtFourBytesEach) {
  EXPECT_EQ(EstimateTokens(""), 0u);
  EXPECT_EQ(EstimateTokens("a"), 1u);
  EXPECT_EQ(EstimateTokens("abcd"), 1u);
  EXPECT_EQ(EstimateTokens("abcde"), 2u);
}

TEST(PromptSource, FixedPromptCarriesTheTemplate) {
  const auto source = Make(FixedPrompt{"Say hello."});
  const CompletionRequest request = source->MakeRequest(7);
  EXPECT_EQ(request.model, "model");
  EXPECT_EQ(request.max_tokens, 16);
  EXPECT_EQ(request.temperature, 0.5);
  EXPECT_TRUE(request.stream);
  ASSERT_EQ(request.messages.size(), 1u);
  EXPECT_EQ(request.messages[0].role, Role::kUser);
  EXPECT_EQ(request.messages[0].content, "Say hello.");
}

TEST(PromptSource, SyntheticPromptsHaveExactlyTheSizesAskedForAndDiffer) {
  const auto source = Make(SyntheticPrompts{.min_tokens = 10, .max_tokens = 13});
  std::set<std::string> prompts;
  int sizes[4] = {};
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const std::string prompt = PromptOf(*source, i);
    const std::uint64_t tokens = EstimateTokens(prompt);
    ASSERT_GE(tokens, 10u);
    ASSERT_LE(tokens, 13u);
    EXPECT_EQ(prompt.size(), tokens * 4);
    ++sizes[tokens - 10];
    prompts.insert(prompt);
  }
  EXPECT_EQ(prompts.size(), 4000u);
  for (const int count : sizes) EXPECT_NEAR(count, 1000, 4.5 * std::sqrt(1000 * 0.75));
}

TEST(PromptSource, RequestsDependOnSeedAndIndexOnly) {
  const SyntheticPrompts options{.min_tokens = 5, .max_tokens = 50};
  const auto source = Make(options);
  const auto same = Make(options);
  std::vector<std::string> backwards(100);
  for (std::uint64_t i = 100; i-- > 0;) backwards[i] = PromptOf(*same, i);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(PromptOf(*source, i), backwards[i]);
  SyntheticPrompts other = options;
  other.seed = 2;
  EXPECT_NE(PromptOf(*Make(other), 0), backwards[0]);
}

TEST(PromptSource, ASeedThatIsNotSetIsThatOfTheRun) {
  const std::vector<Prompts> unset = {SyntheticPrompts{}, SharedPrefixPrompts{}};
  const std::vector<Prompts> set = {SyntheticPrompts{.seed = 7}, SharedPrefixPrompts{.seed = 7}};
  for (std::size_t i = 0; i < unset.size(); ++i) {
    EXPECT_EQ(PromptOf(*Make(unset[i], 7), 3), PromptOf(*Make(set[i], 8), 3));
    EXPECT_NE(PromptOf(*Make(unset[i], 8), 3), PromptOf(*Make(set[i], 8), 3));
  }
}

TEST(PromptSource, ASourceOfTheUsersOwnIsUsedAsItIs) {
  const auto own = Make(FixedPrompt{"mine"});
  EXPECT_EQ(Make(own), own);
  EXPECT_THAT(ErrorOf([] { Make(std::shared_ptr<const PromptSource>()); }), HasSubstr("null"));
}

TEST(PromptSource, ThreadsMayShareASource) {
  const auto source = Make(SharedPrefixPrompts{.prefixes = 3});
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; i < 200; ++i) expected.push_back(PromptOf(*source, i));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 200; ++i) wrong[t] += PromptOf(*source, i) != expected[i];
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(PromptSource, TheFractionAskedForSharesItsPrefix) {
  const auto source = Make(SharedPrefixPrompts{
      .shared_fraction = 0.3, .prefix_tokens = 100, .suffix_tokens = 20, .prefixes = 2});
  std::map<std::string, int> prefixes;
  std::set<std::string> whole;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const std::string prompt = PromptOf(*source, i);
    EXPECT_EQ(EstimateTokens(prompt), 120u);
    ++prefixes[prompt.substr(0, 400)];
    whole.insert(prompt);
  }
  EXPECT_EQ(whole.size(), 2000u);
  int shared = 0;
  int kinds = 0;
  for (const auto& [prefix, count] : prefixes) {
    if (count < 2) continue;
    shared += count;
    ++kinds;
  }
  EXPECT_EQ(kinds, 2);
  EXPECT_NEAR(shared, 600, 4.5 * std::sqrt(2000 * 0.3 * 0.7));
}

TEST(PromptSource, TracePromptsHaveTheSizesOfTheTrace) {
  const auto trace = std::make_shared<const ArrivalTrace>(
      std::vector<ArrivalTrace::Entry>{{.at = 0s, .input_tokens = 10, .output_tokens = 5},
                                       {.at = 1s},
                                       {.at = 2s, .input_tokens = 30}});
  const auto source =
      Make(TracePrompts{.trace = trace, .first_request = 100, .default_input_tokens = 20});
  const std::uint64_t tokens[] = {10, 20, 30, 10};
  const int outputs[] = {5, 16, 16, 5};
  for (std::uint64_t i = 0; i < 4; ++i) {
    const CompletionRequest request = source->MakeRequest(100 + i);
    EXPECT_EQ(EstimateTokens(request.messages[0].content), tokens[i]);
    EXPECT_EQ(request.max_tokens, outputs[i]);
  }
}

TEST(PromptSource, DatasetGivesItsPromptsInOrderAndAgain) {
  const auto source = Dataset(
      "{\"prompt\": \"caf\\u00e9\"}\n"
      "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"},"
      "{\"content\": \"Hi\", \"role\": \"user\"}], \"max_tokens\": 3}\n");
  EXPECT_EQ(PromptOf(*source, 0), "caf\xc3\xa9");
  EXPECT_EQ(source->MakeRequest(0).max_tokens, 16);
  const CompletionRequest second = source->MakeRequest(1);
  ASSERT_EQ(second.messages.size(), 2u);
  EXPECT_EQ(second.messages[0].role, Role::kSystem);
  EXPECT_EQ(second.messages[1].role, Role::kUser);
  EXPECT_EQ(second.max_tokens, 3);
  EXPECT_EQ(PromptOf(*source, 2), "caf\xc3\xa9");
}

TEST(PromptSource, RandomOrderDrawsFromAllPrompts) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "{\"prompt\": \"" + std::to_string(i) + "\"}\n";
  const auto source = Dataset(text, {.order = DatasetOrder::kRandom, .seed = 3});
  std::map<std::string, int> seen;
  for (std::uint64_t i = 0; i < 5000; ++i) ++seen[PromptOf(*source, i)];
  ASSERT_EQ(seen.size(), 10u);
  for (const auto& [prompt, count] : seen) EXPECT_NEAR(count, 500, 4.5 * std::sqrt(450)) << prompt;
}

TEST(PromptSource, DatasetNamesLineAndFieldOfWhatIsWrong) {
  const auto error = [](const std::string& line, DatasetPrompts options = {}) {
    return ErrorOf([&] { Dataset("{\"prompt\": \"a\"}\n" + line, options); });
  };
  EXPECT_THAT(ErrorOf([] { Dataset("\n"); }), StartsWith("d.jsonl: got \"\", expected at least"));
  EXPECT_THAT(error("{}"), StartsWith("d.jsonl:2: prompt: got \"no such field\""));
  EXPECT_THAT(error("{\"prompt\": 5}"), StartsWith("d.jsonl:2: prompt: got \"5\""));
  EXPECT_THAT(error("{\"prompt\": \"\"}"), StartsWith("d.jsonl:2: prompt: got \"\""));
  EXPECT_THAT(error("{\"prompt\": \"a\", \"messages\": []}"),
              StartsWith("d.jsonl:2: prompt: got \"both"));
  EXPECT_THAT(error("{\"messages\": []}"), StartsWith("d.jsonl:2: messages: got \"[]\""));
  EXPECT_THAT(error("{\"messages\": {}}"), StartsWith("d.jsonl:2: messages: got \"{}\""));
  EXPECT_THAT(error("{\"messages\": [7]}"), StartsWith("d.jsonl:2: messages[0]: got \"7\""));
  EXPECT_THAT(error("{\"messages\": [{\"role\": \"user\"}]}"),
              StartsWith("d.jsonl:2: messages[0].content: got \"no such field\""));
  EXPECT_THAT(error("{\"messages\": [{\"content\": \"x\"}]}"),
              StartsWith("d.jsonl:2: messages[0].role: got \"no such field\""));
  EXPECT_THAT(error("{\"messages\": [{\"role\": \"tool\", \"content\": \"x\"}]}"),
              StartsWith("d.jsonl:2: messages[0].role: got \"tool\""));
  EXPECT_THAT(error("{\"messages\": [{\"role\": \"user\", \"content\": \"x\", \"name\": 1}]}"),
              StartsWith("d.jsonl:2: messages[0].name: got \"an unknown field\""));
  EXPECT_THAT(error("{\"prompt\": \"a\", \"max_tokens\": 0}"),
              StartsWith("d.jsonl:2: max_tokens: got \"0\""));
  EXPECT_THAT(error("{\"promt\": \"a\"}"),
              StartsWith("d.jsonl:2: promt: got \"an unknown field\""));
  EXPECT_THAT(error("{\"prompt\": \"a"),
              StartsWith("d.jsonl:2: line: got \"{\"prompt\": \"a\", expected valid"));
  EXPECT_THAT(
      error("{\"prompt\": \"abcdefghij\"}", {.max_line_bytes = 20}),
      HasSubstr("d.jsonl:2: line: got \"{\"prompt\": \"abcdefghi\", expected at most 20 bytes"));
  EXPECT_THAT(error("{\"prompt\": \"a\"}", {.max_bytes = 1}), HasSubstr("at most 1 bytes"));
  EXPECT_THAT(error("{\"prompt\": \"a\"}", {.max_prompts = 1}), HasSubstr("at most 1 lines"));
  EXPECT_THROW(Make(DatasetPrompts{.path = "/no/such/file"}), ConfigurationError);
}

TEST(Dataset, TagsOfARecordAreThoseOfItsRequest) {
  std::istringstream input(
      "{\"prompt\": \"a\", \"tags\": {\"tenant\": \"x\", \"plan\": \"free\"}}\n{\"prompt\": "
      "\"b\"}\n");
  const auto source = ReadDataset(input, {.path = "d.jsonl"}, {.model = "m"}, 1);
  const std::vector<RequestTag> tags = {{"plan", "free"}, {"tenant", "x"}};
  EXPECT_EQ(source->MakeRequest(0).tags, tags);
  EXPECT_TRUE(source->MakeRequest(1).tags.empty());
  const auto error = [](const std::string& given) -> std::string {
    std::istringstream broken("{\"prompt\": \"a\", \"tags\": " + given + "}\n");
    try {
      ReadDataset(broken, {.path = "d.jsonl"}, {.model = "m"}, 1);
    } catch (const ConfigurationError& refused) {
      return refused.what();
    }
    return "(accepted)";
  };
  EXPECT_EQ(error("{}"), "(accepted)");
  EXPECT_EQ(error("{\"t\": \"" + std::string(64, 'v') + "\"}"), "(accepted)");
  EXPECT_THAT(error("[]"), HasSubstr("d.jsonl:1: tags: got \"[]\", expected an object"));
  EXPECT_THAT(error("{\"t\": 1}"), HasSubstr("tags.t: got \"1\""));
  EXPECT_THAT(error("{\"t\": \"\"}"), HasSubstr("1 to 64 bytes"));
  EXPECT_THAT(error("{\"t\": \"" + std::string(65, 'v') + "\"}"), HasSubstr("1 to 64 bytes"));
  EXPECT_THAT(error("{\"phase\": \"x\"}"), HasSubstr("neither phase nor model"));
  EXPECT_THAT(error("{\"a=b\": \"x\"}"), HasSubstr("tags: got \"a=b\""));
  std::string nine;
  for (int i = 0; i < 9; ++i) {
    nine += (nine.empty() ? "{" : ", ") + ("\"t" + std::to_string(i)) + "\": \"v\"";
  }
  EXPECT_THAT(error(nine + "}"), HasSubstr("8 tags or fewer"));
}

TEST(PromptSource, OptionsThatMakeNoSenseAreRejectedByField) {
  const auto error = [](auto options) { return ErrorOf([&] { Make(options); }); };
  EXPECT_THAT(error(SyntheticPrompts{.min_tokens = 0}), HasSubstr("::min_tokens"));
  EXPECT_THAT(error(SyntheticPrompts{.max_tokens = 2'000'000}), HasSubstr("::max_tokens"));
  EXPECT_THAT(error(SyntheticPrompts{.min_tokens = 9, .max_tokens = 8}), HasSubstr("::max_tokens"));
  EXPECT_THAT(error(SharedPrefixPrompts{.shared_fraction = 1.1}), HasSubstr("::shared_fraction"));
  EXPECT_THAT(error(SharedPrefixPrompts{.shared_fraction = std::nan("")}),
              HasSubstr("::shared_fraction"));
  EXPECT_THAT(error(SharedPrefixPrompts{.prefix_tokens = 0}), HasSubstr("::prefix_tokens"));
  EXPECT_THAT(error(SharedPrefixPrompts{.suffix_tokens = 0}), HasSubstr("::suffix_tokens"));
  EXPECT_THAT(error(SharedPrefixPrompts{.prefixes = 0}), HasSubstr("::prefixes"));
  EXPECT_THAT(error(SharedPrefixPrompts{.prefix_tokens = 1'000'000, .prefixes = 1000}),
              HasSubstr("::prefixes"));
  EXPECT_THAT(error(TracePrompts{}), HasSubstr("::trace"));
}

}  // namespace
}  // namespace llmload
