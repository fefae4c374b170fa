#include "dataplane/dpdk/rx_queue.h"

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/port.h"

#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

namespace flatline::dpdk {
namespace {

constexpr std::uint32_t kLength = 64;

// A port whose transmit queue is its receive queue: net_ring. One for all tests, as EAL is.
class RxQueueTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Config config;
    config.instance = fmt::format("rx-queue-test-{}", getpid());
    config.dataplane.hugepages = HugepageMode::kOff;
    config.dataplane.memory = 64U << 20;
    auto eal = Eal::Start(config, PlanEal(config, {"net_ring0"}, LookAtHost(), {}).value());
    ASSERT_TRUE(eal) << eal.error();
    environment.emplace(std::move(*eal));
    Port::Request request;
    request.config.device = "net_ring0";
    request.config.descriptors = 1024;
    auto port = Port::Create(request);
    ASSERT_TRUE(port) << port.error();
    looped = std::move(*port);
  }

  static void TearDownTestSuite() {
    looped.reset();
    environment.reset();
  }

  void SetUp() override {
    pool_ = rte_mempool_lookup("flatline-0");
    ASSERT_NE(pool_, nullptr);
    free_ = rte_mempool_avail_count(pool_);
  }

  // Whatever was received has gone back.
  void TearDown() override { EXPECT_EQ(rte_mempool_avail_count(pool_), free_); }

  // Numbered on from the last.
  void Send(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      rte_mbuf* buffer = rte_pktmbuf_alloc(pool_);
      ASSERT_NE(buffer, nullptr);
      std::memcpy(rte_pktmbuf_append(buffer, kLength), &sent_, sizeof sent_);
      ++sent_;
      ASSERT_EQ(rte_eth_tx_burst(looped->id(), 0, &buffer, 1), 1);
    }
  }

  // How many came, each the next in order.
  std::size_t Receive() {
    const auto frames = queue().Receive();
    for (const Frame& frame : frames) {
      std::uint64_t number = 0;
      std::memcpy(&number, frame.data, sizeof number);
      EXPECT_EQ(number, heard_++);
      EXPECT_EQ(frame.length, kLength);
    }
    queue().Release();
    return frames.size();
  }

  static RxQueue& queue() { return looped->queues()[0]->rx; }

  rte_mempool* pool_ = nullptr;
  unsigned free_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t heard_ = 0;

  inline static std::optional<Eal> environment;
  inline static std::unique_ptr<Port> looped;
};

TEST_F(RxQueueTest, GivesFullBurstsWhileThereIsMore) {
  Send(2 * kBurst + 60);
  EXPECT_EQ(Receive(), kBurst);
  EXPECT_EQ(Receive(), kBurst);
  EXPECT_EQ(Receive(), 60U);
  EXPECT_EQ(Receive(), 0U);
}

TEST_F(RxQueueTest, AShortBurstHoldsAllThatHadComeByThen) {
  Send(kBurst + 10);
  EXPECT_EQ(Receive(), kBurst);
  Send(5);
  EXPECT_EQ(Receive(), 15U);
}

TEST_F(RxQueueTest, WhatCameBetweenFillsUpTheNextBurst) {
  Send(kBurst + 10);
  EXPECT_EQ(Receive(), kBurst);
  Send(kBurst + 1);
  EXPECT_EQ(Receive(), kBurst);
  EXPECT_EQ(Receive(), 11U);
}

TEST_F(RxQueueTest, AChainedBufferIsSaidToBeAndGivenBack) {
  rte_mbuf* head = rte_pktmbuf_alloc(pool_);
  rte_mbuf* tail = rte_pktmbuf_alloc(pool_);
  ASSERT_NE(rte_pktmbuf_append(head, kLength), nullptr);
  ASSERT_NE(rte_pktmbuf_append(tail, kLength), nullptr);
  ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
  ASSERT_EQ(rte_eth_tx_burst(looped->id(), 0, &head, 1), 1);
  const auto frames = queue().Receive();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(frames[0].chained);
  queue().Release();
}

TEST_F(RxQueueTest, ABufferThatSomebodyElseHoldsIsNotTakenFromThem) {
  rte_mbuf* buffer = rte_pktmbuf_alloc(pool_);
  ASSERT_NE(rte_pktmbuf_append(buffer, kLength), nullptr);
  rte_mbuf_refcnt_update(buffer, 1);
  ASSERT_EQ(rte_eth_tx_burst(looped->id(), 0, &buffer, 1), 1);
  EXPECT_EQ(queue().Receive().size(), 1U);
  queue().Release();
  EXPECT_EQ(rte_mbuf_refcnt_read(buffer), 1);
  EXPECT_EQ(rte_mempool_avail_count(pool_), free_ - 1);
  rte_pktmbuf_free(buffer);
}

}  // namespace
}  // namespace flatline::dpdk
