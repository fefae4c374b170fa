#include "bench/generator/judge.h"

#include "bench/generator/report.h"
#include "bench/generator/scenario.h"

#include <string>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kIncarnation = 100;
constexpr std::int64_t kEpoch = 1'700'000'000'000'000'000;

// A fleet of profile database (1 s, timeout 3 s, confirmation 1 s), a truth that the test writes,
// and a stream that it invents.
class JudgeTest : public testing::Test {
 protected:
  static Scenario MakeScenario() {
    Scenario out;
    out.cohorts = {CohortOfProfile("database").value()};
    out.cohorts[0].endpoints = 4;
    return out;
  }

  JudgeTest()
      : fleet_(MakeFleet(MakeScenario())),
        truth_(fleet_),
        judge_(fleet_, truth_, {.incarnation = kIncarnation, .epoch_ns = kEpoch}) {}

  // A heartbeat leaves, and takes 10 µs to do so.
  void Beat(Index index, Elapsed at) {
    truth_.Left(index, at, at + std::chrono::microseconds(10), false);
  }

  // One heartbeat a second in [from, to).
  void BeatThrough(Index index, Elapsed from, Elapsed to) {
    for (Elapsed at = from; at < to; at += seconds(1)) {
      Beat(index, at);
    }
  }

  DeliveryRecord Make(Index index, Liveness to, Elapsed at) {
    DeliveryRecord out;
    out.sequence = ++sequence_;
    out.at_ns = kEpoch + at.count();
    out.endpoint = fleet_.IdOf(index);
    out.incarnation = kIncarnation;
    out.kind = RecordKind::kLiveness;
    out.to = static_cast<std::uint8_t>(to);
    return out;
  }

  void Tell(const DeliveryRecord& record) {
    judge_.Hear({&record, 1}, Elapsed{record.at_ns - kEpoch} + milliseconds(2));
  }

  void Tell(Index index, Liveness to, Elapsed at) { Tell(Make(index, to, at)); }

  void TellBlind(Elapsed from, Elapsed to) {
    DeliveryRecord record = Make(0, Liveness::kUnknown, to);
    record.endpoint = kNoEndpoint;
    record.kind = RecordKind::kBlind;
    record.silence_ns = (to - from).count();
    Tell(record);
  }

  // All four beat once at 1 s, and are told alive.
  void Begin() {
    for (Index index = 0; index < fleet_.size(); ++index) {
      Beat(index, seconds(1));
      Tell(index, Liveness::kAlive, seconds(1));
    }
  }

  void Mute(Index index) { truth_.Set(index, kMuted | kDied); }

  // The other three beat on until then.
  void OthersBeat(Index but, Elapsed to) {
    for (Index index = 0; index < fleet_.size(); ++index) {
      if (index != but) {
        BeatThrough(index, seconds(2), to);
      }
    }
  }

  Fleet fleet_;
  Truth truth_;
  Judge judge_;
  std::uint64_t sequence_ = 0;
};

TEST_F(JudgeTest, ADeathToldInTimePassesAndIsMeasured) {
  Begin();
  Mute(2);
  OthersBeat(2, seconds(9));
  Tell(2, Liveness::kSuspect, seconds(4) + milliseconds(1));
  Tell(2, Liveness::kDead, seconds(5) + milliseconds(3));
  const Findings findings = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
  EXPECT_EQ(findings.killed, 1U);
  EXPECT_EQ(findings.told, 1U);
  EXPECT_EQ(findings.mistakes, 0U);
  EXPECT_EQ(findings.overshoot_suspect.count, 1U);
  EXPECT_GE(findings.overshoot_suspect.max, milliseconds(1));
  EXPECT_LE(findings.overshoot_suspect.max, milliseconds(1) + 2 * kTruthUnit);
  EXPECT_GE(findings.overshoot_dead.max, milliseconds(3));
  EXPECT_LE(findings.overshoot_dead.max, milliseconds(3) + 2 * kTruthUnit);
  EXPECT_GE(findings.detection_dead.max, seconds(4) + milliseconds(5));
  EXPECT_LE(findings.detection_dead.max, seconds(4) + milliseconds(5) + 2 * kTruthUnit);
}

