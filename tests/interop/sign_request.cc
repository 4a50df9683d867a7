// Writes requests that llmload signs to standard output, one JSON object a line, for the
// independent signer to check.
#include <cstdio>
#include <string>
#include <vector>

#include "src/core/text/json_cursor.h"
#include "src/wire/sigv4.h"

namespace llmload {
namespace {

struct Sample {
  std::string target;
  std::string body;
  std::string session_token;
};

const std::vector<Sample>& Samples() {
  static const std::vector<Sample> samples = {
      {"/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse", "{}", ""},
      {"/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream",
       R"({"messages":[{"role":"user","content":[{"text":"Grüße, 世界"}]}]})",
       "token//with+signs=="},
      {"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2F"
       "us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
       "{}", ""},
      {"/model/amazon.titan-text-express-v1/invoke", R"({"inputText":"Hi"})", "t"},
      {"/model/a~b.c_d-e/invoke?b=2&a=1&a=%20x", "", ""},
  };
  return samples;
}

std::string SignedSample(const Sample& sample) {
  constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const auto time = std::chrono::sys_days(std::chrono::year(2024) / 1 / 2) + std::chrono::hours(3);
  const std::string date = wire::AmzDate(time);
  std::vector<wire::HeaderField> headers = {
      {"content-type", "application/json"}, {"host", "127.0.0.1:8443"}, {"x-amz-date", date}};
  if (!sample.session_token.empty()) {
    headers.push_back({"x-amz-security-token", sample.session_token});
  }
  wire::SigV4Signer signer("AKIDEXAMPLE", Secret(kSecret), "us-east-1", "bedrock");
  const std::string authorization = signer.Authorization(
      {.method = "POST", .target = sample.target, .headers = headers, .body = sample.body}, time);
  std::string line = "{\"target\":";
  text::AppendJsonString(sample.target, line);
  line.append(",\"body\":");
  text::AppendJsonString(sample.body, line);
  line.append(",\"session_token\":");
  text::AppendJsonString(sample.session_token, line);
  line.append(",\"date\":");
  text::AppendJsonString(date, line);
  line.append(",\"authorization\":");
  text::AppendJsonString(authorization, line);
  return line.append("}\n");
}

}  // namespace
}  // namespace llmload

int main() {
  for (const llmload::Sample& sample : llmload::Samples()) {
    std::fputs(llmload::SignedSample(sample).c_str(), stdout);
  }
  return 0;
}
