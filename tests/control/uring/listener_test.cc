// Where control can listen and where it says why not, in the words that an operator reads; and what
// becomes of who knocks while no descriptor is left. Skips where the kernel forbids rings.
#include "control/uring/listener.h"

#include "tests/captured_log.h"
#include "tests/resource_limit.h"
#include "tests/temporary_directory.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::uring {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ListenerTest : public testing::Test {
 public:
  ~ListenerTest() override {
    for (const int descriptor : open_) {
      ::close(descriptor);
    }
  }

 protected:
  void SetUp() override {
    auto ring = Ring::Create(Ring::Use::kListening);
    if (!ring) {
      GTEST_SKIP() << ring.error();
    }
    ring_ = std::move(*ring);
  }

  auto Tcp(const std::string& address) {
    return Listener::ListenTcp(*ring_, address, [this](int descriptor, Session::Origin origin) {
      open_.push_back(descriptor);
      origins_.push_back(origin);
    });
  }

  auto Unix(const std::string& path) {
    return Listener::ListenUnix(*ring_, path, [this](int descriptor, Session::Origin origin) {
      open_.push_back(descriptor);
      origins_.push_back(origin);
    });
  }

  // A blocking connection: the kernel's queue takes it, whether we look or not.
  [[nodiscard]] bool Knock(int port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    open_.push_back(descriptor);
    return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }

  [[nodiscard]] bool KnockOn(const std::string& path) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.data(), path.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    open_.push_back(descriptor);
    return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }

  void Turns(Listener& listener, int count) {
    for (; count != 0; --count) {
      listener.Arm(now_);
      ring_->Wait(Duration{1'000'000});
    }
  }

  std::unique_ptr<Ring> ring_;
  TemporaryDirectory directory_;
  std::vector<int> open_;
  std::vector<Session::Origin> origins_;
  Instant now_{Duration{1'000'000'000'000}};
};

TEST_F(ListenerTest, SaysWhatIsNoAddress) {
  for (const char* const address : {"nonsense", "localhost:17997", "127.0.0.1:http", "1.2.3:x"}) {
    const auto listener = Tcp(address);
    ASSERT_FALSE(listener) << address;
    EXPECT_THAT(listener.error(), StartsWith(address));
    EXPECT_THAT(listener.error(), HasSubstr("mend control.listen"));
  }
}

TEST_F(ListenerTest, SaysThatSomebodyHasThePort) {
  const auto first = Tcp("127.0.0.1:0");
  ASSERT_TRUE(first) << first.error();
  const std::string address = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = Tcp(address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            address +
                ": needed to listen there, found: Address already in use; stop who has it, "
                "or set control.listen");
}

TEST_F(ListenerTest, SaysThatAnAddressIsNotOurs) {
  const auto listener = Tcp("192.0.2.1:0");  // RFC 5737: nobody's
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error(), HasSubstr("Cannot assign requested address"));
}

TEST_F(ListenerTest, APathMustFitASocketsAddress) {
  for (const std::string& path : {std::string(), "/" + std::string(107, 'a')}) {
    const auto listener = Unix(path);
    ASSERT_FALSE(listener);
    EXPECT_THAT(listener.error(), HasSubstr("1 to 107 bytes"));
  }
}

TEST_F(ListenerTest, ADirectoryThatCannotBeIsSaid) {
  std::ofstream(directory_.Path("file")) << "mine";
  const auto listener = Unix(directory_.Path("file/control.sock"));
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error(), HasSubstr("give its directory to the user"));
}

TEST_F(ListenerTest, AFileOfAnotherKindIsLeftWhereItIs) {
  const std::string path = directory_.Path("precious");
  std::ofstream(path) << "mine";
  const auto listener = Unix(path);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error(),
            path +
                ": needed a path that is free, or the socket of a former flatline-control, "
                "found another kind of file; set control.socket");
  std::string word;
  std::ifstream(path) >> word;
  EXPECT_EQ(word, "mine");
}

TEST_F(ListenerTest, TakesOverFromTheDeadAndNotFromTheLiving) {
  const std::string path = directory_.Path("made/control.sock");
  std::filesystem::create_directories(directory_.Path("made"));
  sockaddr_un left{};
  left.sun_family = AF_UNIX;
  std::memcpy(left.sun_path, path.data(), path.size());
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&left), sizeof left), 0);
  ::close(dead);
  {
    const auto first = Unix(path);
    ASSERT_TRUE(first) << first.error();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U);
    const auto second = Unix(path);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error(), HasSubstr("found another flatline-control answering"));
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "it is taken away at the end";
}

TEST_F(ListenerTest, ASocketThatSomebodyRemovesIsMadeAnewAndSaid) {
  const std::string path = directory_.Path("control.sock");
  const auto listener = Unix(path);
  ASSERT_TRUE(listener) << listener.error();
  for (int time = 1; time <= 3; ++time) {
    Turns(**listener, 3);
    std::filesystem::remove(path);
    const CapturedLog log;
    now_ += Listener::kComplaintInterval;
    Turns(**listener, 3);
    EXPECT_THAT(log.text(), HasSubstr("[error] " + path + ": needed the socket"));
    EXPECT_THAT(log.text(), HasSubstr("somebody has removed it; made anew"));
    ASSERT_TRUE(KnockOn(path));
    Turns(**listener, 3);
    EXPECT_EQ(origins_.size(), static_cast<std::size_t>(time));
    EXPECT_THAT(log.text(), Not(HasSubstr("cannot be taken")));
  }
}

TEST_F(ListenerTest, WhatAnotherHasPutInItsPlaceIsLeftThere) {
  const std::string path = directory_.Path("control.sock");
  {
    const auto listener = Unix(path);
    ASSERT_TRUE(listener) << listener.error();
    Turns(**listener, 1);
    std::filesystem::remove(path);
    std::ofstream(path) << "another's";
    const CapturedLog log;
    now_ += Listener::kLook;
    Turns(**listener, 1);
    EXPECT_THAT(log.text(), HasSubstr("another file in its place"));
  }
  EXPECT_TRUE(std::filesystem::exists(path)) << "not ours to take away";
}

TEST_F(ListenerTest, WhomItCannotAskMayBeAlive) {
  const std::string path = directory_.Path("control.sock");
  const auto first = Unix(path);
  ASSERT_TRUE(first) << first.error();
  {
    const NoDescriptors limit;
    const auto second = Unix(path);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error(), HasSubstr("no file descriptor to ask with"));
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

// Nobody who waits in the queue is lost, and the next attempt is a pause later.
TEST_F(ListenerTest, WhoKnocksWhileNoDescriptorIsLeftIsTakenLater) {
  auto listener = Tcp("127.0.0.1:0");
  ASSERT_TRUE(listener) << listener.error();
  ASSERT_TRUE(Knock((*listener)->port()));
  {
    const NoDescriptors limit;
    Turns(**listener, 5);
    EXPECT_TRUE(origins_.empty());
  }
  Turns(**listener, 5);
  EXPECT_TRUE(origins_.empty()) << "before the pause is over";
  now_ += Listener::kPause;
  Turns(**listener, 5);
  EXPECT_EQ(origins_, std::vector{Session::Origin::kTcp});
}

}  // namespace
}  // namespace flatline::uring
