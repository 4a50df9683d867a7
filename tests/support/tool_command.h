// The llmload command as a child process. LLMLOAD_TOOL is its path.
#ifndef LLMLOAD_TESTS_SUPPORT_TOOL_COMMAND_H_
#define LLMLOAD_TESTS_SUPPORT_TOOL_COMMAND_H_

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace llmload::test_support {

/// Runs until it ends by itself, or is killed by the destructor. Not thread-safe.
class ToolCommand {
 public:
  enum class Errors : std::uint8_t {
    kWithOutput,  ///< standard error goes where standard output goes
    kApart,       ///< it is kept for `ErrorOutput`
  };

  /// A limit of the process, as `setrlimit` takes it: RLIMIT_FSIZE, RLIMIT_AS.
  struct Limit {
    int resource;
    rlim_t value;
  };

  explicit ToolCommand(std::vector<std::string> arguments, Errors errors = Errors::kWithOutput,
                       std::optional<Limit> limit = std::nullopt) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return;
    if (errors == Errors::kApart) errors_ = std::tmpfile();
    const int error_output = errors_ != nullptr ? fileno(errors_) : pipe_ends[1];
    arguments.insert(arguments.begin(), LLMLOAD_TOOL);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      dup2(error_output, STDERR_FILENO);
      close(pipe_ends[0]);
      close(pipe_ends[1]);
      if (limit) {
        const rlimit both{limit->value, limit->value};
        setrlimit(static_cast<__rlimit_resource>(limit->resource), &both);
      }
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(pipe_ends[1]);
    output_ = fdopen(pipe_ends[0], "r");
  }
  ~ToolCommand() {
    if (running_) {
      Signal(SIGKILL);
      Wait();
    }
    if (output_ != nullptr) fclose(output_);
    if (errors_ != nullptr) fclose(errors_);
  }
  ToolCommand(const ToolCommand&) = delete;
  ToolCommand& operator=(const ToolCommand&) = delete;

  /// The next line of the output, without its end.
  std::string Line() {
    std::string line;
    for (int c = fgetc(output_); c != EOF && c != '\n'; c = fgetc(output_)) {
      line.push_back(static_cast<char>(c));
    }
    return line;
  }
  /// Everything until the output is closed.
  std::string Rest() { return ReadAll(output_); }
  /// All of standard error, if it is kept apart. Call it after `Wait`.
  std::string ErrorOutput() {
    if (errors_ == nullptr) return {};
    std::rewind(errors_);
    return ReadAll(errors_);
  }
  void Signal(int signal) const {
    if (pid_ > 0) kill(pid_, signal);
  }
  /// The exit status; -1 if it died of a signal.
  int Wait() {
    int status = 0;
    if (pid_ > 0) waitpid(pid_, &status, 0);
    running_ = false;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t pid() const noexcept { return pid_; }

 private:
  static std::string ReadAll(std::FILE* file) {
    std::string text;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) text.push_back(static_cast<char>(c));
    return text;
  }

  pid_t pid_ = -1;
  bool running_ = true;
  std::FILE* output_ = nullptr;
  std::FILE* errors_ = nullptr;
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_TOOL_COMMAND_H_
