#include "src/service/extra_headers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/core/text/parse.h"
#include "src/core/text/uri.h"

namespace llmload {
namespace {

constexpr std::string_view kField = "headers";

struct OwnField {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kFrames = "llmload frames the messages of a connection itself";
constexpr std::string_view kBody = "the body is JSON, and its size is counted";
constexpr std::array<OwnField, 12> kOwnFields = {{
    {"host", "it is the host of the base URL"},
    {"content-length", kBody},
    {"content-type", kBody},
    {"content-encoding", kBody},
    {"transfer-encoding", kFrames},
    {"connection", "connections are kept or not by --new-connections (reuse_connections)"},
    {"keep-alive", kFrames},
    {"te", kFrames},
    {"trailer", kFrames},
    {"upgrade", kFrames},
    {"expect", kFrames},
    {"accept-encoding", "unpacking an answer would be measured as the service's time"},
}};

// RFC 9110, section 5.6.2.
bool IsToken(std::string_view name) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return text::IsLetterOrDigit(c) || kOthers.find(c) != std::string_view::npos;
  });
}

bool NamesASecret(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kWords = {
      "auth", "key", "token", "secret", "pass", "cookie", "cred", "sess", "sign", "sid", "bearer"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return text::FindIgnoringCase(name, word) != std::string_view::npos;
  });
}

void AddWithAndWithoutScheme(const Secret& secret, std::vector<Secret>& keys) {
  keys.push_back(secret);
  // What follows a scheme, as in "Bearer KEY", is shown without it.
  const std::string_view value = secret.Reveal();
  const std::size_t space = value.find(' ');
  if (space != std::string_view::npos) keys.emplace_back(std::string(value.substr(space + 1)));
}

// A service that echoes the URL shows the query whole, and one that names a parameter its value.
void AddQuery(std::string_view path, std::vector<Secret>& keys) {
  const std::size_t question = path.find('?');
  if (question == std::string_view::npos) return;
  const std::string_view query = path.substr(question + 1);
  keys.emplace_back(std::string(query));
  for (const std::string_view parameter : text::SplitAt(query, '&')) {
    // Without '=' all of it is the value.
    const std::string_view value = parameter.substr(parameter.find('=') + 1);
    keys.emplace_back(std::string(value));
    if (value.find('%') != std::string_view::npos) keys.emplace_back(text::UriDecoded(value));
  }
}

}  // namespace

void CheckHeaderName(std::string_view field, std::string_view name) {
  if (!IsToken(name)) {
    throw ConfigurationError::Invalid(
        field, "(hidden)",
        "NAME: VALUE, as in 'X-Tenant: blue', with names of letters, digits and -_.!#$%&'*+^`|~");
  }
}

bool IsHeaderValue(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

void CheckHeaders(const std::vector<HttpHeader>& headers) {
  for (const HttpHeader& header : headers) {
    CheckHeaderName(kField, header.name);
    const auto own = std::find_if(kOwnFields.begin(), kOwnFields.end(), [&](const OwnField& field) {
      return field.name == text::Lower(header.name);
    });
    if (own != kOwnFields.end()) {
      throw ConfigurationError::Invalid(
          kField, header.name, "names that llmload does not send itself: " + std::string(own->why));
    }
    if (FindHeader(headers, header.name) != &header) {
      throw ConfigurationError::Invalid(kField, header.name, "each name once");
    }
    if (!IsHeaderValue(header.value.Reveal())) {
      throw ConfigurationError::Invalid(std::string(kField) + ", value of " + header.name,
                                        "(hidden)", "printable ASCII characters");
    }
  }
}

const HttpHeader* FindHeader(const std::vector<HttpHeader>& headers, std::string_view name) {
  const std::string lower = text::Lower(name);
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) {
    return text::Lower(header.name) == lower;
  });
  return found == headers.end() ? nullptr : &*found;
}

const HttpHeader* FindCredential(const std::vector<HttpHeader>& headers) {
  for (const char* name : {"authorization", "x-api-key", "api-key"}) {
    if (const HttpHeader* header = FindHeader(headers, name)) return header;
  }
  return nullptr;
}

std::string CredentialLabel(const HttpOptions& options, const Secret& own) {
  const HttpHeader* const header = FindCredential(options.headers);
  return header != nullptr ? header->value.Fingerprint() : own.Fingerprint();
}

Redactor RedactorOf(const HttpOptions& options, std::vector<Secret> keys) {
  for (const HttpHeader& header : options.headers) {
    for (const Secret& secret : header.secrets) AddWithAndWithoutScheme(secret, keys);
    if (header.redact || NamesASecret(header.name)) AddWithAndWithoutScheme(header.value, keys);
  }
  AddQuery(options.path, keys);
  return Redactor(keys);
}

}  // namespace llmload
