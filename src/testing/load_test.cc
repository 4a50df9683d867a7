#include "llmload/testing/load_test.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/metrics/local_process.h"
#include "llmload/provider/aws_credentials.h"
#include "llmload/report/progress.h"
#include "llmload/testing/deliver.h"
#include "src/net/url.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

constexpr Duration kCheckTimeout = std::chrono::seconds(30);

// An interruption is meant for the whole program, not for the test that happened to run.
bool g_interrupted = false;

// The port of a URL that points at this machine. A target need not be a URL: a simulation has none.
std::optional<std::uint16_t> LoopbackPort(const std::string& target) {
  try {
    const net::Url url = net::ParseBaseUrl("target", target);
    if (url.IsLoopback()) return url.port;
  } catch (const ConfigurationError&) {
  }
  return std::nullopt;
}

// The whole run would fail like this: say so at once.
bool IsHopeless(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTlsFailure:
    case ErrorKind::kCredential:
    case ErrorKind::kQuotaExhausted:
    case ErrorKind::kModelUnavailable:
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kContextLength:
    case ErrorKind::kUnexpectedRedirect:
      return true;
    default:
      return false;
  }
}

bool IsDown(ErrorKind kind) {
  return kind == ErrorKind::kDnsFailure || kind == ErrorKind::kConnectFailure ||
         kind == ErrorKind::kConnectTimeout;
}

}  // namespace

LoadTest::LoadTest() = default;
LoadTest::~LoadTest() = default;

void LoadTest::SetUp() {
  if (g_interrupted) GTEST_SKIP() << "an earlier load test was interrupted";
  try {
    if (IsGated() && !LoadTestsEnabled()) {
      GTEST_SKIP() << "load tests are off, because real calls cost money: SKIP_LOAD_TESTS=0 turns "
                      "them on";
    }
    environment_ = LoadTestEnvironment::Read();
    target_ = MakeTarget();
  } catch (const ConfigurationError& error) {
    FAIL() << "configuration: " << error.what();
  }
  if (!target_.provider) GTEST_SKIP() << "target unavailable: " << target_.unavailable;
  if (ChecksTarget()) CheckTarget();
  started_at_ = std::chrono::system_clock::now();
}

Target LoadTest::MakeTarget() {
  if (environment_.provider == ProviderChoice::kFake) return EmbeddedTarget();
  return TargetFromEnvironment(environment_.provider, TestClock());
}

Target LoadTest::EmbeddedTarget() {
  return TargetFromEnvironment(environment_.provider, TestClock());
}

void LoadTest::CheckTarget() {
  CompletionRequest request = MakeRequests({})(0);
  request.deadline = TestClock().Now() + kCheckTimeout;
  asio::io_context context(1);
  std::optional<Result<Completion>> outcome;
  std::exception_ptr failure;
  asio::co_spawn(context, target_.provider->Complete(request, nullptr),
                 [&](std::exception_ptr thrown, std::optional<Result<Completion>> result) {
                   failure = thrown;
                   outcome = std::move(result);
                 });
  TestClock().Run(context);
  if (failure) std::rethrow_exception(failure);
  if (!outcome || outcome->has_value()) return;
  const Error error = outcome->error();
  // A credential that was not even found is like a key that is not set.
  const bool no_credential =
      error.kind == ErrorKind::kCredential && error.provider_code == kNoAwsCredentials;
  if (IsDown(error.kind) || no_credential) {
    GTEST_SKIP() << "target unavailable: " << target_.url << ": " << Describe(error);
  }
  if (IsHopeless(error.kind)) {
    const bool refused = error.kind == ErrorKind::kCredential;
    FAIL() << "the first request to " << target_.url
           << " failed, and so would all others: " << Describe(error)
           << (refused && !target_.credential_help.empty() ? "\n" + target_.credential_help : "");
  }
}

std::vector<std::unique_ptr<ResourceProbe>> LoadTest::MakeProbes() {
  std::vector<std::unique_ptr<ResourceProbe>> probes;
  probes.push_back(ProcProbe::Self());
  std::optional<pid_t> server;
  if (environment_.local_pid) {
    server = static_cast<pid_t>(*environment_.local_pid);
  } else if (const auto port = LoopbackPort(target_.url)) {
    server = FindListeningProcess(*port);
  }
  if (server && *server != ::getpid()) {
    probes.push_back(std::make_unique<ProcProbe>("local server", *server));
  }
  return probes;
}

RequestFactory LoadTest::MakeRequests(const RequestOptions& options) const {
  CompletionRequest request;
  request.model = environment_.model;
  request.messages.push_back({.role = Role::kUser, .content = options.prompt});
  request.max_tokens = options.max_tokens;
  request.stream = options.stream;
  return [request](std::uint64_t) { return request; };
}

LoadResult LoadTest::RunLoad(LoadOptions load, std::optional<Duration> planned,
                             ResourceMonitor* resources) {
  ProgressPrinter progress(stdout);
  if (!TestClock().IsVirtual()) {
    load.progress_interval = std::chrono::seconds(1);
    load.on_progress = [&](const LiveCounters& counters, Duration elapsed) {
      ProgressSnapshot snapshot{.elapsed = elapsed, .total = planned, .counters = counters};
      if (resources != nullptr) {
        if (const auto sample = resources->Latest()) snapshot.rss_bytes = sample->rss_bytes;
      }
      progress.Update(snapshot);
    };
  }
  load.resources = resources;
  LoadGenerator generator(std::move(load), TestClock());
  LoadResult result = generator.Run(TargetProvider());
  progress.Finish();
  return result;
}

RunReport LoadTest::MakeReport(const LoadResult& result, const ResourceMonitor* resources) const {
  RunReport report;
  report.test_name = NameOfCurrentTest();
  report.started_at = started_at_;
  report.duration = result.duration;
  const ProviderIdentity& identity = target_.provider->Identity();
  report.configuration = {
      {"provider", identity.name},
      {"model", environment_.model},
      {"target", target_.url},
      {"seed", std::to_string(environment_.seed)},
      {"workers", std::to_string(result.workers)},
      {"planned requests", std::to_string(result.planned)},
  };
  if (!identity.credential.empty()) {
    report.configuration.emplace_back("credential", identity.credential);
  }
  if (result.unmeasured.scheduled > 0) {
    report.configuration.emplace_back("warm-up and cool-down requests",
                                      std::to_string(result.unmeasured.scheduled));
  }
  report.metrics = result.metrics;
  report.health = result.health;
  if (resources != nullptr) report.resources = resources->Summarise();
  report.interrupted = result.interrupted;
  if (!result.drained) {
    report.invalid_reasons.push_back("a provider call did not end even when it was cancelled");
  }
  return report;
}

void LoadTest::Conclude(RunReport report, const std::vector<Criterion>& criteria,
                        const ValidityLimits& limits) {
  Judge(report, criteria, limits);
  g_interrupted = g_interrupted || report.interrupted;
  report_ = std::move(report);
  DeliverReport(*report_, environment_.report_dir);
  Enforce(*report_);
}

void LoadTest::Enforce(const RunReport& report) {
  if (report.verdict != Verdict::kPass) ADD_FAILURE() << Explain(report);
}

}  // namespace llmload
