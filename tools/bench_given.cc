#include "tools/bench_given.h"

#include "llmload/core/environment.h"
#include "tools/arguments.h"
#include "tools/bench_help.h"

namespace llmload::tools {

Given::Given(const std::vector<std::string>& arguments)
    : values_(ReadArguments(arguments, DescribeBenchOptions(), "bench")) {}

const char* Given::OneOf(std::initializer_list<const char*> names) const {
  const char* found = nullptr;
  for (const char* name : names) {
    if (!Has(name)) continue;
    if (found != nullptr) {
      throw ConfigurationError(Option(name) + ": not together with " + Option(found));
    }
    found = name;
  }
  return found;
}

void Given::Refuse(std::initializer_list<const char*> names, const std::string& where) const {
  for (const char* name : names) {
    if (Has(name)) throw ConfigurationError(Option(name) + ": has no meaning " + where);
  }
}

}  // namespace llmload::tools
