// Answers that have to be right, and not only quick: in virtual time, against a simulated provider.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "llmload/testing/open_loop_test.h"

namespace {

using namespace llmload;
using namespace std::chrono_literals;

//! [right answers]
class RightAnswers : public SustainedLoadTest {
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.answer_checks = {
        AnswerMatches("[A-Za-z]"),  // some part of it matches a regular expression
        AnswerEchoes(),             // it belongs to this request, and to no other
        AnswerCheck("is short",     // what a function says; nothing is wrong with most
                    [](const CompletionRequest&, const Completion& answer) {
                      return answer.text.size() < 500
                                 ? std::nullopt
                                 : std::optional<std::string>("the answer is too long");
                    })};
    return plan;
  }
  World MakeWorld() override { return VirtualWorld(simulation::SimulationOptions{}); }
};

TEST_F(RightAnswers, AreAllThatCount) { RunAndJudge(); }
//! [right answers]

}  // namespace
