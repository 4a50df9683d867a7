// What is read out of header fields and small texts.
#include <algorithm>

#include "llmload/core/secret.h"
#include "src/core/text/ascii.h"
#include "src/core/text/base64.h"
#include "src/core/text/format.h"
#include "src/core/text/harmless.h"
#include "src/core/text/json_cursor.h"
#include "src/core/text/uri.h"
#include "src/core/text/utf8.h"
#include "src/wire/retry_after.h"
#include "src/wire/service_error.h"
#include "src/wire/sigv4.h"
#include "src/wire/timestamp.h"
#include "tests/fuzz/fuzz_decoder.h"

namespace llmload {
namespace {

void FuzzWaits(std::string_view text) {
  const auto bounded = [](std::optional<Duration> wait) {
    fuzz::Require(!wait || (*wait > Duration::zero() && *wait <= wire::kMaxRetryAfter),
                  "a wait is positive and bounded");
  };
  bounded(wire::ParseGoDuration(text));
  bounded(wire::ParseRetryText(text));
  bounded(wire::FindRetryHint(text));
  for (const char* name :
       {"retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "ratelimit"}) {
    const wire::HeaderField fields[] = {{name, text}, {"x-ratelimit-remaining-tokens", "0"}};
    bounded(wire::ReadRetryAfter(fields, std::chrono::sys_time<Duration>{}));
  }
  wire::ParseHttpDate(text);
  wire::ParseRfc3339(text);
}

void FuzzEncodings(std::string_view text) {
  std::string encoded;
  text::AppendUriEncoded(text, true, encoded);
  fuzz::Require(text::UriDecoded(encoded) == text, "percent-encoding comes back");
  std::string base64;
  text::AppendBase64(text, base64);
  std::string decoded;
  fuzz::Require(text::DecodeBase64(base64, decoded) && decoded == text, "base64 comes back");
  if (text::DecodeBase64(text, decoded)) {
    base64.clear();
    text::AppendBase64(decoded, base64);
    fuzz::Require(base64 == text, "only canonical base64 is taken");
  }
  std::string json;
  text::AppendJsonString(text, json);
  text::JsonCursor cursor(json);
  cursor.Skip();
  fuzz::Require(cursor.Finished(), "what is written as JSON is JSON");
}

void FuzzShown(std::string_view text) {
  const std::string shown = text::Harmless(text);
  fuzz::Require(text::Harmless(shown) == shown, "what is harmless stays as it is");
  fuzz::Require(std::none_of(shown.begin(), shown.end(), text::IsControl), "it has no control");
  for (std::string_view rest = shown; !rest.empty(); text::NextCharacter(rest)) {
    fuzz::Require(text::Utf8Length(rest.data(), rest.data() + rest.size()) > 0, "it is UTF-8");
  }
  const std::string excerpt = text::Excerpt(text, text.size() / 2);
  fuzz::Require(excerpt == shown || excerpt.ends_with("..."), "an excerpt says that it is one");
  text::DisplayWidth(text);
  // A key out of the text itself, in front of it.
  const std::string key(text.substr(0, 40));
  const std::string redacted = Redact(std::string(text), Secret(key));
  fuzz::Require(key.size() < 8 || redacted.starts_with("[redacted]"), "a key is found");
}

void FuzzSigV4(std::string_view text) {
  wire::ParseSigV4Authorization(text);
  wire::ParseAmzDate(text);
  const wire::HeaderField headers[] = {{"host", "h"}, {text, text}};
  for (const bool normalize : {false, true}) {
    for (const bool again : {false, true}) {
      wire::CanonicalRequest({.method = "POST", .target = text, .headers = headers, .body = {}}, "",
                             {.normalize = normalize, .encode_again = again});
    }
  }
}

}  // namespace
}  // namespace llmload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  const std::string_view text = fuzz::Text(data, size);
  FuzzWaits(text);
  FuzzEncodings(text);
  FuzzShown(text);
  FuzzSigV4(text);
  wire::DecodeErrorBody(text);
  wire::FindError(text);
  text::JsonCursor cursor(text);
  cursor.Skip();
  cursor.Finished();
  return 0;
}
