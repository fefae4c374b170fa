// A threshold of the subscriber's own, on invented time: who is told of when, who is never told of,
// what is accounted for meanwhile, and that none of it depends on when the records are read.
#include "control/client/held_suspicions.h"

#include <flatline/crc32c.h>
#include <flatline/suspicion_record.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr std::int64_t kWall = 1'790'000'000 * kSecond;
constexpr double kThreshold = 12;
constexpr SuspicionScale kScale{.expected = 1'000.0 * kMs, .deviation = 100.0 * kMs};

constexpr auto kAlive = static_cast<std::uint8_t>(Liveness::kAlive);
constexpr auto kSuspect = static_cast<std::uint8_t>(Liveness::kSuspect);
constexpr auto kDead = static_cast<std::uint8_t>(Liveness::kDead);
constexpr auto kLeft = static_cast<std::uint8_t>(Liveness::kLeft);

// The silence that reaches the threshold.
std::int64_t Needed() {
  return static_cast<std::int64_t>(SilenceAt(kScale, PhiQuantile(kThreshold)));
}

DeliveryRecord Sealed(DeliveryRecord record) {
  record.crc = SealOf(record);
  return record;
}

// At so many ms, after a silence that the profile did not allow.
DeliveryRecord Change(
    std::uint64_t sequence, EndpointId id, std::uint8_t from, std::uint8_t to, std::int64_t ms) {
  return Sealed({.sequence = sequence,
                 .at_ns = kWall + ms * kMs,
                 .endpoint = id,
                 .silence_ns = 1'500 * kMs,
                 .incarnation = 1,
                 .from = from,
                 .to = to,
                 .health = Health::kReady});
}

DeliveryRecord Other(RecordKind kind,
                     std::uint64_t sequence,
                     std::int64_t ms,
                     std::int64_t silence_ns = 0) {
  return Sealed(
      {.sequence = sequence, .at_ns = kWall + ms * kMs, .silence_ns = silence_ns, .kind = kind});
}

DeliveryRecord ScaleFor(const DeliveryRecord& record, SuspicionScale scale = kScale) {
  DeliveryRecord out{.sequence = record.sequence, .endpoint = record.endpoint};
  out.kind = RecordKind::kSuspicion;
  out.to = kSuspect;
  WriteScale(scale, out);
  return Sealed(out);
}

std::vector<DeliveryRecord> Suspicion(std::uint64_t sequence, EndpointId id, std::int64_t ms) {
  const DeliveryRecord record = Change(sequence, id, kAlive, kSuspect, ms);
  return {ScaleFor(record), record};
}

// "3:7 suspect" of each.
std::vector<std::string> TextOf(std::span<const DeliveryRecord> records) {
  std::vector<std::string> out;
  for (const DeliveryRecord& record : records) {
    EXPECT_EQ(record.crc, SealOf(record));
    out.push_back(std::to_string(record.sequence) + ":" + std::to_string(record.endpoint) + " " +
                  (record.kind == RecordKind::kLiveness || record.kind == RecordKind::kSnapshotRow
                       ? std::string(NameIn(kLivenessNames, record.to))
                       : std::to_string(static_cast<int>(record.kind))));
  }
  return out;
}

class HeldSuspicionsTest : public testing::Test {
 protected:
  HeldSuspicionsTest() { held_.Greet(Other(RecordKind::kHello, 0, 0), At(0)); }

  // The subscriber's clock, when control's is so many ms behind kWall.
  static Instant At(std::int64_t ms) { return Instant{Duration{77 * kSecond + ms * kMs}}; }

  std::vector<std::string> Take(const std::vector<DeliveryRecord>& run, std::int64_t ms) {
    auto out = TextOf(held_.Sift(run, sequence_, At(ms)));
    held_.Commit();
    if (run.back().kind != RecordKind::kSnapshotRow) {
      sequence_ = run.back().sequence;
    }
    return out;
  }

  std::vector<std::string> Due(std::int64_t ms) {
    auto out = TextOf(held_.Due(At(ms)));
    held_.Commit();
    return out;
  }

  [[nodiscard]] std::uint64_t Accountable() const { return held_.Accountable(sequence_); }

  // Of a suspicion at 0 ms: when it reaches the threshold.
  static std::int64_t ReachedMs() { return (Needed() - 1'500 * kMs) / kMs; }

  HeldSuspicions held_{kThreshold};
  std::uint64_t sequence_ = 0;
};

TEST_F(HeldSuspicionsTest, IsToldWhenItsLevelIsReachedAndNotBefore) {
  ASSERT_GT(ReachedMs(), 50);
  EXPECT_THAT(Take(Suspicion(1, 7, 0), 0), IsEmpty());
  ASSERT_TRUE(held_.due());
  EXPECT_EQ((*held_.due() - At(0)).count(), Needed() - 1'500 * kMs);
  EXPECT_THAT(Due(ReachedMs()), IsEmpty());
  EXPECT_THAT(Due(ReachedMs() + 1), ElementsAre("1:7 suspect"));
  EXPECT_THAT(Due(ReachedMs() + 1'000), IsEmpty()) << "once";
  EXPECT_FALSE(held_.due());
}

TEST_F(HeldSuspicionsTest, IsForgottenWithTheReturnWhereItWasHeardBefore) {
  Take(Suspicion(1, 7, 0), 0);
  EXPECT_THAT(Take({Change(2, 7, kSuspect, kAlive, 20)}, 21), IsEmpty());
  EXPECT_EQ(held_.size(), 0U);
  EXPECT_EQ(Accountable(), 2U);
  EXPECT_THAT(Due(100'000), IsEmpty());
}

TEST_F(HeldSuspicionsTest, DeathIsAlwaysToldAndTheSuspicionBeforeIt) {
  Take(Suspicion(1, 7, 0), 0);
  EXPECT_THAT(Take({Change(2, 7, kSuspect, kDead, 20)}, 20),
              ElementsAre("1:7 suspect", "2:7 dead"));
  EXPECT_EQ(held_.size(), 0U);
}

TEST_F(HeldSuspicionsTest, ReturnsThatSayMoreAreTold) {
  Take(Suspicion(1, 1, 0), 0);
  Take(Suspicion(2, 2, 0), 0);
  Take(Suspicion(3, 3, 0), 0);
  DeliveryRecord restarted = Change(4, 1, kSuspect, kAlive, 20);
  restarted.incarnation = 2;
  DeliveryRecord failing = Change(5, 2, kSuspect, kAlive, 20);
  failing.health = Health::kFailing;
  EXPECT_THAT(Take({Sealed(restarted), Sealed(failing), Change(6, 3, kSuspect, kLeft, 20)}, 20),
              ElementsAre("4:1 alive", "5:2 alive", "6:3 left"));
  EXPECT_EQ(held_.size(), 0U);
}

TEST_F(HeldSuspicionsTest, HealthThatWasToldMeanwhileIsNotSaidAgainByTheReturn) {
  Take(Suspicion(1, 7, 0), 0);
  DeliveryRecord failing = Change(2, 7, 1, 3, 10);
  failing.kind = RecordKind::kHealth;
  failing.health = Health::kFailing;
  EXPECT_THAT(Take({Sealed(failing)}, 10), ElementsAre("2:7 2"));
  DeliveryRecord back = Change(3, 7, kSuspect, kAlive, 20);
  back.health = Health::kFailing;
  EXPECT_THAT(Take({Sealed(back)}, 20), IsEmpty());
}

TEST_F(HeldSuspicionsTest, AThresholdBelowTheProfilesIsTheProfiles) {
  const DeliveryRecord record = Change(1, 7, kAlive, kSuspect, 0);
  const SuspicionScale quick{.expected = 100.0 * kMs, .deviation = 10.0 * kMs};
  EXPECT_THAT(Take({ScaleFor(record, quick), record}, 0), ElementsAre("1:7 suspect"));
}

TEST_F(HeldSuspicionsTest, OneOfWhomNothingIsKnownIsToldAtOnce) {
  EXPECT_THAT(Take({Change(1, 7, kAlive, kSuspect, 0)}, 0), ElementsAre("1:7 suspect"));
}

TEST_F(HeldSuspicionsTest, OthersAreToldMeanwhileAndNothingBehindItIsAccountedFor) {
  Take({Change(1, 5, kDead, kAlive, 0)}, 0);
  Take(Suspicion(2, 7, 0), 0);
  EXPECT_THAT(Take({Change(3, 8, kSuspect, kDead, 0)}, 0), ElementsAre("3:8 dead"));
  EXPECT_EQ(Accountable(), 1U);
  Take(Suspicion(4, 9, 30), 30);
  EXPECT_THAT(Due(ReachedMs() + 1), ElementsAre("2:7 suspect"));
  EXPECT_EQ(Accountable(), 3U);
  EXPECT_THAT(Due(ReachedMs() + 31), ElementsAre("4:9 suspect"));
  EXPECT_EQ(Accountable(), 4U);
}

TEST_F(HeldSuspicionsTest, AreToldInTheOrderInWhichTheirLevelsAreReached) {
  const DeliveryRecord slow = Change(1, 1, kAlive, kSuspect, 0);
  const DeliveryRecord quick = Change(2, 2, kAlive, kSuspect, 0);
  Take({ScaleFor(slow, {.expected = 2'000.0 * kMs, .deviation = 200.0 * kMs}), slow}, 0);
  Take({ScaleFor(quick), quick}, 0);
  EXPECT_THAT(Due(60'000), ElementsAre("2:2 suspect", "1:1 suspect"));
}

TEST_F(HeldSuspicionsTest, WhatIsReadLateIsToldAsIfItHadBeenReadInTime) {
  std::vector<DeliveryRecord> backlog = Suspicion(1, 1, 0);
  backlog.push_back(Change(2, 1, kSuspect, kAlive, 20));  // before its level was reached
  std::ranges::copy(Suspicion(3, 2, 100), std::back_inserter(backlog));
  backlog.push_back(Change(4, 2, kSuspect, kAlive, 100 + ReachedMs() + 1));  // and after
  EXPECT_THAT(Take(backlog, 3'600'000), ElementsAre("3:2 suspect", "4:2 alive"));
}

TEST_F(HeldSuspicionsTest, ANameComesWithItsSuspicion) {
  const DeliveryRecord record = Change(1, 7, kAlive, kSuspect, 0);
  DeliveryRecord name{.sequence = 1, .kind = RecordKind::kName, .from = 1, .to = 1, .reason = 3};
  std::memcpy(reinterpret_cast<char*>(&name) + kErrorTextOffset, "web", 3);
  EXPECT_THAT(Take({ScaleFor(record), Sealed(name), record}, 0), IsEmpty());
  EXPECT_THAT(Due(60'000), ElementsAre("1:0 24", "1:7 suspect"));
}

TEST_F(HeldSuspicionsTest, AnEndThatTheFilterLeavesOutEndsItToo) {
  Take(Suspicion(1, 1, 0), 0);
  Take(Suspicion(2, 2, 0), 0);
  DeliveryRecord over = Change(3, 1, 0, kAlive, 10);
  over.kind = RecordKind::kSuspicion;
  EXPECT_THAT(Take({Sealed(over)}, 10), IsEmpty());
  over = Change(4, 2, 0, kDead, 10);
  over.kind = RecordKind::kSuspicion;
  EXPECT_THAT(Take({Sealed(over)}, 10), ElementsAre("2:2 suspect")) << "death bears it out";
  over = Change(5, 3, 0, kAlive, 10);
  over.kind = RecordKind::kSuspicion;
  EXPECT_THAT(Take({Sealed(over)}, 10), IsEmpty()) << "of whom nothing is held";
  EXPECT_EQ(held_.size(), 0U);
}

TEST_F(HeldSuspicionsTest, BlindTimeIsNobodysSilence) {
  Take(Suspicion(1, 7, 0), 0);
  // Of these 30 s only what lies behind the suspicion.
  EXPECT_THAT(Take({Other(RecordKind::kBlind, 2, 10'000, 30 * kSecond)}, 10'000),
              ElementsAre("2:0 3"));
  EXPECT_THAT(Due(10'000 + ReachedMs()), IsEmpty());
  EXPECT_THAT(Due(10'000 + ReachedMs() + 1), ElementsAre("1:7 suspect"));
}

TEST_F(HeldSuspicionsTest, WhileALinkIsDownNobodyIsSuspected) {
  Take(Suspicion(1, 7, 0), 0);
  Take({Other(RecordKind::kBlind, 2, 5)}, 5);
  EXPECT_FALSE(held_.due());
  EXPECT_THAT(Due(60'000), IsEmpty());
  Take({Other(RecordKind::kBlind, 3, 60'000, 59'995 * kMs)}, 60'000);
  EXPECT_THAT(Due(60'000), IsEmpty());
  EXPECT_THAT(Due(60'000 + ReachedMs()), ElementsAre("1:7 suspect"));
}

TEST_F(HeldSuspicionsTest, WhileTheDataplaneDoesNotHearNobodyIsSuspected) {
  Take(Suspicion(1, 7, 0), 0);
  held_.Hear(Other(RecordKind::kBookmark, 1, 1'000, 5 * kSecond), At(1'000));
  EXPECT_FALSE(held_.due());
  held_.Hear(Other(RecordKind::kBookmark, 1, 2'000, -1), At(2'000));
  EXPECT_THAT(Due(60'000), IsEmpty()) << "there is none";
  held_.Hear(Other(RecordKind::kBookmark, 1, 61'000, 3 * kMs), At(61'000));
  EXPECT_THAT(Due(61'000), ElementsAre("1:7 suspect"));
}

TEST_F(HeldSuspicionsTest, OneThatBeginsToFlapIsToldAsItStands) {
  for (const std::uint8_t to : {kSuspect, kAlive}) {
    const std::uint64_t first = sequence_ + 1;
    Take(Suspicion(first, 7, 0), 0);
    DeliveryRecord flapping = Change(first + 1, 7, kAlive, to, 10);
    flapping.kind = RecordKind::kFlapping;
    const std::string suspicion = std::to_string(first) + ":7 suspect";
    const std::string flaps = std::to_string(first + 1) + ":7 6";
    const auto told = Take({Sealed(flapping)}, 10);
    if (to == kSuspect) {
      EXPECT_THAT(told, ElementsAre(suspicion, flaps));
    } else {
      EXPECT_THAT(told, ElementsAre(flaps));
    }
    EXPECT_EQ(held_.size(), 0U);
  }
}

TEST_F(HeldSuspicionsTest, AGapTellsAllAndAResetVoidsThem) {
  Take(Suspicion(1, 1, 0), 0);
  Take(Suspicion(2, 2, 0), 0);
  EXPECT_THAT(Take({Other(RecordKind::kGap, 9, 10, 2)}, 10),
              ElementsAre("1:1 suspect", "2:2 suspect", "9:0 18"));
  Take(Suspicion(10, 1, 0), 0);
  EXPECT_THAT(Take({Other(RecordKind::kReset, 11, 10)}, 10), ElementsAre("11:0 4"));
  EXPECT_THAT(Due(60'000), IsEmpty());
}

TEST_F(HeldSuspicionsTest, ARowThatIsSuspectIsAliveUntilItsLevelIsReached) {
  sequence_ = 3;
  Take({Other(RecordKind::kSnapshotBegin, 50, 0)}, 0);
  sequence_ = 3;
  DeliveryRecord row = Change(50, 7, 0, kSuspect, 0);
  row.kind = RecordKind::kSnapshotRow;
  row = Sealed(row);
  EXPECT_THAT(Take({ScaleFor(row), row}, 0), ElementsAre("50:7 alive"));
  Take({Other(RecordKind::kSnapshotEnd, 50, 0, 1)}, 0);
  EXPECT_EQ(Accountable(), 3U) << "a snapshot would be needed to know of it again";
  const auto told = held_.Due(At(60'000));
  ASSERT_THAT(TextOf(told), ElementsAre("50:7 suspect"));
  EXPECT_EQ(told[0].kind, RecordKind::kLiveness);
  EXPECT_EQ(told[0].from, kAlive);
  EXPECT_EQ(static_cast<Reason>(told[0].reason), Reason::kDeadlineMissed);
  held_.Commit();
  EXPECT_EQ(Accountable(), 50U);
}

TEST_F(HeldSuspicionsTest, ARowWhoseLevelIsReachedOrThatFlapsIsToldAsItIs) {
  DeliveryRecord row = Change(50, 7, 0, kSuspect, 0);
  row.kind = RecordKind::kSnapshotRow;
  row.silence_ns = 100 * kSecond;
  row = Sealed(row);
  EXPECT_THAT(Take({ScaleFor(row), row}, 0), ElementsAre("50:7 suspect"));
  row.silence_ns = 1'500 * kMs;
  row.marks = kMarkFlapping;
  row = Sealed(row);
  EXPECT_THAT(Take({ScaleFor(row), row}, 0), ElementsAre("50:7 suspect"));
  EXPECT_EQ(held_.size(), 0U);
}

TEST_F(HeldSuspicionsTest, WhatWasNotTakenComesAgainAsBefore) {
  Take(Suspicion(1, 1, 0), 0);
  Take(Suspicion(2, 2, 0), 0);
  std::vector<DeliveryRecord> run = Suspicion(3, 3, 5);
  run.push_back(Other(RecordKind::kBlind, 4, 10, 10 * kMs));
  run.push_back(Change(5, 1, kSuspect, kDead, 20));
  run.push_back(Change(6, 2, kSuspect, kAlive, 20));
  const auto first = TextOf(held_.Sift(run, sequence_, At(20)));
  held_.Undo();
  EXPECT_EQ(held_.size(), 2U);
  EXPECT_EQ(Accountable(), 0U);
  EXPECT_EQ(TextOf(held_.Sift(run, sequence_, At(30))), first);
  held_.Commit();
  EXPECT_EQ(held_.size(), 1U);
  const std::int64_t reached = 5 + ReachedMs() + 5;  // blind for 5 ms of its time
  EXPECT_THAT(TextOf(held_.Due(At(reached))), IsEmpty());
  EXPECT_THAT(TextOf(held_.Due(At(reached + 1))), ElementsAre("3:3 suspect"));
  held_.Undo();
  EXPECT_THAT(Due(reached + 1), ElementsAre("3:3 suspect")) << "it was not taken";
}

TEST_F(HeldSuspicionsTest, NoScaleThatIsNoneHoldsAnythingForEver) {
  for (const SuspicionScale& scale :
       std::vector<SuspicionScale>{{.expected = -1e18, .deviation = -1e18},
                                   {.expected = 9e18, .deviation = 9e18},
                                   {.expected = 0, .deviation = 0},
                                   {.expected = 9e18, .deviation = -9e18}}) {
    const DeliveryRecord record = Change(sequence_ + 1, 7, kAlive, kSuspect, 0);
    const auto told = Take({ScaleFor(record, scale), record}, 0);
    const auto late = Due(49 * 3'600'000);
    EXPECT_EQ(told.size() + late.size(), 1U) << scale.expected;
  }
}

// What happened to twenty endpoints, and what is to be told of it: each suspicion once, or with its
// return not at all, and deaths always.
struct Story {
  std::vector<std::vector<DeliveryRecord>> pieces;
  std::vector<std::string> expected;  // sorted
  std::int64_t end_ms = 0;
};

std::string TagOf(EndpointId id) {
  return ":" + std::to_string(id) + " ";
}

std::string ToldOf(const DeliveryRecord& record) {
  return record.to == kSuspect
             ? "suspect" + TagOf(record.endpoint)
             : std::to_string(record.sequence) + TagOf(record.endpoint) + std::to_string(record.to);
}

Story Invent(std::mt19937& random) {
  Story out;
  std::vector<std::uint8_t> state(20, kAlive);
  std::vector<std::int64_t> since(state.size());
  for (std::uint64_t sequence = 1; sequence <= 400; ++sequence) {
    out.end_ms += static_cast<std::int64_t>(random() % 30);
    const std::int64_t ms = out.end_ms;
    const auto id = random() % state.size();
    if (state[id] == kAlive) {
      out.pieces.push_back(Suspicion(sequence, id, ms));
      since[id] = ms;
      state[id] = kSuspect;
      continue;
    }
    const bool dies = state[id] == kSuspect && random() % 3 == 0;
    const std::uint8_t next = dies ? kDead : kAlive;
    out.pieces.push_back({Change(sequence, id, state[id], next, ms)});
    const bool is_reached = ms * kMs >= since[id] * kMs + Needed() - 1'500 * kMs;
    if (state[id] == kSuspect && (dies || is_reached)) {
      out.expected.push_back("suspect" + TagOf(id));
    }
    if (state[id] != kSuspect || dies || is_reached) {
      out.expected.push_back(ToldOf(out.pieces.back().back()));
    }
    state[id] = next;
  }
  for (std::size_t id = 0; id < state.size(); ++id) {
    if (state[id] == kSuspect) {
      out.expected.push_back("suspect" + TagOf(id));
    }
  }
  std::ranges::sort(out.expected);
  return out;
}

enum class Way : std::uint8_t { kAtOnce, kInRuns, kOneByOne };

// What is told of it, sorted, however it is read.
class Reader {
 public:
  explicit Reader(std::mt19937& random) : random_(&random) {
    held_.Greet(Other(RecordKind::kHello, 0, 0), At(kWall));
  }

  std::vector<std::string> Read(const Story& story, Way way) {
    for (const auto& piece : story.pieces) {
      std::ranges::copy(piece, std::back_inserter(run_));
      if (way == Way::kOneByOne || (way == Way::kInRuns && (*random_)() % 4 == 0)) {
        TakeRun();
      }
    }
    Note(held_.Sift(run_, before_, At(kWall + story.end_ms * kMs)));
    Note(held_.Due(At(kWall + 3'600 * kSecond)));
    EXPECT_EQ(held_.size(), 0U);
    std::ranges::sort(told_);
    return told_;
  }

 private:
  static Instant At(std::int64_t ns) { return Instant{Duration{ns - kWall + kSecond}}; }

  void TakeRun() {
    const Instant now = At(run_.back().at_ns);
    if ((*random_)() % 8 == 0) {
      static_cast<void>(held_.Sift(run_, before_, now));
      held_.Undo();  // nobody took it, and it comes again
    }
    Note(held_.Sift(run_, before_, now));
    Note(held_.Due(now));
    before_ = run_.back().sequence;
    run_.clear();
  }

  void Note(std::span<const DeliveryRecord> records) {
    for (const DeliveryRecord& record : records) {
      told_.push_back(ToldOf(record));
    }
    held_.Commit();
  }

  std::mt19937* random_;
  HeldSuspicions held_{kThreshold};
  std::vector<DeliveryRecord> run_;
  std::uint64_t before_ = 0;
  std::vector<std::string> told_;
};

TEST(HeldSuspicionsModel, ToldDoesNotDependOnHowItIsRead) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const Story story = Invent(random);
    for (const Way way : {Way::kAtOnce, Way::kInRuns, Way::kOneByOne}) {
      ASSERT_EQ(Reader(random).Read(story, way), story.expected)
          << "seed " << seed << ", way " << static_cast<int>(way);
    }
  }
}

}  // namespace
}  // namespace flatline
