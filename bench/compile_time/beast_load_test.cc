// What the user of minimal_load_test.cc would compile if they had to call the service with Beast.
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <string>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

asio::awaitable<unsigned> Post(asio::ssl::context& tls, std::string host, std::string body) {
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::resolver resolver(executor);
  beast::ssl_stream<beast::tcp_stream> stream(executor, tls);
  const auto found = co_await resolver.async_resolve(host, "443", asio::use_awaitable);
  beast::get_lowest_layer(stream).expires_after(std::chrono::seconds(10));
  co_await beast::get_lowest_layer(stream).async_connect(found, asio::use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  http::request<http::string_body> request(http::verb::post, "/v1/chat/completions", 11);
  request.set(http::field::host, host);
  request.body() = std::move(body);
  request.prepare_payload();
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  co_await http::async_read(stream, buffer, response, asio::use_awaitable);
  co_return response.result_int();
}

TEST(Gateway, DISABLED_Answers) {
  asio::io_context context(1);
  asio::ssl::context tls(asio::ssl::context::tls_client);
  unsigned status = 0;
  const auto call = [&]() -> asio::awaitable<void> {
    status = co_await Post(tls, "localhost", "{}");
  };
  asio::co_spawn(context, call, asio::detached);
  context.run();
  EXPECT_EQ(status, 200u);
}

}  // namespace
