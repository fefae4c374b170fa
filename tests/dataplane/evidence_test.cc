// Evidence about a suspect and doubt about ourselves, through a whole engine of two workers and
// invented time. Profile 16 beats every 100 ms, is suspect after 300 ms and dead 800 ms later; with
// every witness against it 100 ms later.
#include "tests/dataplane/two_workers.h"

#include <flatline/confirmation.h>
#include <flatline/payload.h>
#include <flatline/time.h>

#include <cstdint>
#include <map>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr ProfileId kWeighs = kFirstOwnProfile;
constexpr EndpointId kFleet = 40;
constexpr EndpointId kGroupSize = 8;

// Endpoints 1 to 8 are group 1, and so on.
constexpr Group GroupOf(EndpointId id) {
  return static_cast<Group>((id - 1) / kGroupSize + 1);
}

class EvidenceTest : public TwoWorkersTest {
 protected:
  explicit EvidenceTest(Duration least = Milliseconds(100)) : TwoWorkersTest(ConfigWith(least)) {
    for (EndpointId id = 1; id <= kFleet; ++id) {
      Enrol(id, GroupOf(id), kWeighs);
    }
    Live(Milliseconds(500), [](EndpointId) { return true; });
    deaths_.clear();
  }

  static Config ConfigWith(Duration least) {
    Config config = SmallConfig(4 * kFleet, 2);
    config.guard.fleet_share_ppm = 0;
    config.profiles[kWeighs] = MakeProfile("weighs", Milliseconds(100), 3, Milliseconds(800));
    config.profiles[kWeighs].least_confirmation = least;
    return config;
  }

  // Those for whom `beats` says so beat, all in the same instant every 100 ms.
  template <typename Beats>
  void Live(Duration length, const Beats& beats) {
    for (const Instant until = now_ + length; now_ < until;) {
      now_ += Milliseconds(1);
      const bool is_time = ++turn_ % 100 == 0;
      for (EndpointId id = 1; is_time && id <= kFleet; ++id) {
        if (beats(id)) {
          spoke_[id] = now_;
          Beat(id, health_[id]);
        }
      }
      Turn([this](const Transition& told) {
        if (told.liveness == Liveness::kDead) {
          deaths_[told.id] = told;
        }
      });
    }
  }

  // From its last heartbeat to the verdict.
  [[nodiscard]] Duration SilenceOf(EndpointId id) { return deaths_.at(id).at - spoke_.at(id); }

  void ExpectDeadAfter(EndpointId id, Duration silence, Reason reason, Evidence evidence) {
    ASSERT_TRUE(deaths_.contains(id)) << "endpoint " << id;
    EXPECT_GE(SilenceOf(id), silence);
    EXPECT_LE(SilenceOf(id), silence + Milliseconds(5));
    EXPECT_EQ(deaths_.at(id).reason, reason) << NameOf(deaths_.at(id).reason);
    EXPECT_EQ(deaths_.at(id).evidence, evidence);
  }

  std::map<EndpointId, Health> health_;
  std::map<EndpointId, Instant> spoke_;
  std::map<EndpointId, Transition> deaths_;
  std::uint64_t turn_ = 0;
};

constexpr Duration kSuspect = Milliseconds(300);

