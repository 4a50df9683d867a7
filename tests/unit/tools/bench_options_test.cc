#include "tools/bench_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "llmload/load/arrival_schedule.h"
#include "tests/unit/tools/message_of.h"
#include "tools/bench_help.h"

namespace llmload::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

using Arguments = std::vector<std::string>;

class BenchOptionsTest : public ::testing::Test {
 protected:
  BenchOptionsTest() {
    for (const char* name : {"LLMLOAD_PROVIDER", "LLMLOAD_MODEL", "LLMLOAD_SEED",
                             "LLMLOAD_LOCAL_PID", "LLMLOAD_OUTPUT", "AZURE_OPENAI_DEPLOYMENT",
                             "LLMLOAD_UNTIL_CONCLUSIVE", "LLMLOAD_FORMAT"}) {
      ::unsetenv(name);
    }
  }
  ~BenchOptionsTest() override {
    for (const std::string& file : files_) std::remove(file.c_str());
  }

  static BenchOptions Parse(Arguments arguments) { return *ParseBenchOptions(arguments); }
  // A load added where the test is about something else.
  static BenchOptions With(Arguments arguments) {
    arguments.insert(arguments.end(), {"--rate", "1"});
    return Parse(std::move(arguments));
  }
  static std::shared_ptr<const PromptSource> PromptsOf(const BenchOptions& options) {
    return MakePromptSource(options.plan.prompts, options.plan.request, options.plan.Seed());
  }
  std::string File(const std::string& text) {
    files_.push_back(::testing::TempDir() + "llmload_bench_" + std::to_string(getpid()) + "_" +
                     std::to_string(files_.size()));
    std::ofstream(files_.back()) << text;
    return files_.back();
  }

 private:
  std::vector<std::string> files_;
};

