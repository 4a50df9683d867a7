#include "src/wire/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "src/core/text/ascii.h"

namespace llmload::wire {
namespace {

using Digest = std::array<unsigned char, 32>;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

std::string Hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(digest.size() * 2);
  for (const unsigned char byte : digest) {
    hex.push_back(kDigits[byte >> 4U]);
    hex.push_back(kDigits[byte & 15U]);
  }
  return hex;
}

Digest Hmac(const void* key, std::size_t key_size, std::string_view data) {
  Digest digest{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key, static_cast<int>(key_size),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data(),
           &size) == nullptr) {
    throw std::runtime_error("OpenSSL has no SHA-256");
  }
  return digest;
}

Digest Hmac(const Digest& key, std::string_view data) { return Hmac(key.data(), key.size(), data); }

// RFC 3986, section 5.2.4, and no empty segments; a slash at the end stays.
std::string Normalized(std::string_view path) {
  std::vector<std::string_view> segments;
  bool ends_in_slash = true;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, slash - at);
    ends_in_slash = slash < path.size();
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
      ends_in_slash = true;
    } else if (segment == ".") {
      ends_in_slash = true;
    } else if (!segment.empty()) {
      segments.push_back(segment);
    }
    at = slash + 1;
  }
  std::string normalized;
  for (const std::string_view segment : segments) normalized.append("/").append(segment);
  if (ends_in_slash || normalized.empty()) normalized.push_back('/');
  return normalized;
}

void AppendCanonicalUri(std::string_view path, SigV4PathRules rules, std::string& out) {
  const std::string normalized = rules.normalize ? Normalized(path) : std::string(path);
  if (rules.encode_again) {
    text::AppendUriEncoded(normalized, false, out);
  } else {
    text::AppendUriEncoded(text::UriDecoded(normalized), false, out);
  }
}

void AppendCanonicalQuery(std::string_view query, std::string& out) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view parameter = query.substr(at, end - at);
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    if (!parameter.empty()) {
      auto& [name, value] = parameters.emplace_back();
      text::AppendUriEncoded(text::UriDecoded(parameter.substr(0, equals)), true, name);
      if (equals < parameter.size()) {
        text::AppendUriEncoded(text::UriDecoded(parameter.substr(equals + 1)), true, value);
      }
    }
    at = end + 1;
  }
  std::sort(parameters.begin(), parameters.end());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i > 0) out.push_back('&');
    out.append(parameters[i].first).append("=").append(parameters[i].second);
  }
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Without white space at the ends, and with one space for each run of it inside, also where a line
// is folded.
void AppendTrimmed(std::string_view value, std::string& out) {
  while (!value.empty() && IsSpace(value.front())) value.remove_prefix(1);
  while (!value.empty() && IsSpace(value.back())) value.remove_suffix(1);
  bool in_space = false;
  for (const char c : value) {
    if (IsSpace(c)) {
      if (!in_space) out.push_back(' ');
      in_space = true;
    } else {
      out.push_back(c);
      in_space = false;
    }
  }
}

struct NamedField {
  std::string name;
  std::string_view value;
};

std::vector<NamedField> Sorted(std::span<const HeaderField> headers) {
  std::vector<NamedField> fields;
  fields.reserve(headers.size());
  for (const HeaderField& field : headers) fields.push_back({text::Lower(field.name), field.value});
  std::stable_sort(fields.begin(), fields.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  return fields;
}

void AppendScope(const SigV4Scope& scope, std::string& out) {
  out.append(scope.date).append("/").append(scope.region).append("/").append(scope.service);
  out.append("/").append(kTerminator);
}

bool ReadDigits(std::string_view text, std::size_t at, std::size_t size, int& value) {
  value = 0;
  for (const char c : text.substr(at, size)) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return true;
}

// The value of "Name=value" in a list that is split at commas.
std::optional<std::string_view> TakePart(std::string_view& list, std::string_view name) {
  while (!list.empty() && (list.front() == ' ' || list.front() == ',')) list.remove_prefix(1);
  if (!list.starts_with(name) || list.size() <= name.size() || list[name.size()] != '=') return {};
  list.remove_prefix(name.size() + 1);
  const std::size_t end = std::min(list.find(','), list.size());
  std::string_view value = list.substr(0, end);
  list.remove_prefix(end);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  if (value.empty()) return {};
  return value;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string AmzDate(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  const auto append = [&text](long value, int width) {
    std::string digits = std::to_string(value);
    text.append(static_cast<std::size_t>(std::max(0, width - static_cast<int>(digits.size()))),
                '0');
    text.append(digits);
  };
  append(static_cast<int>(date.year()), 4);
  append(static_cast<long>(static_cast<unsigned>(date.month())), 2);
  append(static_cast<long>(static_cast<unsigned>(date.day())), 2);
  text.push_back('T');
  append(clock.hours().count(), 2);
  append(clock.minutes().count(), 2);
  append(clock.seconds().count(), 2);
  text.push_back('Z');
  return text;
}

std::optional<std::chrono::sys_seconds> ParseAmzDate(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return {};
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!ReadDigits(text, 0, 4, year) || !ReadDigits(text, 4, 2, month) ||
      !ReadDigits(text, 6, 2, day) || !ReadDigits(text, 9, 2, hour) ||
      !ReadDigits(text, 11, 2, minute) || !ReadDigits(text, 13, 2, second)) {
    return {};
  }
  const std::chrono::year_month_day date(std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)});
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return {};
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::string Sha256Hex(std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no SHA-256");
  }
  return Hex(digest);
}

