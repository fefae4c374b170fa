// A process of the test's own, confined, that then does what it may and what it may not: how it
// ends and what it says. Capabilities are looked at where the kernel shows them, of every thread.
#include <flatline/confinement.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::HasSubstr;

struct Ending {
  int status = 0;
  std::string said;
};

// What becomes of a child that is confined and then does this.
Ending Confined(ConfinedProgram program, const std::function<int()>& deed) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::_exit(Confine({.program = program}) ? deed() : 99);
  }
  ::close(ends[1]);
  Ending out;
  std::array<char, 512> piece{};
  for (ssize_t got = 0; (got = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    out.said.append(piece.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  EXPECT_EQ(::waitpid(child, &out.status, 0), child);
  return out;
}

// Values of `key` in the status of each thread.
std::vector<std::string> OfThreads(const std::string& key) {
  std::vector<std::string> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      if (word == key) {
        out.emplace_back();
        status >> out.back();
      }
    }
  }
  return out;
}

bool AllAre(const std::string& key, const std::string& value, std::size_t threads) {
  return OfThreads(key) == std::vector<std::string>(threads, value);
}

class ConfineTest : public testing::TestWithParam<ConfinedProgram> {};

INSTANTIATE_TEST_SUITE_P(Programs,
                         ConfineTest,
                         testing::Values(ConfinedProgram::kDataplane, ConfinedProgram::kControl));

TEST_P(ConfineTest, WorksOn) {
  const Ending ending = Confined(GetParam(), [] {
    const std::string path = "/tmp/flatline-confined-" + std::to_string(::getpid());
    std::ofstream(path) << "text";
    const bool is_there = std::filesystem::file_size(path) == 4;
    std::filesystem::remove(path);
    std::atomic<int> done{0};
    std::thread([&] { done = 1; }).join();
    const std::vector<char> memory(std::size_t{1} << 22, 'x');
    return is_there && done == 1 && memory.back() == 'x' ? 7 : 1;
  });
  ASSERT_TRUE(WIFEXITED(ending.status)) << ending.said;
  EXPECT_EQ(WEXITSTATUS(ending.status), 7);
  EXPECT_EQ(ending.said, "");
}

TEST_P(ConfineTest, EndsByTheCallThatItMayNotAndNamesIt) {
  const auto ends_by = [](const std::string& call, const std::function<int()>& deed) {
    const Ending ending = Confined(GetParam(), deed);
    EXPECT_TRUE(WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGSYS) << call;
    EXPECT_THAT(ending.said, HasSubstr("(" + call + ") is not among those"));
  };
  ends_by("execve", [] { return ::execl("/bin/true", "true", nullptr); });
  ends_by("setuid", [] { return ::setuid(0); });
  ends_by("kill", [] { return ::kill(1, 0); });
  ends_by("socket", [] { return ::socket(AF_PACKET, SOCK_RAW, 0); });
  ends_by("mmap", [] {
    void* const at =
        ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? 1 : 0;
  });
}

TEST_P(ConfineTest, HoldsForThreadsThatAreThereAndThatCome) {
  const Ending ending = Confined(GetParam(), [] { return 0; });
  ASSERT_TRUE(WIFEXITED(ending.status)) << ending.said;
  const pid_t child = ::fork();
  if (child == 0) {
    std::atomic<bool> stop{false};
    std::thread before([&] {
      while (!stop) {
        std::this_thread::yield();
      }
    });
    const bool confined = Confine({.program = GetParam()}).has_value();
    std::thread after([&] {
      while (!stop) {
        std::this_thread::yield();
      }
    });
    const bool holds = AllAre("CapEff:", "0000000000000000", 3) &&
                       AllAre("CapPrm:", "0000000000000000", 3) && AllAre("Seccomp:", "2", 3) &&
                       AllAre("NoNewPrivs:", "1", 3);
    stop = true;
    before.join();
    after.join();
    ::_exit(confined && holds ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(DropCapabilities, LeavesNone) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(DropCapabilities() && AllAre("CapEff:", "0000000000000000", 1) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace flatline
