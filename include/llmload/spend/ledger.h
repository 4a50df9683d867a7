// A budget that several processes share, one after the other or at once: a file.
#ifndef LLMLOAD_SPEND_LEDGER_H_
#define LLMLOAD_SPEND_LEDGER_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "llmload/spend/money.h"

namespace llmload {

/// A file of lines, each of which is written whole while the file is locked:
///
///   llmload.ledger/1 budget 5000000000
///   draw 50000000 by 4711 at 2026-07-24T22:00:01Z
///   return 12000000 by 4711 at 2026-07-24T22:01:07Z
///
/// Amounts are nano-dollars. What a process has drawn is spent until it gives the rest back, so
/// what a killed process had drawn stays spent. All functions lock the file, and may be called from
/// any thread and process.
class Ledger {
 public:
  struct State {
    Money budget;
    Money drawn;  ///< by all processes, without what they gave back
    std::uint64_t draws = 0;
    Money left() const noexcept { return budget - drawn; }
  };

  /// Opens the ledger in `file`, or makes one with this budget. Throws `ConfigurationError` for a
  /// file that is not a ledger, cannot be read or written, or has another budget.
  /// @param budget  empty: the ledger has to exist
  Ledger(std::filesystem::path file, std::optional<Money> budget);

  const std::filesystem::path& file() const noexcept { return file_; }
  Money budget() const noexcept { return budget_; }

  /// Takes between `least` and `wish`, as much as is left. Nullopt if less than `least` is left, or
  /// if the file cannot be written: what is not on record is not spent.
  std::optional<Money> Draw(Money least, Money wish);

  /// Gives back what was drawn and not used. An amount that cannot be written down stays spent.
  void Return(Money amount) noexcept;

  State Read() const;

 private:
  std::filesystem::path file_;
  Money budget_;
};

}  // namespace llmload

#endif  // LLMLOAD_SPEND_LEDGER_H_
