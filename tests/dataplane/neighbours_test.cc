// What is known of next hops: learnt, asked for, answered, kept while it is asked for anew.
#include "dataplane/neighbours.h"

#include <flatline/profile.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr SipKey kKey{1, 2};
constexpr MacAddress kMac{2, 0, 0, 0, 0, 7};
constexpr MacAddress kOther{2, 0, 0, 0, 0, 8};

IpAddress Ip(std::uint8_t a, std::uint8_t b = 0) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 1, b, a};
}

class NeighboursTest : public testing::Test {
 protected:
  Instant now_{Milliseconds(1000)};
  Neighbours neighbours_{kKey};
  Neighbours::Place place_{.port = 1, .ip = Ip(7)};
};

TEST_F(NeighboursTest, AsksOnceForOneWhoIsNotKnownAndAgainAfterAWhile) {
  EXPECT_TRUE(neighbours_.Consult(place_, now_, false).ask);
  EXPECT_FALSE(neighbours_.Consult(place_, now_ + Milliseconds(1), false).ask);
  EXPECT_FALSE(neighbours_.Consult(place_, now_ + Milliseconds(499), true).ask);
  const auto again = neighbours_.Consult(place_, now_ + Milliseconds(500), false);
  EXPECT_TRUE(again.ask);
  EXPECT_FALSE(again.hop);
  EXPECT_FALSE(neighbours_.Find(place_));
}

TEST_F(NeighboursTest, BelievesAnAnswerToWhatItAsked) {
  (void)neighbours_.Consult(place_, now_, false);
  EXPECT_TRUE(neighbours_.Answer(place_, kMac, now_ + Milliseconds(3)));
  ASSERT_TRUE(neighbours_.Find(place_));
  EXPECT_EQ(neighbours_.Find(place_)->mac, kMac);
  EXPECT_EQ(neighbours_.Find(place_)->ours, IpAddress{}) << "for the prober to fill in";
  EXPECT_FALSE(neighbours_.Find({.port = 0, .ip = Ip(7)})) << "another port is another link";
}

TEST_F(NeighboursTest, BelievesNothingThatItDidNotAsk) {
  EXPECT_FALSE(neighbours_.Answer(place_, kMac, now_)) << "never asked";
  (void)neighbours_.Consult(place_, now_, false);
  EXPECT_FALSE(neighbours_.Answer({.port = 1, .ip = Ip(8)}, kMac, now_)) << "of another";
  EXPECT_FALSE(neighbours_.Answer({.port = 0, .ip = Ip(7)}, kMac, now_)) << "by another port";
  EXPECT_FALSE(neighbours_.Answer(place_, kMac, now_ + Milliseconds(2001))) << "too late";
  EXPECT_TRUE(neighbours_.Answer(place_, kMac, now_ + Milliseconds(10)));
  EXPECT_FALSE(neighbours_.Answer(place_, kOther, now_ + Milliseconds(11))) << "answered already";
  EXPECT_EQ(neighbours_.Find(place_)->mac, kMac);
}

TEST_F(NeighboursTest, AsksAnewWhatIsOldAndGoesOnUsingIt) {
  (void)neighbours_.Consult(place_, now_, false);
  (void)neighbours_.Answer(place_, kMac, now_);
  EXPECT_FALSE(neighbours_.Consult(place_, now_ + Milliseconds(29'999), false).ask);
  const auto old = neighbours_.Consult(place_, now_ + Milliseconds(30'000), false);
  EXPECT_TRUE(old.ask);
  EXPECT_EQ(old.hop->mac, kMac);
  EXPECT_EQ(neighbours_.Find(place_)->mac, kMac);
  EXPECT_TRUE(neighbours_.Answer(place_, kOther, now_ + Milliseconds(30'001)));
  EXPECT_EQ(neighbours_.Find(place_)->mac, kOther);
}

TEST_F(NeighboursTest, LearntWaysKeepTheirTagsAndAreAskedForOnlyInDoubt) {
  NextHop hop{.mac = kMac, .tag_bytes = 4, .tags = {}, .ours = Ip(1)};
  hop.tags[0] = std::byte{0x81};
  hop.tags[3] = std::byte{9};
  neighbours_.Learn(place_, hop, now_);
  EXPECT_EQ(neighbours_.Find(place_), hop);
  EXPECT_FALSE(neighbours_.Consult(place_, now_ + Milliseconds(100'000), false).ask);
  EXPECT_TRUE(neighbours_.Consult(place_, now_ + Milliseconds(100'000), true).ask);
  EXPECT_FALSE(neighbours_.Consult(place_, now_ + Milliseconds(100'001), true).ask);
  EXPECT_EQ(neighbours_.Find(place_), hop) << "until there is an answer";
  EXPECT_TRUE(neighbours_.Answer(place_, kOther, now_ + Milliseconds(100'002)));
  EXPECT_EQ(neighbours_.Find(place_)->mac, kOther);
  EXPECT_EQ(neighbours_.Find(place_)->tag_bytes, 0);
  EXPECT_EQ(neighbours_.Find(place_)->ours, Ip(1));
}

TEST_F(NeighboursTest, ForgetsTheOldestOfASetAndNoMore) {
  for (unsigned i = 0; i < 60'000; ++i) {
    const IpAddress ip{0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0xFF,
                       0xFF,
                       10,
                       2,
                       static_cast<std::uint8_t>(i >> 8),
                       static_cast<std::uint8_t>(i)};
    const NextHop hop{.mac = kMac, .ours = ip};
    neighbours_.Learn({.port = 0, .ip = ip}, hop, now_ + Duration{i});
    ASSERT_EQ(neighbours_.Find({.port = 0, .ip = ip}), hop) << "the newest is always there";
  }
}

// Four words of one hop that belong together, written by two and read by one.
TEST_F(NeighboursTest, NoReaderSeesHalfOfAnEntry) {
  const NextHop a{.mac = kMac, .tag_bytes = 4, .tags = {}, .ours = Ip(1)};
  const NextHop b{.mac = kOther, .tag_bytes = 8, .tags = {}, .ours = Ip(2)};
  std::atomic<bool> stop{false};
  const auto write = [&](const NextHop& hop) {
    while (!stop.load()) {
      neighbours_.Learn(place_, hop, now_);
    }
  };
  std::thread first(write, a);
  std::thread second(write, b);
  unsigned seen = 0;
  for (unsigned i = 0; i < 200'000; ++i) {
    if (const auto hop = neighbours_.Find(place_)) {
      ++seen;
      EXPECT_TRUE(*hop == a || *hop == b);
    }
  }
  stop.store(true);
  first.join();
  second.join();
  EXPECT_TRUE(neighbours_.Find(place_));
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace flatline
