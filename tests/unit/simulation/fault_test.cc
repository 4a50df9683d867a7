// Which faults make sense, and which side can show them.
#include "llmload/simulation/fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload::simulation {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Check>
std::optional<std::string> Refusal(Check check) {
  try {
    check();
    return std::nullopt;
  } catch (const ConfigurationError& error) {
    return error.what();
  }
}

Fault Sound(FaultKind kind) { return {.kind = kind, .delay = seconds(1), .bytes = 1000}; }

TEST(FaultKinds, EachShowsOnOneSideAtLeastAndIsRefusedByTheOtherByName) {
  const std::set<FaultKind> simulation_only = {FaultKind::kConnectionRefused,
                                               FaultKind::kNeverReturns};
  const std::set<FaultKind> on_both_sides = {
      FaultKind::kHttpError,     FaultKind::kHang,       FaultKind::kSlowFirstToken,
      FaultKind::kStall,         FaultKind::kReset,      FaultKind::kCut,
      FaultKind::kMalformedJson, FaultKind::kErrorEvent, FaultKind::kExtraLatency};
  for (int i = 0; i < kFaultKindCount; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    const bool server = simulation_only.count(kind) == 0;
    const bool simulated = !server || on_both_sides.count(kind) > 0;
    EXPECT_EQ(CanShow(FaultSide::kFakeServer, kind), server) << ToString(kind);
    EXPECT_EQ(CanShow(FaultSide::kSimulatedProvider, kind), simulated) << ToString(kind);

    const auto by_server = Refusal([&] { Validate(Sound(kind), FaultSide::kFakeServer); });
    const auto by_simulation =
        Refusal([&] { Validate(Sound(kind), FaultSide::kSimulatedProvider); });
    EXPECT_EQ(by_server.has_value(), !server) << ToString(kind);
    EXPECT_EQ(by_simulation.has_value(), !simulated) << ToString(kind);
    const std::string name = "\"" + std::string(ToString(kind)) + "\"";
    if (by_server) {
      EXPECT_THAT(*by_server, AllOf(HasSubstr(name), HasSubstr("a kind that the fake server can")));
    }
    if (by_simulation) {
      EXPECT_THAT(*by_simulation,
                  AllOf(HasSubstr(name), HasSubstr("a kind that a simulated provider can")));
    }
  }
}

TEST(FaultKinds, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < kFaultKindCount; ++i) names.insert(ToString(static_cast<FaultKind>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kFaultKindCount));
}

TEST(FaultValidation, NamesTheFieldThatMakesNoSense) {
  struct Case {
    const char* field;
    std::function<void(Fault&)> change;
  };
  const std::vector<Case> cases = {
      {"fault.probability", [](Fault& f) { f.probability = -0.1; }},
      {"fault.status", [](Fault& f) { f.status = 200; }},
      {"fault.after_tokens", [](Fault& f) { f.after_tokens = -1; }},
      {"fault.delay", [](Fault& f) { f.delay = seconds(-1); }},
      {"fault.retry_after", [](Fault& f) { f.retry_after = seconds(-1); }},
      {"fault.from", [](Fault& f) { f.from = f.until = seconds(1); }},
      {"fault.period", [](Fault& f) { f.period = seconds(-1); }},
      {"fault.active", [](Fault& f) { f.period = seconds(1); }},
      {"fault.active", [](Fault& f) { f.active = seconds(1); }},
      {"fault.active",
       [](Fault& f) {
         f.period = seconds(1);
         f.active = seconds(2);
       }},
      {"fault.first_arrival", [](Fault& f) { f.first_arrival = 0; }},
      {"fault.model",
       [](Fault& f) {
         f.kind = FaultKind::kHangBeforeHandshake;
         f.model = "m";
       }},
  };
  EXPECT_NO_THROW(Validate(Fault{}));
  for (const Case& c : cases) {
    Fault fault;
    c.change(fault);
    const auto refusal = Refusal([&] { Validate(fault); });
    ASSERT_TRUE(refusal) << c.field;
    EXPECT_THAT(*refusal, HasSubstr(c.field));
  }
}

}  // namespace
}  // namespace llmload::simulation
