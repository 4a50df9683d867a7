#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

TEST(ProcProbe, SeesTheMemoryOfAnotherProcessAndNotItsOwn) {
  constexpr std::size_t kSize = 64u << 20;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    void* const block =
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) _exit(1);
    std::memset(block, 'x', kSize);
    if (write(ready[1], "r", 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ProcProbe probe("child", child);
  const auto its = probe.Read();
  const auto own = ProcProbe::Self()->Read();
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  close(ready[0]);
  close(ready[1]);
  ASSERT_TRUE(its && own);
  // What it shares with this process may not be counted as its own; the block is its own for
  // certain.
  EXPECT_GE(its->rss_bytes, kSize);
  EXPECT_GE(its->rss_bytes, own->rss_bytes / 2 + kSize / 2);
  EXPECT_NE(its->rss_bytes, own->rss_bytes);
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

TEST(ProcProbe, CpuTimeAgreesWithTheAccountOfTheProcess) {
  using std::chrono::milliseconds;
  const auto accounted = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  const auto probe = ProcProbe::Self();
  while (accounted() < milliseconds(150)) {
  }
  const Duration before = accounted();
  const auto usage = probe->Read();
  const Duration after = accounted();
  ASSERT_TRUE(usage);
  // Read between the two; each of its parts, user and system, is in whole ticks of 10 ms.
  EXPECT_GT(usage->cpu_time, before - milliseconds(20));
  EXPECT_LE(usage->cpu_time, after);
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
