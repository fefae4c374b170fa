// The relay between a pretended peer and a pretended driver: sockets only, no DPDK.
#include "dataplane/dpdk/memif_relay.h"

#include <array>
#include <atomic>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace flatline::dpdk {
namespace {

constexpr int kPatience = 5'000;  // ms; nothing here takes long unless it is broken

MemifMessage Message(MemifKind kind, std::uint16_t flags = 0) {
  MemifMessage out;
  std::memcpy(out.bytes.data(), &kind, sizeof kind);
  std::memcpy(&out.bytes[2], &flags, sizeof flags);
  return out;
}

bool Readable(const Descriptor& from) {
  pollfd wait{.fd = from.get(), .events = POLLIN, .revents = 0};
  return poll(&wait, 1, kPatience) > 0;
}

// The kind of the next message; nullopt: the other side has hung up.
std::optional<MemifKind> Next(const Descriptor& from) {
  const auto message = Readable(from) ? MemifMessage::Receive(from) : std::nullopt;
  return message ? std::optional(message->kind()) : std::nullopt;
}

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < kPatience && !condition(); ++i) {
    usleep(1000);
  }
  return condition();
}

class MemifRelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    outside_ = {.path = fmt::format("flatline-relay-{}-{}", name, getpid()), .abstract = true};
    DeviceString device =
        DeviceString::Parse("net_memif0,role=server,socket=" + outside_.path).value();
    auto relay = MemifRelay::Create(device, fmt::format("relay-{}", getpid()), 7);
    ASSERT_TRUE(relay) << relay.error();
    relay_ = std::move(*relay);
    inside_ = MemifAddress::Of(device);
    ASSERT_FALSE(inside_.abstract);
    auto driver = inside_.Listen();
    ASSERT_TRUE(driver) << driver.error();
    driver_listener_ = std::move(*driver);
    relay_->Start({.link_is_up = [this] { return link_.load(); }, .restart = [] {}});
  }

  void TearDown() override { link_ = false; }

  void Meet() {
    peer_ = outside_.Connect();
    ASSERT_TRUE(peer_.valid());
    ASSERT_TRUE(Readable(driver_listener_));
    driver_ = Descriptor(accept4(driver_listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  // Two rings to the server, one back, and the last word; the driver's link comes up.
  void Complete() {
    for (const std::uint16_t flags : std::array<std::uint16_t, 3>{1, 1, 0}) {
      ASSERT_TRUE(Message(MemifKind::kAddRing, flags).Send(peer_));
      ASSERT_EQ(Next(driver_), MemifKind::kAddRing);
    }
    link_ = true;
    ASSERT_TRUE(Message(MemifKind::kConnected).Send(driver_));
    ASSERT_EQ(Next(peer_), MemifKind::kConnected);
    ASSERT_TRUE(Eventually([&] { return relay_->gate().is_open(); }));
  }

  MemifAddress outside_;
  MemifAddress inside_;
  std::atomic<bool> link_{false};
  Descriptor driver_listener_;
  Descriptor driver_;
  Descriptor peer_;
  std::unique_ptr<MemifRelay> relay_;  // destroyed first: its thread uses the above
};

TEST_F(MemifRelayTest, PassesMessagesAndTheirDescriptorsBothWays) {
  Meet();
  ASSERT_TRUE(Message(MemifKind::kHello).Send(driver_));
  EXPECT_EQ(Next(peer_), MemifKind::kHello);
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  const Descriptor read_end(pipe_ends[0]);
  MemifMessage region = Message(MemifKind::kAddRegion);
  region.descriptor = Descriptor(pipe_ends[1]);
  ASSERT_TRUE(region.Send(peer_));
  ASSERT_TRUE(Readable(driver_));
  const auto arrived = MemifMessage::Receive(driver_);
  ASSERT_TRUE(arrived && arrived->descriptor.valid());
  ASSERT_EQ(write(arrived->descriptor.get(), "x", 1), 1);
  EXPECT_TRUE(Readable(read_end));
}

TEST_F(MemifRelayTest, OpensForTheRingsThatWereSetUpWhenTheSessionIsComplete) {
  Meet();
  EXPECT_FALSE(relay_->gate().is_open());
  Complete();
  EXPECT_TRUE(relay_->gate().EnterReceive(0, 1));
  relay_->gate().Leave(0);
  EXPECT_FALSE(relay_->gate().EnterReceive(0, 2));
  EXPECT_FALSE(relay_->gate().EnterTransmit(0, 1));
}

TEST_F(MemifRelayTest, TheDriverHearsOfTheEndOnlyWhenNobodyIsInside) {
  Meet();
  Complete();
  ASSERT_TRUE(relay_->gate().EnterReceive(4, 0));  // a burst that takes its time
  peer_ = Descriptor();
  ASSERT_TRUE(Eventually([&] { return !relay_->gate().is_open(); }));
  pollfd told{.fd = driver_.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&told, 1, 50), 0) << "told while a poller was inside";
  relay_->gate().Leave(4);
  EXPECT_EQ(Next(driver_), std::nullopt);
}

TEST_F(MemifRelayTest, ADisconnectIsToldAsTheEnd) {
  Meet();
  Complete();
  ASSERT_TRUE(Message(MemifKind::kDisconnect).Send(peer_));
  EXPECT_EQ(Next(driver_), std::nullopt);
  EXPECT_FALSE(relay_->gate().is_open());
}

TEST_F(MemifRelayTest, NonsenseEndsTheSessionAndTheNextPeerIsServed) {
  Meet();
  ASSERT_EQ(send(peer_.get(), "nonsense", 8, MSG_NOSIGNAL), 8);
  EXPECT_EQ(Next(driver_), std::nullopt);
  Meet();
  Complete();
}

TEST_F(MemifRelayTest, ThePrivateSocketIsInADirectoryOfOurOwn) {
  struct stat about{};
  ASSERT_EQ(stat(inside_.path.substr(0, inside_.path.rfind('/')).c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0700U);
  relay_.reset();
  EXPECT_NE(access(inside_.path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace flatline::dpdk
