// The turn of a worker and what an engine inherits: horizon, stalls, verdicts, commands, adoption.
// Invented time; `leader-election` (100 ms × 3, confirmed after 100 ms) is the default profile.
#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/command_ring.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing_frames::HeartbeatFrame;

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() : region_(SmallConfig(1000, 2)) { Start(); }

  void Start() {
    engine_ = std::move(Engine::Create(region_.view(), {}, now_).value());
    for (unsigned w = 0; w < 2; ++w) {
      engine_->Attach(w, ports_[w].attachment());
    }
  }

  void TurnsUntil(Instant until) {
    while (now_ < until) {
      now_ += Milliseconds(1);
      engine_->worker(1).Receive();
      engine_->worker(1).Turn(now_);
      engine_->worker(0).Receive();
      engine_->worker(0).Turn(now_);
    }
  }

  // Received by worker 0 in the next millisecond, and taken by its owner, be it worker 1, in the
  // one after.
  void Beat(EndpointId id) {
    ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = ++sequence_}));
  }

  // As if the process had been killed before it had made the last transition of a ring.
  void UnsayMade(const Transition& last) {
    const RegionView& view = region_.view();
    view.dataplane().transition_heads[last.slot / view.shape().slots_per_worker].made -= 1;
  }

  // What was told since the last call, blind intervals apart.
  std::vector<Transition> Told(bool blind = false) {
    std::vector<Transition> out;
    for (unsigned w = 0; w < 2; ++w) {
      TransitionConsumer control(region_.view().dataplane().transition_heads[w],
                                 region_.view().control().transition_tails[w],
                                 region_.view().transitions(w));
      for (std::uint64_t i = control.tail(); i < control.head(); ++i) {
        if ((control.At(i).kind == TransitionKind::kBlind) == blind) {
          out.push_back(control.At(i));
        }
      }
    }
    return out;
  }

  void Forget() {
    for (unsigned w = 0; w < 2; ++w) {
      region_.view().control().transition_tails[w].value.store(
          region_.view().dataplane().transition_heads[w].value.load());
    }
  }

  [[nodiscard]] CommandResult Command(const flatline::Command& command) {
    const RegionView& view = region_.view();
    const unsigned owner = ShardOf(HashEndpoint(command.id, view.header().hash_key), 2);
    SharedRing<flatline::Command> out(view.control().command_heads[owner],
                                      view.dataplane().command_tails[owner],
                                      view.commands(owner));
    SharedRing<CommandResult> in(view.dataplane().result_heads[owner],
                                 view.control().result_tails[owner],
                                 view.results(owner));
    EXPECT_TRUE(out.TryPush(command));
    TurnsUntil(now_ + Milliseconds(2));
    const CommandResult* front = in.Front();
    EXPECT_NE(front, nullptr);
    const CommandResult result = front == nullptr ? CommandResult{} : *front;
    in.PopFront();
    return result;
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_;
  std::array<FakePort, 2> ports_;
  std::unique_ptr<Engine> engine_;
  std::uint32_t sequence_ = 0;
};

TEST_F(WorkerTest, TellsSuspectAtTheDeadlineAndDeadAfterTheConfirmation) {
  Beat(7);
  TurnsUntil(now_ + Milliseconds(2));
  const Instant spoke = now_ - Milliseconds(1);
  Forget();
  TurnsUntil(spoke + Milliseconds(299));
  EXPECT_TRUE(Told().empty());
  TurnsUntil(spoke + Milliseconds(304));
  ASSERT_EQ(Told().size(), 1U);
  EXPECT_EQ(Told()[0].reason, Reason::kDeadlineMissed);
  EXPECT_GE(Told()[0].silence, Milliseconds(300));
  TurnsUntil(spoke + Milliseconds(399));
  EXPECT_EQ(Told().size(), 1U);
  TurnsUntil(spoke + Milliseconds(406));
  ASSERT_EQ(Told().size(), 2U);
  EXPECT_EQ(Told()[1].reason, Reason::kNotConfirmed);
  EXPECT_EQ(Told()[1].liveness, Liveness::kDead);
}

