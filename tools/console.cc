#include "tools/console.h"

#include <string>

#include "llmload/report/text_writer.h"
#include "src/core/text/format.h"
#include "src/core/text/harmless.h"

namespace llmload::tools {
namespace {

// What a closed output does not take is lost: the exit status says more.
void Put(std::FILE* out, const std::string& text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), out));
  static_cast<void>(std::fflush(out));
}

}  // namespace

void PrintFitted(std::FILE* out, std::string_view text, std::size_t hang) {
  Put(out, text::FitLines(text::HarmlessLines(text), WidthOf(out), hang));
}

void PrintMessage(std::FILE* out, std::string_view text) {
  if (IsTerminal(out)) return PrintFitted(out, text, 2);
  Put(out, text::HarmlessLines(text));
}

}  // namespace llmload::tools
