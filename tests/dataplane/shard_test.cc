// One shard in plain memory, with invented time: what it tells, what it changes and in which order,
// what happens while the ring is full, and how it comes back after a restart.
#include "dataplane/shard.h"

#include "tests/dataplane/plain_region.h"

#include <flatline/transition_ring.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr EndpointId kId = 77;
constexpr Duration kTimeout = Milliseconds(300);  // of leader-election
constexpr Duration kConfirmation = Milliseconds(100);
constexpr Duration kLateness = kTick + 2 * kStampUnit;  // at which a verdict may be late

class ShardTest : public testing::Test {
 protected:
  ShardTest() { Start(); }

  // Starts a shard on the region as it is: a successor adopts.
  void Start() {
    auto shard = Shard::Create(region_.view(), 0, Now());
    ASSERT_TRUE(shard) << shard.error();
    shard_ = std::move(*shard);
    ring_ = std::make_unique<TransitionProducer>(region_.view().dataplane().transition_heads[0],
                                                 region_.view().control().transition_tails[0],
                                                 region_.view().transitions(0));
  }

  [[nodiscard]] HearingInstant Hearing() const { return HearingInstant{now_} - blind_; }

  [[nodiscard]] Moment Now() const {
    return {.now = Instant{now_}, .hearing = Hearing(), .horizon = Hearing()};
  }

  HearOutcome Beat(EndpointId id, std::uint32_t sequence, std::uint32_t incarnation = 1) {
    Handoff heard;
    heard.heartbeat.id = id;
    heard.heartbeat.sequence = sequence;
    heard.heartbeat.incarnation = incarnation;
    heard.heartbeat.health = health_;
    heard.heartbeat.profile = profile_;
    heard.heartbeat.kind = kind_;
    heard.stamp = StampOf(Hearing());
    return shard_->Hear(heard, Arrived::kFromNetwork, Now(), *ring_, tally_);
  }

  // Time passes in ticks, and the shard has a turn in each.
  void Pass(Duration time) {
    const Duration end = now_ + time;
    while (now_ < end) {
      now_ = std::min(end, now_ + Milliseconds(1));
      shard_->Reclaim(Now());
      static_cast<void>(shard_->Expire(Now(), 64, *ring_, tally_));
    }
  }

  std::optional<CommandResult> TryDo(CommandKind kind, EndpointId id, ProfileId profile = 0) {
    Command command;
    command.id = id;
    command.kind = kind;
    command.profile = profile;
    command.group = 9;
    command.ticket = 1234;
    return shard_->Execute(command, Now(), *ring_, tally_);
  }

  CommandResult Do(CommandKind kind, EndpointId id, ProfileId profile = 0) {
    const std::optional<CommandResult> result = TryDo(kind, id, profile);
    EXPECT_TRUE(result.has_value()) << "the ring is full";
    return result.value_or(CommandResult{});
  }

  // What was told since the last call, as "from>to reason".
  std::vector<std::string> Told() {
    std::vector<std::string> out;
    TransitionConsumer consumer(region_.view().dataplane().transition_heads[0],
                                region_.view().control().transition_tails[0],
                                region_.view().transitions(0));
    for (std::uint64_t i = consumer.tail(); i < consumer.head(); ++i) {
      last_ = consumer.At(i);
      const bool health = last_.kind == TransitionKind::kHealth;
      const auto name = [&](std::uint8_t value) {
        return std::string(health ? NameOf(static_cast<Health>(value))
                                  : NameOf(static_cast<Liveness>(value)));
      };
      out.push_back(name(last_.from) + ">" + name(last_.to) + " " +
                    std::string(NameOf(last_.reason)));
    }
    consumer.Release(consumer.head());
    return out;
  }

  void FillRing() {
    while (ring_->TryPush({})) {
    }
  }

  [[nodiscard]] Slot SlotOf(EndpointId id) const {
    return shard_->index().Find(id, HashEndpoint(id, region_.view().header().hash_key));
  }

  [[nodiscard]] RecordView Record(EndpointId id) const {
    return View(shard_->table().record(SlotOf(id)));
  }

