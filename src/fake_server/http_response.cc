#include "src/fake_server/http_response.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace llmload::fake_server {

std::string_view ReasonPhrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 424:
      return "Failed Dependency";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 529:
      return "Site is overloaded";
    default:
      return status < 500 ? "Client Error" : "Server Error";
  }
}

std::string HttpDate(std::chrono::seconds offset) {
  // Not strftime: its names follow the locale of the process.
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr) + offset.count();
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 96> text{};
  const int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %d %02d:%02d:%02d GMT",
                                 kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                                 kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                                 utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

void AppendNumber(std::string& out, std::int64_t number) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

HeadWriter::HeadWriter(std::string& out, int status, std::string_view date) : out_(out) {
  out_.append("HTTP/1.1 ");
  AppendNumber(out_, status);
  out_.append(" ").append(ReasonPhrase(status)).append("\r\n");
  Field("date", date);
  Field("server", "llmload-fake");
}

HeadWriter& HeadWriter::Field(std::string_view name, std::string_view value) {
  out_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

HeadWriter& HeadWriter::Field(std::string_view name, std::int64_t value) {
  out_.append(name).append(": ");
  AppendNumber(out_, value);
  out_.append("\r\n");
  return *this;
}

void HeadWriter::End(bool keep_alive) {
  out_.append(keep_alive ? "\r\n" : "connection: close\r\n\r\n");
}

void AppendChunk(std::string& out, bool chunked, std::initializer_list<std::string_view> parts) {
  if (!chunked) {
    for (std::string_view part : parts) out.append(part);
    return;
  }
  std::size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), size, 16).ptr;
  out.append(text.data(), end).append("\r\n");
  for (std::string_view part : parts) out.append(part);
  out.append("\r\n");
}

}  // namespace llmload::fake_server
