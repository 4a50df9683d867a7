#include "llmload/spend/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/parse.h"

namespace llmload {
namespace {

constexpr std::string_view kLedgerName = "llmload.ledger/1";

std::string ErrnoText(int error) { return std::generic_category().message(error); }

// The file, open and locked against all others, until the end of this object.
class LockedFile {
 public:
  explicit LockedFile(const std::filesystem::path& file, int flags = 0)
      : descriptor_(open(file.c_str(), O_RDWR | O_CLOEXEC | flags, 0666)) {
    if (descriptor_ < 0) {
      error_ = errno;
      return;
    }
    while (flock(descriptor_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      break;
    }
  }
  ~LockedFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  int error() const { return error_; }

  // The whole text; nullopt if it cannot be read.
  std::optional<std::string> Text() {
    std::string text;
    std::array<char, 4096> buffer{};
    for (off_t at = 0;;) {
      const ssize_t size = pread(descriptor_, buffer.data(), buffer.size(), at);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) {
        error_ = errno;
        return std::nullopt;
      }
      if (size == 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(size));
      at += size;
    }
  }

  // Writes `line` after `text`, which is what the file holds: whole, or not at all.
  bool Append(std::string_view text, std::string_view line) {
    const auto end = static_cast<off_t>(text.size());
    for (std::size_t written = 0; written < line.size();) {
      const ssize_t size = pwrite(descriptor_, line.data() + written, line.size() - written,
                                  end + static_cast<off_t>(written));
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) {
        error_ = errno;
        static_cast<void>(ftruncate(descriptor_, end));
        return false;
      }
      written += static_cast<std::size_t>(size);
    }
    return true;
  }

 private:
  int descriptor_;
  int error_ = 0;
};

std::string NowAsText() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::array<char, 32> text{};
  if (gmtime_r(&now, &utc) == nullptr) return "?";
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), size};
}

std::string LineOf(std::string_view verb, Money amount) {
  return std::string(verb) + " " + std::to_string(amount.nanos()) + " by " +
         std::to_string(getpid()) + " at " + NowAsText() + "\n";
}

std::optional<std::int64_t> ParseNanos(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || stop != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// What `text` says; nullopt if it is not a ledger's. A last line without an end was never
// acknowledged to its writer, and does not count.
std::optional<Ledger::State> ParseLedger(std::string_view& text) {
  text = text.substr(0, text.rfind('\n') + 1);
  if (text.empty()) return std::nullopt;
  std::optional<Ledger::State> state;
  for (const std::string_view line : text::SplitAt(text.substr(0, text.size() - 1), '\n')) {
    const std::vector<std::string_view> words = text::SplitAt(line, ' ');
    if (!state) {
      const auto budget = words.size() == 3 ? ParseNanos(words[2]) : std::nullopt;
      if (!budget || words[0] != kLedgerName || words[1] != "budget") return std::nullopt;
      state.emplace();
      state->budget = Money::Nanos(*budget);
      continue;
    }
    const auto amount = words.size() == 6 ? ParseNanos(words[1]) : std::nullopt;
    if (!amount) return std::nullopt;
    if (words[0] == "draw") {
      state->drawn += Money::Nanos(*amount);
      ++state->draws;
    } else if (words[0] == "return") {
      state->drawn -= Money::Nanos(*amount);
    } else {
      return std::nullopt;
    }
  }
  return state;
}

[[noreturn]] void RefuseLedger(const std::filesystem::path& file, const std::string& why) {
  throw ConfigurationError("ledger \"" + file.string() + "\": " + why);
}

}  // namespace

Ledger::Ledger(std::filesystem::path file, std::optional<Money> budget) : file_(std::move(file)) {
  LockedFile locked(file_, budget ? O_CREAT : 0);
  if (locked.error() != 0) {
    RefuseLedger(file_, "it cannot be opened: " + ErrnoText(locked.error()));
  }
  const auto text = locked.Text();
  if (!text) RefuseLedger(file_, "it cannot be read: " + ErrnoText(locked.error()));
  if (text->empty() && budget) {
    const std::string line =
        std::string(kLedgerName) + " budget " + std::to_string(budget->nanos()) + "\n";
    if (!locked.Append("", line)) {
      RefuseLedger(file_, "it cannot be written: " + ErrnoText(locked.error()));
    }
    budget_ = *budget;
    return;
  }
  std::string_view lines = *text;
  const auto state = ParseLedger(lines);
  if (!state) {
    RefuseLedger(file_, "it is not a ledger of llmload; name another file, or remove this one");
  }
  if (budget && *budget != state->budget) {
    RefuseLedger(file_, "it has a budget of " + ToString(state->budget) + ", not of " +
                            ToString(*budget) +
                            "; give the same one, or remove the file to start a new one");
  }
  budget_ = state->budget;
}

std::optional<Money> Ledger::Draw(Money least, Money wish) {
  LockedFile locked(file_);
  if (locked.error() != 0) return std::nullopt;
  const auto text = locked.Text();
  if (!text) return std::nullopt;
  std::string_view lines = *text;
  const auto state = ParseLedger(lines);
  if (!state || state->left() < least) return std::nullopt;
  const Money amount = std::min(std::max(least, wish), state->left());
  if (!locked.Append(lines, LineOf("draw", amount))) return std::nullopt;
  return amount;
}

void Ledger::Return(Money amount) noexcept {
  try {
    LockedFile locked(file_);
    if (locked.error() != 0) return;
    const auto text = locked.Text();
    if (!text) return;
    std::string_view lines = *text;
    if (ParseLedger(lines)) static_cast<void>(locked.Append(lines, LineOf("return", amount)));
  } catch (const std::exception&) {  // no memory: it stays spent
  }
}

Ledger::State Ledger::Read() const {
  LockedFile locked(file_);
  const auto text = locked.error() == 0 ? locked.Text() : std::nullopt;
  std::string_view lines = text ? std::string_view(*text) : std::string_view();
  const auto state = ParseLedger(lines);
  // What cannot be read has nothing left.
  return state.value_or(State{.budget = budget_, .drawn = budget_});
}

}  // namespace llmload
