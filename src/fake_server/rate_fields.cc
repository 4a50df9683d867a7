#include "src/fake_server/rate_fields.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace llmload::fake_server {
namespace {

using std::chrono::milliseconds;

struct TokenLimit {
  std::int64_t limit = 0;
  std::int64_t used = 0;

  std::int64_t Remaining() const { return std::max<std::int64_t>(0, limit - used); }
  /// Until what is used has come back, as it does within a minute.
  Duration Reset() const {
    const double share = static_cast<double>(used) / static_cast<double>(limit);
    return std::chrono::duration_cast<Duration>(std::min(share, 1.0) * std::chrono::minutes(1));
  }
};

// "2026-11-24T09:30:00Z": the end of `wait`, not before it.
std::string InstantAfter(Duration wait, std::chrono::seconds clock_offset) {
  const auto at = std::chrono::system_clock::now() + clock_offset +
                  std::chrono::ceil<std::chrono::microseconds>(wait);
  const std::time_t time = std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch()).count();
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 80> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900,
                    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

void AppendOpenAi(HeadWriter& head, const RateState& rate, const TokenLimit& tokens) {
  head.Field("x-ratelimit-limit-requests", rate.limit)
      .Field("x-ratelimit-limit-tokens", tokens.limit)
      .Field("x-ratelimit-remaining-requests", rate.remaining)
      .Field("x-ratelimit-remaining-tokens", tokens.Remaining())
      .Field("x-ratelimit-reset-requests", GoDuration(rate.reset))
      .Field("x-ratelimit-reset-tokens", GoDuration(tokens.Reset()));
}

void AppendAnthropic(HeadWriter& head, const RateState& rate, const TokenLimit& input) {
  constexpr std::int64_t kOutputLimit = 400'000;
  const auto instant = [&rate](Duration wait) { return InstantAfter(wait, rate.clock_offset); };
  head.Field("anthropic-ratelimit-requests-limit", rate.limit)
      .Field("anthropic-ratelimit-requests-remaining", rate.remaining)
      .Field("anthropic-ratelimit-requests-reset", instant(rate.reset))
      .Field("anthropic-ratelimit-input-tokens-limit", input.limit)
      .Field("anthropic-ratelimit-input-tokens-remaining", input.Remaining())
      .Field("anthropic-ratelimit-input-tokens-reset", instant(input.Reset()))
      .Field("anthropic-ratelimit-output-tokens-limit", kOutputLimit)
      .Field("anthropic-ratelimit-output-tokens-remaining", kOutputLimit)
      .Field("anthropic-ratelimit-output-tokens-reset", instant(Duration::zero()));
}

}  // namespace

std::string GoDuration(Duration duration) {
  const std::int64_t all = std::chrono::ceil<milliseconds>(duration).count();
  if (all == 0) return "0s";
  if (all < 1000) return std::to_string(all) + "ms";
  const std::int64_t hours = all / 3'600'000;
  const std::int64_t minutes = all / 60'000 % 60;
  std::string text;
  if (hours > 0) text += std::to_string(hours) + "h";
  if (hours > 0 || minutes > 0) text += std::to_string(minutes) + "m";
  text += std::to_string(all / 1000 % 60);
  if (const std::int64_t rest = all % 1000; rest > 0) {
    std::string fraction = std::to_string(1000 + rest).substr(1);
    fraction.resize(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text + "s";
}

void AppendRateFields(HeadWriter& head, Protocol protocol, const RateState& rate,
                      std::int64_t prompt_tokens) {
  const TokenLimit tokens{.limit = 2'000'000, .used = prompt_tokens};
  switch (protocol) {
    case Protocol::kOpenAi:
      return AppendOpenAi(head, rate, tokens);
    case Protocol::kAzure:
      head.Field("x-ratelimit-remaining-requests", rate.remaining)
          .Field("x-ratelimit-remaining-tokens", tokens.Remaining());
      return;
    case Protocol::kAnthropic:
      return AppendAnthropic(head, rate, tokens);
    default:
      return;
  }
}

}  // namespace llmload::fake_server
