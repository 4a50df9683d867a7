#include "src/service/extra_headers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"

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
  static constexpr std::array<std::string_view, 6> kWords = {"auth",   "key",      "token",
                                                             "secret", "password", "cookie"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return text::FindIgnoringCase(name, word) != std::string_view::npos;
  });
}

}  // namespace

void CheckHeaders(const std::vector<HttpHeader>& headers) {
  for (const HttpHeader& header : headers) {
    if (!IsToken(header.name)) {
      throw ConfigurationError::Invalid(kField, header.name,
                                        "names of letters, digits and -_.!#$%&'*+^`|~");
    }
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
    const std::string_view value = header.value.Reveal();
    if (!std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E; })) {
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
    keys.insert(keys.end(), header.secrets.begin(), header.secrets.end());
    if (!header.redact && !NamesASecret(header.name)) continue;
    keys.push_back(header.value);
    // What follows a scheme, as in "Bearer KEY", is shown without it.
    const std::string_view value = header.value.Reveal();
    const std::size_t space = value.find(' ');
    if (space != std::string_view::npos) keys.emplace_back(std::string(value.substr(space + 1)));
  }
  return Redactor(keys);
}

}  // namespace llmload
