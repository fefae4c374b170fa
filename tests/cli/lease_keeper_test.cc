// When the agents of `flatline agent --lease` ask, what they make of the answers, and what is said
// of it. Invented time.
#include "control/cli/lease_keeper.h"

#include <flatline/heartbeat.h>
#include <flatline/lease_message.h>

#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr LeaseName kLeader{.space = LeaseSpace::kLeader, .number = 5};

class LeaseKeeperTest : public testing::Test {
 protected:
  LeaseKeeperTest() {
    for (std::size_t agent = 0; agent < 2; ++agent) {
      static_cast<void>(fleet_.Encode(agent, Message::kHeartbeat, 1));
    }
  }

  static FlatlineAgent First() {
    FlatlineAgent out{};
    out.id = 7;
    out.incarnation = 3;
    return out;
  }

  // What flatline would send back for a request.
  static std::vector<std::uint8_t> AnswerTo(std::span<const std::uint8_t> request,
                                            LeaseAnswer what,
                                            std::uint32_t ms,
                                            FencingToken token,
                                            EndpointId holder) {
    std::vector<std::uint8_t> out(request.begin(), request.end());
    const auto bytes = std::as_writable_bytes(std::span(out));
    Heartbeat heartbeat = DecodeHeartbeat(bytes).value();
    LeaseMessage message = DecodeLease(bytes.subspan(kHeartbeatSize), kElementLeaseRequest).value();
    heartbeat.kind = HeartbeatKind::kLeaseGrant;
    message.what = static_cast<std::uint8_t>(what);
    message.term_ms = ms;
    message.token = token;
    message.holder = holder;
    EncodeHeartbeat(heartbeat, bytes.first<kHeartbeatSize>());
    EncodeLease(message, kElementLeaseGrant, bytes.subspan<kHeartbeatSize, kLeasePayload>());
    return out;
  }

  AgentFleet fleet_{First(), 2};
  LeaseKeeper keeper_{kLeader, 1000, fleet_};
};

TEST_F(LeaseKeeperTest, AsksForEachThatHasBeaten) {
  AgentFleet silent(First(), 1);
  LeaseKeeper without(kLeader, 1000, silent);
  EXPECT_TRUE(without.TakeDue(1000 * kMs).empty());
  EXPECT_FALSE(keeper_.TakeDue(1000 * kMs).empty());
  EXPECT_FALSE(keeper_.TakeDue(1000 * kMs).empty());
  EXPECT_TRUE(keeper_.TakeDue(1000 * kMs).empty());
  EXPECT_EQ(keeper_.next(), 1500 * kMs) << "unanswered, it is asked again";
}

TEST_F(LeaseKeeperTest, TellsWhenOneMayActAndWhenNot) {
  const auto request = keeper_.TakeDue(1000 * kMs);
  const auto granted = AnswerTo(request, LeaseAnswer::kGranted, 1000, 77, 7);
  EXPECT_TRUE(keeper_.Receive(granted, 1010 * kMs));
  auto news = keeper_.Look(1010 * kMs);
  ASSERT_EQ(news.size(), 1U);
  EXPECT_TRUE(news[0].may_act);
  EXPECT_EQ(news[0].agent, 7U);
  EXPECT_EQ(LeaseChangeText(news[0]), "agent 7: may act by leader:5 for 974.4ms, token 77");
  EXPECT_TRUE(keeper_.Look(1011 * kMs).empty());
  EXPECT_TRUE(keeper_.Look(1984 * kMs).empty());
  news = keeper_.Look(1985 * kMs);  // 1000 ms less a sixty-fourth, from when it was asked for
  ASSERT_EQ(news.size(), 1U);
  EXPECT_FALSE(news[0].may_act);
  EXPECT_EQ(LeaseChangeText(news[0]), "agent 7: may not act by leader:5 (its term ran out)");
}

TEST_F(LeaseKeeperTest, RenewsWhenAThirdOfTheTermIsGone) {
  const auto request = keeper_.TakeDue(1000 * kMs);
  EXPECT_TRUE(keeper_.Receive(AnswerTo(request, LeaseAnswer::kGranted, 1000, 77, 7), 1001 * kMs));
  static_cast<void>(keeper_.TakeDue(1001 * kMs));  // the other one's first
  EXPECT_TRUE(keeper_.TakeDue(1333 * kMs).empty());
  const auto renewal = keeper_.TakeDue(1334 * kMs);
  ASSERT_FALSE(renewal.empty());
  EXPECT_TRUE(keeper_.Receive(AnswerTo(renewal, LeaseAnswer::kGranted, 1000, 77, 7), 1335 * kMs));
  EXPECT_EQ(keeper_.Look(1400 * kMs).size(), 1U);
  EXPECT_TRUE(keeper_.Look(2200 * kMs).empty()) << "it may still act";
}

TEST_F(LeaseKeeperTest, SaysWhoHoldsIt) {
  const auto request = keeper_.TakeDue(1000 * kMs);
  EXPECT_TRUE(keeper_.Receive(AnswerTo(request, LeaseAnswer::kHeld, 200, 76, 9), 1001 * kMs));
  const auto news = keeper_.Look(1001 * kMs);
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(LeaseChangeText(news[0]), "agent 7: may not act by leader:5 (held by 9, token 76)");
  static_cast<void>(keeper_.TakeDue(1001 * kMs));
  EXPECT_EQ(keeper_.next(), 1201 * kMs) << "as it was told";
}

TEST_F(LeaseKeeperTest, GivesUpBeforeItSaysSo) {
  const auto request = keeper_.TakeDue(1000 * kMs);
  const auto granted = AnswerTo(request, LeaseAnswer::kGranted, 1000, 77, 7);
  EXPECT_TRUE(keeper_.Receive(granted, 1010 * kMs));
  const auto release = keeper_.GiveUp(0, 1020 * kMs);
  ASSERT_FALSE(release.empty());
  const auto message =
      DecodeLease(std::as_bytes(release).subspan(kHeartbeatSize), kElementLeaseRequest);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->token, 77U);
  EXPECT_EQ(message->what, static_cast<std::uint8_t>(LeaseWish::kRelease));
  const auto news = keeper_.Look(1020 * kMs);
  ASSERT_EQ(news.size(), 1U);
  EXPECT_FALSE(news[0].may_act);
  EXPECT_EQ(LeaseChangeText(news[0]), "agent 7: may not act by leader:5 (it was released)");
  EXPECT_NE(LeaseChangeJson(news[0]).find("\"released\":true"), std::string::npos);
  EXPECT_FALSE(keeper_.Receive(granted, 1021 * kMs)) << "asked for before it was given up";
  EXPECT_TRUE(keeper_.GiveUp(1, 1020 * kMs).empty());
}

TEST_F(LeaseKeeperTest, TakesNoAnswerThatIsNotForIt) {
  const auto request = keeper_.TakeDue(1000 * kMs);
  const auto good = AnswerTo(request, LeaseAnswer::kGranted, 1000, 77, 7);
  for (const std::size_t at : {0U, 2U, 3U, 8U, 15U, 19U, 37U, 39U, 40U, 41U, 42U, 57U}) {
    auto bad = good;
    bad[at] ^= 0x40;
    EXPECT_FALSE(keeper_.Receive(bad, 1001 * kMs)) << at;
  }
  EXPECT_FALSE(keeper_.Receive(good, 999 * kMs)) << "from the future";
  EXPECT_FALSE(keeper_.Receive(std::span(good).first(good.size() - 1), 1001 * kMs));
  EXPECT_TRUE(keeper_.Receive(good, 1001 * kMs));
}

}  // namespace
}  // namespace flatline::cli