TEST_F(BenchOptionsTest, RateIsAnOpenLoopOfOneMeasuredMinute) {
  const BenchOptions options = Parse({"--rate", "600/min"});
  const auto& profile = std::get<LoadProfile>(options.plan.load);
  ASSERT_EQ(profile.phases.size(), 1u);
  EXPECT_TRUE(profile.phases[0].measured);
  EXPECT_EQ(CountArrivals(profile), 600u);
  EXPECT_EQ(profile.max_in_flight, 10'000u);
  EXPECT_EQ(options.provider, ProviderChoice::kFake);
  EXPECT_EQ(options.plan.workers, 0u);
  EXPECT_EQ(options.plan.seed, 1u);
  EXPECT_TRUE(options.plan.request.stream);
  EXPECT_EQ(options.plan.request.max_tokens, 16);
  EXPECT_TRUE(options.plan.criteria.empty());
}

TEST_F(BenchOptionsTest, WarmUpAndCoolDownComeOnTopOfTheMeasuredTime) {
  const BenchOptions open =
      Parse({"--rate", "10", "--duration", "30s", "--warm-up", "5s", "--cool-down", "2s",
             "--arrivals", "poisson", "--seed", "7", "--max-in-flight", "50", "--workers", "3"});
  const auto& profile = std::get<LoadProfile>(open.plan.load);
  ASSERT_EQ(profile.phases.size(), 3u);
  EXPECT_FALSE(profile.phases[0].measured);
  EXPECT_EQ(profile.phases[1].duration, 30s);
  EXPECT_FALSE(profile.phases[2].measured);
  EXPECT_EQ(profile.phases[1].pattern, ArrivalPattern::kPoisson);
  EXPECT_EQ(open.plan.seed, 7u);
  EXPECT_EQ(profile.max_in_flight, 50u);
  EXPECT_EQ(open.plan.workers, 3u);

  const BenchOptions closed =
      Parse({"--concurrency", "8", "--duration", "30s", "--warm-up", "5s", "--cool-down", "2s",
             "--think-time", "100ms", "--ramp-up", "1s"});
  const auto& loop = std::get<ClosedLoop>(closed.plan.load);
  EXPECT_EQ(loop.concurrency, 8u);
  EXPECT_EQ(loop.requests, ClosedLoop::kUnlimited);
  EXPECT_EQ(loop.duration, Duration(37s));
  EXPECT_EQ(loop.think_time, 100ms);
  EXPECT_EQ(loop.ramp_up, 1s);
  EXPECT_EQ(Describe(closed.plan.load), "closed loop, 8 callers for 37 s, think time 0.1 s");
}

TEST_F(BenchOptionsTest, RequestsEndAClosedLoopWithoutADuration) {
  const auto loop =
      std::get<ClosedLoop>(Parse({"--concurrency", "8", "--requests", "100"}).plan.load);
  EXPECT_EQ(loop.requests, 100u);
  EXPECT_FALSE(loop.duration);
  EXPECT_EQ(std::get<ClosedLoop>(Parse({"--concurrency", "8"}).plan.load).duration, Duration(60s));
}

TEST_F(BenchOptionsTest, RequestsSetTheLengthOfAnOpenLoopOrCapIt) {
  const auto load = [](Arguments arguments) {
    arguments.insert(arguments.end(), {"--rate", "10", "--seed", "5"});
    return std::get<LoadProfile>(WithSeed(Parse(arguments).plan.load, 5));
  };
  EXPECT_EQ(load({"--requests", "25"}).phases.at(0).duration, 2500ms);
  // Without going through them, which would take minutes.
  const BenchOptions many = Parse({"--rate", "1000", "--requests", "1000000000"});
  EXPECT_EQ(std::get<LoadProfile>(many.plan.load).phases.at(0).duration, 1'000'000s);
  for (const char* rate : {"3", "7.7", "1000/min", "9999999"}) {
    for (const char* requests : {"1", "7", "12345"}) {
      const BenchOptions options = Parse({"--rate", rate, "--requests", requests});
      EXPECT_EQ(std::to_string(CountArrivals(std::get<LoadProfile>(options.plan.load))), requests)
          << rate;
    }
  }
  for (const char* pattern : {"constant", "poisson"}) {
    for (const std::uint64_t requests : {1u, 25u, 1000u}) {
      const std::string text = std::to_string(requests);
      const LoadProfile profile = load({"--requests", text, "--arrivals", pattern});
      EXPECT_EQ(CountArrivals(profile), requests) << pattern;
      EXPECT_EQ(profile.max_arrivals, LoadProfile().max_arrivals);
    }
  }
  const LoadProfile warmed = load({"--requests", "25", "--warm-up", "1s", "--arrivals", "poisson"});
  EXPECT_EQ(CountArrivals(warmed), 25u);
  EXPECT_EQ(warmed.phases.at(0).duration, 1s);

  const LoadProfile capped = load({"--requests", "25", "--duration", "30s"});
  EXPECT_EQ(capped.phases.at(0).duration, 30s);
  EXPECT_EQ(CountArrivals(capped), 25u);
  const BenchOptions profile = Parse({"--profile", "ramp:1..50/s,10s", "--requests", "25"});
  EXPECT_EQ(CountArrivals(std::get<LoadProfile>(profile.plan.load)), 25u);
}

TEST_F(BenchOptionsTest, ProfileTakesSeedAndPatternFromTheOtherOptions) {
  const BenchOptions options = Parse({"--profile", "constant:5/s,2s,unmeasured;ramp:5..15/s,4s",
                                      "--seed", "9", "--arrivals", "poisson"});
  const auto& profile = std::get<LoadProfile>(options.plan.load);
  EXPECT_EQ(options.plan.seed, 9u);
  EXPECT_EQ(profile.phases.at(1).pattern, ArrivalPattern::kPoisson);
}

TEST_F(BenchOptionsTest, ProviderComesFromOptionThenEnvironmentThenUrl) {
  const std::string url = "http://127.0.0.1:1/v1";
  EXPECT_EQ(With({}).provider, ProviderChoice::kFake);
  EXPECT_EQ(With({"--url", url}).provider, ProviderChoice::kOpenAi);
  EXPECT_EQ(With({"--url", url}).target.url, url);
  EXPECT_EQ(With({"--url", url, "--provider", "ollama"}).provider, ProviderChoice::kOllama);
  ::setenv("LLMLOAD_PROVIDER", "anthropic", 1);
  EXPECT_EQ(With({"--url", url}).provider, ProviderChoice::kAnthropic);
  EXPECT_EQ(With({}).provider, ProviderChoice::kAnthropic);
  EXPECT_EQ(With({"--provider", "local"}).provider, ProviderChoice::kLocal);
}

TEST_F(BenchOptionsTest, ModelAndSeedComeFromOptionOrEnvironment) {
  EXPECT_EQ(With({"--provider", "ollama"}).plan.request.model, "llama3.2");
  ::setenv("LLMLOAD_MODEL", "small", 1);
  ::setenv("LLMLOAD_SEED", "42", 1);
  EXPECT_EQ(With({}).plan.request.model, "small");
  EXPECT_EQ(With({}).plan.seed, 42u);
  EXPECT_EQ(With({"--model", "large", "--seed", "5"}).plan.request.model, "large");
  EXPECT_EQ(With({"--model", "large", "--seed", "5"}).plan.seed, 5u);
  EXPECT_EQ(With({"--provider", "azure", "--model", "mine"}).target.deployment, "mine");
}

TEST_F(BenchOptionsTest, ServerProcessComesFromTheEnvironment) {
  EXPECT_EQ(With({}).server_pid, std::nullopt);
  ::setenv("LLMLOAD_LOCAL_PID", "4711", 1);
  EXPECT_EQ(With({}).server_pid, 4711);
  ::setenv("LLMLOAD_LOCAL_PID", "me", 1);
  const std::string message = MessageOf([] { With({}); });
  ::unsetenv("LLMLOAD_LOCAL_PID");
  EXPECT_THAT(message, HasSubstr("LLMLOAD_LOCAL_PID: got \"me\""));
}

TEST_F(BenchOptionsTest, PromptsComeFromOneOfFourSources) {
  const auto said = [](const BenchOptions& options) {
    return PromptsOf(options)->MakeRequest(0).messages.at(0).content;
  };
  const auto described = [](const BenchOptions& options) { return PromptsOf(options)->Describe(); };
  EXPECT_EQ(said(With({"--prompt", "Hello?"})), "Hello?");
  EXPECT_THAT(described(With({"--prompt-tokens", "20..40"})), HasSubstr("20 to 40 tokens"));
  EXPECT_EQ(EstimateTokens(said(With({"--prompt-tokens", "30"}))), 30u);
  EXPECT_THAT(described(With({"--shared-prefix", "fraction=0.25,prefix=100,suffix=10,prefixes=2"})),
              StartsWith("25 % of prompts share 2 prefix(es) of 100 tokens, each with 10"));
  const std::string file = File("{\"prompt\": \"First\"}\n{\"prompt\": \"Second\"}\n");
  const BenchOptions dataset = With({"--dataset", file, "--max-tokens", "5", "--no-stream"});
  EXPECT_EQ(said(dataset), "First");
  const CompletionRequest second = PromptsOf(dataset)->MakeRequest(1);
  EXPECT_EQ(second.messages.at(0).content, "Second");
  EXPECT_EQ(second.max_tokens, 5);
  EXPECT_FALSE(second.stream);
}

TEST_F(BenchOptionsTest, ATraceDecidesOnTheSizesUnlessAPromptIsGiven) {
  const std::string file =
      File("{\"at_seconds\": 0, \"input_tokens\": 50, \"output_tokens\": 3}\n");
  const std::string profile = "constant:2/s,1s,unmeasured;trace:" + file;
  const CompletionRequest traced = PromptsOf(Parse({"--profile", profile}))->MakeRequest(2);
  EXPECT_EQ(EstimateTokens(traced.messages.at(0).content), 50u);
  EXPECT_EQ(traced.max_tokens, 3);
  EXPECT_EQ(PromptsOf(Parse({"--profile", profile, "--prompt", "Hi"}))
                ->MakeRequest(2)
                .messages.at(0)
                .content,
            "Hi");
}

TEST_F(BenchOptionsTest, ATraceOfAzureGivesArrivalsAndSizes) {
  const std::string file = File(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,374,44\n"
      "2023-11-16 18:17:05.4799600,396,109\n");
  const BenchOptions options =
      Parse({"--profile", "trace:" + file + ",speed=3", "--format", "azure-trace"});
  EXPECT_EQ(CountArrivals(std::get<LoadProfile>(options.plan.load)), 2u);
  const CompletionRequest second = PromptsOf(options)->MakeRequest(1);
  EXPECT_EQ(EstimateTokens(second.messages.at(0).content), 396u);
  EXPECT_EQ(second.max_tokens, 109);
  // Its sizes at another load.
  for (const Arguments& format : {Arguments{}, Arguments{"--format", "azure-trace"}}) {
    Arguments arguments = {"--concurrency", "2", "--dataset", file};
    arguments.insert(arguments.end(), format.begin(), format.end());
    EXPECT_EQ(PromptsOf(Parse(arguments))->MakeRequest(1).max_tokens, 109);
  }
}

TEST_F(BenchOptionsTest, TheFormatOfAFileComesFromOptionThenEnvironmentThenContent) {
  const std::string file =
      File("[{\"conversations\": [{\"from\": \"human\", \"value\": \"Well?\"}]}]");
  const std::string arrivals = File("{\"at_seconds\": 0}");
  const auto said = [&](Arguments arguments) {
    arguments.insert(arguments.end(), {"--dataset", file});
    return PromptsOf(With(arguments))->MakeRequest(0).messages.at(0).content;
  };
  EXPECT_EQ(said({}), "Well?");
  EXPECT_EQ(said({"--format", "sharegpt"}), "Well?");
  EXPECT_THAT(MessageOf([&] {
                said({"--format", "openai-batch"});
              }),
              HasSubstr("--dataset: " + file + ":1: element 1: body: got \"no such field\""));
  ::setenv("LLMLOAD_FORMAT", "prompts", 1);
  EXPECT_THAT(MessageOf([&] { said({}); }), HasSubstr("conversations: got \"an unknown field\""));
  EXPECT_EQ(said({"--format", "sharegpt"}), "Well?");
  EXPECT_NO_THROW(With({}));
  ::setenv("LLMLOAD_FORMAT", "csv", 1);
  EXPECT_THAT(MessageOf([] { With({}); }), HasSubstr("LLMLOAD_FORMAT: got \"csv\""));
  ::unsetenv("LLMLOAD_FORMAT");
  // It is about the file that it fits to.
  const Arguments both = {"--profile", "trace:" + arrivals, "--dataset", file};
  for (const char* format : {"sharegpt", "arrivals"}) {
    Arguments arguments = both;
    arguments.insert(arguments.end(), {"--format", format});
    EXPECT_EQ(PromptsOf(Parse(arguments))->MakeRequest(0).messages.at(0).content, "Well?");
  }
  EXPECT_THAT(MessageOf([&] {
                Parse({"--profile", "trace:" + arrivals, "--format", "azure-trace"});
              }),
              HasSubstr(arrivals + ":1: line: got \"{\"at_seconds\": 0}\", expected the header"));
}

TEST_F(BenchOptionsTest, CriteriaAndObjectives) {
  const BenchOptions options = With(
      {"--slo", "ttft:p95<500ms", "--slo", "success>=0.95", "--good", "ttft<=1s,chunk_gap<=2s"});
  ASSERT_EQ(options.plan.criteria.size(), 2u);
  EXPECT_EQ(options.plan.criteria[1].metric().name(), "success rate");
  EXPECT_EQ(options.plan.objectives.ttft, Duration(1s));
  EXPECT_EQ(options.plan.objectives.chunk_gap, Duration(2s));
}

TEST_F(BenchOptionsTest, HowLongARunMayGoOnComesFromOptionThenEnvironment) {
  EXPECT_FALSE(With({}).plan.until_conclusive);
  const auto until = With({"--until-conclusive", "10m,requests=9000"}).plan.until_conclusive;
  ASSERT_TRUE(until);
  EXPECT_EQ(until->longest, Duration(10min));
  EXPECT_EQ(until->requests, 9000u);
  ::setenv("LLMLOAD_UNTIL_CONCLUSIVE", "5m", 1);
  EXPECT_EQ(With({}).plan.until_conclusive->longest, Duration(5min));
  ::unsetenv("LLMLOAD_UNTIL_CONCLUSIVE");
}

TEST_F(BenchOptionsTest, RulesThatEndAHopelessRun) {
  const auto rules =
      With({"--abort-when", "failures>50%", "--abort-when", "latency:p95>30s over 1m"})
          .plan.stop.abort_when;
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0], AbortRule{});
  EXPECT_EQ(rules[1].slower_than, Duration(30s));
  EXPECT_EQ(rules[1].window, Duration(1min));
}