TEST_F(WorkerTest, DoesNotJudgeBeyondAQueueThatOneWorkerHasNotDrained) {
  Beat(7);
  TurnsUntil(now_ + Milliseconds(2));
  Forget();
  for (int i = 0; i < 80; ++i) {  // worker 1 stands; below 100 ms that is no blindness yet
    now_ += Milliseconds(1);
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(now_);
  }
  EXPECT_EQ(region_.view().header().horizon_ns.load(), Milliseconds(1001).count())
      << "its last word is of the turn before its last";
}

TEST_F(WorkerTest, SubtractsItsOwnStallFromEverybodysSilence) {
  Beat(7);
  TurnsUntil(now_ + Milliseconds(2));
  Forget();
  now_ += Milliseconds(5000);
  TurnsUntil(now_ + Milliseconds(250));
  EXPECT_TRUE(Told().empty()) << "nobody is silent because we were";
  ASSERT_EQ(Told(true).size(), 1U);
  EXPECT_EQ(Told(true)[0].reason, Reason::kWorkerStalled);
  EXPECT_GE(Told(true)[0].silence, Milliseconds(5000));
  EXPECT_EQ(region_.view().header().blind_total_ns.load(), Milliseconds(5001).count());
  TurnsUntil(now_ + Milliseconds(60));
  EXPECT_EQ(Told().size(), 1U) << "but silence that was heard counts";
}

// Found by simulated worlds: a leader that had read its clock long ago took in what was later than
// the clock of a worker that had stood as long, whose stall then held it a second time. What that
// worker stamped from then on was too old.
TEST_F(WorkerTest, BlindnessAfterItsClockDoesNotCountTwice) {
  TurnsUntil(now_ + Milliseconds(2));
  now_ += Milliseconds(1);
  const Instant read = now_;  // by both, who stand then
  engine_->port_watch().LinkDown(0, now_ + Milliseconds(1));
  engine_->port_watch().LinkUp(0, now_ + Milliseconds(250));
  engine_->worker(0).Turn(read);
  engine_->worker(1).Turn(read);
  now_ += Milliseconds(251);
  ports_[1].source.Put(HeartbeatFrame({.id = 7, .incarnation = 1, .sequence = 1}));
  TurnsUntil(now_ + Milliseconds(2));
  const Instant spoke = now_ - Milliseconds(1);
  Forget();
  TurnsUntil(spoke + Milliseconds(299));
  EXPECT_TRUE(Told().empty());
  TurnsUntil(spoke + Milliseconds(304));
  EXPECT_EQ(Told().size(), 1U);
}

TEST_F(WorkerTest, TakesWhatLiesInTheQueueBeforeItJudges) {
  Beat(7);
  TurnsUntil(now_ + Milliseconds(2));
  Forget();
  TurnsUntil(now_ + Milliseconds(299));
  Beat(7);
  now_ += Milliseconds(9);  // a turn that comes late, and still below the stall
  TurnsUntil(now_ + Milliseconds(100));
  EXPECT_TRUE(Told().empty());
}

TEST_F(WorkerTest, PublishesItsSignsOfLife) {
  TurnsUntil(now_ + Milliseconds(10));
  for (unsigned w = 0; w < 2; ++w) {
    const WorkerProgress& progress = region_.view().dataplane().progress[w];
    EXPECT_EQ(progress.turns.load(), 10U);
    EXPECT_EQ(progress.turn_ns.load(), now_.time_since_epoch().count());
    EXPECT_EQ(progress.drained_ns.load(), (now_ - Milliseconds(1)).time_since_epoch().count())
        << "it received before the clock was read for this turn, and after the turn before";
    EXPECT_EQ(progress.published_ns.load(), now_.time_since_epoch().count());
    EXPECT_EQ(region_.view().dataplane().counters[w][Counter::kTurns], 10U);
    EXPECT_EQ(region_.view().dataplane().counters[w][Counter::kLongestTurnNs], 1'000'000U);
  }
}