  [[nodiscard]] std::uint64_t Count(Counter counter) const {
    return tally_.values[static_cast<std::size_t>(counter)];
  }

  using Strings = std::vector<std::string>;

  PlainRegion region_{SmallConfig()};
  Duration now_ = Milliseconds(50'000);
  Duration blind_{};
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<TransitionProducer> ring_;
  Tally tally_;
  Transition last_;
  Health health_ = Health::kReady;
  ProfileId profile_ = kDefaultProfile;
  HeartbeatKind kind_ = HeartbeatKind::kHeartbeat;
};

TEST_F(ShardTest, AnEndpointLivesAndDies) {
  const HearOutcome first = Beat(kId, 1);
  EXPECT_TRUE(first.counted);
  EXPECT_EQ(first.slot, SlotOf(kId));
  EXPECT_EQ(first.profile, 1);
  EXPECT_EQ(Told(), Strings{"unknown>alive first-heartbeat"});
  Pass(Milliseconds(200));
  EXPECT_TRUE(Beat(kId, 2).counted);
  Pass(kTimeout - Milliseconds(1));
  EXPECT_EQ(Told(), Strings{}) << "the second heartbeat moved the deadline";
  Pass(Milliseconds(1) + kLateness);
  EXPECT_EQ(Told(), Strings{"alive>suspect deadline-missed"});
  EXPECT_GE(last_.silence, kTimeout);
  EXPECT_LE(last_.silence, kTimeout + 2 * kLateness);
  EXPECT_EQ(last_.sequence, 2U);
  EXPECT_EQ(last_.id, kId);
  EXPECT_EQ(last_.slot, SlotOf(kId));
  Pass(kConfirmation);
  EXPECT_EQ(Told(), Strings{"suspect>dead not-confirmed"});
  Pass(Milliseconds(10'000));
  EXPECT_EQ(Told(), Strings{});
  EXPECT_EQ(shard_->wheel().armed_count(), 0U) << "nobody is left to watch";
  EXPECT_TRUE(Beat(kId, 3).counted);
  EXPECT_EQ(Told(), Strings{"dead>alive heartbeat-resumed"});
  EXPECT_EQ(Count(Counter::kHeartbeats), 3U);
  EXPECT_EQ(Count(Counter::kSuspicions), 1U);
  EXPECT_EQ(Count(Counter::kDeaths), 1U);
  EXPECT_EQ(Count(Counter::kRecoveries), 1U);
  Pass(kTimeout + kLateness);
  EXPECT_EQ(Told(), Strings{"alive>suspect deadline-missed"}) << "it is watched again";
}

TEST_F(ShardTest, AStampByAnotherWorkerClearsASuspicionAtTheNextVisit) {
  Beat(kId, 1);
  Pass(kTimeout + kLateness);
  ASSERT_EQ(Told().back(), "alive>suspect deadline-missed");
  EndpointRecord& record = region_.view().records()[SlotOf(kId)];
  ASSERT_TRUE(StampForeign(record, View(record), 2, StampOf(Hearing())));
  Pass(kConfirmation + kLateness);
  EXPECT_EQ(Told(), Strings{"suspect>alive heartbeat-resumed"});
}

TEST_F(ShardTest, AnEnrolledEndpointThatNeverSpeaksDiesNeverHeard) {
  const CommandResult result = Do(CommandKind::kEnrol, kId);
  EXPECT_EQ(result.status, CommandStatus::kDone);
  EXPECT_EQ(result.ticket, 1234U);
  EXPECT_EQ(result.slot, SlotOf(kId));
  Pass(kTimeout + kConfirmation - Milliseconds(1));
  EXPECT_EQ(Told(), Strings{});
  Pass(Milliseconds(1) + kLateness);
  EXPECT_EQ(Told(), Strings{"unknown>dead never-heard"});
  EXPECT_EQ(last_.group, 9U);
}

TEST_F(ShardTest, WhileTheRingIsFullNothingChangesAndThenAllIsTold) {
  constexpr EndpointId kMany = 200;
  for (EndpointId id = 1; id <= kMany; ++id) {
    Beat(id, 1);
  }
  EXPECT_EQ(Told().size(), kMany);
  FillRing();
  Pass(kTimeout + kConfirmation + Milliseconds(50));
  EXPECT_EQ(shard_->table().count(Liveness::kAlive), kMany);
  EXPECT_GT(Count(Counter::kRingFull), 0U);
  EXPECT_FALSE(Beat(1'000, 1).drop.has_value()) << "a newcomer is admitted, and told of later";
  EXPECT_EQ(Record(1'000).state.liveness, Liveness::kUnknown);
  EXPECT_FALSE(TryDo(CommandKind::kRetire, kId)) << "a command waits";
  static_cast<void>(Told());
  Pass(Milliseconds(10));
  EXPECT_EQ(Told().size(), 2 * kMany) << "each suspect, then dead";
  EXPECT_EQ(shard_->table().count(Liveness::kDead), kMany);
  Beat(1'000, 2);
  EXPECT_EQ(Told(), Strings{"unknown>alive first-heartbeat"});
}

TEST_F(ShardTest, ADeadEndpointIsNotRevivedWhileTheRingIsFull) {
  Beat(kId, 1);
  Pass(Milliseconds(1'000));
  static_cast<void>(Told());
  FillRing();
  const HearOutcome refused = Beat(kId, 2);
  EXPECT_FALSE(refused.counted);
  EXPECT_FALSE(refused.drop.has_value());
  EXPECT_EQ(Record(kId).state.liveness, Liveness::kDead);
  static_cast<void>(Told());
  EXPECT_TRUE(Beat(kId, 2).counted) << "it was not taken for a duplicate";
  EXPECT_EQ(Told(), Strings{"dead>alive heartbeat-resumed"});
}

TEST_F(ShardTest, ALeaveEndsALifeAndALaterOneBegins) {
  Beat(kId, 1);
  kind_ = HeartbeatKind::kLeave;
  EXPECT_TRUE(Beat(kId, 2).counted);
  EXPECT_EQ(Beat(500, 1).drop, DropReason::kUnknownEndpoint) << "nobody enters by leaving";
  kind_ = HeartbeatKind::kHeartbeat;
  EXPECT_EQ(Beat(kId, 3).drop, DropReason::kOldIncarnation);
  Pass(Milliseconds(1'000));
  EXPECT_TRUE(Beat(kId, 1, 2).counted);
  EXPECT_EQ(
      Told(),
      (Strings{
          "unknown>alive first-heartbeat", "alive>left leave-received", "left>alive restarted"}));
  EXPECT_EQ(Beat(kId, 9, 1).drop, DropReason::kOldIncarnation);
  EXPECT_EQ(Record(kId).incarnation, 2U);
  EXPECT_EQ(Count(Counter::kLeaves), 1U);
}

TEST_F(ShardTest, AChangeOfHealthIsToldOnce) {
  Beat(kId, 1);
  health_ = Health::kFailing;
  Beat(kId, 2);
  Beat(kId, 3);
  EXPECT_EQ(Told(), (Strings{"unknown>alive first-heartbeat", "ready>failing health-reported"}));
  EXPECT_EQ(last_.liveness, Liveness::kAlive);
}

TEST_F(ShardTest, AWishForAnotherProfileMovesTheEndpointToAnotherBlock) {
  const Slot before = Beat(kId, 1).slot;
  profile_ = 2;
  const HearOutcome moved = Beat(kId, 2);
  EXPECT_NE(moved.slot, before);
  EXPECT_EQ(moved.slot, SlotOf(kId));
  EXPECT_EQ(moved.profile, 2);
  EXPECT_EQ(shard_->table().size(), 1U);
  EXPECT_EQ(shard_->index().size(), 1U);
  static_cast<void>(Told());
  Pass(Milliseconds(2'900));
  EXPECT_EQ(Told(), Strings{}) << "the timeout of `database` holds";
  Pass(Milliseconds(110));
  EXPECT_EQ(Told(), Strings{"alive>suspect deadline-missed"});
}

TEST_F(ShardTest, ARetiredEndpointIsForgottenAndItsSlotRests) {
  const Slot slot = Beat(kId, 1).slot;
  ASSERT_EQ(Do(CommandKind::kRetire, kId).status, CommandStatus::kDone);
  EXPECT_EQ(Told().back(), "alive>unknown retired");
  EXPECT_EQ(SlotOf(kId), kNoSlot);
  EXPECT_EQ(Do(CommandKind::kRetire, kId).status, CommandStatus::kUnknownEndpoint);
  EXPECT_NE(Beat(kId + 1, 1).slot, slot) << "another worker may still stamp it";
  Pass(Milliseconds(3));
  EXPECT_EQ(shard_->table().quarantined(), 0U);
}

TEST_F(ShardTest, CommandsAreAnsweredForWhatTheyAre) {
  EXPECT_EQ(Do(CommandKind::kEnrol, kId, 60).status, CommandStatus::kUnknownProfile);
  EXPECT_EQ(Do(CommandKind::kEnrol, kId, 2).status, CommandStatus::kDone);
  EXPECT_EQ(Do(CommandKind::kEnrol, kId, 2).status, CommandStatus::kAlreadyEnrolled);
  EXPECT_EQ(Do(CommandKind::kEnrol, kId, 3).status, CommandStatus::kAlreadyEnrolled);
  EXPECT_EQ(Record(kId).state.profile, 3);
  EXPECT_EQ(shard_->table().size(), 1U);
}

TEST_F(ShardTest, AFullTableSaysSo) {
  std::size_t entered = 0;
  HearOutcome outcome = Beat(1, 1);
  for (EndpointId id = 2; outcome.counted; ++id) {
    ++entered;
    static_cast<void>(Told());
    outcome = Beat(id, 1);
  }
  EXPECT_EQ(outcome.drop, DropReason::kTableFull);
  EXPECT_EQ(entered, shard_->table().capacity());
  EXPECT_GE(entered, 1000U);
  EXPECT_EQ(Do(CommandKind::kEnrol, 1'000'000).status, CommandStatus::kTableFull);
}

TEST_F(ShardTest, ClosedEnrolmentTakesNobodyByAHeartbeat) {
  region_.view().header().enrolment_closed = 1;
  Start();
  EXPECT_EQ(Beat(kId, 1).drop, DropReason::kUnknownEndpoint);
  EXPECT_EQ(Do(CommandKind::kEnrol, kId).status, CommandStatus::kDone);
  EXPECT_TRUE(Beat(kId, 1).counted);
}

TEST_F(ShardTest, AnUnknownProfileIsNoReasonToEnter) {
  profile_ = 60;
  EXPECT_EQ(Beat(kId, 1).drop, DropReason::kUnknownProfile);
  profile_ = kDefaultProfile;
  Beat(kId, 1);
  profile_ = 60;
  EXPECT_TRUE(Beat(kId, 2).counted) << "nor to be called dead";
}

// The stamp was stored before 60 s of blindness were known: hearing time is behind it now.
TEST_F(ShardTest, AStampFromTheFutureDoesNotHideADeath) {
  Beat(kId, 1);
  Beat(kId + 1, 1);
  blind_ = Milliseconds(20'000);
  Start();
  static_cast<void>(Told());
  Pass(kTick);
  Pass(kTimeout + kLateness);
  EXPECT_EQ(Told(), (Strings{"alive>suspect deadline-missed", "alive>suspect deadline-missed"}));
}

TEST_F(ShardTest, NobodyIsJudgedBeyondTheHorizon) {
  Beat(kId, 1);
  static_cast<void>(Told());
  const HearingInstant horizon = Hearing() + kTimeout - Milliseconds(1);
  now_ += Milliseconds(5'000);
  const Moment moment{.now = Instant{now_}, .hearing = Hearing(), .horizon = horizon};
  EXPECT_FALSE(shard_->Expire(moment, 64, *ring_, tally_));
  EXPECT_EQ(Told(), Strings{});
}

TEST_F(ShardTest, NobodyDiesBeforeTheGuardHasSeenTheSuspicionsOfThatTime) {
  Beat(kId, 1);
  Pass(kTimeout + kLateness);
  static_cast<void>(Told());
  now_ += kConfirmation + Milliseconds(20);
  Moment moment = Now();
  moment.uncleared = StampUnits(Milliseconds(60));
  static_cast<void>(shard_->Expire(moment, 64, *ring_, tally_));
  EXPECT_EQ(Told(), Strings{}) << "another worker has not told its own of then";
  now_ += Milliseconds(3);
  moment = Now();
  moment.uncleared = StampUnits(Milliseconds(4));
  static_cast<void>(shard_->Expire(moment, 64, *ring_, tally_));
  EXPECT_EQ(Told(), Strings{"suspect>dead not-confirmed"});
}

TEST_F(ShardTest, ABudgetBoundsATurnAndTheRestFollows) {
  for (EndpointId id = 1; id <= 900; ++id) {
    Beat(id, 1);
  }
  static_cast<void>(Told());
  now_ += kTimeout + Milliseconds(2);
  int turns = 0;
  bool more = true;
  while (more) {
    const std::uint64_t visits = Count(Counter::kVisits);
    more = shard_->Expire(Now(), 4, *ring_, tally_);
    EXPECT_LE(Count(Counter::kVisits) - visits, 4U);
    ++turns;
    ASSERT_LT(turns, 1000);
  }
  EXPECT_GT(turns, 3);
  EXPECT_EQ(Told().size(), 900U);
}

TEST_F(ShardTest, ATransitionIsAStepAndABlockIsSeveral) {
  for (EndpointId id = 1; id <= 900; ++id) {
    Beat(id, 1);
  }
  static_cast<void>(Told());
  now_ += kTimeout + Milliseconds(2);
  // The first block, whole and no more, however small the budget.
  while (Count(Counter::kTransitions) == 900) {
    ASSERT_TRUE(shard_->Expire(Now(), 1, *ring_, tally_));
  }
  const std::uint64_t first = Told().size();
  EXPECT_GT(first, 0U);
  EXPECT_LE(first, kBlockSlots);
  // Two blocks are too much for this budget, but it is not used up by one.
  ASSERT_TRUE(shard_->Expire(Now(), kBlockSlots + Shard::kVisitSteps + 1, *ring_, tally_));
  EXPECT_EQ(Told().size(), 2 * kBlockSlots);
}

TEST_F(ShardTest, ASuccessorKnowsWhatItsPredecessorKnew) {
  for (EndpointId id = 1; id <= 300; ++id) {
    profile_ = static_cast<ProfileId>(1 + id % 2);
    Beat(id, 1);
  }
  Pass(Milliseconds(1'000));
  static_cast<void>(Told());
  const Slot slot = SlotOf(150);
  blind_ = Milliseconds(5'000);
  now_ += blind_;
  Start();
  EXPECT_EQ(SlotOf(150), slot);
  EXPECT_EQ(shard_->table().count(Liveness::kDead), 150U);
  EXPECT_EQ(shard_->table().count(Liveness::kAlive), 150U);
  Pass(Milliseconds(1'900));
  EXPECT_EQ(Told(), Strings{}) << "the time between was blind";
  Pass(Milliseconds(110));
  EXPECT_EQ(Told().size(), 150U) << "those of `database` are silent for 3 s now";
}

TEST_F(ShardTest, CommandsThatCannotBeAreRefusedByName) {
  EXPECT_EQ(Do(CommandKind::kRetire, kId).status, CommandStatus::kUnknownEndpoint);
  EXPECT_EQ(Do(CommandKind::kLocateLast, kId).status, CommandStatus::kUnknownEndpoint);
  EXPECT_EQ(Do(CommandKind::kEnrol, kNoEndpoint).status, CommandStatus::kUnknownEndpoint);
  EXPECT_EQ(Do(CommandKind::kMaintain, kId).status, CommandStatus::kNoSuchOrder);
  EXPECT_EQ(Do(static_cast<CommandKind>(200), kId).status, CommandStatus::kNoSuchOrder);
  EXPECT_EQ(shard_->table().size(), 0U);
}

TEST_F(ShardTest, WhatWasToldAndNotMadeIsMadeByTheSuccessor) {
  Beat(kId, 1);
  Pass(kTimeout + kLateness);
  static_cast<void>(Told());
  EndpointRecord& record = region_.view().records()[SlotOf(kId)];
  // As if the predecessor had been killed between telling and making.
  record.state = EndpointState{Liveness::kAlive, Health::kReady, 1}.Pack();
  Start();
  shard_->Reapply(last_, Now());
  EXPECT_EQ(Record(kId).state.liveness, Liveness::kSuspect);
  EXPECT_EQ(shard_->table().count(Liveness::kSuspect), 1U);
  shard_->Reapply(last_, Now());
  EXPECT_EQ(Record(kId).state.liveness, Liveness::kSuspect) << "once is enough";
  Pass(kConfirmation + kLateness);
  EXPECT_EQ(Told(), Strings{"suspect>dead not-confirmed"});
}

TEST_F(ShardTest, ADeathThatWasToldAndNotMadeCountsOnceAndAReturnTakesItBack) {
  const auto died = [this] {
    WorkerProgress& progress = region_.view().dataplane().progress[0];
    shard_->CountInto(progress, Hearing(), Instant{now_});
    return progress.died.load();
  };
  Beat(kId, 1);
  Pass(kTimeout + kConfirmation + 2 * kLateness);
  static_cast<void>(Told());
  ASSERT_EQ(last_.liveness, Liveness::kDead);
  EXPECT_EQ(died(), 1U);
  EndpointRecord& record = region_.view().records()[SlotOf(kId)];
  record.state = EndpointState{Liveness::kSuspect, Health::kUnknown, 1}.Pack();
  Start();
  EXPECT_EQ(died(), 0U);
  shard_->Reapply(last_, Now());
  EXPECT_EQ(died(), 1U);
  shard_->Reapply(last_, Now());
  EXPECT_EQ(died(), 1U);
  Beat(kId, 2);
  static_cast<void>(Told());
  ASSERT_EQ(last_.reason, Reason::kHeartbeatResumed);
  record.state = EndpointState{Liveness::kDead, Health::kUnknown, 1}.Pack();
  Start();
  EXPECT_EQ(died(), 1U);
  shard_->Reapply(last_, Now());
  EXPECT_EQ(died(), 0U);
  EXPECT_EQ(Record(kId).state.liveness, Liveness::kAlive);
}

TEST_F(ShardTest, ARetirementThatWasToldIsMadeByTheSuccessor) {
  Beat(kId, 1);
  Do(CommandKind::kRetire, kId);
  static_cast<void>(Told());
  EndpointRecord& record = region_.view().records()[last_.slot];
  record.id = kId;
  Start();
  shard_->Reapply(last_, Now());
  EXPECT_EQ(SlotOf(kId), kNoSlot);
  EXPECT_EQ(shard_->table().size(), 0U);
}

TEST_F(ShardTest, ARecordThatCannotBeIsCleared) {
  Beat(1, 1);
  Beat(2, 1);
  Beat(3, 1);
  Beat(4, 1);
  const auto records = region_.view().records();
  records[SlotOf(2)].id = 1;
  records[SlotOf(3)].state = 0x00010009;  // a ninth liveness
  records[SlotOf(4)].state = EndpointState{Liveness::kAlive, Health::kReady, 60}.Pack();
  Start();
  EXPECT_EQ(shard_->table().size(), 2U);
  EXPECT_EQ(shard_->index().size(), 2U);
  EXPECT_EQ(SlotOf(2), kNoSlot);
  EXPECT_EQ(SlotOf(3), kNoSlot);
  EXPECT_EQ(Record(4).state.profile, 1) << "a profile that is gone is the default one";
}

}  // namespace
}  // namespace flatline
