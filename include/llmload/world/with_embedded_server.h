// Any load-test fixture against an embedded fake LLM server: real TLS, no key, no cost.
#ifndef LLMLOAD_WORLD_WITH_EMBEDDED_SERVER_H_
#define LLMLOAD_WORLD_WITH_EMBEDDED_SERVER_H_

#include <memory>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/service/openai_provider.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// With `LLMLOAD_PROVIDER=fake` (the default), starts a `FakeLlmServer` inside the test process and
/// points the test at it over TLS on the loopback interface. Other targets are as in `Fixture`.
template <class Fixture>
class WithEmbeddedServer : public Fixture {
 protected:
  /// How the server behaves; override to script latencies and faults.
  virtual fake_server::FakeLlmServerOptions ServerOptions() const {
    fake_server::FakeLlmServerOptions options;
    options.seed = this->Environment().seed;
    return options;
  }

  Target EmbeddedTarget() override {
    server_ = std::make_unique<fake_server::FakeLlmServer>(ServerOptions());
    OpenAiOptions options;
    options.name = "fake";
    options.base_url = server_->base_url();
    options.ca_pem = server_->ca_pem();
    return {.provider = std::make_shared<OpenAiProvider>(std::move(options), this->TestClock()),
            .unavailable = {},
            .url = server_->base_url() + " (embedded fake LLM server)"};
  }

  /// Null unless the embedded server is the target.
  fake_server::FakeLlmServer* Server() { return server_.get(); }

 private:
  std::unique_ptr<fake_server::FakeLlmServer> server_;
};

}  // namespace llmload

#endif  // LLMLOAD_WORLD_WITH_EMBEDDED_SERVER_H_
