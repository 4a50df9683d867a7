// Data sets and traces: any bytes are read or refused, whichever format they are said to have, and
// a refusal is one harmless line that names the file. What is read is read again from UTF-16.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_trace.h"
#include "llmload/load/prompt_source.h"
#include "src/core/text/harmless.h"
#include "src/core/text/utf8.h"

namespace llmload {
namespace {

void Require(bool holds, const char* what, const std::string& message = "") {
  if (holds) return;
  std::fprintf(stderr, "not so: %s: %s\n", what, message.c_str());
  std::abort();
}

// What `read` makes of a file, in one text; or the refusal.
template <class Read>
std::string Outcome(Read read) {
  try {
    return "read: " + read();
  } catch (const ConfigurationError& refused) {
    const std::string message = refused.what();
    Require(message.starts_with("fuzz:"), "a refusal names the file", message);
    Require(text::Harmless(message) == message, "a refusal is harmless", message);
    return "refused";
  }
}

std::string DatasetOf(const std::string& bytes, DatasetFormat format) {
  return Outcome([&] {
    std::istringstream input(bytes);
    const auto source = ReadDataset(
        input, {.path = "fuzz", .max_bytes = 1 << 16, .max_line_bytes = 1 << 12, .format = format},
        {}, 1);
    std::string all = source->Describe();
    const int count = std::atoi(all.c_str());
    Require(count > 0, "there are prompts");
    // Those of a trace are made up, and may be large.
    if (all.find("synthetic") != std::string::npos) return all;
    for (int i = 0; i < count; ++i) {
      const CompletionRequest request = source->MakeRequest(static_cast<std::uint64_t>(i));
      std::size_t size = 0;
      for (const Message& message : request.messages) {
        size += message.content.size();
        for (std::string_view rest = message.content; !rest.empty();) {
          Require(text::Utf8Length(rest.data(), rest.data() + rest.size()) > 0,
                  "prompts are UTF-8");
          text::NextCharacter(rest);
        }
        all += '\n' + message.content;
      }
      Require(size > 0, "a prompt has text");
      Require(request.max_tokens.value_or(1) > 0, "a bound is above 0");
    }
    return all;
  });
}

std::string TraceOf(const std::string& bytes, TraceFormat format) {
  return Outcome([&] {
    std::istringstream input(bytes);
    const ArrivalTrace trace = ArrivalTrace::Parse(input, "fuzz", format);
    std::string all;
    for (const ArrivalTrace::Entry& entry : trace.entries()) {
      all += std::to_string(entry.at.count()) + ' ' +
             std::to_string(entry.input_tokens.value_or(0)) + ' ' +
             std::to_string(entry.output_tokens.value_or(0)) + '\n';
    }
    return all;
  });
}

// Little endian, with a mark. Empty for what is not UTF-8.
std::string Utf16Of(std::string_view bytes) {
  std::string out = "\xFF\xFE";
  const auto put = [&](char32_t unit) {
    out.push_back(static_cast<char>(unit & 0xFF));
    out.push_back(static_cast<char>(unit >> 8));
  };
  while (!bytes.empty()) {
    if (text::Utf8Length(bytes.data(), bytes.data() + bytes.size()) == 0) return {};
    const char32_t code = text::NextCharacter(bytes);
    if (code >= 0x10000) put(0xD800 + ((code - 0x10000) >> 10));
    put(code >= 0x10000 ? 0xDC00 + ((code - 0x10000) & 0x3FF) : code);
  }
  return out;
}

}  // namespace
}  // namespace llmload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  // Bytes with a NUL may be UTF-16 themselves, and a mark at the front is not text.
  const std::string utf16 =
      bytes.find('\0') == std::string::npos && !bytes.starts_with("\xEF\xBB\xBF") ? Utf16Of(bytes)
                                                                                  : std::string();
  for (const DatasetFormat format :
       {DatasetFormat::kDetect, DatasetFormat::kPrompts, DatasetFormat::kShareGpt,
        DatasetFormat::kOpenAiBatch, DatasetFormat::kAzureTrace}) {
    const std::string outcome = DatasetOf(bytes, format);
    if (!utf16.empty())
      Require(DatasetOf(utf16, format) == outcome, "UTF-16 reads the same", outcome);
  }
  for (const TraceFormat format :
       {TraceFormat::kDetect, TraceFormat::kArrivals, TraceFormat::kAzure}) {
    const std::string outcome = TraceOf(bytes, format);
    if (!utf16.empty())
      Require(TraceOf(utf16, format) == outcome, "UTF-16 reads the same", outcome);
  }
  return 0;
}