TEST_F(JudgeTest, ADeathNeverToldIsMissedOnceItIsDue) {
  Begin();
  Mute(2);
  OthersBeat(2, seconds(9));
  Tell(2, Liveness::kSuspect, seconds(4));
  EXPECT_TRUE(judge_.Waits(seconds(5), seconds(5)));
  const Findings early = judge_.Decide(seconds(5) + milliseconds(900));
  EXPECT_EQ(early.killed, 0U);
  EXPECT_EQ(early.undecided, 1U) << "not due, so nothing is proved";
  EXPECT_FALSE(ReasonsToFail(early).empty());
  EXPECT_FALSE(judge_.Waits(seconds(7), seconds(5)));
  const Findings findings = judge_.Decide(seconds(7));
  EXPECT_EQ(findings.killed, 1U);
  EXPECT_EQ(findings.missed(), 1U);
  EXPECT_FALSE(ReasonsToFail(findings).empty());
}

TEST_F(JudgeTest, BlindTimePutsOffWhatIsMissedButNotTheOvershoot) {
  Begin();
  Mute(2);
  TellBlind(seconds(3), seconds(13));
  for (Index index : {0U, 1U, 3U}) {
    BeatThrough(index, seconds(2), seconds(19));
  }
  EXPECT_TRUE(judge_.Waits(seconds(15), seconds(10)));
  Tell(2, Liveness::kSuspect, seconds(14));
  Tell(2, Liveness::kDead, seconds(15));
  const Findings findings = judge_.Decide(seconds(18) + milliseconds(500));
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
  EXPECT_EQ(findings.blind, Duration(seconds(10)));
  EXPECT_GE(findings.overshoot_suspect.max, seconds(10));
  EXPECT_LT(findings.overshoot_hearing.max, milliseconds(1));
}

TEST_F(JudgeTest, AVerdictThatIgnoresAnAnnouncedBlindIntervalIsFalse) {
  Begin();
  for (Index index = 0; index < 4; ++index) {
    truth_.Set(index, kRefused);  // the port took nothing while the detector was stopped
  }
  TellBlind(seconds(2), seconds(12));
  Tell(1, Liveness::kSuspect, seconds(12) + milliseconds(1));
  Tell(2, Liveness::kSuspect, seconds(14) + milliseconds(1));
  const Findings findings = judge_.Decide(seconds(15));
  EXPECT_EQ(findings.false_suspect, 1U) << "of three seconds only one had been heard through";
  EXPECT_EQ(findings.own_silences, 1U);
}

TEST_F(JudgeTest, AVerdictOnOneWhoBeatsIsFalse) {
  Begin();
  for (Index index = 0; index < 4; ++index) {
    BeatThrough(index, seconds(2), seconds(9));
  }
  Tell(1, Liveness::kSuspect, seconds(5));
  Tell(1, Liveness::kDead, seconds(6));
  Tell(1, Liveness::kAlive, seconds(7));
  const Findings findings = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_EQ(findings.false_suspect, 1U);
  EXPECT_EQ(findings.false_dead, 1U);
  EXPECT_EQ(findings.killed, 0U);
  ASSERT_EQ(findings.examples.size(), 2U);
  EXPECT_EQ(findings.examples[0].id, fleet_.IdOf(1));
  EXPECT_FALSE(ReasonsToFail(findings).empty());
}

TEST_F(JudgeTest, ADeadVerdictBeforeTheConfirmationIsFalse) {
  Begin();
  Mute(2);
  Tell(2, Liveness::kSuspect, seconds(4));
  Tell(2, Liveness::kDead, seconds(5) - milliseconds(1));
  const Findings findings = judge_.Decide(seconds(8));
  EXPECT_EQ(findings.false_suspect, 0U);
  EXPECT_EQ(findings.false_dead, 1U);
  EXPECT_EQ(findings.missed(), 1U) << "what was told too soon was not told";
}

TEST_F(JudgeTest, ASuspicionJustBeforeItsDeadlineIsFalse) {
  Begin();
  Mute(2);
  Tell(2, Liveness::kSuspect, seconds(4) - milliseconds(1));
  EXPECT_EQ(judge_.Decide(seconds(8)).false_suspect, 1U);
}

