#include "src/testing/conformance_checks.h"

#include <algorithm>
#include <utility>

#include "src/core/text/format.h"

namespace llmload::conformance {

CheckRun::CheckRun(const ConformanceSubject& subject, const ConformanceCheck& check)
    : subject_(subject),
      check_(check),
      virtual_clock_(subject.virtual_time ? std::make_optional<VirtualClock>() : std::nullopt),
      session_(clock(), virtual_clock_ ? &*virtual_clock_ : nullptr, subject.patience) {}

Clock& CheckRun::clock() {
  if (virtual_clock_) return *virtual_clock_;
  return SystemClock::Instance();
}

const ConformanceTarget& CheckRun::Make(const ConformanceFactory& factory, std::string_view state) {
  if (!factory) {
    throw NotOffered{"the subject offers no provider that is " + std::string(state)};
  }
  targets_.push_back(factory(clock()));
  if (targets_.back().provider == nullptr) {
    throw std::invalid_argument("the factory of the provider that is " + std::string(state) +
                                " returned null");
  }
  return targets_.back();
}

CompletionRequest CheckRun::Request(bool stream) const {
  CompletionRequest request = subject_.request;
  request.stream = stream;
  request.deadline = std::nullopt;
  return request;
}

bool CheckRun::MayAnswer(const Provider& provider, const std::string& name) const {
  const auto& names = subject_.answered_by;
  if (names.empty()) return name == provider.Identity().name;
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string CheckRun::NamesOf(const Provider& provider) const {
  std::string names;
  for (const std::string& name : subject_.answered_by) {
    names += (names.empty() ? "\"" : " or \"") + name + "\"";
  }
  return names.empty() ? "\"" + provider.Identity().name + "\"" : names;
}

void CheckRun::Violation(const std::string& what, const std::string& expected) {
  result_.violations.push_back(text::CleanLine(Redact(what, hidden_)) +
                               "\n  expected: " + text::CleanLine(expected) +
                               "\n  contract: " + std::string(check_.contract));
}

bool CheckRun::Returned(const Call& call) {
  if (!call.ended) {
    Violation(Describe(call) + ": it had not ended after " + Milliseconds(subject_.patience),
              "that it ends, with a completion or an error");
    return false;
  }
  if (call.thrown) {
    Violation(Describe(call) + ": it threw " + Describe(call.thrown),
              "an `Error` as a value; exceptions are bugs (" +
                  std::string("llmload/provider/provider.h, Provider::Complete)"));
    return false;
  }
  return true;
}

bool CheckRun::Succeeded(const Call& call) {
  if (!Returned(call)) return false;
  if (const Error* error = call.error()) {
    Violation(Describe(call) + ": it failed: " + llmload::Describe(*error), "a completion");
    return false;
  }
  return true;
}

std::string Describe(const Call& call) {
  return call.request.stream ? "streamed call" : "unary call";
}

std::string Describe(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return "an exception: " + std::string(exception.what());
  } catch (...) {
    return "something that is not a std::exception";
  }
}

std::string Milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         " ms";
}

}  // namespace llmload::conformance
