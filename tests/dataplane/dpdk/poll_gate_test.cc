#include "dataplane/dpdk/poll_gate.h"

#include <thread>

#include <gtest/gtest.h>

namespace flatline::dpdk {
namespace {

TEST(PollGateTest, IsClosedAtFirst) {
  PollGate gate;
  EXPECT_FALSE(gate.is_open());
  EXPECT_FALSE(gate.EnterReceive(0, 0));
  EXPECT_FALSE(gate.EnterTransmit(0, 0));
}

TEST(PollGateTest, LetsInToTheQueuesThatThePeerHas) {
  PollGate gate;
  gate.Open(2, 1);
  EXPECT_TRUE(gate.EnterReceive(0, 1));
  gate.Leave(0);
  EXPECT_FALSE(gate.EnterReceive(0, 2));
  EXPECT_TRUE(gate.EnterTransmit(3, 0));
  gate.Leave(3);
  EXPECT_FALSE(gate.EnterTransmit(3, 1));
}

TEST(PollGateTest, CountsItsClosings) {
  PollGate gate;
  gate.Open(1, 1);
  gate.Close();
  gate.Open(1, 1);
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(gate.closings(), 1U);
}

// What the gate is for, with a plain integer in the place of mapped rings: the keeper changes it
// only while the gate is closed, pollers read it only inside. Under ThreadSanitizer a hole in the
// protocol is a data race; without, a torn pair.
TEST(PollGateTest, NobodyIsInsideWhileTheKeeperTearsDown) {
  constexpr int kRounds = 2'000;
  PollGate gate;

  struct Pair {
    int first = 0;
    int second = 0;
  } rings;

  std::atomic<bool> stop{false};
  std::atomic<int> entered{0};
  std::atomic<bool> torn{false};
  const auto poll = [&](std::size_t poller) {
    while (!stop.load(std::memory_order_relaxed)) {
      if (gate.EnterReceive(poller, 0)) {
        if (rings.first != rings.second) {
          torn = true;
        }
        gate.Leave(poller);
        entered.fetch_add(1, std::memory_order_relaxed);
      } else {
        std::this_thread::yield();  // there may be fewer cores than threads
      }
    }
  };
  std::thread one(poll, 0);
  std::thread two(poll, 1);
  for (int round = 0; round < kRounds; ++round) {
    gate.Close();
    ++rings.first;
    std::this_thread::yield();
    ++rings.second;
    gate.Open(1, 1);
    const int before = entered.load(std::memory_order_relaxed);
    while (round % 100 == 0 && entered.load(std::memory_order_relaxed) == before) {
      std::this_thread::yield();
    }
  }
  stop = true;
  one.join();
  two.join();
  EXPECT_FALSE(torn);
  EXPECT_GE(entered.load(), kRounds / 100);
}

}  // namespace
}  // namespace flatline::dpdk
