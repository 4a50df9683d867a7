#include "llmload/provider/connection_counters.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace llmload {
namespace {

using namespace std::chrono_literals;

// Every counter differs, so that one taken for another shows.
ConnectionCounters Distinct(std::uint64_t factor) {
  return {.connects = 1 * factor,
          .tls_handshakes = 2 * factor,
          .tls_resumptions = 3 * factor,
          .dns_lookups = 4 * factor,
          .reuses = 5 * factor,
          .stale = 6 * factor,
          .dns_time = 7ns * factor,
          .connect_time = 8ns * factor,
          .tls_time = 9ns * factor};
}

TEST(ConnectionCounters, AddAndSubtractCounterByCounter) {
  ConnectionCounters sum = Distinct(10);
  sum += Distinct(100);
  EXPECT_EQ(sum, Distinct(110));
  EXPECT_EQ(sum - Distinct(100), Distinct(10));
  EXPECT_EQ(sum - sum, ConnectionCounters());
}

TEST(ConnectionCounters, MeansAreEmptyWithoutAnythingCounted) {
  const ConnectionCounters none;
  EXPECT_EQ(none.MeanDns(), std::nullopt);
  EXPECT_EQ(none.MeanConnect(), std::nullopt);
  EXPECT_EQ(none.MeanTls(), std::nullopt);
  const ConnectionCounters some{.connects = 2,
                                .tls_handshakes = 4,
                                .dns_lookups = 3,
                                .dns_time = 30ms,
                                .connect_time = 10ms,
                                .tls_time = 8ms};
  EXPECT_EQ(some.MeanDns(), Duration(10ms));
  EXPECT_EQ(some.MeanConnect(), Duration(5ms));
  EXPECT_EQ(some.MeanTls(), Duration(2ms));
}

}  // namespace
}  // namespace llmload
