// What a connection answers to a request: routing, credentials, limits.
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <utility>

#include "mocks/src/connection.h"
#include "mocks/src/http_response.h"

namespace llmload::mocks {
namespace {

enum class Route : std::uint8_t { kChat, kModels, kHealth, kOther };

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

Route RouteOf(std::string_view path) {
  if (path == "/healthz") return Route::kHealth;
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  if (path == "/chat/completions") return Route::kChat;
  if (path == "/models") return Route::kModels;
  return Route::kOther;
}

bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return boost::beast::iequals(type, "application/json");
}

ApiError WrongMethod(const HttpRequest& request, std::string_view path, std::string allow) {
  ApiError error;
  error.status = 405;
  error.message = "Not allowed to " + request.method + " on " + std::string(path) +
                  ". (HINT: Perhaps you meant to use a different HTTP method?)";
  error.allow = std::move(allow);
  return error;
}

ApiError WrongContentType(std::string_view content_type) {
  ApiError error;
  error.message = "Unsupported content type: '" + std::string(content_type) +
                  "'. This API method only accepts 'application/json' requests. Please try again "
                  "with a supported content type.";
  error.code = "unsupported_content_type";
  return error;
}

// In constant time, whatever the keys have in common.
bool IsOneOf(std::string_view key, const std::vector<Secret>& keys) {
  return std::any_of(keys.begin(), keys.end(), [key](const Secret& accepted) {
    const std::string_view text = accepted.Reveal();
    return text.size() == key.size() && CRYPTO_memcmp(text.data(), key.data(), key.size()) == 0;
  });
}

}  // namespace

void Connection::Serve(HttpRequest request) {
  state_ = State::kAnswer;
  worker_.timers().Cancel(*this);
  http_1_1_ = request.http_1_1;
  const std::string_view path = PathOf(request.target);
  const Route route = RouteOf(path);
  switch (route) {
    case Route::kChat:
      counters().chat_requests.Add();
      if (request.method == "POST") return ServeChat(std::move(request));
      break;
    case Route::kModels:
      counters().models_requests.Add();
      if (request.method == "GET") return ServeModels(request);
      break;
    case Route::kHealth:
      counters().health_requests.Add();
      if (request.method == "GET") {
        return AnswerText("application/json", "{\"status\":\"ok\"}\n", request.keep_alive);
      }
      break;
    case Route::kOther: {
      counters().other_requests.Add();
      counters().validation_failures.Add();
      ApiError error;
      error.status = 404;
      error.message = "Invalid URL (" + request.method + " " + std::string(path) + ")";
      return AnswerError(error, request.keep_alive);
    }
  }
  counters().validation_failures.Add();
  AnswerError(WrongMethod(request, path, route == Route::kChat ? "POST" : "GET"),
              request.keep_alive);
}

std::optional<ApiError> Connection::CheckKey(const HttpRequest& request) const {
  const auto& keys = worker_.state().options.api_keys;
  if (keys.empty()) return std::nullopt;
  constexpr std::string_view kScheme = "bearer ";
  std::string_view key = request.authorization;
  if (key.size() <= kScheme.size() ||
      !boost::beast::iequals(key.substr(0, kScheme.size()), kScheme)) {
    return MissingKey();
  }
  key.remove_prefix(kScheme.size());
  if (!IsOneOf(key, keys)) return WrongKey(key);
  return std::nullopt;
}

std::optional<ApiError> Connection::Admit(TimePoint now) {
  if (const auto wait = server().limiter.Take(now)) {
    counters().rate_limited.Add();
    return RateLimited(server().limiter.per_minute(), *wait);
  }
  admitted_ = true;
  const std::uint64_t level = counters().in_flight.Up();
  const auto& limit = server().options.max_concurrent;
  if (limit && level > static_cast<std::uint64_t>(*limit)) {
    ReleaseAdmission();
    counters().over_capacity.Add();
    ApiError error = ErrorForStatus(503, "", "");
    error.retry_after = std::chrono::seconds(1);
    return error;
  }
  return std::nullopt;
}

