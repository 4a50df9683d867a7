// Whether the tests run under a sanitizer, where everything takes many times as long.
#ifndef LLMLOAD_TESTS_SUPPORT_SANITIZED_H_
#define LLMLOAD_TESTS_SUPPORT_SANITIZED_H_

namespace llmload::test_support {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)  // clang
inline constexpr bool kSanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

/// Whether the address sanitizer is among them, and with it the one for undefined behaviour.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kAddressSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kAddressSanitized = false;
#endif

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_SANITIZED_H_
