// Asks a fake LLM server twice; a fault answers the second request.
#include <llmload/fake_server/fake_llm_server.h>
#include <llmload/service/openai_provider.h>
#include <llmload/simulation/fault_spec.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <iostream>

int main() {
  using namespace llmload;
  fake_server::FakeLlmServerOptions server_options;
  server_options.latency = {.ttft_median = {}, .gap_median = {}};
  server_options.faults = {simulation::ParseFault("status=503,arrivals=2-2")};
  fake_server::FakeLlmServer server(server_options);

  OpenAiOptions options;
  options.base_url = server.base_url();
  options.http.ca_pem = server.ca_pem();
  OpenAiProvider provider(options);
  const CompletionRequest request{.model = "m", .messages = {{.content = "hi"}}};
  const auto ask = [&] {
    boost::asio::io_context context(1);
    int status = 0;
    boost::asio::co_spawn(context, provider.Complete(request, nullptr),
                          [&](std::exception_ptr thrown, const Result<Completion>& answer) {
                            if (thrown) std::rethrow_exception(thrown);
                            status = answer ? 200 : answer.error().http_status;
                          });
    context.run();
    return status;
  };
  const int first = ask();
  const int second = ask();
  std::cout << "status " << first << ", then status " << second << ", "
            << server.counters().arrivals << " arrivals\n";
  return first == 200 && second == 503 ? 0 : 1;
}