void Connection::ServeChat(HttpRequest request) {
  const TimePoint now = std::chrono::steady_clock::now();
  const std::uint64_t arrival = counters().arrivals.Next();
  server().arrivals.Add(now);
  std::optional<ApiError> refusal = CheckKey(request);
  if (!refusal && !IsJson(request.content_type)) refusal = WrongContentType(request.content_type);
  ChatRequest chat;
  if (!refusal) {
    auto parsed = ParseChatRequest(request.body, server().options);
    if (auto* error = std::get_if<ApiError>(&parsed)) {
      refusal = std::move(*error);
    } else {
      chat = std::move(std::get<ChatRequest>(parsed));
    }
  }
  if (refusal) {
    counters().validation_failures.Add();
    return AnswerError(*refusal, request.keep_alive);
  }
  admitted_stream_ = false;
  if ((refusal = Admit(now))) return AnswerError(*refusal, request.keep_alive);
  if (chat.stream) {
    admitted_stream_ = true;
    counters().streams.Up();
  }

  AnswerContext context;
  context.behaviour = worker_.behaviour();
  context.plan = context.behaviour->PlanArrival(arrival, now, chat.stream);
  context.arrival = arrival;
  context.arrived = now;
  context.http_1_1 = request.http_1_1;
  context.keep_alive = request.keep_alive;
  context.timestamp_tokens = server().options.timestamp_tokens;
  if (server().limiter.IsLimited()) {
    context.limit_requests = server().limiter.per_minute();
    context.remaining_requests = context.limit_requests - 1;
  }
  if (context.plan.fault != nullptr) {
    counters().CountFault(context.plan.fault->kind);
    if (context.plan.fault->kind == FaultKind::kRedirect) {
      context.redirect_base = server().base_url;
    }
  }
  if (context.plan.extra_latency > Duration::zero()) {
    counters().CountFault(FaultKind::kExtraLatency);
  }
  if (context.plan.close) counters().CountFault(FaultKind::kConnectionClose);
  if (context.plan.leak_bytes > 0) {
    counters().CountFault(FaultKind::kLeak);
    counters().leaked_bytes.Add(context.plan.leak_bytes);
    server().leaks.Keep(context.plan.leak_bytes);
  }
  answer_.emplace(std::move(chat), std::move(context), counters());
  Advance(now);
}

void Connection::ServeModels(const HttpRequest& request) {
  if (const auto refusal = CheckKey(request)) {
    counters().validation_failures.Add();
    return AnswerError(*refusal, request.keep_alive);
  }
  static const std::vector<std::string> kUsual = {"gpt-3.5-turbo", "gpt-4o", "gpt-4o-mini"};
  const auto& models = server().options.models.empty() ? kUsual : server().options.models;
  std::string body = "{\"object\":\"list\",\"data\":[";
  for (const std::string& model : models) {
    if (body.back() != '[') body.append(",");
    body.append("{\"id\":")
        .append(Quoted(model))
        .append(",\"object\":\"model\",\"created\":1677610602,\"owned_by\":\"openai\"}");
  }
  body.append("]}\n");
  AnswerText("application/json", body, request.keep_alive);
}

void Connection::AnswerText(std::string_view content_type, std::string_view body, bool keep_alive) {
  counters().CountAnswer(200);
  keep_alive = keep_alive && http_1_1_;
  HeadWriter(out_, 200, worker_.Date(std::chrono::steady_clock::now()))
      .Field("content-type", content_type)
      .Field("content-length", static_cast<std::int64_t>(body.size()))
      .End(keep_alive);
  out_.append(body);
  FinishAnswer(keep_alive ? Ending::kKeepAlive : Ending::kClose);
  Flush();
}

void Connection::AnswerError(const ApiError& error, bool keep_alive) {
  counters().CountAnswer(error.status);
  keep_alive = keep_alive && http_1_1_;
  const std::string request_id =
      "req_fake_" + std::to_string(number_) + "_" + std::to_string(counters().arrivals.Get());
  AppendError(out_, error, worker_.Date(std::chrono::steady_clock::now()), request_id, keep_alive);
  FinishAnswer(keep_alive ? Ending::kKeepAlive : Ending::kClose);
  Flush();
}

}  // namespace llmload::mocks
