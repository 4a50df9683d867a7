// Asks a service one question for each line of standard input, all of them at once, and writes what
// llmload makes of each answer to standard output: one JSON object a line, in the order of the
// input.
//
// Usage: ask_provider PROVIDER URL
//
// PROVIDER is a name of `LLMLOAD_PROVIDER`; the target is that of load tests, with the same
// variables of the environment. A line is "stream DEADLINE_MS MODEL" or "whole DEADLINE_MS MODEL".
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <deque>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "llmload/service/target.h"
#include "src/core/text/json_cursor.h"
#include "tests/support/real_time.h"

namespace llmload {
namespace {

struct Question {
  Target target;
  CompletionRequest request;
  std::optional<Result<Completion>> answer = {};
  std::exception_ptr thrown = nullptr;
};

void AppendMember(std::string& line, std::string_view name, std::string_view text) {
  line.append(line.empty() ? "{\"" : ",\"").append(name).append("\":");
  text::AppendJsonString(text, line);
}

void AppendMember(std::string& line, std::string_view name, std::int64_t number) {
  line.append(line.empty() ? "{\"" : ",\"").append(name).append("\":");
  line.append(std::to_string(number));
}

std::string Told(const Result<Completion>& answer) {
  std::string line;
  if (answer) {
    AppendMember(line, "kind", "success");
    AppendMember(line, "text", answer->text);
    AppendMember(line, "finish", answer->finish_reason);
    AppendMember(line, "input", answer->usage.input);
    AppendMember(line, "output", answer->usage.output);
  } else {
    const Error& error = answer.error();
    AppendMember(line, "kind", ToString(error.kind));
    AppendMember(line, "class", ToString(Classify(error.kind)));
    AppendMember(line, "status", error.http_status);
    AppendMember(line, "code", error.provider_code);
    AppendMember(line, "message", error.message);
  }
  return line.append("}\n");
}

void Run(ProviderChoice choice, const std::string& url) {
  boost::asio::io_context context(1);
  std::deque<Question> questions;  // the requests stay where they are while their calls go on
  std::string how;
  std::string model;
  int deadline_ms = 0;
  while (std::cin >> how >> deadline_ms >> model) {
    // Azure's deployment belongs to the provider and not to the request.
    questions.push_back(
        {.target = TargetFromEnvironment(choice, SystemClock::Instance(),
                                         {.url = url, .deployment = model, .ca_file = {}}),
         .request = {
             .model = model,
             .messages = {{.content = "Say something."}},
             .max_tokens = 100,
             .stream = how == "stream",
             .deadline = test_support::RealTimeIn(std::chrono::milliseconds(deadline_ms))}});
    Question& question = questions.back();
    if (!question.target.provider) throw std::runtime_error(question.target.unavailable);
    boost::asio::co_spawn(context, question.target.provider->Complete(question.request, nullptr),
                          [&question](const std::exception_ptr& thrown, Result<Completion> answer) {
                            question.thrown = thrown;
                            question.answer = std::move(answer);
                          });
  }
  context.run();
  for (const Question& question : questions) {
    if (question.thrown) std::rethrow_exception(question.thrown);
    std::cout << Told(*question.answer);
  }
}

}  // namespace
}  // namespace llmload

int main(int argc, char** argv) {
  try {
    const auto choice = argc == 3 ? llmload::ProviderOfName(argv[1]) : std::nullopt;
    if (!choice) throw std::runtime_error("usage: ask_provider PROVIDER URL");
    llmload::Run(*choice, argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ask_provider: %s\n", error.what());
    return 1;
  }
  return 0;
}
