#include "src/service/aws_fetch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/net/http_client.h"
#include "src/net/resolver.h"

// NOLINTNEXTLINE(readability-redundant-declaration): POSIX leaves it to the program; glibc does not
extern char** environ;

namespace llmload {
namespace {

constexpr std::size_t kMaxBody = 64 << 10;

Error Failed(ErrorKind kind, std::string message) {
  Error error;
  error.kind = kind;
  error.message = std::move(message);
  return error;
}

class BodyCollector final : public net::ResponseSink {
 public:
  Next OnHead(const net::ResponseHead& head, TimePoint) override {
    answer.status = head.status;
    return Next::kContinue;
  }
  Next OnBody(std::string_view bytes, TimePoint) override {
    if (answer.body.size() + bytes.size() > kMaxBody) return Next::kAbort;
    answer.body.append(bytes);
    return Next::kContinue;
  }
  bool HasOutput() const override { return false; }

  LocalAnswer answer;
};

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), text::IsControl);
}

// A child process and the read end of its standard output.
class Child {
 public:
  ~Child() {
    if (output_ >= 0) ::close(output_);
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);  // with its children: it leads a process group
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }

  // 0 or an error number.
  int Start(const std::string& command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    output_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    std::string shell = "/bin/sh";
    std::string flag = "-c";
    std::string text = command;
    std::array<char*, 4> arguments = {shell.data(), flag.data(), text.data(), nullptr};
    pid_t pid = 0;
    const int failure =
        ::posix_spawn(&pid, shell.c_str(), &actions, &attributes, arguments.data(), environ);
    if (failure == 0) pid_ = pid;
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    return failure;
  }

  int output() const { return output_; }

  // The exit status once it has ended; nullopt before.
  std::optional<int> TryWait() {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended != pid_) return {};
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
  int output_ = -1;
};

}  // namespace

Result<LocalAnswer> AskEndpoint(const LocalRequest& request) {
  namespace asio = boost::asio;
  // The base URL is checked like any other; its path is the request's.
  const std::size_t question = std::min(request.url.find('?'), request.url.size());
  const std::string base = request.url.substr(0, question);
  net::Url url;
  try {
    url = net::ParseBaseUrl("url", base);
  } catch (const ConfigurationError& error) {
    return Failed(ErrorKind::kInvalidRequest, error.what());  // parts of it come from a server
  }
  // A token that a server sent must not add header fields of its own.
  bool controls = HasControls(request.url);
  for (const auto& [name, value] : request.fields) controls |= HasControls(value.Reveal());
  if (controls) {
    return Failed(ErrorKind::kInvalidRequest, "the request would hold control characters");
  }
  net::Endpoint endpoint;
  endpoint.url = url;
  if (url.tls) endpoint.tls = std::make_shared<net::TlsContext>("", "");
  endpoint.resolver =
      std::make_shared<net::Resolver>(url.host, url.port, url.is_address, Duration::zero());
  net::HttpClient client({.endpoint = endpoint, .pool = {.max_idle_connections = 0}},
                         SystemClock::Instance());

  std::string head = request.method + " " + url.path;
  if (base.ends_with('/') || url.path.empty()) head.push_back('/');
  head += request.url.substr(question) + " HTTP/1.1\r\nHost: " + url.authority +
          "\r\nUser-Agent: llmload\r\n";
  for (const auto& [name, value] : request.fields) {
    head.reserve(head.size() + name.size() + value.Reveal().size() + 4);
    head.append(name).append(": ").append(value.Reveal()).append("\r\n");
  }
  const Secret kept(std::move(head));

  BodyCollector sink;
  std::optional<net::Exchange> exchange;
  asio::io_context context(1);
  const Duration timeout = request.timeout;
  asio::co_spawn(
      context,
      client.Send(kept.Reveal(), "",
                  {.connect = timeout,
                   .tls = timeout,
                   .first_token = timeout,
                   .idle = timeout,
                   .total = timeout},
                  sink),
      [&](const std::exception_ptr&, net::Exchange done) { exchange = std::move(done); });
  context.run();
  if (!exchange) return Failed(ErrorKind::kInternal, "the request did not end");
  if (exchange->failure) return Failed(exchange->failure->kind, exchange->failure->message);
  return std::move(sink.answer);
}

Result<std::string> RunCommand(const std::string& command, Duration timeout,
                               const std::atomic<bool>& stop) {
  const TimePoint deadline = std::chrono::steady_clock::now() + timeout;
  Child child;
  if (const int failure = child.Start(command); failure != 0) {
    return Failed(ErrorKind::kCredential,
                  std::string("cannot be started: ") + std::strerror(failure));
  }
  std::string output;
  bool open = true;
  while (true) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return Failed(ErrorKind::kCredential, "did not end within its time");
    }
    if (stop) return Failed(ErrorKind::kCredential, "was stopped");
    pollfd wait{.fd = open ? child.output() : -1, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, 20);
    if (ready > 0) {
      std::array<char, 4096> buffer{};
      const ssize_t size = ::read(child.output(), buffer.data(), buffer.size());
      if (size > 0) output.append(buffer.data(), static_cast<std::size_t>(size));
      if (size == 0) open = false;
      if (output.size() > kMaxBody) {
        return Failed(ErrorKind::kCredential,
                      "wrote more than " + std::to_string(kMaxBody) + " bytes");
      }
    }
    if (open) continue;
    if (const auto status = child.TryWait()) {
      if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return output;
      return Failed(ErrorKind::kCredential,
                    WIFEXITED(*status)
                        ? "ended with status " + std::to_string(WEXITSTATUS(*status))
                        : "was ended by signal " + std::to_string(WTERMSIG(*status)));
    }
  }
}

}  // namespace llmload