TEST_F(WorkerTest, SaysWhetherItMaySleep) {
  now_ += Milliseconds(1);
  engine_->worker(0).Receive();
  EXPECT_FALSE(engine_->worker(0).Turn(now_).more);
  for (unsigned i = 0; i < kBurst + 1; ++i) {
    Beat(7);
  }
  now_ += Milliseconds(1);
  engine_->worker(0).Receive();
  const TurnOutcome outcome = engine_->worker(0).Turn(now_);
  EXPECT_TRUE(outcome.more) << "a queue was left with something in it";
  EXPECT_EQ(outcome.frames, kBurst);
  EXPECT_LT(region_.view().dataplane().progress[0].drained_ns.load(),
            now_.time_since_epoch().count());
}

TEST_F(WorkerTest, CarriesOutCommandsAndReturnsTheirResults) {
  const CommandResult enrolled =
      Command({.id = 9, .ticket = 41, .group = 5, .profile = 2, .kind = CommandKind::kEnrol});
  EXPECT_EQ(enrolled.ticket, 41U);
  EXPECT_EQ(enrolled.status, CommandStatus::kDone);
  ASSERT_LT(enrolled.slot, region_.view().records().size());
  EXPECT_EQ(region_.view().records()[enrolled.slot].id.load(), 9U);
  EXPECT_EQ(region_.view().groups()[enrolled.slot].load(), 5U);
  EXPECT_TRUE(Told().empty()) << "enrolment is no transition";
  EXPECT_EQ(Command({.id = 9, .ticket = 42, .profile = 2}).status, CommandStatus::kAlreadyEnrolled);
  EXPECT_EQ(Command({.id = 10, .ticket = 43, .profile = 60}).status,
            CommandStatus::kUnknownProfile);
  EXPECT_EQ(Command({.id = 9, .ticket = 44, .kind = CommandKind::kRetire}).status,
            CommandStatus::kDone);
  ASSERT_EQ(Told().size(), 1U);
  EXPECT_EQ(Told()[0].reason, Reason::kRetired);
  EXPECT_EQ(Command({.id = 9, .ticket = 45, .kind = CommandKind::kRetire}).status,
            CommandStatus::kUnknownEndpoint);
  TurnsUntil(now_ + Milliseconds(20));
  EXPECT_EQ(region_.view().dataplane().counters[0][Counter::kCommands] +
                region_.view().dataplane().counters[1][Counter::kCommands],
            5U)
      << "each counted once";
}

TEST_F(WorkerTest, CallsAnEndpointDeadThatWasEnrolledAndNeverSpoke) {
  static_cast<void>(Command({.id = 9, .ticket = 1, .profile = 1}));
  TurnsUntil(now_ + Milliseconds(410));
  ASSERT_EQ(Told().size(), 1U);
  EXPECT_EQ(Told()[0].reason, Reason::kNeverHeard);
}

TEST_F(WorkerTest, LeavesACommandWhereItIsWhenTheRingHasNoRoomForItsTransition) {
  static_cast<void>(Command({.id = 9, .ticket = 1, .profile = 3}));
  const RegionView& view = region_.view();
  const unsigned owner = ShardOf(HashEndpoint(9, view.header().hash_key), 2);
  RingHead& head = view.dataplane().transition_heads[owner];
  RingTail& tail = view.control().transition_tails[owner];
  engine_.reset();  // the ring is filled while nobody writes to it
  const std::uint64_t full = head.value.load() + view.transitions(owner).size();
  head.value.store(full);
  Start();
  SharedRing<flatline::Command> ring(view.control().command_heads[owner],
                                     view.dataplane().command_tails[owner],
                                     view.commands(owner));
  ASSERT_TRUE(ring.TryPush({.id = 9, .ticket = 2, .kind = CommandKind::kRetire}));
  TurnsUntil(now_ + Milliseconds(5));
  EXPECT_NE(ring.Front(), nullptr);
  EXPECT_GT(view.dataplane().counters[owner][Counter::kRingFull], 0U);
  tail.value.store(full);
  TurnsUntil(now_ + Milliseconds(5));
  EXPECT_EQ(ring.Front(), nullptr);
  EXPECT_EQ(head.value.load(), full + (owner == 0 ? 2 : 1)) << "and worker 0 tells of the restart";
}

