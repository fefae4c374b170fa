// How endpoints speak, through whole turns of an engine of two workers: payloads kept, late told
// from silent, ports noticed; for those of the worker that receives and for those of the other.
// Invented time, a region and ports in memory.
#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/heartbeat.h>
#include <flatline/payload.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing_frames::HeartbeatFrame;
using testing_frames::NumberElement;
using testing_frames::TextElement;

constexpr std::uint64_t kSenderAhead = 3'600'000'000'000;  // nobody knows that

Config VoiceConfig() {
  Config out = SmallConfig(1000, 2);
  out.dataplane.payloads = 8;
  return out;
}

// The parameter: whether the endpoint is of the worker that receives.
class Voice : public testing::TestWithParam<bool> {
 protected:
  Voice() : region_(VoiceConfig()) { Start(); }

  void Start() {
    engine_ = std::move(Engine::Create(region_.view(), {}, now_).value());
    for (unsigned port = 0; port < ports_.size(); ++port) {
      engine_->Attach(0, ports_[port].attachment(static_cast<std::uint8_t>(port)));
    }
    engine_->Attach(1, silent_.attachment(7));
    id_ = IdOf(GetParam() ? 0 : 1);
  }

  [[nodiscard]] EndpointId IdOf(unsigned worker, EndpointId from = 1) const {
    while (ShardOf(HashEndpoint(from, region_.view().header().hash_key), 2) != worker) {
      ++from;
    }
    return from;
  }

  void Turn(Duration step = Milliseconds(1)) {
    now_ += step;
    for (unsigned worker = 0; worker < 2; ++worker) {
      engine_->worker(worker).Receive();
      engine_->worker(worker).Turn(now_);
    }
  }

  void Pass(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) {
      Turn();
    }
  }

  [[nodiscard]] Heartbeat Beat(std::uint32_t sequence) const {
    return {.id = id_,
            .sent_ns = static_cast<std::uint64_t>(now_.time_since_epoch().count()) + kSenderAhead,
            .incarnation = 1,
            .sequence = sequence,
            .health = Health::kReady};
  }

  void Hear(const Heartbeat& heartbeat,
            std::span<const std::byte> elements = {},
            unsigned port = 0) {
    ports_[port].source.Put(HeartbeatFrame(heartbeat, elements));
    Turn();
  }

  // A heartbeat every 50 ms with a text, until it has spoken so often. A sender of a millisecond.
  void Speak(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t sequence = first; sequence <= last; ++sequence) {
      Hear(Beat(sequence), TextElement("well"));
      Pass(Milliseconds(49));
    }
  }

  [[nodiscard]] Slot SlotOf(EndpointId id) const {
    const auto records = region_.view().records();
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (records[i].id.load() == id) {
        return static_cast<Slot>(i);
      }
    }
    return kNoSlot;
  }

  // As another process finds it.
  [[nodiscard]] std::optional<Payload> SaidBy(EndpointId id) const {
    for (unsigned worker = 0; worker < 2; ++worker) {
      for (const PayloadEntry& entry : region_.view().payloads(worker)) {
        if (OwnerOf(entry) == id) {
          return ReadPayload(entry);
        }
      }
    }
    return std::nullopt;
  }

  template <typename What>
  [[nodiscard]] std::uint64_t Count(What what) const {
    return region_.view().dataplane().counters[0][what] +
           region_.view().dataplane().counters[1][what];
  }

  // The last one that was told of the endpoint.
  [[nodiscard]] Transition Last() const {
    Transition out;
    for (unsigned worker = 0; worker < 2; ++worker) {
      const auto head = region_.view().dataplane().transition_heads[worker].value.load();
      for (std::uint64_t i = 0; i < head; ++i) {
        const Transition& told = region_.view().transitions(worker)[i];
        out = told.id == id_ ? told : out;
      }
    }
    return out;
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_;
  std::array<FakePort, 2> ports_;
  FakePort silent_;
  std::unique_ptr<Engine> engine_;
  EndpointId id_ = kNoEndpoint;
};

