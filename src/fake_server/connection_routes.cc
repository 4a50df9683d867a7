// What a connection answers to a request: routing, credentials, limits.
#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <utility>

#include "src/fake_server/connection.h"
#include "src/fake_server/credentials.h"
#include "src/fake_server/error_dialect.h"
#include "src/fake_server/http_response.h"

namespace llmload::fake_server {
namespace {

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return boost::beast::iequals(type, "application/json");
}

// The refusal, if the API does not take bodies of this type.
std::optional<ApiError> CheckContentType(Protocol protocol, std::string_view content_type) {
  switch (protocol) {
    case Protocol::kOllama:
      return {};  // It does not look: `curl -d` alone says that the body is a form.
    case Protocol::kInvokeAnthropic:
    case Protocol::kInvokeTitan:
      // JSON is meant if nothing is said; parameters are not understood.
      if (content_type.empty() || boost::beast::iequals(content_type, "application/json"))
        return {};
      return Invalid(protocol,
                     "The provided Content Type is invalid or not supported for this model");
    default:
      break;
  }
  if (IsJson(content_type)) return {};
  if (protocol != Protocol::kOpenAi) {
    return Invalid(protocol, "Content-Type has to be application/json");
  }
  ApiError error;
  error.message = "Unsupported content type: '" + std::string(content_type) +
                  "'. This API method only accepts 'application/json' requests. Please try again "
                  "with a supported content type.";
  error.code = "unsupported_content_type";
  return error;
}

std::string ModelJson(const std::string& model) {
  return "{\"id\":" + Quoted(model) +
         ",\"object\":\"model\",\"created\":1677610602,\"owned_by\":\"openai\"}";
}

}  // namespace

void Connection::Serve(const HttpRequest& request) {
  state_ = State::kAnswer;
  worker_.timers().Cancel(*this);
  http_1_1_ = request.http_1_1;
  head_only_ = request.method == "HEAD";
  const std::string path(PathOf(request.target));
  const Route route = RouteOf(request.target);
  protocol_ = route.protocol;
  switch (route.endpoint) {
    case Endpoint::kCompletion:
      counters().CountCompletion(route.protocol);
      if (request.method == "POST") return ServeChat(request, route);
      break;
    case Endpoint::kModels:
      counters().models_requests.Add();
      if (request.method == "GET") return ServeModels(request);
      break;
    case Endpoint::kModel:
      counters().models_requests.Add();
      if (request.method == "GET") return ServeModel(request, route.model);
      break;
    case Endpoint::kHealth:
      counters().health_requests.Add();
      if (request.method == "GET") {
        return AnswerText("application/json", "{\"status\":\"ok\"}\n", request.keep_alive);
      }
      break;
    case Endpoint::kOther:
      counters().other_requests.Add();
      counters().validation_failures.Add();
      return AnswerError(UnknownPath(protocol_, request.method, path), request.keep_alive);
  }
  counters().validation_failures.Add();
  AnswerError(WrongMethod(protocol_, request.method, path,
                          route.endpoint == Endpoint::kCompletion ? "POST" : "GET"),
              request.keep_alive);
}

std::optional<ApiError> Connection::CheckKey(const HttpRequest& request) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return CheckCredential(request, protocol_, server().options, now + server().options.clock_offset);
}

std::optional<ApiError> Connection::Admit(TimePoint now, RateState& rate) {
  rate = server().limiter.Take(now);
  rate.clock_offset = server().options.clock_offset;
  if (rate.wait) {
    counters().rate_limited.Add();
    return TooMany(protocol_, rate);
  }
  admitted_ = true;
  const std::uint64_t level = counters().in_flight.Up();
  const auto& limit = server().options.max_concurrent;
  if (limit && level > static_cast<std::uint64_t>(*limit)) {
    ReleaseAdmission();
    counters().over_capacity.Add();
    ApiError error = ErrorForStatus(protocol_, 503, "", "");
    error.retry_after = std::chrono::seconds(1);
    return error;
  }
  return std::nullopt;
}

