#include "llmload/service/aws_credentials.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/uri.h"
#include "src/service/aws_chain.h"
#include "src/service/aws_profile.h"
#include "src/service/http_settings.h"

namespace llmload {
namespace asio = boost::asio;

namespace {

// An id tells whose account it is, and goes with the secret into lists of stolen keys: messages and
// reports show which one it is without it.
std::string ShownKeyId(const std::string& access_key_id) {
  return "access key " + Secret(access_key_id).Fingerprint();
}

class FixedSource final : public AwsCredentialSource {
 public:
  explicit FixedSource(AwsCredentials credentials) : credentials_(std::move(credentials)) {}
  asio::awaitable<Result<AwsCredentials>> Get() override { co_return credentials_; }
  std::optional<AwsCredentials> TryGet() override { return credentials_; }
  void Invalidate() override {}
  std::string Describe() const override { return ShownKeyId(credentials_.access_key_id); }

 private:
  const AwsCredentials credentials_;
};

// One fetch and its waiters.
class Fetch {
 public:
  void Finish(Result<AwsCredentials> result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    done_ = true;
    for (const std::shared_ptr<Waiter>& waiter : waiters_) {
      asio::post(waiter->executor, [waiter] { waiter->timer.cancel(); });
    }
    waiters_.clear();
  }

  static asio::awaitable<Result<AwsCredentials>> Wait(std::shared_ptr<Fetch> fetch) {
    auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
    {
      const std::lock_guard lock(fetch->mutex_);
      if (fetch->done_) co_return *fetch->result_;
      fetch->waiters_.push_back(waiter);
    }
    const Registration registration(*fetch, waiter);
    static_cast<void>(co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable)));
    const std::lock_guard lock(fetch->mutex_);
    if (!fetch->done_) throw boost::system::system_error(asio::error::operation_aborted);
    co_return *fetch->result_;
  }

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& its_executor)
        : executor(its_executor), timer(its_executor, asio::steady_timer::time_point::max()) {}
    asio::any_io_executor executor;
    asio::steady_timer timer;
  };

  // Takes a waiter off the list however its coroutine ends, so that none is woken after its
  // io_context was destroyed.
  class Registration {
   public:
    Registration(Fetch& fetch, std::shared_ptr<Waiter> waiter)
        : fetch_(fetch), waiter_(std::move(waiter)) {}
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() {
      const std::lock_guard lock(fetch_.mutex_);
      std::erase(fetch_.waiters_, waiter_);
    }

   private:
    Fetch& fetch_;
    std::shared_ptr<Waiter> waiter_;
  };

  std::mutex mutex_;
  bool done_ = false;  // guarded by mutex_, as all that follows
  std::optional<Result<AwsCredentials>> result_;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