TEST_F(JudgeTest, ALossyNetworkForcesMistakesWhichAreNotFalse) {
  Begin();
  truth_.Set(1, kLost);
  Tell(1, Liveness::kSuspect, seconds(4) + milliseconds(1));
  Tell(1, Liveness::kDead, seconds(5) + milliseconds(1));
  for (Index index : {0U, 2U, 3U}) {
    BeatThrough(index, seconds(2), seconds(10));
  }
  BeatThrough(1, seconds(7), seconds(10));
  Tell(1, Liveness::kAlive, seconds(7));
  truth_.Set(3, kLost);
  const Findings findings = judge_.Decide(seconds(9) + milliseconds(500));
  EXPECT_EQ(findings.mistakes, 1U) << "one silence, though two verdicts";
  EXPECT_EQ(findings.mistaken_dead, 1U);
  EXPECT_EQ(findings.false_suspect + findings.false_dead, 0U);
  EXPECT_EQ(findings.killed, 0U);
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
}

TEST_F(JudgeTest, OurOwnStallIsNeitherFalseNorAMistake) {
  Begin();
  for (Index index = 0; index < 4; ++index) {
    BeatThrough(index, seconds(5), seconds(9));  // nobody beat for four seconds
  }
  Tell(1, Liveness::kSuspect, seconds(4) + milliseconds(1));
  Tell(1, Liveness::kAlive, seconds(5));
  const Findings findings = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_EQ(findings.own_silences, 1U);
  EXPECT_EQ(findings.mistakes, 0U);
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
}

TEST_F(JudgeTest, AVerdictHeardLongAfterTheReturnIsStillExplained) {
  Begin();
  Mute(2);
  truth_.Clear(2, kMuted);
  for (Index index = 0; index < 4; ++index) {
    BeatThrough(index, index == 2 ? seconds(8) : seconds(2), seconds(60));
  }
  // The subscriber was away; what it is told is 50 s old.
  const DeliveryRecord suspect = Make(2, Liveness::kSuspect, seconds(4) + milliseconds(1));
  const DeliveryRecord dead = Make(2, Liveness::kDead, seconds(5) + milliseconds(1));
  const DeliveryRecord alive = Make(2, Liveness::kAlive, seconds(8) + milliseconds(1));
  for (const DeliveryRecord& record : {suspect, dead, alive}) {
    judge_.Hear({&record, 1}, seconds(55));
  }
  const Findings findings = judge_.Decide(seconds(59) + milliseconds(500));
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
  EXPECT_EQ(findings.killed, 1U);
  EXPECT_EQ(findings.told, 1U);
}

TEST_F(JudgeTest, AVerdictDatedLongAfterTheSilenceEndedIsFalse) {
  Begin();
  Mute(2);
  truth_.Clear(2, kMuted);
  BeatThrough(2, seconds(8), seconds(20));
  Tell(2, Liveness::kSuspect, seconds(8) + milliseconds(50));
  EXPECT_EQ(judge_.Decide(seconds(19)).false_suspect, 0U) << "within the grace";
  Tell(2, Liveness::kSuspect, seconds(9));
  EXPECT_EQ(judge_.Decide(seconds(19)).false_suspect, 1U);
}

TEST_F(JudgeTest, AFlapLongEnoughToDieMustBeToldAndAShortOneNeedNot) {
  Begin();
  Mute(1);
  Mute(2);
  truth_.Clear(1, kMuted);
  truth_.Clear(2, kMuted);
  BeatThrough(0, seconds(2), seconds(20));
  BeatThrough(1, seconds(9), seconds(20));                      // 8 s of silence
  BeatThrough(2, seconds(4) + milliseconds(500), seconds(20));  // 3.5 s
  BeatThrough(3, seconds(2), seconds(20));
  const Findings findings = judge_.Decide(seconds(19) + milliseconds(800));
  EXPECT_EQ(findings.killed, 1U);
  EXPECT_EQ(findings.missed(), 1U);
}

