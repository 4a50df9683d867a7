#include "llmload/simulation/fault_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FaultSpec, ErrorEventTakesACode) {
  const Fault fault = ParseFault("error-event=2,code=throttlingException");
  EXPECT_EQ(fault.kind, FaultKind::kErrorEvent);
  EXPECT_EQ(fault.after_tokens, 2);
  EXPECT_EQ(fault.code, "throttlingException");
}

TEST(FaultSpec, ParsesStatusWithItsKeys) {
  const Fault fault = ParseFault("status=429,p=0.4,code=insufficient_quota,retry-after=1.5s");
  EXPECT_EQ(fault.kind, FaultKind::kHttpError);
  EXPECT_EQ(fault.status, 429);
  EXPECT_DOUBLE_EQ(fault.probability, 0.4);
  EXPECT_EQ(fault.code, "insufficient_quota");
  EXPECT_EQ(fault.retry_after, milliseconds(1500));
}

TEST(FaultSpec, ParsesWindowsOfTimeArrivalsAndModels) {
  const Fault outage = ParseFault("hang,from=10s,until=1m");
  EXPECT_EQ(outage.from, seconds(10));
  EXPECT_EQ(outage.until, seconds(60));
  const Fault flapping = ParseFault("hang,period=10s,active=2500ms,model=gpt-4o");
  EXPECT_EQ(flapping.period, seconds(10));
  EXPECT_EQ(flapping.active, milliseconds(2500));
  EXPECT_EQ(flapping.model, "gpt-4o");
  const Fault first = ParseFault("reset,first=5");
  EXPECT_EQ(first.first_arrival, 1U);
  EXPECT_EQ(first.last_arrival, 5U);
  for (const char* spec : {"reset,arrivals=3..7", "reset,arrivals=3-7"}) {
    EXPECT_EQ(ParseFault(spec).first_arrival, 3U) << spec;
    EXPECT_EQ(ParseFault(spec).last_arrival, 7U) << spec;
  }
}

TEST(FaultSpec, ParsesTheValueOfEveryKind) {
  EXPECT_EQ(ParseFault("latency=12s").delay, seconds(12));
  EXPECT_EQ(ParseFault("slow-first-token=250ms").delay, milliseconds(250));
  EXPECT_EQ(ParseFault("leak=200KB").bytes, 200U * 1024);
  EXPECT_EQ(ParseFault("cut=3,close=reset").after_tokens, 3);
  EXPECT_EQ(ParseFault("cut=3,close=reset").cut_mode, CutMode::kReset);
  EXPECT_EQ(ParseFault("cut,close=notify").cut_mode, CutMode::kCloseNotify);
  EXPECT_EQ(ParseFault("stall=2,for=3s").delay, seconds(3));
  EXPECT_EQ(ParseFault("drip=4,every=20ms").bytes, 4U);
  EXPECT_EQ(ParseFault("drip=4,every=20ms").delay, milliseconds(20));
  EXPECT_EQ(ParseFault("big-event=3MB,after=2").bytes, 3U << 20);
  EXPECT_EQ(ParseFault("big-event=3MB,after=2").after_tokens, 2);
  EXPECT_EQ(ParseFault("wrong-length=-10").length_error, -10);
  EXPECT_EQ(ParseFault("malformed=1").after_tokens, 1);
}

TEST(FaultSpec, WritesValuesAsTheOptionsOfBenchDo) {
  EXPECT_DOUBLE_EQ(ParseFault("status=500,p=40%").probability, 0.4);
  EXPECT_DOUBLE_EQ(ParseFault("status=500,p=2.5%").probability, 0.025);
  EXPECT_EQ(ParseFault("latency=500us").delay, std::chrono::microseconds(500));
  EXPECT_EQ(ParseFault("latency=2min").delay, std::chrono::minutes(2));
  EXPECT_EQ(ParseFault("hang,from=0,until=1h").until, std::chrono::hours(1));
}

TEST(FaultSpec, KnowsEveryKindByTheNameItPrints) {
  for (int i = 0; i < kFaultKindCount; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    std::string spec(ToString(kind));
    if (kind == FaultKind::kHttpError) spec += "=500";
    if (kind == FaultKind::kExtraLatency || kind == FaultKind::kSlowFirstToken) spec += "=1s";
    if (kind == FaultKind::kLeak) spec += "=1";
    EXPECT_EQ(ParseFault(spec).kind, kind) << spec;
    for (const FaultSide side : {FaultSide::kFakeServer, FaultSide::kSimulatedProvider}) {
      const bool listed =
          FaultSpecHelp(side).find("\n  " + std::string(ToString(kind))) != std::string::npos;
      EXPECT_EQ(listed, CanShow(side, kind)) << ToString(kind);
    }
  }
}

TEST(FaultSpec, RefusesNonsenseAndSaysWhatIsAccepted) {
  struct Case {
    const char* spec;
    const char* name;
    const char* accepted;
  };
  const std::vector<Case> cases = {
      {"", "fault kind", "one of: status, hang"},
      {"explode", "\"explode\"", "one of: status, hang"},
      {"status", "fault status", "a value after"},
      {"status=abc", "\"abc\"", "400 to 599"},
      {"status=200", "\"200\"", "400 to 599"},
      {"status=500,p=1.5", "\"1.5\"", "0 to 1"},
      {"status=500,p=140%", "\"140%\"", "0% to 100%"},
      {"status=500,p=nan", "\"nan\"", "0 to 1"},
      {"status=500,p", "fault p", "a value after"},
      {"status=500,every=1s", "\"every\"", "p, from, until, period"},
      {"hang=3", "\"3\"", "no value"},
      {"latency=12", "\"12\"", "a time with its unit"},
      {"latency=-1s", "\"-1s\"", "a time with its unit"},
      {"latency=0s", "fault.delay", "above 0"},
      {"leak=0", "fault.bytes", "at least 1"},
      {"leak=12parsecs", "\"12parsecs\"", "a size"},
      {"cut=3,close=softly", "\"softly\"", "abrupt, notify, reset"},
      {"hang,from=5s,until=5s", "fault.from", "before fault.until"},
      {"hang,period=5s", "fault.active", "above 0 with a fault.period"},
      {"hang,arrivals=5", "\"5\"", "N..M"},
      {"hang,arrivals=5..3", "fault.first_arrival", "at most fault.last_arrival"},
      {"hang,first=0", "\"0\"", "from 1"},
      {"wrong-length=0", "fault.length_error", "anything but 0"},
      {"hang,", "fault ", "a value after"},
  };
  for (const Case& c : cases) {
    try {
      ParseFault(c.spec);
      ADD_FAILURE() << c.spec << " was accepted";
    } catch (const ConfigurationError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(c.name), HasSubstr(c.accepted))) << c.spec;
    }
  }
}

}  // namespace
}  // namespace llmload::simulation