void Connection::ServeChat(const HttpRequest& request, const Route& route) {
  const TimePoint now = std::chrono::steady_clock::now();
  const std::uint64_t arrival = counters().arrivals.Next();
  server().arrivals.Add(now);
  std::optional<ApiError> refusal = CheckKey(request);
  if (!refusal) refusal = CheckContentType(protocol_, request.content_type);
  if (!refusal && protocol_ == Protocol::kAnthropic && request.Get("anthropic-version").empty()) {
    refusal = Invalid(protocol_, "anthropic-version: header is required");
  }
  if (!refusal && !route.has_version) {
    refusal = UnknownPath(protocol_, request.method, PathOf(request.target));
  }
  ChatRequest chat;
  if (!refusal) {
    auto parsed = ParseRequest(request.body, route, server().options);
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
  AnswerContext context;
  if ((refusal = Admit(now, context.rate))) return AnswerError(*refusal, request.keep_alive);
  if (chat.stream) {
    admitted_stream_ = true;
    counters().streams.Up();
  }

  context.behaviour = worker_.behaviour();
  context.plan = context.behaviour->PlanArrival(arrival, now, chat.model, chat.stream);
  context.arrival = arrival;
  context.arrived = now;
  context.http_1_1 = request.http_1_1;
  context.keep_alive = request.keep_alive;
  context.timestamp_tokens = server().options.timestamp_tokens;
  context.multibyte_text = server().options.multibyte_text;
  if (!chat.prefixes.empty() &&
      (context.plan.fault == nullptr || context.plan.fault->kind != FaultKind::kHttpError)) {
    chat.cache = server().prompts.Use(chat.prefixes, now);
  }
  if (context.plan.fault != nullptr) {
    counters().CountFault(context.plan.fault->kind);
    if (context.plan.fault->kind == FaultKind::kRedirect) {
      // Of the same API: where a client follows, it is refused in the words it understands.
      context.redirect_to = server().origin + std::string(PathOf(request.target)) + "/elsewhere";
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
  if (protocol_ == Protocol::kOllama) return AnswerTags(models, request.keep_alive);
  std::string body = "{\"object\":\"list\",\"data\":[";
  for (const std::string& model : models) {
    if (body.back() != '[') body.append(",");
    body.append(ModelJson(model));
  }
  AnswerText("application/json", body + "]}\n", request.keep_alive);
}

void Connection::ServeModel(const HttpRequest& request, const std::string& model) {
  std::optional<ApiError> refusal = CheckKey(request);
  const auto& models = server().options.models;
  if (!refusal && !models.empty() &&
      std::find(models.begin(), models.end(), model) == models.end()) {
    refusal = UnknownModel(protocol_, model);
    refusal->message = "The model '" + model + "' does not exist";
    refusal->param = "model";
  }
  if (!refusal) return AnswerText("application/json", ModelJson(model) + "\n", request.keep_alive);
  counters().validation_failures.Add();
  AnswerError(*refusal, request.keep_alive);
}

void Connection::AnswerTags(const std::vector<std::string>& models, bool keep_alive) {
  std::string body = "{\"models\":[";
  for (const std::string& model : models) {
    if (body.back() != '[') body.append(",");
    body.append("{\"name\":")
        .append(Quoted(model))
        .append(",\"model\":")
        .append(Quoted(model))
        .append(",\"size\":2019393189,\"details\":{\"format\":\"gguf\"}}");
  }
  AnswerText("application/json; charset=utf-8", body + "]}", keep_alive);
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
  const std::size_t begin = out_.size();
  AppendError(out_, protocol_, error, worker_.Date(std::chrono::steady_clock::now()), request_id,
              keep_alive);
  constexpr std::string_view kEndOfHead = "\r\n\r\n";
  if (head_only_) out_.resize(out_.find(kEndOfHead, begin) + kEndOfHead.size());
  FinishAnswer(keep_alive ? Ending::kKeepAlive : Ending::kClose);
  Flush();
}

}  // namespace llmload::fake_server
