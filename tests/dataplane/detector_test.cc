// Every rule of liveness as a sentence, with invented time.
#include "dataplane/detector.h"

#include <flatline/heartbeat.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr ProfileId kFast = 1;      // leader-election: 300 ms, then 100 ms
constexpr ProfileId kDatabase = 2;  // 3 s, then 1 s
constexpr ProfileId kUnused = 40;

std::array<Profile, kMaxProfiles> BuiltIn() {
  std::array<Profile, kMaxProfiles> out{};
  for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
    out[kFirstBuiltInProfile + i] = kBuiltInProfiles[i];
  }
  return out;
}

constexpr ProfileId kByHistory = kFirstOwnProfile;

// The built-in ones, and `database` judged by phi.
std::array<Profile, kMaxProfiles> WithPhi() {
  auto out = BuiltIn();
  out[kByHistory] = kBuiltInProfiles[1];
  out[kByHistory].detector = DetectorKind::kPhi;
  out[kByHistory].threshold = 8;
  out[kByHistory].timeout = Milliseconds(30'000);
  return out;
}

const Detector& TheDetector() {
  static const Detector detector(BuiltIn(), kFast);
  return detector;
}

std::uint32_t Timeout() {
  return TheDetector().TimingOf(kFast).silence.least;
}

std::uint32_t Confirmation() {
  return TheDetector().TimingOf(kFast).confirmation;
}

struct JudgeCase {
  std::string sentence;
  Liveness liveness;
  std::int64_t age;
  Liveness expected;
  Reason reason;
  std::int64_t wait;
};

std::vector<JudgeCase> JudgeCases() {
  const std::int64_t t = Timeout();
  const std::int64_t c = Confirmation();
  using enum Liveness;
  return {
      {"fresh: the whole timeout is left", kAlive, 0, kAlive, Reason::kNone, t},
      {"one unit before the deadline it is alive", kAlive, t - 1, kAlive, Reason::kNone, 1},
      {"exactly at the deadline it is suspect", kAlive, t, kSuspect, Reason::kDeadlineMissed, 0},
      {"one step at a time, however late we look",
       kAlive,
       10 * t,
       kSuspect,
       Reason::kDeadlineMissed,
       0},
      {"a stamp ahead of the horizon is as good as fresh",
       kAlive,
       -5,
       kAlive,
       Reason::kNone,
       t + 5},
      {"a suspect waits for its confirmation", kSuspect, t, kSuspect, Reason::kNone, c},
      {"one unit before that it is suspect", kSuspect, t + c - 1, kSuspect, Reason::kNone, 1},
      {"exactly then it is dead", kSuspect, t + c, kDead, Reason::kNotConfirmed, 0},
      {"a suspect with a fresh stamp is alive",
       kSuspect,
       t - 1,
       kAlive,
       Reason::kHeartbeatResumed,
       0},
      {"never heard: it waits for timeout and confirmation",
       kUnknown,
       t,
       kUnknown,
       Reason::kNone,
       c},
      {"one unit before that it is unknown", kUnknown, t + c - 1, kUnknown, Reason::kNone, 1},
      {"never heard: then it is dead", kUnknown, t + c, kDead, Reason::kNeverHeard, 0},
      {"time does not change the dead", kDead, 100 * t, kDead, Reason::kNone, kForever},
      {"nor revive them, when stamps have gone round", kDead, 0, kDead, Reason::kNone, kForever},
      {"time does not change those who left", kLeft, 100 * t, kLeft, Reason::kNone, kForever},
  };
}

// Once in the middle of the circle of stamps and once where it wraps.
TEST(Detector, JudgesSilenceAtTheHorizon) {
  for (const Stamp horizon : {Stamp{0x80000000U}, Stamp{3}, Stamp{0xFFFFFFFFU}}) {
    for (const JudgeCase& it : JudgeCases()) {
      SCOPED_TRACE(it.sentence);
      const Stamp stamp = horizon - static_cast<Stamp>(it.age);
      const Judgement judged =
          TheDetector().Judge({it.liveness, Health::kReady, kFast}, 0, stamp, horizon);
      EXPECT_EQ(judged.liveness, it.expected);
      EXPECT_EQ(judged.reason, it.reason);
      if (it.reason == Reason::kNone) {
        EXPECT_EQ(judged.wait, it.wait);
      }
    }
  }
}

TEST(Detector, NeverJudgesEarlyWhateverTheRounding) {
  for (std::int64_t heard_ns = 1; heard_ns < 3 * kStampUnit.count(); heard_ns += 4111) {
    const Stamp stamp = StampOf(HearingInstant{Duration{heard_ns}});
    const std::int64_t deadline = heard_ns + Milliseconds(300).count();
    const auto judge = [&](std::int64_t at) {
      return TheDetector().Judge({Liveness::kAlive, Health::kReady, kFast},
                                 0,
                                 stamp,
                                 HorizonStamp(HearingInstant{Duration{at}}));
    };
    EXPECT_EQ(judge(deadline - 1).reason, Reason::kNone) << heard_ns;
    EXPECT_EQ(judge(deadline + 3 * kStampUnit.count()).reason, Reason::kDeadlineMissed) << heard_ns;
  }
}

TEST(Detector, TheLongestProfileFitsTheCircleOfStamps) {
  auto profiles = BuiltIn();
  profiles[kFirstOwnProfile] = MakeProfile("day", kMostTimeout, 1, kMostTimeout);
  const Detector detector(profiles, kFast);
  const std::uint32_t day = StampUnits(kMostTimeout);
  const EndpointState suspect{Liveness::kSuspect, Health::kReady, kByHistory};
  EXPECT_EQ(detector.Judge(suspect, 0, 0, 2 * day - 1).wait, 1);
  EXPECT_EQ(detector.Judge(suspect, 0, 0, 2 * day).reason, Reason::kNotConfirmed);
  EXPECT_LT(AgeOf(kFutureStamps, 0), 0) << "4.9 hours ahead is the future";
  EXPECT_GT(AgeOf(kFutureStamps + 1, 0), 0) << "and beyond that the past";
}

TEST(Detector, AProfileThatIsNotInUseHasTheTimingOfTheDefault) {
  EXPECT_EQ(TheDetector().TimingOf(kUnused).silence.least, Timeout());
  EXPECT_EQ(TheDetector().TimingOf(kMaxProfiles + 5).silence.least, Timeout());
  EXPECT_FALSE(TheDetector().Knows(kUnused));
  EXPECT_FALSE(TheDetector().Knows(kDefaultProfile));
  EXPECT_FALSE(TheDetector().Knows(kMaxProfiles));
  EXPECT_EQ(TheDetector().WantedProfile(kFast, kDatabase), kDatabase);
  EXPECT_EQ(TheDetector().WantedProfile(kFast, kDefaultProfile), kFast);
  EXPECT_EQ(TheDetector().WantedProfile(kFast, kUnused), kFast);
}

// What a record knows in all cases below: incarnation 5, sequence 100, ready, profile kFast.
RecordView Known(Liveness liveness) {
  return {.state = {liveness, Health::kReady, kFast}, .heard = {1000, 100}, .incarnation = 5};
}

Heartbeat Beat(std::uint32_t incarnation, std::uint32_t sequence) {
  Heartbeat out;
  out.id = 1;
  out.incarnation = incarnation;
  out.sequence = sequence;
  out.health = Health::kReady;
  return out;
}

Heartbeat LeaveOf(std::uint32_t incarnation, std::uint32_t sequence) {
  Heartbeat out = Beat(incarnation, sequence);
  out.kind = HeartbeatKind::kLeave;
  return out;
}

Heartbeat Failing(Heartbeat heartbeat) {
  heartbeat.health = Health::kFailing;
  return heartbeat;
}

Heartbeat Asking(Heartbeat heartbeat, ProfileId profile) {
  heartbeat.profile = profile;
  return heartbeat;
}

enum class Gets : std::uint8_t { kStamp, kStampAndOwner, kOwner, kOldSequence, kOldIncarnation };

struct ConsiderCase {
  std::string sentence;
  Liveness liveness;
  Heartbeat heartbeat;
  Gets expected;
};

std::vector<ConsiderCase> ConsiderCases() {
  using enum Liveness;
  return {
      {"the next heartbeat of a live one is a stamp", kAlive, Beat(5, 101), Gets::kStamp},
      {"so is one after a loss", kAlive, Beat(5, 400), Gets::kStamp},
      {"the same again is old", kAlive, Beat(5, 100), Gets::kOldSequence},
      {"an earlier one is old", kAlive, Beat(5, 99), Gets::kOldSequence},
      {"half the circle back is old", kAlive, Beat(5, 100 + 0x80000001U), Gets::kOldSequence},
      {"an earlier life is over", kAlive, Beat(4, 500), Gets::kOldIncarnation},
      {"a later life is the owner's matter", kAlive, Beat(6, 1), Gets::kOwner},
      {"another health is both", kAlive, Failing(Beat(5, 101)), Gets::kStampAndOwner},
      {"an old sequence changes no health", kAlive, Failing(Beat(5, 99)), Gets::kOldSequence},
      {"asking for the profile it has is routine",
       kAlive,
       Asking(Beat(5, 101), kFast),
       Gets::kStamp},
      {"asking for another is both", kAlive, Asking(Beat(5, 101), kDatabase), Gets::kStampAndOwner},
      {"asking for one that is not there is ignored",
       kAlive,
       Asking(Beat(5, 101), kUnused),
       Gets::kStamp},
      {"a leave is the owner's matter", kAlive, LeaveOf(5, 101), Gets::kOwner},
      {"an old leave is old", kAlive, LeaveOf(5, 100), Gets::kOldSequence},
      {"a leave of an earlier life is over", kAlive, LeaveOf(4, 101), Gets::kOldIncarnation},
      {"a suspect is stamped at once, and told of", kSuspect, Beat(5, 101), Gets::kStampAndOwner},
      {"a replay does not clear a suspicion", kSuspect, Beat(5, 100), Gets::kOldSequence},
      {"a dead one that speaks is the owner's matter", kDead, Beat(5, 101), Gets::kOwner},
      {"a replay does not wake the dead", kDead, Beat(5, 100), Gets::kOldSequence},
      {"who left does not come back in the same life", kLeft, Beat(5, 101), Gets::kOldIncarnation},
      {"but in a later one", kLeft, Beat(6, 0), Gets::kOwner},
      {"nothing is old to one never heard", kUnknown, Beat(0, 0), Gets::kStampAndOwner},
      {"it may even leave", kUnknown, LeaveOf(0, 0), Gets::kOwner},
  };
}

Gets GetsOf(const Consideration& it) {
  if (it.stamps) {
    return it.concerns_owner ? Gets::kStampAndOwner : Gets::kStamp;
  }
  if (it.concerns_owner) {
    return Gets::kOwner;
  }
  EXPECT_TRUE(it.drop == DropReason::kOldSequence || it.drop == DropReason::kOldIncarnation);
  return it.drop == DropReason::kOldSequence ? Gets::kOldSequence : Gets::kOldIncarnation;
}

TEST(Detector, ConsidersAHeartbeat) {
  for (const ConsiderCase& it : ConsiderCases()) {
    EXPECT_EQ(
        GetsOf(TheDetector().Consider(Known(it.liveness), it.heartbeat, Arrived::kFromNetwork)),
        it.expected)
        << it.sentence;
  }
}

TEST(Detector, SequencesCompareOnTheCircle) {
  RecordView record = Known(Liveness::kAlive);
  record.heard.sequence = 0xFFFFFFFFU;
  EXPECT_EQ(GetsOf(TheDetector().Consider(record, Beat(5, 0), Arrived::kFromNetwork)),
            Gets::kStamp);
}

TEST(Detector, WhatAnotherWorkerHasStampedIsNotOldToTheOwner) {
  const RecordView record = Known(Liveness::kSuspect);
  EXPECT_EQ(GetsOf(TheDetector().Consider(record, Beat(5, 100), Arrived::kFromWorker)),
            Gets::kStampAndOwner);
  EXPECT_EQ(GetsOf(TheDetector().Consider(record, Beat(5, 99), Arrived::kFromWorker)),
            Gets::kOldSequence);
}

TEST(Detector, OtherKindsAreNotForThisEnd) {
  Heartbeat probe = Beat(5, 101);
  probe.kind = HeartbeatKind::kProbe;
  const Consideration it =
      TheDetector().Consider(Known(Liveness::kAlive), probe, Arrived::kFromNetwork);
  EXPECT_FALSE(it.stamps || it.concerns_owner);
  EXPECT_EQ(it.drop, DropReason::kUnknownKind);
}

struct DecideCase {
  std::string sentence;
  Liveness liveness;
  Heartbeat heartbeat;
  Change::Kind kind;
  Reason reason;
  Liveness next;
  Health health;
};

std::vector<DecideCase> Returns() {
  using enum Liveness;
  using Kind = Change::Kind;
  const auto ready = Health::kReady;
  const auto failing = Health::kFailing;
  return {
      {"the first", kUnknown, Beat(5, 1), Kind::kLiveness, Reason::kFirstHeartbeat, kAlive, ready},
      {"the first says its health",
       kUnknown,
       Failing(Beat(0, 1)),
       Kind::kLiveness,
       Reason::kFirstHeartbeat,
       kAlive,
       failing},
      {"suspicion cleared",
       kSuspect,
       Beat(5, 101),
       Kind::kLiveness,
       Reason::kHeartbeatResumed,
       kAlive,
       ready},
      {"back from the dead",
       kDead,
       Beat(5, 101),
       Kind::kLiveness,
       Reason::kHeartbeatResumed,
       kAlive,
       ready},
      {"back with another health: one transition",
       kDead,
       Failing(Beat(5, 101)),
       Kind::kLiveness,
       Reason::kHeartbeatResumed,
       kAlive,
       failing},
      {"restarted while alive is told",
       kAlive,
       Beat(6, 1),
       Kind::kLiveness,
       Reason::kRestarted,
       kAlive,
       ready},
      {"restarted after death",
       kDead,
       Beat(6, 1),
       Kind::kLiveness,
       Reason::kRestarted,
       kAlive,
       ready},
      {"returned after leaving",
       kLeft,
       Beat(6, 1),
       Kind::kLiveness,
       Reason::kRestarted,
       kAlive,
       ready},
  };
}

std::vector<DecideCase> OtherChanges() {
  using enum Liveness;
  using Kind = Change::Kind;
  const auto ready = Health::kReady;
  const auto failing = Health::kFailing;
  return {
      {"a change of health",
       kAlive,
       Failing(Beat(5, 101)),
       Kind::kHealth,
       Reason::kHealthReported,
       kAlive,
       failing},
      {"nothing new", kAlive, Beat(5, 101), Kind::kNone, Reason::kNone, kAlive, ready},
      {"a leave, whatever health it says",
       kAlive,
       Failing(LeaveOf(5, 101)),
       Kind::kLiveness,
       Reason::kLeaveReceived,
       kLeft,
       ready},
      {"a leave of the dead",
       kDead,
       LeaveOf(5, 101),
       Kind::kLiveness,
       Reason::kLeaveReceived,
       kLeft,
       ready},
      {"a leave of one never heard",
       kUnknown,
       LeaveOf(5, 101),
       Kind::kLiveness,
       Reason::kLeaveReceived,
       kLeft,
       ready},
      {"a later life leaves too: nobody is told",
       kLeft,
       LeaveOf(6, 1),
       Kind::kQuiet,
       Reason::kNone,
       kLeft,
       ready},
  };
}

TEST(Detector, DecidesWhatAHeartbeatChanges) {
  std::vector<DecideCase> cases = Returns();
  const std::vector<DecideCase> others = OtherChanges();
  cases.insert(cases.end(), others.begin(), others.end());
  for (const DecideCase& it : cases) {
    SCOPED_TRACE(it.sentence);
    const Change change = TheDetector().Decide(Known(it.liveness), it.heartbeat);
    EXPECT_EQ(change.kind, it.kind);
    EXPECT_EQ(change.reason, it.reason);
    EXPECT_EQ(change.next.liveness, it.next);
    EXPECT_EQ(change.next.health, it.health);
    EXPECT_EQ(change.next.profile, kFast);
  }
}

// How many gaps a live endpoint of this profile has in its history after `heartbeats`, in stamps of
// its own and of others in turn.
std::uint32_t GapsNoted(ProfileId profile, Liveness liveness, std::uint32_t heartbeats) {
  const HistorySampling sampling(WithPhi());
  EndpointRecord record;
  record.state = EndpointState{liveness, Health::kReady, profile}.Pack();
  for (std::uint32_t sequence = 1; sequence <= heartbeats; ++sequence) {
    const RecordView seen = View(record);
    const Stamp stamp = 1000 * sequence;
    if (sequence % 2 == 0) {
      StampOwn(record, sequence, stamp);
    } else {
      EXPECT_TRUE(StampForeign(record, seen, sequence, stamp));
    }
    NoteGap(record, seen, sampling, sequence, stamp);
  }
  const Arrival arrival = Arrival::Unpack(record.arrival);
  EXPECT_EQ(arrival.interval, arrival.count == 0 ? 0.0F : 1000.0F);
  return arrival.count;
}

TEST(Detector, TakesEachGapWhereTheProfileJudgesByThem) {
  EXPECT_EQ(GapsNoted(kByHistory, Liveness::kAlive, 64), 64U);
}

TEST(Detector, TakesOneGapInSixteenOfAFixedTimeout) {
  EXPECT_EQ(GapsNoted(kFast, Liveness::kAlive, 64), 4U);
  EXPECT_EQ(GapsNoted(kFast, Liveness::kAlive, 15), 0U);
}

TEST(Detector, TakesThemOfNeighboursInTurn) {
  const HistorySampling sampling(BuiltIn());
  for (std::uint32_t sequence = 0; sequence < 16; ++sequence) {
    std::uint32_t taken = 0;
    for (EndpointId id = 1; id <= 160; ++id) {
      taken += sampling.Takes(kFast, id, sequence) ? 1 : 0;
    }
    EXPECT_EQ(taken, 10U) << sequence;
  }
}

TEST(Detector, AGapThatEndedInSuspicionIsNoHistory) {
  for (const Liveness liveness : {Liveness::kUnknown, Liveness::kSuspect}) {
    EXPECT_EQ(GapsNoted(kByHistory, liveness, 64), 0U) << NameOf(liveness);
    EXPECT_EQ(GapsNoted(kFast, liveness, 64), 0U) << NameOf(liveness);
  }
}

TEST(Detector, JudgesByTheHistoryWhereTheProfileSaysSo) {
  const Detector detector(WithPhi(), kFast);
  const EndpointState state{Liveness::kAlive, Health::kReady, kByHistory};
  const Arrival steady{.interval = 15'259, .variance = 1, .lead = 0, .count = 100};
  const Arrival erratic{.interval = 15'259, .variance = 1e8, .lead = 0, .count = 100};
  const SilenceRule& rule = detector.TimingOf(kByHistory).silence;
  const std::int64_t soon{AllowedSilence(rule, steady.Pack())};
  const std::int64_t late{AllowedSilence(rule, erratic.Pack())};
  ASSERT_LT(soon, late);
  const Stamp horizon = 1'000'000;
  const Stamp heard = horizon - static_cast<Stamp>(soon);
  EXPECT_EQ(detector.Judge(state, steady.Pack(), heard, horizon).reason, Reason::kDeadlineMissed);
  EXPECT_EQ(detector.Judge(state, steady.Pack(), heard + 1, horizon).wait, 1);
  EXPECT_EQ(detector.Judge(state, erratic.Pack(), heard, horizon).wait, late - soon);
}

TEST(Detector, AForeignStampYieldsToTheOwners) {
  EndpointRecord record;
  record.heard = Heard{1000, 100}.Pack();
  record.incarnation = 5;
  const RecordView before = View(record);
  record.incarnation = 6;
  record.heard = Heard{1001, 1}.Pack();
  EXPECT_FALSE(StampForeign(record, before, 101, 1002)) << "it would outnumber the new life";
  EXPECT_EQ(Heard::Unpack(record.heard).sequence, 1U);
  EXPECT_TRUE(StampForeign(record, View(record), 2, 1003));
  EXPECT_EQ(Heard::Unpack(record.heard).sequence, 2U);
}

}  // namespace
}  // namespace flatline
