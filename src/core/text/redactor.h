// Redaction of many texts, as of all that a provider reports.
#ifndef LLMLOAD_SRC_CORE_TEXT_REDACTOR_H_
#define LLMLOAD_SRC_CORE_TEXT_REDACTOR_H_

#include <memory>
#include <span>
#include <string>

#include "llmload/core/secret.h"

namespace llmload {

/// Redacts as `Redact` does, several secrets at once. What it looks for is prepared once, for those
/// who redact something of every answer. Immutable, and so thread-safe; copies share it.
class Redactor {
 public:
  /// Redacts nothing.
  Redactor() = default;
  explicit Redactor(std::span<const Secret> secrets);

  /// `text` with every occurrence of each secret replaced.
  std::string operator()(std::string text) const;

 private:
  class Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_CORE_TEXT_REDACTOR_H_