TEST_F(JudgeTest, ALeaverMustBeToldLeftAndNotDead) {
  Begin();
  truth_.Left(1, seconds(2), seconds(2), true);
  OthersBeat(1, seconds(9));
  EXPECT_EQ(judge_.Decide(seconds(8) + milliseconds(500)).left_untold, 1U);
  Tell(1, Liveness::kLeft, seconds(2) + milliseconds(1));
  const Findings findings = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_EQ(findings.left, 1U);
  EXPECT_EQ(findings.killed, 0U);
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
  Tell(1, Liveness::kDead, seconds(7));
  EXPECT_EQ(judge_.Decide(seconds(8) + milliseconds(500)).false_dead, 1U);
}

TEST_F(JudgeTest, ALeaverWhoComesBackHasNotDied) {
  Begin();
  truth_.Left(1, seconds(2), seconds(2), true);
  Tell(1, Liveness::kLeft, seconds(2) + milliseconds(1));
  truth_.Restart(1);
  OthersBeat(1, seconds(20));
  EXPECT_EQ(judge_.Decide(seconds(9)).killed, 0U) << "coming, not yet heard";
  BeatThrough(1, seconds(10), seconds(20));
  Tell(1, Liveness::kAlive, seconds(10));
  const Findings findings = judge_.Decide(seconds(19) + milliseconds(500));
  EXPECT_EQ(findings.killed + findings.left, 0U);
  EXPECT_TRUE(ReasonsToFail(findings).empty()) << ReasonsToFail(findings)[0];
  Tell(1, Liveness::kDead, seconds(10));
  EXPECT_EQ(judge_.Decide(seconds(19) + milliseconds(500)).false_dead, 1U);
}

TEST_F(JudgeTest, AReturnThatIsNotToldFails) {
  Begin();
  Mute(2);
  Tell(2, Liveness::kSuspect, seconds(4) + milliseconds(1));
  truth_.Restart(2);
  OthersBeat(2, seconds(9));
  BeatThrough(2, seconds(5), seconds(9));
  const Findings untold = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_EQ(untold.living_untold, 1U);
  EXPECT_FALSE(ReasonsToFail(untold).empty());
  DeliveryRecord restarted = Make(2, Liveness::kAlive, seconds(5));
  restarted.incarnation = kIncarnation + 1;
  Tell(restarted);
  EXPECT_TRUE(ReasonsToFail(judge_.Decide(seconds(8) + milliseconds(500))).empty());
}

TEST_F(JudgeTest, DuplicatesCountOnceAndAreNoPass) {
  Begin();
  Mute(2);
  OthersBeat(2, seconds(9));
  Tell(2, Liveness::kSuspect, seconds(4) + milliseconds(1));
  const DeliveryRecord dead = Make(2, Liveness::kDead, seconds(5) + milliseconds(1));
  Tell(dead);
  Tell(dead);
  const Findings findings = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_EQ(findings.told, 1U);
  EXPECT_EQ(findings.overshoot_dead.count, 1U);
  EXPECT_EQ(findings.stream.duplicates, 1U);
  EXPECT_FALSE(ReasonsToFail(findings).empty());
}

TEST_F(JudgeTest, AHoleAGapOrAResetInTheStreamIsNoPass) {
  Begin();
  for (Index index = 0; index < 4; ++index) {
    BeatThrough(index, seconds(2), seconds(9));
  }
  EXPECT_TRUE(ReasonsToFail(judge_.Decide(seconds(8) + milliseconds(500))).empty());
  sequence_ += 5;
  Tell(1, Liveness::kAlive, seconds(5));
  EXPECT_EQ(judge_.Decide(seconds(8)).stream.holes, 5U);
  DeliveryRecord gap;
  gap.kind = RecordKind::kGap;
  gap.sequence = sequence_ + 10;
  Tell(gap);
  EXPECT_EQ(judge_.Decide(seconds(8)).stream.gaps, 1U);
  sequence_ = gap.sequence;
  DeliveryRecord reset = Make(0, Liveness::kUnknown, seconds(6));
  reset.kind = RecordKind::kReset;
  Tell(reset);
  const Findings findings = judge_.Decide(seconds(8));
  EXPECT_EQ(findings.stream.holes, 5U) << "an announced gap is not a hole as well";
  EXPECT_EQ(findings.stream.resets, 1U);
  EXPECT_EQ(ReasonsToFail(findings).size(), 4U) << "and nobody is alive any more";
}

