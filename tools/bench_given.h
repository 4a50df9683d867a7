// What was given on the command line of `llmload bench`.
#ifndef LLMLOAD_TOOLS_BENCH_GIVEN_H_
#define LLMLOAD_TOOLS_BENCH_GIVEN_H_

#include <boost/program_options/variables_map.hpp>
#include <initializer_list>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "src/core/text/parse.h"

namespace llmload::tools {

/// The options as texts, and what reads one of them. Errors name the option, the value and what is
/// accepted.
class Given {
 public:
  /// Throws as `ReadArguments` does.
  explicit Given(const std::vector<std::string>& arguments);

  bool Has(const char* name) const { return values_.count(name) > 0; }
  const std::string& Text(const char* name) const { return values_[name].as<std::string>(); }
  std::vector<std::string> Texts(const char* name) const {
    return Has(name) ? values_[name].as<std::vector<std::string>>() : std::vector<std::string>();
  }

  Duration Time(const char* name, Duration otherwise) const {
    return Has(name) ? text::ParseTime(Option(name), Text(name)) : otherwise;
  }
  template <class Number>
  Number Whole(const char* name, Number min, Number max, Number otherwise) const {
    if (!Has(name)) return otherwise;
    return text::ParseNumber<Number>(
        Option(name), Text(name), min, max,
        "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }

  /// Refuses two of `names` together. Returns the one that is given, or null.
  const char* OneOf(std::initializer_list<const char*> names) const;
  /// Refuses each of `names`, which mean nothing `where`.
  void Refuse(std::initializer_list<const char*> names, const std::string& where) const;

  static std::string Option(const char* name) { return std::string("--") + name; }

 private:
  boost::program_options::variables_map values_;
};

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_GIVEN_H_
