#include "llmload/metrics/local_process.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace llmload {
namespace {

using ::testing::Contains;

// A TCP socket bound to an ephemeral port of a loopback address.
class BoundSocket {
 public:
  explicit BoundSocket(int family) : descriptor_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    socklen_t length = 0;
    if (family == AF_INET) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
      v4->sin_family = AF_INET;
      v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      length = sizeof(*v4);
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
      v6->sin6_family = AF_INET6;
      v6->sin6_addr = in6addr_loopback;
      length = sizeof(*v6);
    }
    bound_ = bind(descriptor_, reinterpret_cast<sockaddr*>(&address), length) == 0;
    socklen_t size = sizeof(address);
    getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                    : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
  }
  ~BoundSocket() { Close(); }
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;

  bool bound() const { return bound_; }
  std::uint16_t port() const { return port_; }
  void Listen() const { ASSERT_EQ(listen(descriptor_, 1), 0); }
  int Accept() const { return accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC); }
  void Close() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_;
  bool bound_ = false;
  std::uint16_t port_ = 0;
};

TEST(FindListeningProcess, FindsTheListenerAndOnlyWhileItListens) {
  BoundSocket socket(AF_INET);
  ASSERT_TRUE(socket.bound());
  EXPECT_EQ(FindListeningProcess(socket.port()), std::nullopt) << "bound is not listening";
  socket.Listen();
  EXPECT_EQ(FindListeningProcess(socket.port()), getpid());
  EXPECT_THAT(FindListeningProcesses(socket.port()), Contains(getpid()));
  socket.Close();
  EXPECT_EQ(FindListeningProcess(socket.port()), std::nullopt);
}

TEST(FindListeningProcess, AConnectionThatOutlivesItsListenerIsNoListener) {
  BoundSocket listener(AF_INET);
  ASSERT_TRUE(listener.bound());
  listener.Listen();
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(listener.port());
  ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const int accepted = listener.Accept();
  EXPECT_GE(accepted, 0);
  listener.Close();
  EXPECT_EQ(FindListeningProcess(listener.port()), std::nullopt);
  close(accepted);
  close(client);
}

TEST(FindListeningProcess, FindsAListenerOnIpv6) {
  BoundSocket socket(AF_INET6);
  if (!socket.bound()) GTEST_SKIP() << "no IPv6 loopback here";
  socket.Listen();
  EXPECT_EQ(FindListeningProcess(socket.port()), getpid());
}

}  // namespace
}  // namespace llmload