TEST_F(EvidenceTest, WithoutAnyTheWholeConfirmationPasses) {
  Live(Milliseconds(1'500), [](EndpointId id) { return id != 3; });
  ExpectDeadAfter(3, kSuspect + Milliseconds(800), Reason::kNotConfirmed, 0);
  EXPECT_EQ(deaths_.size(), 1U);
}

TEST_F(EvidenceTest, OneThatSaidItWasFailingIsDeadSooner) {
  health_[3] = Health::kFailing;
  health_[4] = Health::kDegraded;
  Live(Milliseconds(200), [](EndpointId) { return true; });
  Live(Milliseconds(1'500), [](EndpointId id) { return id != 3 && id != 4; });
  const Duration one_of_two = ConfirmationBy(1, 2, Milliseconds(100), Milliseconds(800));
  ExpectDeadAfter(3, kSuspect + one_of_two, Reason::kCorroborated, kHealthFailing);
  ExpectDeadAfter(4, kSuspect + Milliseconds(800), Reason::kNotConfirmed, 0);
}

TEST_F(EvidenceTest, OneWhoseGroupFallsIsDeadSoonerAndWithBothSoonest) {
  health_[3] = Health::kFailing;
  Live(Milliseconds(200), [](EndpointId) { return true; });
  // Three of group 1, two of group 2.
  Live(Milliseconds(1'500),
       [](EndpointId id) { return id != 3 && id != 4 && id != 5 && id != 9 && id != 10; });
  const Duration one_of_two = ConfirmationBy(1, 2, Milliseconds(100), Milliseconds(800));
  ExpectDeadAfter(
      3, kSuspect + Milliseconds(100), Reason::kCorroborated, kHealthFailing | kGroupFalling);
  ExpectDeadAfter(4, kSuspect + one_of_two, Reason::kCorroborated, kGroupFalling);
  ExpectDeadAfter(5, kSuspect + one_of_two, Reason::kCorroborated, kGroupFalling);
  ExpectDeadAfter(9, kSuspect + Milliseconds(800), Reason::kNotConfirmed, 0);
  std::uint64_t corroborated = 0;
  for (unsigned w = 0; w < 2; ++w) {
    corroborated += region_.view().dataplane().counters[w][Counter::kCorroborations];
  }
  EXPECT_EQ(corroborated, 3U);
}

TEST_F(EvidenceTest, EvidenceThatComesLaterIsSeenWithinAnEighth) {
  // 3 falls silent, and 400 ms later, when it is suspect, 4 and 5 of its group.
  Live(Milliseconds(400), [](EndpointId id) { return id != 3; });
  Live(Milliseconds(1'500), [](EndpointId id) { return id < 3 || id > 5; });
  ASSERT_TRUE(deaths_.contains(3));
  const Instant fell = spoke_.at(4) + kSuspect;  // then the group was falling
  EXPECT_GE(deaths_.at(3).at, fell);
  EXPECT_LE(deaths_.at(3).at, fell + Milliseconds(700) / 8 + Milliseconds(5));
  EXPECT_EQ(deaths_.at(3).reason, Reason::kCorroborated);
}

TEST_F(EvidenceTest, GroupsAreCountedAnewAfterARestart) {
  Live(Milliseconds(400), [](EndpointId id) { return id != 4 && id != 5; });
  engine_.reset();
  Start();
  Live(Milliseconds(1'500), [](EndpointId id) { return id < 3 || id > 5; });
  ASSERT_TRUE(deaths_.contains(3));
  EXPECT_EQ(deaths_.at(3).evidence, kGroupFalling);
}

class NoEvidenceTest : public EvidenceTest {
 protected:
  NoEvidenceTest() : EvidenceTest(Duration{}) {}
};

TEST_F(NoEvidenceTest, CountsForNothingWhereTheProfileDoesNotWeighIt) {
  health_[3] = Health::kFailing;
  Live(Milliseconds(200), [](EndpointId) { return true; });
  Live(Milliseconds(1'500), [](EndpointId id) { return id < 3 || id > 5; });
  ExpectDeadAfter(3, kSuspect + Milliseconds(800), Reason::kNotConfirmed, 0);
}

// Blindness of 128 ms and more matters to a confirmation of 800 ms.
TEST_F(NoEvidenceTest, AfterBlindnessWeHearForAWholeConfirmationFirst) {
  Live(Milliseconds(900), [](EndpointId id) { return id != 3; });
  now_ += Milliseconds(250);  // nobody turns, amid the confirmation
  const Instant hears = now_;
  Live(Milliseconds(1'500), [](EndpointId id) { return id != 3; });
  ASSERT_TRUE(deaths_.contains(3));
  EXPECT_EQ(deaths_.size(), 1U);
  EXPECT_GE(deaths_.at(3).at, hears + Milliseconds(800));
  EXPECT_LE(deaths_.at(3).at, hears + Milliseconds(806));
}

TEST_F(NoEvidenceTest, AShortStallMakesNothingLonger) {
  Live(Milliseconds(900), [](EndpointId id) { return id != 3; });
  now_ += Milliseconds(100);
  Live(Milliseconds(1'500), [](EndpointId id) { return id != 3; });
  ExpectDeadAfter(3, kSuspect + Milliseconds(900), Reason::kNotConfirmed, 0);
}

TEST_F(NoEvidenceTest, NoConfirmationIsMadeLongerThanTwice) {
  Live(Milliseconds(500), [](EndpointId id) { return id != 3; });
  Duration blind{};
  for (int i = 0; i < 12; ++i) {  // the detector is deaf again and again
    now_ += Milliseconds(300);
    blind += Milliseconds(300);
    Live(Milliseconds(150), [](EndpointId id) { return id != 3; });
  }
  ASSERT_TRUE(deaths_.contains(3));
  const Duration heard = kSuspect + 2 * Milliseconds(800);
  EXPECT_LE(SilenceOf(3), heard + blind + Milliseconds(20));
  EXPECT_GE(SilenceOf(3), heard);
}

TEST_F(NoEvidenceTest, ARestartIsABlindnessToo) {
  Live(Milliseconds(1'000), [](EndpointId id) { return id != 3; });
  engine_.reset();
  now_ += Milliseconds(1'000);
  Start();
  const Instant hears = now_;
  Live(Milliseconds(1'500), [](EndpointId id) { return id != 3; });
  ASSERT_TRUE(deaths_.contains(3));
  EXPECT_EQ(deaths_.size(), 1U);
  EXPECT_GE(deaths_.at(3).at, hears + Milliseconds(800));
}

}  // namespace
}  // namespace flatline
