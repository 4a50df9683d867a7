// A shared library of the consumer's own, which keeps what it uses of llmload to itself.
#include <llmload/service/openai_provider.h>

#include <memory>

extern "C" __attribute__((visibility("default"))) llmload::Provider* MakeConsumerGateway(
    const char* url) {
  llmload::OpenAiOptions options;
  options.name = "gateway";
  options.base_url = url;
  return std::make_unique<llmload::OpenAiProvider>(options).release();
}