TEST_F(JudgeTest, ASilentStreamProvesNothing) {
  for (Index index = 0; index < 4; ++index) {
    BeatThrough(index, seconds(1), seconds(9));
  }
  const Findings findings = judge_.Decide(seconds(8) + milliseconds(500));
  EXPECT_EQ(findings.false_suspect + findings.false_dead + findings.missed(), 0U);
  EXPECT_FALSE(ReasonsToFail(findings).empty()) << "nobody was ever reported alive";
}

TEST_F(JudgeTest, StrangersAndFormerLivesAreLeftAside) {
  Begin();
  DeliveryRecord stranger = Make(0, Liveness::kDead, seconds(2));
  stranger.endpoint = 12345;
  Tell(stranger);
  DeliveryRecord former = Make(0, Liveness::kDead, seconds(2));
  former.incarnation = kIncarnation - 1;
  Tell(former);
  const Findings findings = judge_.Decide(seconds(2));
  EXPECT_EQ(findings.false_dead, 0U);
  EXPECT_EQ(findings.stream.foreign, 1U);
  EXPECT_EQ(findings.stream.former, 1U);
}

TEST_F(JudgeTest, ASnapshotIsTheStateOfThingsAndNoVerdict) {
  DeliveryRecord begin;
  begin.kind = RecordKind::kSnapshotBegin;
  begin.sequence = 41;
  Tell(begin);
  for (Index index = 0; index < 4; ++index) {
    Beat(index, seconds(1));
    DeliveryRecord row = Make(index, index == 3 ? Liveness::kDead : Liveness::kAlive, seconds(1));
    row.kind = RecordKind::kSnapshotRow;
    row.sequence = 41;
    Tell(row);
  }
  sequence_ = 41;
  Tell(0, Liveness::kAlive, seconds(1));
  const Findings findings = judge_.Decide(seconds(2));
  EXPECT_EQ(findings.ever_alive, 3U);
  EXPECT_EQ(findings.false_dead, 0U);
  EXPECT_EQ(findings.stream.holes + findings.stream.duplicates, 0U);
}

TEST(JudgeLine, ReadsExactlyAsTheIssueSays) {
  Findings findings;
  findings.endpoints = 1'000'000;
  findings.killed = 20'000;
  findings.told = 19'999;
  findings.false_suspect = 2;
  findings.false_dead = 1;
  findings.mistakes = 3;
  findings.overshoot_suspect = {
      20'000, Duration{-5}, Duration{900'001}, Duration{1'500'000}, Duration{2'000'000}};
  EXPECT_EQ(JudgeLine(findings),
            "judge: endpoints=1000000 killed=20000 told=19999 missed=1 false_suspect=2 "
            "false_dead=1 mistakes=3 overshoot_p50_us=901 overshoot_p999_us=1500 "
            "overshoot_max_us=2000\n");
}

TEST(BlindTime, CountsOverlapsOnce) {
  BlindTime blind;
  blind.Add(seconds(10), seconds(20));
  blind.Add(seconds(15), seconds(25));
  blind.Add(seconds(12), seconds(13));
  blind.Add(seconds(30), seconds(31));
  EXPECT_EQ(blind.total(), Duration(seconds(16)));
  EXPECT_EQ(blind.Within(seconds(0), seconds(10)), Duration{0});
  EXPECT_EQ(blind.Within(seconds(12), seconds(14)), Duration(seconds(2)));
  EXPECT_EQ(blind.Within(seconds(18), seconds(60)), Duration(seconds(8)));
  EXPECT_EQ(blind.Within(seconds(26), seconds(29)), Duration{0});
}

TEST(Samples, QuantilesAreSamplesByNearestRank) {
  Samples samples;
  EXPECT_EQ(samples.Summarise().count, 0U);
  for (int i = 1000; i > 0; --i) {
    samples.Add(Duration{i});
  }
  const Spread spread = samples.Summarise();
  EXPECT_EQ(spread.count, 1000U);
  EXPECT_EQ(spread.min, Duration{1});
  EXPECT_EQ(spread.median, Duration{500});
  EXPECT_EQ(spread.p999, Duration{999});
  EXPECT_EQ(spread.max, Duration{1000});
}

}  // namespace
}  // namespace flatline::generator
