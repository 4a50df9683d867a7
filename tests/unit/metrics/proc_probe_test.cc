#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "llmload/metrics/resource_monitor.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;

TEST(ProcProbe, SeesMemoryThatThisProcessTouches) {
  constexpr std::size_t kSize = 64u << 20;
  const auto probe = ProcProbe::Self();
  const auto before = probe->Read();
  ASSERT_TRUE(before) << probe->FailureReason();
  EXPECT_EQ(probe->Pid(), getpid());
  EXPECT_EQ(probe->Label(), "test process");
  std::vector<char> block(kSize, 'x');
  const auto after = probe->Read();
  ASSERT_TRUE(after);
  EXPECT_GE(after->rss_bytes, before->rss_bytes + kSize / 2);
  EXPECT_EQ(block[kSize / 2], 'x');
}

TEST(ProcProbe, CountsThreadsAndDescriptors) {
  std::atomic<bool> stop{false};
  const auto idle = [&stop] {
    while (!stop) std::this_thread::yield();
  };
  // A sanitizer's runtime starts a thread of its own along with the first one.
  std::thread first(idle);
  const auto probe = ProcProbe::Self();
  const auto before = probe->Read();
  const int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::thread second(idle);
  const auto after = probe->Read();
  stop = true;
  first.join();
  second.join();
  ASSERT_GE(descriptor, 0);
  close(descriptor);
  ASSERT_TRUE(before && before->descriptors);
  ASSERT_TRUE(after && after->descriptors);
  EXPECT_EQ(*after->descriptors, *before->descriptors + 1);
  EXPECT_EQ(after->threads, before->threads + 1);
}

TEST(ProcProbe, CpuTimeAgreesWithTheProcessClock) {
  const auto cpu_clock = [] {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  };
  const auto probe = ProcProbe::Self();
  const auto start = cpu_clock();
  while (cpu_clock() - start < std::chrono::milliseconds(150)) {
  }
  const auto usage = probe->Read();
  ASSERT_TRUE(usage);
  EXPECT_NEAR(std::chrono::duration<double>(usage->cpu_time).count(),
              std::chrono::duration<double>(cpu_clock()).count(), 0.06);
}

TEST(ProcProbe, SaysThatAProcessHasEnded) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    pause();
    _exit(0);
  }
  ProcProbe probe("child", child);
  EXPECT_TRUE(probe.Read()) << probe.FailureReason();
  kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(probe.Read()) << "a zombie uses no memory";
  EXPECT_THAT(probe.FailureReason(), HasSubstr("has ended"));
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(probe.Read());
  EXPECT_THAT(probe.FailureReason(), HasSubstr("process " + std::to_string(child)));
}

TEST(ProcProbe, SaysThatAProcessDoesNotExist) {
  ProcProbe probe("nobody", std::numeric_limits<pid_t>::max());
  EXPECT_FALSE(probe.Read());
  EXPECT_THAT(probe.FailureReason(), HasSubstr("does not exist"));
}

}  // namespace
}  // namespace llmload
