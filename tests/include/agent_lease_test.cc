// Leases for agents, through a C11 compiler, against lease_message.h: the same bytes, and the
// holder's rule of when it may act.
#include "tests/include/agent_in_c.h"

#include <flatline/heartbeat.h>
#include <flatline/lease_message.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

class AgentLease : public testing::TestWithParam<std::uint8_t> {
 protected:
  AgentLease() {
    agent_.id = 7;
    agent_.incarnation = 3;
    agent_.sequence = 9;
    agent_.tag_size = GetParam();
    agent_.key[3] = 0x5A;
    lease_.space = kFlatlineLeaseLeader;
    lease_.number = 5;
    lease_.term_ms = 6400;
    lease_.answer = kFlatlineLeaseNothing;
  }

  std::vector<std::uint8_t> Ask(std::uint64_t now_ns) {
    std::vector<std::uint8_t> out(kFlatlineLargestLeaseRequest);
    out.resize(EncodeLeaseRequestInC(&agent_, &lease_, now_ns, out.data()));
    return out;
  }

  // As flatline answers a request.
  [[nodiscard]] std::vector<std::uint8_t> AnswerTo(std::vector<std::uint8_t> request,
                                                   LeaseAnswer what,
                                                   std::uint32_t ms = 6400,
                                                   FencingToken token = 77,
                                                   EndpointId holder = 7) const {
    const auto bytes = std::as_writable_bytes(std::span(request));
    Heartbeat heartbeat = DecodeHeartbeat(bytes).value();
    heartbeat.kind = HeartbeatKind::kLeaseGrant;
    EncodeHeartbeat(heartbeat, bytes.first<kHeartbeatSize>());
    EncodeLease({.name = {.space = LeaseSpace::kLeader, .number = 5},
                 .what = static_cast<std::uint8_t>(what),
                 .term_ms = ms,
                 .token = token,
                 .holder = holder},
                kElementLeaseGrant,
                bytes.subspan<kHeartbeatSize, kLeasePayload>());
    if (agent_.tag_size != 0) {
      request[4] |= 4U;
      const std::size_t size = request.size() - agent_.tag_size;
      FlatlineSipHash(agent_.key, request.data(), size, agent_.tag_size, &request[size]);
    }
    return request;
  }

  bool Hear(const std::vector<std::uint8_t>& answer, std::uint64_t now_ns) {
    return AcceptLeaseInC(&agent_, &lease_, answer.data(), answer.size(), now_ns);
  }

  FlatlineAgent agent_{};
  FlatlineLease lease_{};
};

TEST_P(AgentLease, EncodesWhatFlatlineDecodes) {
  lease_.token = 12;
  const auto request = Ask(1000 * kMs);
  const auto bytes = std::as_bytes(std::span(request));
  const auto heartbeat = DecodeHeartbeat(bytes);
  ASSERT_TRUE(heartbeat);
  EXPECT_EQ(heartbeat->kind, HeartbeatKind::kLeaseRequest);
  EXPECT_EQ(heartbeat->id, 7U);
  EXPECT_EQ(heartbeat->incarnation, 3U);
  EXPECT_EQ(heartbeat->sequence, 9U);
  EXPECT_EQ(heartbeat->sent_ns, 1000 * kMs);
  EXPECT_EQ(heartbeat->payload_length, kLeasePayload);
  EXPECT_EQ(bytes.size(), kHeartbeatSize + kLeasePayload + agent_.tag_size);
  const auto message =
      DecodeLease(bytes.subspan(kHeartbeatSize, kLeasePayload), kElementLeaseRequest);
  ASSERT_TRUE(message);
  EXPECT_EQ(*message,
            (LeaseMessage{.name = {.space = LeaseSpace::kLeader, .number = 5},
                          .what = static_cast<std::uint8_t>(LeaseWish::kTake),
                          .term_ms = 6400,
                          .token = 12}));
}

TEST_P(AgentLease, CountsItsTermFromWhenItAskedLessASixtyFourth) {
  const auto granted = AnswerTo(Ask(1000 * kMs), LeaseAnswer::kGranted);
  EXPECT_FALSE(MayActInC(&lease_, 1000 * kMs));
  EXPECT_TRUE(Hear(granted, 3000 * kMs));
  EXPECT_TRUE(MayActInC(&lease_, 1000 * kMs + 6299 * kMs));
  EXPECT_FALSE(MayActInC(&lease_, 1000 * kMs + 6300 * kMs));
  EXPECT_EQ(lease_.token, 77U);
}

TEST_P(AgentLease, TakesAnOlderGrantForNothingMore) {
  const auto first = AnswerTo(Ask(1000 * kMs), LeaseAnswer::kGranted);
  const auto second = AnswerTo(Ask(2000 * kMs), LeaseAnswer::kGranted, 6400, 78);
  EXPECT_TRUE(Hear(second, 2100 * kMs));
  EXPECT_TRUE(Hear(first, 2200 * kMs));
  EXPECT_EQ(lease_.token, 78U);
  EXPECT_EQ(lease_.until_ns, 2000 * kMs + 6300 * kMs);
}