TEST_F(BenchOptionsTest, WhatARightAnswerIs) {
  EXPECT_EQ(Describe(With({"--expect-answer", "json", "--expect-answer", "regex:a, b",
                           "--expect-answer", "echo"})
                         .plan.answer_checks),
            "is JSON; matches a, b; repeats the code at the end of its prompt");
}

TEST_F(BenchOptionsTest, OutputsComeFromOptionThenEnvironment) {
  const OutputSpec table{.kind = "table", .where = {}};
  const OutputSpec summary{.kind = "summary", .where = {}};
  const OutputSpec json{.kind = "json", .where = "r.json"};
  EXPECT_THAT(With({}).outputs, IsEmpty());
  EXPECT_THAT(With({"--json", "r.json"}).outputs, ElementsAre(json));
  EXPECT_THAT(With({"--output", "json=r.json", "--output", "summary"}).outputs,
              ElementsAre(json, summary));
  ::setenv("LLMLOAD_OUTPUT", "table", 1);
  EXPECT_THAT(With({}).outputs, ElementsAre(table));
  EXPECT_THAT(With({"--output", "summary"}).outputs, ElementsAre(summary));
  ::unsetenv("LLMLOAD_OUTPUT");
  EXPECT_TRUE(With({"--quiet"}).quiet);
}

