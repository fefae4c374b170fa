// The service manager's end of the socket is the test's: what is said, how often, and what is not.
#include <flatline/supervisor.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Instant kNow{Duration{5'000'000'000}};

class SupervisorTest : public testing::Test {
 public:
  SupervisorTest() : name_("@flatline-supervisor-test-" + std::to_string(::getpid())) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    std::memcpy(own.sun_path, name_.data(), name_.size());
    own.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&own), size), 0);
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  }

  ~SupervisorTest() override {
    ::close(socket_);
    for (const char* const name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      ::unsetenv(name);
    }
  }

 protected:
  // What has been said since the last time.
  [[nodiscard]] std::vector<std::string> Heard() const {
    std::vector<std::string> out;
    std::array<char, 256> text{};
    for (ssize_t got = 0; (got = ::recv(socket_, text.data(), text.size(), 0)) >= 0;) {
      out.emplace_back(text.data(), static_cast<std::size_t>(got));
    }
    return out;
  }

  using Words = std::vector<std::string>;

  std::string name_;
  int socket_ = -1;
};

TEST_F(SupervisorTest, SaysThatItIsReadyThatItMovesAndThatItEnds) {
  Supervisor supervisor = Supervisor::FromEnvironment();
  supervisor.SayReady();
  supervisor.SayStatus("hearing");
  supervisor.SayStopping();
  EXPECT_EQ(Heard(), (Words{"READY=1", "STATUS=hearing", "STOPPING=1"}));
}

TEST_F(SupervisorTest, FeedsTheWatchdogThreeTimesInWhatItWaits) {
  Supervisor supervisor = Supervisor::FromEnvironment();
  for (int ms = 0; ms < 3'000; ms += 10) {
    supervisor.SayAlive(kNow + Duration{std::int64_t{ms} * 1'000'000});
  }
  EXPECT_EQ(Heard(), (Words{"WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"}));
}

TEST_F(SupervisorTest, AnotherProcessesWatchdogIsNotFed) {
  ::setenv("WATCHDOG_PID", "1", 1);
  Supervisor supervisor = Supervisor::FromEnvironment();
  supervisor.SayAlive(kNow);
  supervisor.SayReady();
  EXPECT_EQ(Heard(), (Words{"READY=1"}));
}

TEST_F(SupervisorTest, WithoutAManagerNothingIsSaid) {
  for (const char* const address : {"", "relative", "vsock:2:1"}) {
    ::setenv("NOTIFY_SOCKET", address, 1);
    Supervisor supervisor = Supervisor::FromEnvironment();
    supervisor.SayReady();
    supervisor.SayAlive(kNow);
  }
  EXPECT_EQ(Heard(), Words{});
}

TEST_F(SupervisorTest, SpeaksWithoutADescriptorLeft) {
  Supervisor supervisor = Supervisor::FromEnvironment();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_LT(::dup(0), 0) << "there is none left";
  supervisor.SayAlive(kNow);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(Heard(), (Words{"WATCHDOG=1"}));
}

TEST(ProcessIsThere, IsTrueOfOurselvesAndOfNobodyElseThatIsNot) {
  EXPECT_TRUE(ProcessIsThere(static_cast<std::uint32_t>(::getpid())));
  EXPECT_FALSE(ProcessIsThere(0));
  EXPECT_FALSE(ProcessIsThere(0x7FFFFFFE));
}

}  // namespace
}  // namespace flatline