// Fetches block, so that each has a thread of its own.
class ChainSource final : public AwsCredentialSource {
 public:
  explicit ChainSource(AwsCredentialOptions options) : options_(std::move(options)) {}
  ~ChainSource() override {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  asio::awaitable<Result<AwsCredentials>> Get() override {
    std::shared_ptr<Fetch> fetch;
    {
      const std::lock_guard lock(mutex_);
      if (auto current = Current()) co_return *std::move(current);
      if (latest_ && latest_->has_error() && std::chrono::steady_clock::now() < retry_) {
        co_return *latest_;
      }
      fetch = JoinFetch();
    }
    co_return co_await Fetch::Wait(fetch);
  }

  std::optional<AwsCredentials> TryGet() override {
    const std::lock_guard lock(mutex_);
    return Current();
  }

  void Invalidate() override {
    const std::lock_guard lock(mutex_);
    latest_.reset();
  }

  std::string Describe() const override {
    if (!options_.access_key_id.empty()) return ShownKeyId(options_.access_key_id);
    return "profile " + options_.profile + ", container or instance";
  }

 private:
  std::chrono::system_clock::time_point Now() const {
    return options_.wall_clock ? options_.wall_clock() : std::chrono::system_clock::now();
  }
  static bool IsValid(const AwsCredentials& credentials,
                      std::chrono::system_clock::time_point now) {
    return !credentials.expires || now < *credentials.expires;
  }
  bool IsFresh(const AwsCredentials& credentials, std::chrono::system_clock::time_point now) const {
    if (!credentials.expires) return true;
    // A failed refresh is not repeated at every call.
    return now < *credentials.expires - options_.refresh_before || now < refresh_again_;
  }

  // The credentials that are still valid; starts to fetch new ones in time. Called with mutex_
  // held.
  std::optional<AwsCredentials> Current() {
    const auto now = Now();
    if (!latest_ || latest_->has_error() || !IsValid(**latest_, now)) return std::nullopt;
    if (!IsFresh(**latest_, now)) JoinFetch();
    return **latest_;
  }

  // Called with mutex_ held.
  std::shared_ptr<Fetch> JoinFetch() {
    if (fetch_) return fetch_;
    constexpr std::chrono::seconds kRefreshPause{30};
    refresh_again_ = Now() + kRefreshPause;
    fetch_ = std::make_shared<Fetch>();
    if (thread_.joinable()) thread_.join();  // of an earlier fetch, which has ended
    thread_ = std::thread([this, fetch = fetch_] { Run(*fetch); });
    return fetch_;
  }

  void Run(Fetch& fetch) {
    // How soon after a failure the sources are asked again.
    constexpr Duration kErrorPause = std::chrono::seconds(1);
    Result<AwsCredentials> fetched = FetchAwsCredentials(options_, stop_);
    {
      const std::lock_guard lock(mutex_);
      // An outage of the source does not remove credentials that are still valid.
      if (fetched.has_error() && latest_ && latest_->has_value() && IsValid(**latest_, Now())) {
        fetched = *latest_;
      }
      latest_ = fetched;
      retry_ = std::chrono::steady_clock::now() + kErrorPause;
      fetch_.reset();
    }
    fetch.Finish(std::move(fetched));
  }

  const AwsCredentialOptions options_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::optional<Result<AwsCredentials>> latest_;  // guarded by mutex_, as all that follows
  std::shared_ptr<Fetch> fetch_;                  // under way
  std::chrono::system_clock::time_point
      refresh_again_{};  // no earlier refresh while the old ones are valid
  TimePoint retry_{};    // on the steady clock: until then an error is returned again
  std::thread thread_;
};

std::string HomeFile(const char* name) {
  const auto home = environment::Text("HOME");
  return home ? *home + "/.aws/" + name : std::string();
}

std::string ContainerUri() {
  if (auto relative = environment::Text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    if (relative->front() != '/') {
      throw ConfigurationError::Invalid("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        text::ShownUrl(*relative), "a path that begins with /");
    }
    return "http://169.254.170.2" + *relative;
  }
  return environment::Text("AWS_CONTAINER_CREDENTIALS_FULL_URI").value_or("");
}

}  // namespace

std::shared_ptr<AwsCredentialSource> FixedAwsCredentials(AwsCredentials credentials) {
  CheckCredential("access_key_id", Secret(credentials.access_key_id));
  CheckCredential("secret_access_key", credentials.secret_access_key);
  CheckCredential("session_token", credentials.session_token);
  return std::make_shared<FixedSource>(std::move(credentials));
}

AwsCredentialOptions AwsCredentialOptions::FromEnvironment() {
  using environment::SecretText;
  using environment::Text;
  AwsCredentialOptions options;
  options.access_key_id = Text("AWS_ACCESS_KEY_ID").value_or("");
  options.secret_access_key = SecretText("AWS_SECRET_ACCESS_KEY").value_or(Secret());
  options.session_token = SecretText("AWS_SESSION_TOKEN").value_or(Secret());
  if (auto profile = Text("AWS_PROFILE")) {
    options.profile = std::move(*profile);
    options.profile_required = true;
  }
  options.credentials_file = Text("AWS_SHARED_CREDENTIALS_FILE").value_or(HomeFile("credentials"));
  options.config_file = Text("AWS_CONFIG_FILE").value_or(HomeFile("config"));
  options.container_uri = ContainerUri();
  options.container_token = SecretText("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or(Secret());
  options.container_token_file = Text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").value_or("");
  options.metadata_disabled =
      environment::OneOf("AWS_EC2_METADATA_DISABLED", {"true", "false"}) == "true";
  if (auto endpoint = Text("AWS_EC2_METADATA_SERVICE_ENDPOINT")) {
    options.metadata_endpoint = std::move(*endpoint);
  }
  options.web_identity_token_file = Text("AWS_WEB_IDENTITY_TOKEN_FILE").value_or("");
  return options;
}

std::shared_ptr<AwsCredentialSource> AwsCredentialChain(AwsCredentialOptions options) {
  return std::make_shared<ChainSource>(std::move(options));
}

std::optional<std::string> AwsRegionFromEnvironment() {
  if (auto region = environment::Text("AWS_REGION")) return region;
  if (auto region = environment::Text("AWS_DEFAULT_REGION")) return region;
  const AwsCredentialOptions options = AwsCredentialOptions::FromEnvironment();
  AwsProfile profile;
  LoadAwsProfile(options.config_file, options.credentials_file, options.profile, profile);
  if (profile["region"].empty()) return {};
  return profile["region"];
}

}  // namespace llmload
