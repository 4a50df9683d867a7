#include "tools/profile_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "llmload/load/arrival_schedule.h"
#include "src/core/text/parse.h"
#include "tests/unit/tools/message_of.h"

namespace llmload::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

LoadProfile Parse(std::string_view spec) { return ParseProfile(spec, ArrivalPattern::kConstant); }

TEST(ProfileSpec, PhasesFollowEachOtherWithTheirOwnKeys) {
  const LoadProfile profile = ParseProfile(
      "constant:10/s,5s,unmeasured,name=warm-up; ramp:10..100/s,30s ;constant:600/min,1m,"
      "arrivals=constant",
      ArrivalPattern::kPoisson);
  ASSERT_EQ(profile.phases.size(), 3u);
  EXPECT_EQ(profile.phases[0].name, "warm-up");
  EXPECT_FALSE(profile.phases[0].measured);
  EXPECT_EQ(profile.phases[0].pattern, ArrivalPattern::kPoisson);
  EXPECT_TRUE(profile.phases[1].measured);
  EXPECT_EQ(profile.phases[2].pattern, ArrivalPattern::kConstant);
  EXPECT_EQ(ScheduleDuration(profile), 95s);
}

TEST(ProfileSpec, EachShapeIsWhatItSays) {
  const auto shape = [](std::string_view spec) { return Parse(spec).phases.at(0); };
  const auto constant = shape("constant:2.5,4s");
  EXPECT_EQ(std::get<ConstantRate>(constant.shape).per_second, 2.5);
  EXPECT_EQ(constant.duration, 4s);
  const auto ramp = shape("ramp:0..1200/min,1m");
  EXPECT_EQ(std::get<LinearRamp>(ramp.shape).from_per_second, 0);
  EXPECT_EQ(std::get<LinearRamp>(ramp.shape).to_per_second, 20);
  const auto units = shape("ramp:60/min..2/s,1m");
  EXPECT_EQ(std::get<LinearRamp>(units.shape).from_per_second, 1);
  EXPECT_EQ(std::get<LinearRamp>(units.shape).to_per_second, 2);
  const auto stairs = shape("stairs:10..100/s,5,60s");
  EXPECT_EQ(std::get<StairRamp>(stairs.shape).steps, 5u);
  EXPECT_EQ(stairs.duration, 60s);
  const auto spike = shape("spike:10..100/s,10s+5s+20s,rise=1s,fall=500ms");
  EXPECT_EQ(std::get<Spike>(spike.shape).base_per_second, 10);
  EXPECT_EQ(std::get<Spike>(spike.shape).peak_per_second, 100);
  EXPECT_EQ(std::get<Spike>(spike.shape).before, 10s);
  EXPECT_EQ(std::get<Spike>(spike.shape).rise, 1s);
  EXPECT_EQ(std::get<Spike>(spike.shape).hold, 5s);
  EXPECT_EQ(std::get<Spike>(spike.shape).fall, 500ms);
  EXPECT_EQ(spike.duration, 36'500ms);
  const auto sine = shape("sine:10..30/s,10s,1m");
  EXPECT_EQ(std::get<SineRate>(sine.shape).mean_per_second, 20);
  EXPECT_EQ(std::get<SineRate>(sine.shape).amplitude_per_second, 10);
  EXPECT_EQ(std::get<SineRate>(sine.shape).period, 10s);
}

TEST(ProfileSpec, StepsAndAPauseGiveTheArrivalsOfTheirRates) {
  EXPECT_THAT(
      CountArrivalsByPhase(Parse("steps:10/s:2s,50/s:1s;constant:0,5s;constant:20/s,500ms")),
      ElementsAre(70, 0, 10));
}

TEST(ProfileSpec, TraceIsReadFromItsFile) {
  const std::string path = ::testing::TempDir() + "llmload_trace_" + std::to_string(getpid());
  std::ofstream(path) << "{\"at_seconds\": 0}\n{\"at_seconds\": 1.5, \"input_tokens\": 9}\n";
  const LoadProfile profile = Parse("trace:" + path + ",speed=3");
  std::remove(path.c_str());
  const auto& replay = std::get<TraceReplay>(profile.phases.at(0).shape);
  EXPECT_EQ(replay.trace->entries().size(), 2u);
  EXPECT_EQ(replay.speed, 3);
  EXPECT_EQ(CountArrivals(profile), 2u);
}

TEST(ProfileSpec, ErrorsNamePhasePartValueAndWhatIsAccepted) {
  struct Case {
    const char* spec;
    std::vector<std::string> said;
  };
  const std::vector<Case> cases = {
      {"", {"phase 1 \"\"", "shape: got \"\"", "one of: constant, ramp"}},
      {"constant:1,5s;", {"phase 2 \"\"", "shape"}},
      {"constant", {"shape: got \"constant\"", "then \":\""}},
      {"wave:1,5s", {"shape: got \"wave\"", "sine, steps, trace"}},
      {"constant:1", {"parts: got \"1\"", "constant:RATE,TIME"}},
      {"constant:1,2s,3s", {"parts: got \"3\"", "constant:RATE,TIME"}},
      {"constant:-1,2s", {"rate: got \"-1\"", "requests per second"}},
      {"constant:nan,2s", {"rate: got \"nan\""}},
      {"constant:1e9,2s", {"rate: got \"1e9\"", "up to 1e7"}},
      {"constant:1/d,2s", {"rate: got \"1/d\"", "1000/min"}},
      {"constant:1,2", {"time: got \"2\"", "with its unit"}},
      {"constant:1,0s", {"time: got \"0s\"", "above 0"}},
      {"constant:1,2s,color=red", {"key: got \"color\"", "constant has"}},
      {"constant:1,2s,speed=2", {"key: got \"speed\""}},
      {"constant:1,2s,arrivals=even", {"arrivals: got \"even\"", "constant, poisson"}},
      {"constant:1,5s;ramp:10,5s", {"phase 2 \"ramp:10,5s\"", "rates: got \"10\"", "RATE..RATE"}},
      {"ramp:x..10/s,5s", {"first rate: got \"x/s\""}},
      {"ramp:1..y/s,5s", {"second rate: got \"y/s\""}},
      {"stairs:1..5/s,1,5s", {"stairs: got \"1\"", "2 to 10000"}},
      {"spike:1..5/s,5s", {"times: got \"5s\"", "T1+T2+T3"}},
      {"spike:1..5/s,5s+0s+5s", {"time at the peak: got \"0s\""}},
      {"sine:5..1/s,5s,5s", {"rates: got \"5..1/s\"", "the lower one first"}},
      {"steps:10/s", {"step: got \"10/s\"", "RATE:TIME"}},
      {"steps:10/s:x", {"time: got \"x\""}},
      {"trace:/no/such/file", {"/no/such/file"}},
      {"constant:0,5s", {"--profile \"constant:0,5s\"", "rate above 0"}},
      {"constant:1,720h;constant:1,1h", {"30 days"}},
  };
  for (const Case& c : cases) {
    const std::string message = MessageOf([&] { Parse(c.spec); });
    EXPECT_THAT(message, HasSubstr("--profile")) << c.spec;
    for (const std::string& part : c.said) EXPECT_THAT(message, HasSubstr(part)) << c.spec;
  }
}

TEST(OptionValues, TimesAndRatesHaveUnits) {
  EXPECT_EQ(text::ParseTime("t", "250us"), 250us);
  EXPECT_EQ(text::ParseTime("t", "1.5ms"), 1500us);
  EXPECT_EQ(text::ParseTime("t", "2m"), 120s);
  EXPECT_EQ(text::ParseTime("t", "2min"), 120s);
  EXPECT_EQ(text::ParseTime("t", "0.5h"), 1800s);
  EXPECT_EQ(text::ParseTime("t", "0"), 0s);
  EXPECT_EQ(text::ParseTime("t", "720h"), 720h);
  for (const char* bad : {"", "s", "5", "-1s", "1 s", "1e300s", "721h", "infs", "1sx"}) {
    EXPECT_THAT(MessageOf([&] { text::ParseTime("t", bad); }),
                HasSubstr("t: got \"" + std::string(bad) + "\", expected a time"));
  }
  EXPECT_EQ(text::ParseRate("r", "90"), 90);
  EXPECT_EQ(text::ParseRate("r", "90/min"), 1.5);
  EXPECT_EQ(text::ParseRate("r", "7200/h"), 2);
}

}  // namespace
}  // namespace llmload::tools