TEST_F(BenchOptionsTest, HelpIsAskedForAndComplete) {
  EXPECT_FALSE(ParseBenchOptions({"--help"}));
  EXPECT_FALSE(ParseBenchOptions({"-h"}));
  const std::string help = BenchHelp();
  for (const char* part :
       {"--url", "--provider", "--rate", "--concurrency", "--profile", "--dataset", "--format",
        "--slo", "--json", "spike:BASE..PEAK", "ttft:STATISTIC", "Exit status", "5  the target"}) {
    EXPECT_THAT(help, HasSubstr(part));
  }
}

TEST_F(BenchOptionsTest, ErrorsNameOptionValueAndWhatIsAccepted) {
  struct Case {
    Arguments arguments;
    std::vector<std::string> said;
  };
  const std::vector<Case> cases = {
      {{}, {"no load", "--rate", "--concurrency", "--profile"}},
      {{"--rate", "x"}, {"--rate: got \"x\"", "requests per second"}},
      {{"--rate", "0"}, {"--rate: got \"0\"", "above 0"}},
      {{"--rate", "1", "--rate", "2"}, {"--rate"}},
      {{"--rate", "1", "--concurrency", "2"}, {"--concurrency: not together with --rate"}},
      {{"--rate", "1", "--profile", "constant:1,1s"}, {"--profile: not together with --rate"}},
      {{"--rate", "1", "--arrivals", "even"}, {"--arrivals: got \"even\"", "constant, poisson"}},
      {{"--rate", "1", "--requests", "0"}, {"--requests: got \"0\"", "from 1 to"}},
      {{"--rate", "10000", "--requests", "1000000001"},
       {"--requests: got", "from 1 to 1000000000"}},
      {{"--rate", "1", "--requests", "5", "--cool-down", "1s"}, {"--cool-down: needs --duration"}},
      {{"--rate", "1", "--requests", "5", "--warm-up", "5s"}, {"--requests", "before --warm-up"}},
      {{"--rate", "1/h", "--requests", "1000"}, {"--requests", "longer than 720h"}},
      {{"--num-prompts", "5"}, {"--num-prompts: unknown option; use --requests N"}},
      {{"--rat", "5"}, {"--rat: unknown option; did you mean --rate?"}},
      {{"http://127.0.0.1/v1"}, {"a URL without an option: give it as --url URL"}},
      {{"--rate", "1", "5"}, {"an argument without an option"}},
      {{"--rate", "1", "--think-time", "5s"}, {"--think-time", "without --concurrency"}},
      {{"--rate", "1", "--duration", "5"}, {"--duration: got \"5\"", "with its unit"}},
      {{"--rate", "1", "--duration", "0s"}, {"--duration: got \"0s\"", "above 0"}},
      {{"--rate", "1", "--warm-up", "x"}, {"--warm-up: got \"x\""}},
      {{"--rate", "1", "--duration", "720h", "--warm-up", "1h"}, {"--rate and --duration", "days"}},
      {{"--rate", "1", "--max-in-flight", "0"}, {"--max-in-flight: got \"0\"", "from 1 to"}},
      {{"--rate", "1", "--until-conclusive", "soon"},
       {"--until-conclusive: got \"soon\"", "a time above 0"}},
      {{"--rate", "1", "--until-conclusive", "10m,looks=9"},
       {"--until-conclusive: got \"10m,looks=9\"", "TIME[,requests=N][,first-look=TIME]"}},
      {{"--rate", "1", "--abort-when", "cost>5"},
       {"--abort-when: got \"cost>5\"", "failures>SHARE or latency:PERCENTILE>TIME"}},
      {{"--rate", "1", "--expect-answer", "xml"},
       {"--expect-answer: got \"xml\"", "json, echo or regex:PATTERN"}},
      {{"--rate", "1", "--expect-answer", "regex:(a"}, {"--expect-answer", "at character 3"}},
      {{"--rate", "1", "--workers", "0"}, {"--workers: got \"0\"", "from 1 to 256"}},
      {{"--rate", "1", "--seed", "-1"}, {"--seed"}},
      {{"--rate", "1", "--seed", "many"}, {"--seed: got \"many\""}},
      {{"--concurrency", "0"}, {"--concurrency: got \"0\"", "from 1 to 100000"}},
      {{"--concurrency", "1", "--requests", "0"}, {"--requests: got \"0\""}},
      {{"--concurrency", "1", "--arrivals", "poisson"}, {"--arrivals", "with --concurrency"}},
      {{"--concurrency", "1", "--max-in-flight", "9"}, {"--max-in-flight", "closed loop"}},
      {{"--concurrency", "1", "--requests", "5", "--cool-down", "1s"},
       {"--cool-down: needs --duration"}},
      {{"--concurrency", "1", "--duration", "720h", "--warm-up", "1h"}, {"--duration", "720h"}},
      {{"--profile", "nothing"}, {"--profile phase 1", "shape"}},
      {{"--profile", "constant:1,1s", "--duration", "5s"}, {"--duration", "phases have theirs"}},
      {{"--profile", "constant:1,1s", "--warm-up", "5s"}, {"--warm-up", ",unmeasured"}},
      {{"--rate", "1", "--provider", "gpt"}, {"--provider: got \"gpt\"", "fake, openai, azure"}},
      {{"--rate", "1", "--provider", "fake", "--url", "http://x"}, {"--url", "embedded"}},
      {{"--rate", "1", "--url", ""}, {"--url"}},
      {{"--rate", "1", "--url", "http://x", "--ca-file", "/no/such"},
       {"--ca-file: got \"/no/such"}},
      {{"--rate", "1", "--prompt", "a", "--prompt-tokens", "5"},
       {"--prompt-tokens: not together with --prompt"}},
      {{"--rate", "1", "--prompt", ""}, {"--prompt"}},
      {{"--rate", "1", "--prompt-tokens", "0"}, {"--prompt-tokens: got \"0\"", "1 to 1000000"}},
      {{"--rate", "1", "--prompt-tokens", "9..3"}, {"--prompt-tokens: got \"9..3\"", "at most M"}},
      {{"--rate", "1", "--shared-prefix", "half"}, {"--shared-prefix: got \"half\"", "fraction"}},
      {{"--rate", "1", "--shared-prefix", "fraction=2"}, {"--shared-prefix fraction: got \"2\""}},
      {{"--rate", "1", "--shared-prefix", "prefix=1000000,prefixes=1000"}, {"--shared-prefix"}},
      {{"--rate", "1", "--dataset", "/no/such"}, {"--dataset", "/no/such"}},
      {{"--rate", "1", "--dataset-order", "random"}, {"--dataset-order", "without --dataset"}},
      {{"--rate", "1", "--dataset", "/dev/null", "--dataset-order", "up"},
       {"--dataset-order: got \"up\"", "sequential, random"}},
      {{"--rate", "1", "--dataset", "/dev/null", "--format", "csv"},
       {"--format: got \"csv\"", "one of: prompts, sharegpt, openai-batch, arrivals, azure-trace"}},
      {{"--rate", "1", "--format", "sharegpt"}, {"--format", "without --dataset", "sharegpt"}},
      {{"--rate", "1", "--dataset", "/dev/null", "--format", "azure-trace"},
       {"--dataset: /dev/null:1: line: got \"\"", "the header TIMESTAMP"}},
      {{"--rate", "1", "--dataset", "/dev/null", "--format", "arrivals"},
       {"--format", "without --profile trace:FILE, which arrivals"}},
      {{"--rate", "1", "--format", "azure-trace"},
       {"--format", "without --dataset or --profile trace:FILE, which azure-trace"}},
      {{"--rate", "1", "--max-tokens", "0"}, {"--max-tokens: got \"0\"", "from 1 to 1000000"}},
      {{"--rate", "1", "--stream", "--no-stream"}, {"--no-stream: not together with --stream"}},
      {{"--rate", "1", "--slo", "ttft<1s"}, {"--slo \"ttft<1s\"", "statistic"}},
      {{"--rate", "1", "--output", "html"},
       {"--output: got \"html\"", "json, records, records-with-text, csv, table, summary"}},
      {{"--rate", "1", "--output", "json="}, {"--output: got \"json=\"", "after '='"}},
      {{"--rate", "1", "--json", ""}, {"--json"}},
      {{"--rate", "1", "--api-key", "sk-1"}, {"--api-key"}},
      {{"--rate", "1", "stray"}, {"an argument without an option"}},
  };
  for (const Case& c : cases) {
    const std::string message = MessageOf([&] { Parse(c.arguments); });
    std::string line;
    for (const std::string& argument : c.arguments) line += argument + " ";
    EXPECT_NE(message, "") << line;
    for (const std::string& part : c.said) EXPECT_THAT(message, HasSubstr(part)) << line;
  }
}

}  // namespace
}  // namespace llmload::tools
