// The llmload command.
#include <boost/program_options/errors.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/environment.h"
#include "tools/bench_command.h"
#include "tools/exit_status.h"
#include "tools/fake_server_command.h"

namespace {

constexpr std::string_view kUsage =
    "Usage: llmload COMMAND [OPTION]...\n"
    "\n"
    "Commands\n"
    "  bench         put a load on an LLM service, measure it and judge it\n"
    "  fake-server   run a fake LLM service (OpenAI protocol, HTTPS, scripted faults)\n"
    "  version       print the version\n"
    "  help          print this text; `llmload COMMAND --help` prints the options of a command\n";

int Run(const std::vector<std::string>& arguments) {
  const std::string command = arguments.empty() ? "" : arguments.front();
  const std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1),
                                      arguments.end());
  if (command == "bench") return llmload::tools::RunBench(rest);
  if (command == "fake-server") return llmload::tools::RunFakeServer(rest);
  if (command == "version" || command == "--version") {
    std::cout << "llmload " LLMLOAD_VERSION "\n";
    return 0;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    std::cout << kUsage;
    return 0;
  }
  throw llmload::ConfigurationError::Invalid("command", command,
                                             "one of: bench, fake-server, version, help");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run({argv + 1, argv + argc});
  } catch (const llmload::ConfigurationError& error) {
    std::cerr << "llmload: " << error.what() << '\n';
  } catch (const boost::program_options::error& error) {
    std::cerr << "llmload: " << error.what() << " (llmload help, llmload COMMAND --help)\n";
  } catch (const std::exception& error) {
    std::cerr << "llmload: " << error.what() << '\n';
    return llmload::tools::kExitFail;
  }
  return llmload::tools::kExitUsage;
}
