// Many streams at once through the real provider: cost per event, delivery lag, memory (P2, P3, P4,
// P9).
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bench_support.h"
#include "llmload/core/clock.h"
#include "llmload/metrics/histogram.h"
#include "llmload/service/openai_provider.h"

namespace llmload::bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::uint64_t kConnectingAtOnce = 64;

double Milliseconds(Duration duration) { return static_cast<double>(duration.count()) * 1e-6; }

/// What all streams saw. One thread.
struct Observed {
  std::uint64_t events = 0;
  std::uint64_t unstamped = 0;
  std::uint64_t streams_begun = 0;  // had a token
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::string first_error;
  bool measuring = false;
  Histogram lag;
};

class Stamps final : public StreamObserver {
 public:
  explicit Stamps(Observed& observed) : observed_(observed) {}

  void OnToken(const TokenEvent& event) override {
    ++observed_.events;
    if (!begun_) ++observed_.streams_begun;
    begun_ = true;
    std::int64_t sent = 0;
    const char* const end = event.text.data() + event.text.size();
    if (!event.text.starts_with("t=") ||
        std::from_chars(event.text.data() + 2, end, sent).ec != std::errc()) {
      ++observed_.unstamped;
    } else if (observed_.measuring) {
      observed_.lag.Record(event.at.time_since_epoch() - std::chrono::nanoseconds(sent));
    }
  }

 private:
  Observed& observed_;
  bool begun_ = false;
};

asio::awaitable<void> OneStream(Provider& provider, const CompletionRequest& request,
                                Observed& observed) {
  Stamps stamps(observed);
  const Result<Completion> result = co_await provider.Complete(request, &stamps);
  if (result.has_value()) {
    ++observed.succeeded;
  } else {
    if (observed.failed++ == 0) observed.first_error = Describe(result.error());
  }
}

struct Settings {
  std::string item;
  int port = 0;
  std::string certificate;
  double settle = 0.5;
  double seconds = 5;
  StreamPlan plan;
};

/// What the measured window saw.
struct Window {
  double cpu = 0;
  double seconds = 0;
  double memory = 0;
  std::uint64_t events = 0;
};

asio::awaitable<void> Drive(asio::io_context& context, Provider& provider, const Settings& settings,
                            const CompletionRequest& request, Observed& observed, Window& window) {
  Clock& clock = SystemClock::Instance();
  const auto streams = static_cast<std::uint64_t>(settings.plan.streams);
  for (std::uint64_t started = 0; started < streams; ++started) {
    while (started - provider.Connections().tls_handshakes >= kConnectingAtOnce &&
           observed.failed == 0) {
      co_await clock.SleepFor(1ms);
    }
    asio::co_spawn(context, OneStream(provider, request, observed), asio::detached);
  }
  while (observed.streams_begun < streams && observed.failed == 0) co_await clock.SleepFor(5ms);
  co_await clock.SleepFor(
      std::chrono::nanoseconds(static_cast<std::int64_t>(settings.settle * 1e9)));
  observed.measuring = true;
  window.events = observed.events;
  window.cpu = CpuSeconds();
  const double begin = NowSeconds();
  co_await clock.SleepFor(
      std::chrono::nanoseconds(static_cast<std::int64_t>(settings.seconds * 1e9)));
  window.cpu = CpuSeconds() - window.cpu;
  window.seconds = NowSeconds() - begin;
  window.events = observed.events - window.events;
  window.memory = ResidentBytes();
  observed.measuring = false;
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  Settings settings;
  settings.item = arguments.Text("item", "P2");
  settings.port = arguments.Integer("port", 0);
  settings.certificate = arguments.Text("certificate");
  settings.settle = arguments.Number("settle", 0.5);
  settings.seconds = arguments.Number("seconds", 5);
  settings.plan.streams = arguments.Integer("streams", 400);
  settings.plan.rate = arguments.Number("rate", 40);
  settings.plan.spread = arguments.Number("spread", 1);
  // Until the slowest stream has begun, then the window, then a second to spare.
  settings.plan.events =
      static_cast<int>(settings.plan.rate * (settings.settle + settings.seconds)) + 2 +
      static_cast<int>(settings.plan.rate);
  arguments.Finish();
  RaiseDescriptorLimit();

  OpenAiOptions options;
  options.name = "local";
  options.base_url = "https://127.0.0.1:" + std::to_string(settings.port) + "/v1";
  options.http.ca_file = settings.certificate;
  options.api_key = Secret("sk-bench");
  // The server waits for all streams before it begins, and slow streams are asked for.
  options.http.timeouts = {
      .connect = 30s, .tls = 30s, .first_token = 300s, .idle = 300s, .total = 900s};
  OpenAiProvider provider(options);
  const CompletionRequest request{
      .model = "m",
      .messages = {{.role = Role::kUser, .content = settings.plan.Prompt()}},
      .stream = true};

  Observed observed;
  Window window;
  asio::io_context context(1);
  const double begin = CpuSeconds();
  asio::co_spawn(context, Drive(context, provider, settings, request, observed, window),
                 asio::detached);
  context.run();

  const std::string subject = (settings.plan.spread < 1 ? "llmload_steps@" : "llmload@") +
                              std::to_string(settings.plan.streams);
  PrintFigure(settings.item, subject, "events_per_cpu_second",
              static_cast<double>(window.events) / window.cpu);
  PrintFigure(settings.item, subject, "events_per_second",
              static_cast<double>(window.events) / window.seconds);
  PrintFigure(settings.item, subject, "lag_p50_ms",
              Milliseconds(observed.lag.Snapshot().ValueAtQuantile(0.5)));
  PrintFigure(settings.item, subject, "lag_p99_ms",
              Milliseconds(observed.lag.Snapshot().ValueAtQuantile(0.99)));
  PrintFigure(settings.item, subject, "rss_bytes", window.memory);
  PrintFigure(settings.item, subject, "cpu_seconds_outside", CpuSeconds() - begin - window.cpu);
  PrintFigure(settings.item, subject, "failed", static_cast<double>(observed.failed));
  const auto expected = static_cast<std::uint64_t>(settings.plan.streams) *
                        static_cast<std::uint64_t>(settings.plan.events);
  if (observed.failed == 0 && observed.unstamped == 0 && observed.events == expected) return 0;
  std::fprintf(stderr, "stream_client: %llu of %d streams failed, %llu of %llu events: %s\n",
               static_cast<unsigned long long>(observed.failed), settings.plan.streams,
               static_cast<unsigned long long>(observed.events),
               static_cast<unsigned long long>(expected), observed.first_error.c_str());
  return 1;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
