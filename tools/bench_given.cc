#include "tools/bench_given.h"

#include <boost/program_options.hpp>

#include "llmload/core/environment.h"
#include "tools/bench_help.h"

namespace llmload::tools {

namespace po = boost::program_options;

Given::Given(const std::vector<std::string>& arguments) {
  const po::options_description description = DescribeBenchOptions();
  // No guessing: an abbreviated option that works today could mean another one tomorrow.
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::store(po::command_line_parser(arguments)
                .options(description)
                .positional(po::positional_options_description())
                .style(style)
                .run(),
            values_);
  po::notify(values_);
}

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
