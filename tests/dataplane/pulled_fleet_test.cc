// More endpoints that only answer than may be asked once an interval: each is asked in turn, nobody
// dies of our bounds, and who falls silent is found. Invented time; profile and hosts as in
// prober_test.cc.
#include "dataplane/probe_plan.h"
#include "tests/dataplane/asking_engine.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

// A fleet of those who only answer, at addresses of its own or at one.
class PulledFleetTest : public ProberTest {
 protected:
  static constexpr unsigned kFleet = 100;
  static constexpr EndpointId kFirst = 100;

  void EnrolFleet(bool at_one_address) {
    for (unsigned i = 0; i < kFleet; ++i) {
      const IpAddress at = Ip4(0, static_cast<std::uint8_t>(at_one_address ? 9 : 10 + i));
      const auto udp_port = static_cast<std::uint16_t>(40000 + (at_one_address ? i : 0));
      Enrol(kFirst + i, at, udp_port);
      hosts_.push_back(HostAt(at, kFirst + i, udp_port));
    }
  }

  // How often each was asked.
  [[nodiscard]] std::map<EndpointId, unsigned> AnsweringAndCounting(Duration time) {
    std::map<EndpointId, unsigned> asked;
    const Instant end = now_ + time;
    while (now_ < end) {
      Turn();
      for (const Bytes& bytes : std::exchange(sent_, {})) {
        bool is_answered = false;
        for (const AskedHost& host : hosts_) {
          auto answer = is_answered ? std::nullopt : host.Answer(bytes);
          if (answer) {
            is_answered = true;
            ports_[0].source.Put(std::move(*answer));
          }
        }
        if (const auto probe = DecodeHeartbeat(std::span(bytes).subspan(42))) {
          ++asked[probe->id];
        }
      }
    }
    return asked;
  }

  void ExpectThatEverybodyLives() {
    std::set<EndpointId> alive;
    for (const Transition& told : Told()) {
      EXPECT_EQ(told.liveness, Liveness::kAlive) << told.id << " was not asked in time";
      alive.insert(told.id);
    }
    EXPECT_EQ(alive.size(), kFleet);
  }

  // What is silent for good is found, however seldom it is asked.
  void ExpectThatOneWhoFallsSilentDies(Duration within) {
    hosts_.erase(hosts_.begin() + 50);
    (void)AnsweringAndCounting(within);
    const auto told = Told();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1].id, kFirst + 50);
    EXPECT_EQ(told[1].liveness, Liveness::kDead);
  }

  [[nodiscard]] std::vector<Reason> ReasonsOf(EndpointId id) {
    std::vector<Reason> out;
    for (const Transition& told : Told()) {
      if (told.id == id) {
        out.push_back(told.reason);
      }
    }
    return out;
  }

  // And after which silence.
  Duration UntilSuspect() {
    for (;;) {
      (void)AnsweringAndCounting(Milliseconds(1));
      const auto told = Told();
      if (!told.empty()) {
        EXPECT_EQ(told[0].id, kId);
        EXPECT_EQ(told[0].reason, Reason::kDeadlineMissed);
        return told[0].silence;
      }
    }
  }

  std::vector<AskedHost> hosts_;
};

TEST_F(PulledFleetTest, OfMoreThanTheRateAllowsEachIsAskedInTurnAndNobodyDiesOfIt) {
  Start(ProbeKind::kNative, 1, true, 200, 400);  // so many a second, for five times as many due
  EnrolFleet(false);
  const auto asked = AnsweringAndCounting(Milliseconds(20'000));
  EXPECT_LE(Count(Counter::kProbesSent), 4000U + 64U);
  EXPECT_GT(Count(Counter::kProbesHeldBack), 1000U);
  ASSERT_EQ(asked.size(), kFleet);
  const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::ranges::minmax_element(asked, by_count);
  EXPECT_GE(least->second, 25U) << "of 40, when all are known from the first";
  EXPECT_LE(most->second - least->second, 3U);
  ExpectThatEverybodyLives();
  ExpectThatOneWhoFallsSilentDies(Milliseconds(2500));
}

TEST_F(PulledFleetTest, OfMoreThanOneAddressMayBeAskedEachIsExcusedTillItsTurn) {
  Start(ProbeKind::kNative, 1, true, 100'000, 400);  // 1,000 a second are due, and 100 allowed
  EnrolFleet(true);
  const auto asked = AnsweringAndCounting(Milliseconds(20'000));
  EXPECT_LE(Count(Counter::kProbesSent), 2000U);
  ASSERT_EQ(asked.size(), kFleet);
  ExpectThatEverybodyLives();
  ExpectThatOneWhoFallsSilentDies(Milliseconds(6000));
}

TEST_F(PulledFleetTest, ASuspectIsNotRevivedByALapThatGrowsNorCondemnedByOneThatEnds) {
  confirmation_ = Milliseconds(1000);
  Start(ProbeKind::kNative, 1, true, 200, 400);
  Enrol(kId, Ip4(0, 9));
  hosts_.push_back(HostAt(Ip4(0, 9)));
  (void)AnsweringAndCounting(Milliseconds(1000));
  EXPECT_EQ(ReasonsOf(kId), std::vector{Reason::kProbeAnswered});
  hosts_.clear();
  (void)UntilSuspect();
  EnrolFleet(false);
  (void)AnsweringAndCounting(Milliseconds(700));
  EXPECT_TRUE(ReasonsOf(kId).empty()) << "it was not heard";
  (void)AnsweringAndCounting(Milliseconds(400));
  EXPECT_EQ(ReasonsOf(kId), std::vector{Reason::kProbeUnanswered});
  hosts_.push_back(HostAt(Ip4(0, 9)));
  (void)AnsweringAndCounting(Milliseconds(5000));
  EXPECT_EQ(ReasonsOf(kId), std::vector{Reason::kProbeAnswered});
  hosts_.pop_back();
  EXPECT_GE(UntilSuspect(), Milliseconds(1200)) << "three laps of half a second";
  for (unsigned i = 0; i < kFleet; ++i) {
    Give({.id = kFirst + i, .kind = CommandKind::kRetire});
  }
  (void)AnsweringAndCounting(Milliseconds(740));
  EXPECT_TRUE(ReasonsOf(kId).empty()) << "it is confirmed as long as any other";
  (void)AnsweringAndCounting(Milliseconds(270));
  EXPECT_EQ(ReasonsOf(kId), std::vector{Reason::kProbeUnanswered});
}

// 39 hours fit the signed difference of two stamps, and no more.
TEST(ProbePlansTest, NoLapIsLongerThanTheLongestTimeout) {
  ProbePlans plans({}, kDefaultProfile);
  plans.SetLap(kDefaultProfile, 3 * kMostTimeout);
  EXPECT_EQ(plans.Of(kDefaultProfile).lap, kMostTimeout);
}

TEST_F(PulledFleetTest, ANewProcessKnowsThatItsPredecessorsLapWasLong) {
  Start(ProbeKind::kNative, 1, true, 200, 400);
  EnrolFleet(false);
  (void)AnsweringAndCounting(Milliseconds(5000));
  ExpectThatEverybodyLives();
  for (int restarts = 0; restarts < 5; ++restarts) {
    Adopt();
    (void)AnsweringAndCounting(Milliseconds(900));
  }
  EXPECT_TRUE(Told().empty());
}

}  // namespace
}  // namespace flatline
