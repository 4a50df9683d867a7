// A prompt source that is a function.
#ifndef LLMLOAD_TESTS_SUPPORT_PROMPTS_FROM_H_
#define LLMLOAD_TESTS_SUPPORT_PROMPTS_FROM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "llmload/load/prompt_source.h"

namespace llmload::test_support {

/// The source whose request k is `make(k)`.
template <class Make>
std::shared_ptr<const PromptSource> PromptsFrom(Make make) {
  class Source final : public PromptSource {
   public:
    explicit Source(Make its_make) : make_(std::move(its_make)) {}
    CompletionRequest MakeRequest(std::uint64_t index) const override { return make_(index); }
    std::string Describe() const override { return "prompts of a test"; }

   private:
    Make make_;
  };
  return std::make_shared<Source>(std::move(make));
}

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_PROMPTS_FROM_H_