std::string SignedHeaders(std::span<const HeaderField> headers) {
  std::string names;
  std::string_view last;
  const std::vector<NamedField> fields = Sorted(headers);
  for (const NamedField& field : fields) {
    if (field.name == last) continue;
    if (!names.empty()) names.push_back(';');
    names.append(field.name);
    last = field.name;
  }
  return names;
}

std::string CanonicalRequest(const SigV4Request& request, std::string_view payload_hash,
                             SigV4PathRules rules) {
  const std::size_t question = std::min(request.target.find('?'), request.target.size());
  std::string out(request.method);
  out.push_back('\n');
  AppendCanonicalUri(request.target.substr(0, question), rules, out);
  out.push_back('\n');
  if (question < request.target.size()) {
    AppendCanonicalQuery(request.target.substr(question + 1), out);
  }
  out.push_back('\n');
  const std::vector<NamedField> fields = Sorted(request.headers);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0 && fields[i].name == fields[i - 1].name) {
      out.back() = ',';  // in place of the line end
    } else {
      out.append(fields[i].name).push_back(':');
    }
    AppendTrimmed(fields[i].value, out);
    out.push_back('\n');
  }
  out.push_back('\n');
  out.append(SignedHeaders(request.headers)).push_back('\n');
  out.append(payload_hash);
  return out;
}

std::string StringToSign(std::string_view amz_date, const SigV4Scope& scope,
                         std::string_view canonical_request) {
  std::string out(kAlgorithm);
  out.append("\n").append(amz_date).append("\n");
  AppendScope(scope, out);
  out.append("\n").append(Sha256Hex(canonical_request));
  return out;
}

std::array<unsigned char, 32> SigningKey(std::string_view secret_access_key,
                                         const SigV4Scope& scope) {
  std::string seed;
  seed.reserve(4 + secret_access_key.size());  // growing would leave a copy behind
  seed.append("AWS4").append(secret_access_key);
  const Digest date = Hmac(seed.data(), seed.size(), scope.date);
  OPENSSL_cleanse(seed.data(), seed.size());
  return Hmac(Hmac(Hmac(date, scope.region), scope.service), kTerminator);
}

std::string Signature(const std::array<unsigned char, 32>& key, std::string_view string_to_sign) {
  return Hex(Hmac(key, string_to_sign));
}

std::optional<SigV4Authorization> ParseSigV4Authorization(std::string_view field) {
  if (!field.starts_with(kAlgorithm)) return {};
  field.remove_prefix(kAlgorithm.size());
  if (!field.starts_with(' ')) return {};
  const auto credential = TakePart(field, "Credential");
  const auto names = TakePart(field, "SignedHeaders");
  const auto signature = TakePart(field, "Signature");
  if (!credential || !names || !signature) return {};
  const std::vector<std::string_view> parts = Split(*credential, '/');
  if (parts.size() != 5 || parts[4] != kTerminator) return {};
  if (std::any_of(parts.begin(), parts.end(), [](auto part) { return part.empty(); })) return {};
  return SigV4Authorization{.access_key_id = parts[0],
                            .scope = {.date = parts[1], .region = parts[2], .service = parts[3]},
                            .signed_headers = Split(*names, ';'),
                            .signature = *signature};
}

SigV4Signer::SigV4Signer(std::string access_key_id, Secret secret_access_key, std::string region,
                         std::string service)
    : access_key_id_(std::move(access_key_id)),
      secret_access_key_(std::move(secret_access_key)),
      region_(std::move(region)),
      service_(std::move(service)) {}

SigV4Signer::~SigV4Signer() { OPENSSL_cleanse(key_.data(), key_.size()); }

std::array<unsigned char, 32> SigV4Signer::KeyFor(std::string_view date) {
  const std::lock_guard lock(mutex_);
  if (key_date_ != date) {
    key_ = SigningKey(secret_access_key_.Reveal(),
                      {.date = date, .region = region_, .service = service_});
    key_date_ = date;
  }
  return key_;
}

std::string SigV4Signer::Authorization(const SigV4Request& request, std::chrono::sys_seconds time) {
  const std::string amz_date = AmzDate(time);
  const SigV4Scope scope{
      .date = std::string_view(amz_date).substr(0, 8), .region = region_, .service = service_};
  const std::string canonical = CanonicalRequest(request, Sha256Hex(request.body));
  std::string field(kAlgorithm);
  field.append(" Credential=").append(access_key_id_).append("/");
  AppendScope(scope, field);
  field.append(", SignedHeaders=").append(SignedHeaders(request.headers));
  field.append(", Signature=")
      .append(Signature(KeyFor(scope.date), StringToSign(amz_date, scope, canonical)));
  return field;
}

}  // namespace llmload::wire