TEST_F(WorkerTest, AnAdoptedRegionGoesOnWhereItStopped) {
  Beat(7);
  Beat(8);
  TurnsUntil(now_ + Milliseconds(100));
  const std::int64_t horizon = region_.view().header().horizon_ns.load();
  const std::uint64_t frames = region_.view().dataplane().counters[0][Counter::kFrames];
  Forget();
  engine_.reset();
  now_ += Milliseconds(60'000);
  Start();
  EXPECT_EQ(region_.view().header().horizon_ns.load(), horizon) << "the clock stood";
  TurnsUntil(now_ + Milliseconds(190));
  EXPECT_TRUE(Told().empty()) << "our own absence is nobody's silence";
  ASSERT_EQ(Told(true).size(), 1U);
  EXPECT_EQ(Told(true)[0].reason, Reason::kDataplaneRestarted);
  EXPECT_EQ(Told(true)[0].silence, Milliseconds(60'001)) << "since it last vouched for a queue";
  Beat(7);
  TurnsUntil(now_ + Milliseconds(20));
  ASSERT_EQ(Told().size(), 1U);
  EXPECT_EQ(Told()[0].id, 8U);
  EXPECT_EQ(Told()[0].reason, Reason::kDeadlineMissed);
  EXPECT_EQ(region_.view().dataplane().counters[0][Counter::kFrames], frames + 1)
      << "counters grow on";
}

TEST_F(WorkerTest, RefusesARegionWhoseTimesCannotBe) {
  RegionHeader& header = region_.view().header();
  TurnsUntil(now_ + Milliseconds(10));
  engine_.reset();
  for (std::atomic<std::int64_t>* ns :
       {&header.horizon_ns, &header.blind_total_ns, &header.accounted_ns}) {
    for (const std::int64_t never : {std::int64_t{-1}, std::int64_t{9'223'372'036'854'775'807}}) {
      const std::int64_t before = ns->exchange(never);
      const auto engine = Engine::Create(region_.view(), {}, now_);
      ASSERT_FALSE(engine.has_value());
      EXPECT_NE(engine.error().find("--cold"), std::string::npos) << engine.error();
      ns->store(before);
    }
  }
  EXPECT_TRUE(Engine::Create(region_.view(), {}, now_).has_value());
}

TEST_F(WorkerTest, MakesNoVerdictThatCannotBeAtAdoption) {
  Beat(7);
  TurnsUntil(now_ + Milliseconds(310));
  const Transition last = Told().back();
  engine_.reset();
  const RegionView& view = region_.view();
  const unsigned owner = last.slot / view.shape().slots_per_worker;
  const std::uint64_t head = view.dataplane().transition_heads[owner].value.load();
  Transition& forged = view.transitions(owner)[(head - 1) & (view.transitions(owner).size() - 1)];
  forged = last;
  forged.from = last.to;
  forged.liveness = static_cast<Liveness>(200);
  UnsayMade(last);
  Start();
  EXPECT_EQ(EndpointState::Unpack(view.records()[last.slot].state.load()).liveness, last.liveness);
}

TEST_F(WorkerTest, AVerdictThatWasToldAndNotMadeIsMadeAtAdoptionAndNotToldAgain) {
  Beat(7);
  TurnsUntil(now_ + Milliseconds(2));
  TurnsUntil(now_ + Milliseconds(310));
  ASSERT_EQ(Told().size(), 2U);
  const Transition last = Told().back();
  ASSERT_EQ(last.reason, Reason::kDeadlineMissed);
  Forget();
  engine_.reset();
  EndpointRecord& record = region_.view().records()[last.slot];
  EndpointState state = EndpointState::Unpack(record.state.load());
  ASSERT_EQ(state.liveness, Liveness::kSuspect);
  state.liveness = Liveness::kAlive;  // as if killed between the two
  record.state.store(state.Pack());
  UnsayMade(last);
  Start();
  EXPECT_EQ(EndpointState::Unpack(record.state.load()).liveness, Liveness::kSuspect);
  TurnsUntil(now_ + Milliseconds(110));
  ASSERT_EQ(Told().size(), 1U);
  EXPECT_EQ(Told()[0].reason, Reason::kNotConfirmed);
}

TEST_F(WorkerTest, RefusesCommandsForAnotherWorker) {
  const RegionView& view = region_.view();
  const unsigned owner = ShardOf(HashEndpoint(7, view.header().hash_key), 2);
  for (const auto& [worker, command] :
       {std::pair{1 - owner, flatline::Command{.id = 7, .ticket = 1, .kind = CommandKind::kRetire}},
        std::pair{1U, flatline::Command{.id = 0, .ticket = 2, .kind = CommandKind::kGuard}}}) {
    SharedRing<flatline::Command> commands(view.control().command_heads[worker],
                                           view.dataplane().command_tails[worker],
                                           view.commands(worker));
    ASSERT_TRUE(commands.TryPush(command));
    TurnsUntil(now_ + Milliseconds(3));
    SharedRing<CommandResult> results(view.dataplane().result_heads[worker],
                                      view.control().result_tails[worker],
                                      view.results(worker));
    const CommandResult* const result = results.Front();
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->ticket, command.ticket);
    EXPECT_EQ(result->status, CommandStatus::kNotOwner);
    results.PopFront();
  }
}

// A restart is the one change after which a record may look as before. Made once more, it would
// take back the sequences heard since: a captured heartbeat would count.
TEST_F(WorkerTest, ARestartThatWasMadeIsNotMadeAgainAtAdoption) {
  const auto hear = [this](std::uint32_t incarnation, std::uint32_t sequence) {
    ports_[0].source.Put(
        HeartbeatFrame({.id = 7, .incarnation = incarnation, .sequence = sequence}));
    TurnsUntil(now_ + Milliseconds(3));
  };
  hear(1, 900);
  hear(2, 5);
  const Transition last = Told().back();
  ASSERT_EQ(last.reason, Reason::kRestarted);
  hear(2, 6);
  hear(2, 7);
  const EndpointRecord& record = region_.view().records()[last.slot];
  for (const bool was_made : {true, false}) {
    engine_.reset();
    if (!was_made) {
      UnsayMade(last);
    }
    Start();
    EXPECT_EQ(Heard::Unpack(record.heard.load()).sequence, 7U);
    EXPECT_EQ(record.incarnation.load(), 2U);
    const std::uint64_t taken = region_.view().dataplane().counters[0][Counter::kHeartbeats] +
                                region_.view().dataplane().counters[1][Counter::kHeartbeats];
    hear(2, 6);  // captured
    EXPECT_EQ(region_.view().dataplane().counters[0][Counter::kHeartbeats] +
                  region_.view().dataplane().counters[1][Counter::kHeartbeats],
              taken);
  }
}

// A kill came between the telling and the making of a return, and another worker had stamped what
// the endpoint said meanwhile.
TEST_F(WorkerTest, AReturnThatIsMadeAtAdoptionTakesNoSequenceBack) {
  const auto hear = [this](std::uint32_t sequence) {
    ports_[0].source.Put(HeartbeatFrame({.id = 7, .incarnation = 1, .sequence = sequence}));
    TurnsUntil(now_ + Milliseconds(3));
  };
  hear(1);
  TurnsUntil(now_ + Milliseconds(310));
  hear(2);
  const Transition last = Told().back();
  ASSERT_EQ(last.reason, Reason::kHeartbeatResumed);
  hear(3);
  hear(4);
  engine_.reset();
  EndpointRecord& record = region_.view().records()[last.slot];
  EndpointState state = EndpointState::Unpack(record.state.load());
  state.liveness = Liveness::kSuspect;
  record.state.store(state.Pack());
  UnsayMade(last);
  Start();
  EXPECT_EQ(EndpointState::Unpack(record.state.load()).liveness, Liveness::kAlive);
  EXPECT_EQ(Heard::Unpack(record.heard.load()).sequence, 4U);
}

}  // namespace
}  // namespace flatline
