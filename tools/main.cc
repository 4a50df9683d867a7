// The llmload command.
#include <unistd.h>

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/harmless.h"
#include "tools/bench_command.h"
#include "tools/console.h"
#include "tools/exit_status.h"
#include "tools/fake_server_command.h"
#include "tools/figures_command.h"

namespace {

constexpr std::string_view kUsage =
    "Usage: llmload COMMAND [OPTION]...\n"
    "\n"
    "Commands\n"
    "  bench         put a load on an LLM service, measure it and judge it\n"
    "  fake-server   run a fake LLM service (OpenAI protocol, HTTPS, scripted faults)\n"
    "  figures       list the names of all figures, with unit and meaning\n"
    "  version       print the version\n"
    "  help          print this text; `llmload COMMAND --help` prints the options of a command\n"
    "\n"
    "A first run, against the embedded fake service: llmload bench --rate 10/s --duration 10s\n";

int Run(const std::vector<std::string>& arguments) {
  const std::string command = arguments.empty() ? "" : arguments.front();
  const std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1),
                                      arguments.end());
  if (command == "bench") return llmload::tools::RunBench(rest);
  if (command == "fake-server") return llmload::tools::RunFakeServer(rest);
  if (command == "figures") return llmload::tools::RunFigures(rest);
  if (command == "version" || command == "--version") {
    std::cout << "llmload " LLMLOAD_VERSION "\n";
    return 0;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    llmload::tools::PrintFitted(stdout, kUsage);
    return 0;
  }
  if (command.empty()) {
    llmload::tools::PrintFitted(stderr, kUsage);
    return llmload::tools::kExitUsage;
  }
  throw llmload::ConfigurationError::Invalid("command", command,
                                             "one of: bench, fake-server, figures, version, help");
}

void Complain(const std::string& text) {
  llmload::tools::PrintMessage(stderr, "llmload: " + llmload::text::Harmless(text) + "\n");
}

// No memory, in whichever thread: without it nothing can be delivered any more.
[[noreturn]] void OutOfMemory() {
  constexpr std::string_view kText =
      "llmload: out of memory: lower the rate, the number of callers or --max-in-flight\n";
  static_cast<void>(!write(STDERR_FILENO, kText.data(), kText.size()));
  _exit(llmload::tools::kExitError);
}

// Boost throws bad_alloc itself where it allocates aligned memory, past the new-handler, and a
// coroutine may not be able to pass it on.
[[noreturn]] void Terminate() {
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    OutOfMemory();
  } catch (const std::exception& error) {
    Complain(error.what());
  } catch (...) {
  }
  std::abort();
}

// The message without the value of an option that does not exist: it may be a key
// ("--api-key=...").
std::string ShownUsageError(std::string text) {
  const std::size_t option = text.find("'-");
  const std::size_t equals = text.find('=', std::min(option, text.size()));
  const std::size_t quote = text.rfind('\'');
  if (option < equals && equals < quote) text.replace(equals + 1, quote - equals - 1, "(hidden)");
  return llmload::text::Harmless(text);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_new_handler(OutOfMemory);
  std::set_terminate(Terminate);
  // A closed pipe and a full file are errors of a write, which the commands report; they do not end
  // the program.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return Run({argv + 1, argv + argc});
  } catch (const llmload::ConfigurationError& error) {
    Complain(error.what());
  } catch (const boost::program_options::error& error) {
    Complain(ShownUsageError(error.what()) + " (llmload COMMAND --help lists the options)");
  } catch (const std::bad_alloc&) {
    OutOfMemory();
  } catch (const std::exception& error) {
    Complain(error.what());
    return llmload::tools::kExitError;
  }
  return llmload::tools::kExitUsage;
}
