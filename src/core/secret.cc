#include "llmload/core/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <utility>

namespace llmload {

// NOLINTNEXTLINE(performance-move-constructor-init): copied on purpose, see `Wipe`
Secret::Secret(Secret&& other) noexcept : text_(other.text_) { other.Wipe(); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    Wipe();
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    text_ = other.text_;
    other.Wipe();
  }
  return *this;
}

Secret::~Secret() { Wipe(); }

// Copies instead of moves above, and a wipe here: a moved-from std::string may keep its short
// buffer.
void Secret::Wipe() noexcept {
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

std::string Secret::Fingerprint() const {
  if (text_.empty()) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text_.data(), text_.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<char, 16> label{};
  std::snprintf(label.data(), label.size(), "key-%02x%02x%02x%02x", digest[0], digest[1], digest[2],
                digest[3]);
  return label.data();
}

}  // namespace llmload
