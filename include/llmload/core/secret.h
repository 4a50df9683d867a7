// Keys and tokens as a type that cannot be printed, serialised or compared by accident.
#ifndef LLMLOAD_CORE_SECRET_H_
#define LLMLOAD_CORE_SECRET_H_

#include <iosfwd>
#include <string>
#include <string_view>

namespace llmload {

/// A credential. The only way to its text is `Reveal`, which is easy to search for in a review.
/// Not streamable, not comparable, not convertible. The memory is wiped on destruction.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  bool empty() const noexcept { return text_.empty(); }

  /// The text itself: for the line of code that puts it on the wire, and no other.
  std::string_view Reveal() const noexcept { return text_; }

  /// A short stable label ("key-3fa9c1d2") that tells two credentials apart and reveals neither:
  /// for circuit-breaker keys and reports. Empty for an empty secret.
  std::string Fingerprint() const;

  friend bool operator==(const Secret&, const Secret&) = delete;
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  void Wipe() noexcept;
  std::string text_;
};

/// `text` with `secret` replaced by "[redacted]": for text that came from a server or a library and
/// may echo what was sent to it. The secret is found
/// - in another case and reversed,
/// - with characters written as escapes of JSON, source code, URLs or HTML, also escaped again,
/// - in hexadecimal, and in base64 of either alphabet, also within a longer base64 text,
/// - in part: any 16 of its characters in a row, or more than half of it if that is at least 8.
///
/// What a service shows of a key to tell which one it was ("sk-ab...wxyz") stays. A short secret
/// would turn messages into noise: one of 4 to 7 characters is replaced where it stands alone, as a
/// word of its own, and one of less is not looked for.
///
/// Text without the secret comes back unchanged. The time grows with the size of the text alone.
std::string Redact(std::string text, const Secret& secret);

}  // namespace llmload

#endif  // LLMLOAD_CORE_SECRET_H_