TEST_P(AgentLease, GoesOnActingWhereARenewalIsRefused) {
  EXPECT_TRUE(Hear(AnswerTo(Ask(1000 * kMs), LeaseAnswer::kGranted), 1001 * kMs));
  EXPECT_TRUE(Hear(AnswerTo(Ask(2000 * kMs), LeaseAnswer::kNotAlive, 0, 0, 0), 2001 * kMs));
  EXPECT_TRUE(MayActInC(&lease_, 7000 * kMs)) << "its term is its own to the end";
  EXPECT_EQ(lease_.token, 77U);
}

TEST_P(AgentLease, GivesUpAtOnce) {
  const auto granted = AnswerTo(Ask(1000 * kMs), LeaseAnswer::kGranted);
  EXPECT_TRUE(Hear(granted, 1001 * kMs));
  const auto late = AnswerTo(Ask(1500 * kMs), LeaseAnswer::kGranted);
  std::vector<std::uint8_t> release(kFlatlineLargestLeaseRequest);
  release.resize(EncodeLeaseReleaseInC(&agent_, &lease_, 2000 * kMs, release.data()));
  EXPECT_FALSE(MayActInC(&lease_, 2000 * kMs));
  EXPECT_FALSE(Hear(late, 2001 * kMs));
  EXPECT_FALSE(MayActInC(&lease_, 2001 * kMs));
  const auto bytes = std::as_bytes(std::span(release));
  const auto message =
      DecodeLease(bytes.subspan(kHeartbeatSize, kLeasePayload), kElementLeaseRequest);
  EXPECT_EQ(message->token, 77U);
  EXPECT_TRUE(Hear(AnswerTo(release, LeaseAnswer::kReleased, 0, 77, 0), 2002 * kMs));
  EXPECT_EQ(lease_.answer, kFlatlineLeaseReleased);
}

// Not a byte of an answer may be otherwise; where there is no tag, none of those that say for whom
// and for what it is.
TEST_P(AgentLease, TakesNoAnswerThatIsNotItsOwn) {
  const auto good = AnswerTo(Ask(1000 * kMs), LeaseAnswer::kGranted);
  std::vector<std::size_t> places{0, 1, 2, 3, 8, 15, 16, 19, 36, 37, 38, 39, 40, 41, 42, 50, 57};
  if (agent_.tag_size != 0) {
    places.clear();
    for (std::size_t at = 0; at < good.size(); ++at) {
      places.push_back(at);
    }
  }
  for (const std::size_t at : places) {
    auto bad = good;
    bad[at] ^= 0x40;
    EXPECT_FALSE(Hear(bad, 1001 * kMs)) << at;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(
        Hear({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}, 1001 * kMs));
  }
  EXPECT_FALSE(Hear(good, 999 * kMs)) << "asked for in the future: of another boot";
  EXPECT_EQ(lease_.answer, kFlatlineLeaseNothing);
  EXPECT_TRUE(Hear(good, 1001 * kMs));
}

TEST_P(AgentLease, AsksAgainAtAThirdOfItsTermOrAsItWasTold) {
  EXPECT_EQ(LeaseAskAtInC(&lease_), 0U);
  const auto request = Ask(1000 * kMs);
  EXPECT_EQ(LeaseAskAtInC(&lease_), 1500 * kMs);
  EXPECT_TRUE(Hear(AnswerTo(request, LeaseAnswer::kGranted, 3000), 1001 * kMs));
  EXPECT_NEAR(static_cast<double>(LeaseAskAtInC(&lease_)), 2000.0 * kMs, 1.0 * kMs);
  static_cast<void>(Ask(2000 * kMs));
  EXPECT_NEAR(static_cast<double>(LeaseAskAtInC(&lease_)), 2300.0 * kMs, 1.0 * kMs);
  FlatlineLease other = lease_;
  lease_ = {};
  lease_.space = other.space;
  lease_.number = other.number;
  EXPECT_TRUE(Hear(AnswerTo(Ask(3000 * kMs), LeaseAnswer::kHeld, 200, 80, 9), 3001 * kMs));
  EXPECT_EQ(LeaseAskAtInC(&lease_), 3201 * kMs);
  EXPECT_EQ(lease_.holder, 9U);
  static_cast<void>(Ask(3201 * kMs));
  EXPECT_EQ(LeaseAskAtInC(&lease_), 3701 * kMs) << "once, not until it is answered";
}

INSTANTIATE_TEST_SUITE_P(Tags, AgentLease, testing::Values(0, 8, 16));

}  // namespace
}  // namespace flatline