INSTANTIATE_TEST_SUITE_P(OwnAndForeign, Voice, testing::Bool(), [](const auto& own) {
  return own.param ? "OfTheReceiver" : "OfAnother";
});

TEST_P(Voice, IsKeptFromTheFirstHeartbeatOn) {
  std::vector<std::byte> elements = NumberElement(kElementLoad, 1'250);
  const auto more = NumberElement(kElementMemory, 875);
  elements.insert(elements.end(), more.begin(), more.end());
  Hear(Beat(1), elements);
  const auto said = SaidBy(id_);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->load, 1'250U);
  EXPECT_EQ(said->memory, 875U);
  EXPECT_EQ(said->said, kSaidLoad | kSaidMemory);
  EXPECT_EQ(said->sequence, 1U);
  EXPECT_EQ(said->heard_ns, now_.time_since_epoch().count());
  EXPECT_EQ(said->port, 0);
  Hear(Beat(2), TextElement("disk nearly full"));
  EXPECT_EQ(SaidBy(id_)->words(), "disk nearly full");
  EXPECT_EQ(SaidBy(id_)->said, kSaidText) << "the latest, whole: not what was said before";
  Turn();
  EXPECT_EQ(Count(Counter::kPayloads), 2U);
  EXPECT_EQ(Count(Counter::kPayloadEntries), 1U);
  EXPECT_EQ(Count(Counter::kHeartbeats), 2U);
}

TEST_P(Voice, OfWhoSaysNothingIsNotKept) {
  Hear(Beat(1));
  Hear(Beat(2), testing_frames::GroupElement(4));
  EXPECT_FALSE(SaidBy(id_));
  EXPECT_EQ(Count(Counter::kPayloads), 0U);
}

TEST_P(Voice, ThatDoesNotCountIsNotKept) {
  Hear(Beat(5), TextElement("first"));
  Hear(Beat(5), TextElement("again"));
  Hear(Beat(4), TextElement("overtaken"));
  EXPECT_EQ(SaidBy(id_)->words(), "first");
  EXPECT_EQ(Count(DropReason::kOldSequence), 2U);
  Heartbeat leave = Beat(6);
  leave.kind = HeartbeatKind::kLeave;
  Hear(leave, TextElement("moving out"));
  EXPECT_EQ(SaidBy(id_)->words(), "moving out") << "a leave may have last words";
}

TEST_P(Voice, ChangesOfHealthAreToldWithAPayloadToo) {
  Speak(1, 3);
  Heartbeat beat = Beat(4);
  beat.health = Health::kDegraded;
  Hear(beat, TextElement("slow disk"));
  EXPECT_EQ(Last().kind, TransitionKind::kHealth);
  EXPECT_EQ(Last().reason, Reason::kHealthReported);
  EXPECT_EQ(Last().from, static_cast<std::uint8_t>(Health::kReady));
  EXPECT_EQ(Last().health, Health::kDegraded);
  EXPECT_GE(Last().silence, Milliseconds(50)) << "since the heartbeat before";
  EXPECT_LE(Last().silence, Milliseconds(50) + kStampUnit);
  EXPECT_EQ(SaidBy(id_)->words(), "slow disk");
}

TEST_P(Voice, ASuspectThatIsFailingIsOneTransition) {
  Speak(1, 3);
  Pass(Milliseconds(330));
  ASSERT_EQ(Last().reason, Reason::kDeadlineMissed);
  Heartbeat beat = Beat(4);
  beat.health = Health::kFailing;
  Hear(beat, TextElement("out of memory"));
  EXPECT_EQ(Last().kind, TransitionKind::kLiveness);
  EXPECT_EQ(Last().liveness, Liveness::kAlive);
  EXPECT_EQ(Last().health, Health::kFailing);
  EXPECT_EQ(SaidBy(id_)->words(), "out of memory");
}

// Suspect at 300 ms, dead at 400 ms of silence.
TEST_P(Voice, OfOneThatWasLateIsToldFromOneThatWasSilent) {
  Speak(1, 5);
  const Heartbeat in_time = Beat(6);  // sent now, heard long after
  Pass(Milliseconds(330));
  ASSERT_EQ(Last().reason, Reason::kDeadlineMissed);
  Hear(in_time);
  EXPECT_EQ(Last().reason, Reason::kHeartbeatLate) << "it need not have said anything this time";
  EXPECT_EQ(Last().liveness, Liveness::kAlive);
  EXPECT_GE(Last().silence, Milliseconds(329));
  EXPECT_LE(Last().silence, Milliseconds(331)) << "by how much it was late";
  Pass(Milliseconds(330));
  ASSERT_EQ(Last().reason, Reason::kDeadlineMissed);
  Hear(Beat(7));
  EXPECT_EQ(Last().reason, Reason::kHeartbeatResumed) << "sent just now";
  EXPECT_GE(Last().silence, Milliseconds(330));
  EXPECT_LE(Last().silence, Milliseconds(332)) << "for so long nothing was heard";
  EXPECT_EQ(Count(Counter::kRecoveries), 2U);
  EXPECT_EQ(Count(Counter::kLateRecoveries), 1U);
}

TEST_P(Voice, TheDeadMayHaveBeenLateToo) {
  Speak(1, 5);
  const Heartbeat in_time = Beat(6);
  Pass(Milliseconds(500));
  ASSERT_EQ(Last().liveness, Liveness::kDead);
  Hear(in_time);
  EXPECT_EQ(Last().reason, Reason::kHeartbeatLate);
  EXPECT_EQ(Last().from, static_cast<std::uint8_t>(Liveness::kDead));
}

TEST_P(Voice, ALateHeartbeatThatMissedItsDeadlineAllTheSameIsNoExcuse) {
  Speak(1, 5);
  Pass(Milliseconds(310));
  const Heartbeat too_late = Beat(6);
  Pass(Milliseconds(20));
  Hear(too_late);
  EXPECT_EQ(Last().reason, Reason::kHeartbeatResumed);
}

TEST_P(Voice, NothingIsSaidOfLatenessWithoutHistory) {
  for (std::uint32_t sequence = 1; sequence <= 5; ++sequence) {
    Hear(Beat(sequence));
    Pass(Milliseconds(49));
  }
  const Heartbeat in_time = Beat(6);
  Pass(Milliseconds(330));
  ASSERT_EQ(Last().reason, Reason::kDeadlineMissed);
  Hear(in_time);
  EXPECT_EQ(Last().reason, Reason::kHeartbeatResumed);
}

TEST_P(Voice, OfAnEarlierLifeSaysNothingOfLateness) {
  Speak(1, 5);
  Heartbeat restarted = Beat(1);
  restarted.incarnation = 2;
  Hear(restarted);
  const Heartbeat next = [&] {
    Heartbeat out = Beat(2);
    out.incarnation = 2;
    return out;
  }();
  Pass(Milliseconds(330));
  Hear(next);
  EXPECT_EQ(Last().reason, Reason::kHeartbeatResumed);
  EXPECT_EQ(SaidBy(id_)->incarnation, 1U) << "its last words stay";
}

TEST_P(Voice, FindsNoRoomAndIsHeardAllTheSame) {
  const unsigned owner = GetParam() ? 0 : 1;
  const std::size_t capacity = region_.view().payloads(owner).size();
  EndpointId id = 0;
  for (std::size_t i = 0; i <= capacity; ++i) {
    id = IdOf(owner, id + 1);
    id_ = id;
    Hear(Beat(1), TextElement("here"));
    Hear(Beat(2), TextElement("still here"));
  }
  Turn();
  EXPECT_EQ(Count(Counter::kPayloadsRefused), 2U);
  EXPECT_EQ(Count(Counter::kPayloadEntries), capacity);
  EXPECT_EQ(Count(Counter::kAlive), capacity + 1);
  EXPECT_FALSE(SaidBy(id));
}

TEST_P(Voice, SurvivesTheProcess) {
  Speak(1, 5);
  Hear(Beat(6), TextElement("before"));
  now_ += Milliseconds(5'000);
  Start();
  Turn();
  EXPECT_EQ(SaidBy(id_)->words(), "before");
  EXPECT_EQ(Count(Counter::kPayloadEntries), 1U);
  Hear(Beat(7), TextElement("after"));
  EXPECT_EQ(SaidBy(id_)->words(), "after");
  EXPECT_EQ(SaidBy(id_)->timed, 7) << "the history goes on";
}

TEST_P(Voice, GoesWhenItsEndpointIsRetired) {
  Speak(1, 2);
  const unsigned owner = GetParam() ? 0 : 1;
  SharedRing<Command> commands(region_.view().control().command_heads[owner],
                               region_.view().dataplane().command_tails[owner],
                               region_.view().commands(owner));
  ASSERT_TRUE(commands.TryPush({.id = id_, .ticket = 1, .kind = CommandKind::kRetire}));
  Turn();
  ASSERT_EQ(SlotOf(id_), kNoSlot);
  EXPECT_FALSE(SaidBy(id_));
  Turn();
  EXPECT_EQ(Count(Counter::kPayloadEntries), 0U);
}

TEST_P(Voice, StaysWhenItsEndpointChangesProfile) {
  Speak(1, 2);
  const Slot before = SlotOf(id_);
  Heartbeat beat = Beat(3);
  beat.profile = 2;
  Hear(beat);
  EXPECT_NE(SlotOf(id_), before);
  EXPECT_EQ(SaidBy(id_)->words(), "well");
}

TEST_P(Voice, ByAnotherPortIsNoticed) {
  Speak(1, 2);
  const auto source = [this] { return region_.view().addresses()[SlotOf(id_)]; };
  EXPECT_EQ(Count(Counter::kOtherPort), 0U);
  Hear(Beat(3), TextElement("elsewhere"), 1);
  Turn();
  EXPECT_EQ(source().port, 0) << "where it is usual";
  EXPECT_EQ(SaidBy(id_)->port, 1);
  EXPECT_EQ(Count(Counter::kOtherPort), 1U);
  Pass(Milliseconds(500));
  Hear(Beat(4), {}, 1);
  Turn();
  EXPECT_EQ(source().port, 1) << "who comes back is usual where it came back";
  EXPECT_EQ(Count(Counter::kOtherPort), 2U);
  Heartbeat restarted = Beat(1);
  restarted.incarnation = 2;
  Hear(restarted);
  Turn();
  EXPECT_EQ(source().port, 0);
  EXPECT_EQ(Count(Counter::kOtherPort), 2U) << "a later life may begin anywhere";
}

TEST_P(Voice, IsNotKeptWhereNoneAreWanted) {
  Config config = SmallConfig(1000, 2);
  config.dataplane.payloads = 0;
  const PlainRegion region(config);
  const auto engine = std::move(Engine::Create(region.view(), {}, now_).value());
  engine->Attach(0, ports_[0].attachment());
  engine->Attach(1, ports_[1].attachment());
  ports_[0].source.Put(HeartbeatFrame(Beat(1), TextElement("hello")));
  for (int turn = 0; turn < 3; ++turn) {
    now_ += Milliseconds(1);
    for (unsigned worker = 0; worker < 2; ++worker) {
      engine->worker(worker).Receive();
      engine->worker(worker).Turn(now_);
    }
  }
  const auto& counters = region.view().dataplane().counters;
  EXPECT_EQ(counters[0][Counter::kAlive] + counters[1][Counter::kAlive], 1U);
  EXPECT_EQ(counters[0][Counter::kPayloadsRefused] + counters[1][Counter::kPayloadsRefused], 0U);
}

}  // namespace
}  // namespace flatline
