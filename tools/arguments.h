// Reads the arguments of a command, and knows what was meant by an option that does not exist.
#ifndef LLMLOAD_TOOLS_ARGUMENTS_H_
#define LLMLOAD_TOOLS_ARGUMENTS_H_

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace llmload::tools {

/// The options that `arguments` give. Abbreviations are refused, since one that works today could
/// mean another option tomorrow.
///
/// Throws `ConfigurationError` for an option that does not exist, with the one that was probably
/// meant, and for an argument that is no option; an error of Boost.ProgramOptions for a value that
/// is missing or too many. No message holds a value: it may be a key. `command` is what to ask for
/// help.
boost::program_options::variables_map ReadArguments(
    const std::vector<std::string>& arguments,
    const boost::program_options::options_description& description, std::string_view command);

/// A sentence on an option `name` that does not exist, as in "--num-requests: unknown option; use
/// --requests N". It knows the names that other load generators have for what `ours` do, and the
/// names among `ours` that are spelt alike.
std::string AboutUnknownOption(std::string_view name, const std::vector<std::string>& ours);

/// An option of another load generator.
struct NeighbourOption {
  std::string_view theirs;  ///< with its dashes
  std::string_view here;    ///< what to write here, with each of our options
};

/// Those that `AboutUnknownOption` knows.
const std::vector<NeighbourOption>& NeighbourOptions();

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_ARGUMENTS_H_
