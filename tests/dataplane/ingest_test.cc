// A worker's ingest through whole turns of an engine of one or two workers: frames in, records,
// counters, transitions and replies out. Invented time, a region and ports in memory.
#include "dataplane/engine.h"
#include "dataplane/payload_elements.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/command_ring.h>
#include <flatline/heartbeat.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing_frames::GroupElement;
using testing_frames::HeartbeatFrame;

class IngestTest : public testing::Test {
 protected:
  explicit IngestTest(const Config& config = SmallConfig())
      : region_(config), engine_(std::move(Engine::Create(region_.view(), {}, now_).value())) {
    for (unsigned w = 0; w < engine_->workers(); ++w) {
      engine_->Attach(w, ports_[w].attachment(3));
    }
  }

  // A turn of every worker, 1 ms after the last: housekeeping is then due in each.
  void Turn() {
    now_ += Milliseconds(1);
    for (unsigned w = 0; w < engine_->workers(); ++w) {
      engine_->worker(w).Receive();
      engine_->worker(w).Turn(now_);
    }
  }

  void Hear(const Heartbeat& heartbeat, std::span<const std::byte> elements = {}) {
    ports_[0].source.Put(HeartbeatFrame(heartbeat, elements));
    Turn();
  }

  template <typename What>
  [[nodiscard]] std::uint64_t Count(What what) const {
    std::uint64_t sum = 0;
    for (unsigned w = 0; w < engine_->workers(); ++w) {
      sum += region_.view().dataplane().counters[w][what];
    }
    return sum;
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

  // The acknowledgements that left since the last call.
  std::vector<Heartbeat> Acknowledgements() {
    std::vector<Heartbeat> out;
    for (const auto& frame : ports_[0].sink.TakeSent()) {
      constexpr std::size_t kHeaders = 14 + 20 + 8;
      const auto heartbeat = DecodeHeartbeat(std::span<const std::byte>(frame).subspan(kHeaders));
      EXPECT_TRUE(heartbeat.has_value());
      out.push_back(*heartbeat);
    }
    return out;
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_;
  std::array<FakePort, 2> ports_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(IngestTest, EnrolsTheFirstHeartbeatWithGroupAndSource) {
  Hear({.id = 7, .incarnation = 2, .sequence = 9}, GroupElement(0x01020304));
  const Slot slot = SlotOf(7);
  ASSERT_NE(slot, kNoSlot);
  EXPECT_EQ(region_.view().groups()[slot].load(), 0x01020304U);
  const SourceAddress& source = region_.view().addresses()[slot];
  EXPECT_EQ(source.ip[12], 10);
  EXPECT_EQ(source.ip[15], 2);
  EXPECT_EQ(source.udp_port, 40000);
  EXPECT_EQ(source.port, 3);
  EXPECT_EQ(Count(Counter::kHeartbeats), 1U);
  EXPECT_EQ(Count(Counter::kEnrolled), 1U);
  const Transition& told = region_.view().transitions(0)[0];
  EXPECT_EQ(told.reason, Reason::kFirstHeartbeat);
  EXPECT_EQ(told.at, now_);
  EXPECT_EQ(told.group, 0x01020304U);
}

TEST_F(IngestTest, StampsByIndexAndByHandle) {
  Hear({.id = 7, .incarnation = 1, .sequence = 1});
  Hear({.id = 7, .incarnation = 1, .sequence = 2});
  EXPECT_EQ(Count(Counter::kByHandle), 0U);
  Hear({.id = 7, .incarnation = 1, .sequence = 3, .handle = SlotOf(7)});
  EXPECT_EQ(Count(Counter::kByHandle), 1U);
  EXPECT_EQ(Count(Counter::kHeartbeats), 3U);
  const Heard heard = Heard::Unpack(region_.view().records()[SlotOf(7)].heard.load());
  EXPECT_EQ(heard.sequence, 3U);
  EXPECT_EQ(heard.stamp, StampOf(HearingInstant{now_.time_since_epoch()}));
}

TEST_F(IngestTest, AsksTheIndexWhereAHandleIsStaleOrOutOfBounds) {
  Hear({.id = 7, .incarnation = 1, .sequence = 1});
  Hear({.id = 8, .incarnation = 1, .sequence = 1});
  Hear({.id = 7, .incarnation = 1, .sequence = 2, .handle = SlotOf(8)});
  Hear({.id = 7, .incarnation = 1, .sequence = 3, .handle = 0xFFFFFFF0U});
  EXPECT_EQ(Count(Counter::kStaleHandle), 2U);
  EXPECT_EQ(Count(Counter::kByHandle), 0U);
  EXPECT_EQ(Heard::Unpack(region_.view().records()[SlotOf(7)].heard.load()).sequence, 3U);
  EXPECT_EQ(Heard::Unpack(region_.view().records()[SlotOf(8)].heard.load()).sequence, 1U);
}

TEST_F(IngestTest, AcknowledgesWhatCountedAndOnlyThat) {
  Hear({.id = 7, .sent_ns = 55, .incarnation = 1, .sequence = 1, .wants_acknowledgement = true});
  auto acknowledgements = Acknowledgements();
  ASSERT_EQ(acknowledgements.size(), 1U);
  const Heartbeat expected{.id = 7,
                           .sent_ns = 55,
                           .incarnation = 1,
                           .sequence = 1,
                           .handle = SlotOf(7),
                           .profile = 1,
                           .kind = HeartbeatKind::kAcknowledgement};
  EXPECT_EQ(acknowledgements[0], expected);
  Hear({.id = 7, .incarnation = 1, .sequence = 2, .wants_acknowledgement = true});
  EXPECT_EQ(Acknowledgements().size(), 1U) << "on the fast path too";
  Hear({.id = 7, .incarnation = 1, .sequence = 2, .wants_acknowledgement = true});
  EXPECT_TRUE(Acknowledgements().empty()) << "a duplicate does not count";
  Hear({.id = 7, .incarnation = 1, .sequence = 3});
  EXPECT_TRUE(Acknowledgements().empty()) << "nobody asked";
  EXPECT_EQ(Count(Counter::kAcknowledged), 2U);
}

TEST_F(IngestTest, CountsARepliesThatFoundNoBuffer) {
  ports_[0].sink.set_has_room(false);
  Hear({.id = 7, .incarnation = 1, .sequence = 1, .wants_acknowledgement = true});
  EXPECT_EQ(Count(Counter::kReplyDropped), 1U);
  EXPECT_EQ(Count(Counter::kHeartbeats), 1U) << "and is heard all the same";
}

TEST_F(IngestTest, FindsItsWayThroughABurstWithEveryKindOfFrame) {
  Hear({.id = 1, .incarnation = 1, .sequence = 1});
  for (std::uint64_t id = 1; id <= 100; ++id) {  // more than one burst, the same id twice in it
    ports_[0].source.Put(HeartbeatFrame(
        {.id = id % 50 + 1, .incarnation = 1, .sequence = static_cast<std::uint32_t>(10 + id)}));
    ports_[0].source.Put(std::vector<std::byte>(60));
  }
  for (int burst = 0; burst < 4; ++burst) {
    Turn();
  }
  EXPECT_EQ(Count(Counter::kFrames), 201U);
  EXPECT_EQ(Count(Counter::kHeartbeats), 101U);
  EXPECT_EQ(Count(Counter::kEnrolled), 50U);
  EXPECT_EQ(ports_[0].source.waiting(), 0U);
  EXPECT_TRUE(ports_[0].source.well_used());
}

// At full load some endpoints do not live in the first bucket of the index, and some share a tag:
// they too are found, in the same turn.
TEST_F(IngestTest, FindsEveryoneByTheIndexInOneRound) {
  constexpr std::uint64_t kEndpoints = 1000;  // as many as the table was made for
  for (std::uint32_t round = 1; round <= 3; ++round) {
    for (std::uint64_t id = 1; id <= kEndpoints; ++id) {
      ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = round}));
    }
    while (ports_[0].source.waiting() > 0) {
      Turn();
    }
  }
  EXPECT_EQ(Count(Counter::kHeartbeats), 3 * kEndpoints);
  EXPECT_EQ(Count(Counter::kEnrolled), kEndpoints);
  for (std::uint64_t id = 1; id <= kEndpoints; ++id) {
    ASSERT_EQ(Heard::Unpack(region_.view().records()[SlotOf(id)].heard.load()).sequence, 3U) << id;
  }
}

struct Refusal {
  const char* sentence;
  Heartbeat heartbeat;
  std::vector<std::byte> elements;
  DropReason reason;
};

class RefusedHeartbeat : public IngestTest, public testing::WithParamInterface<Refusal> {};

TEST_P(RefusedHeartbeat, IsCountedByNameAndChangesNothing) {
  Hear({.id = 7, .incarnation = 5, .sequence = 50});
  const std::uint64_t before = region_.view().records()[SlotOf(7)].heard.load();
  Heartbeat heartbeat = GetParam().heartbeat;
  heartbeat.wants_acknowledgement = true;
  Hear(heartbeat, GetParam().elements);
  EXPECT_EQ(Count(GetParam().reason), 1U) << GetParam().sentence;
  EXPECT_EQ(Count(Counter::kHeartbeats), 1U);
  EXPECT_EQ(Count(Counter::kEnrolled), 1U);
  EXPECT_EQ(region_.view().records()[SlotOf(7)].heard.load(), before);
  EXPECT_TRUE(Acknowledgements().empty());
}

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) {
    out.push_back(static_cast<std::byte>(value));
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Ways,
    RefusedHeartbeat,
    testing::Values(
        Refusal{"an earlier life",
                {.id = 7, .incarnation = 4, .sequence = 99},
                {},
                DropReason::kOldIncarnation},
        Refusal{"the same again",
                {.id = 7, .incarnation = 5, .sequence = 50},
                {},
                DropReason::kOldSequence},
        Refusal{
            "overtaken", {.id = 7, .incarnation = 5, .sequence = 49}, {}, DropReason::kOldSequence},
        Refusal{
            "an acknowledgement of ours, sent back",
            {.id = 7, .incarnation = 5, .sequence = 51, .kind = HeartbeatKind::kAcknowledgement},
            {},
            DropReason::kUnknownKind},
        Refusal{"an id of none", {.id = 0, .sequence = 51}, {}, DropReason::kBadHeartbeat},
        Refusal{"an id of none with the handle of a free slot",
                {.id = 0, .sequence = 51, .handle = 500},
                {},
                DropReason::kBadHeartbeat},
        Refusal{"a stranger that asks for a profile nobody configured",
                {.id = 8, .incarnation = 1, .sequence = 1, .profile = 60},
                {},
                DropReason::kUnknownProfile},
        Refusal{"the leave of a stranger",
                {.id = 8, .incarnation = 1, .sequence = 1, .kind = HeartbeatKind::kLeave},
                {},
                DropReason::kUnknownEndpoint},
        Refusal{"an element that leads beyond the end",
                {.id = 7, .incarnation = 5, .sequence = 51},
                Bytes({9, 200, 1}),
                DropReason::kBadPayload},
        Refusal{"half an element",
                {.id = 7, .incarnation = 5, .sequence = 51},
                Bytes({9}),
                DropReason::kBadPayload},
        Refusal{"a group of three bytes",
                {.id = 7, .incarnation = 5, .sequence = 51},
                Bytes({1, 3, 0, 0, 1}),
                DropReason::kBadPayload}));

TEST_F(IngestTest, AnswersWhoAsksForOurAddressWhereThereIsRoom) {
  std::vector<std::byte> asked(60);
  constexpr std::array<std::uint8_t, 42> kRequest{
      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0,  0, 0, 0, 2, 8, 6, 0, 1, 8, 0,  6, 4, 0,
      1,    2,    0,    0,    0,    0,    2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
  std::ranges::transform(
      kRequest, asked.begin(), [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
  ports_[0].identity.addresses = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1}};
  ports_[0].source.Put(asked);
  Turn();
  const auto answers = ports_[0].sink.TakeSent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0][21], std::byte{2}) << "an ARP reply";
  ports_[0].sink.set_has_room(false);
  ports_[0].source.Put(asked);
  Turn();
  ports_[0].source.Put(asked);
  ports_[0].identity.addresses.clear();  // not ours any more
  Turn();
  Turn();
  EXPECT_TRUE(ports_[0].sink.TakeSent().empty());
  EXPECT_EQ(Count(Counter::kResponses), 1U);
  EXPECT_EQ(Count(Counter::kReplyDropped), 1U);
}

TEST(PayloadElements, SkipsTypesThatItDoesNotKnow) {
  std::vector<std::byte> payload = Bytes({200, 2, 1, 1});
  const auto group = GroupElement(9);
  payload.insert(payload.end(), group.begin(), group.end());
  const auto elements = ParsePayloadElements(payload);
  ASSERT_TRUE(elements.has_value());
  EXPECT_EQ(elements->group, 9U);
}

// Everything arrives at worker 0; what worker 1 owns is stamped or handed over.
class TwoWorkers : public IngestTest {
 protected:
  TwoWorkers() : IngestTest(SmallConfig(1000, 2)) {}

  // An id that worker 1 owns.
  [[nodiscard]] EndpointId Foreign() const {
    EndpointId id = 1;
    while (ShardOf(HashEndpoint(id, region_.view().header().hash_key), 2) != 1) {
      ++id;
    }
    return id;
  }
};

TEST_F(TwoWorkers, HandTheFirstHeartbeatOverAndStampTheNext) {
  const EndpointId id = Foreign();
  Hear({.id = id, .incarnation = 1, .sequence = 1, .wants_acknowledgement = true}, GroupElement(4));
  ASSERT_NE(SlotOf(id), kNoSlot);
  EXPECT_GE(SlotOf(id), region_.view().shape().slots_per_worker) << "in worker 1's shard";
  EXPECT_EQ(region_.view().groups()[SlotOf(id)].load(), 4U);
  EXPECT_EQ(Count(Counter::kHandedOver), 1U);
  EXPECT_TRUE(Acknowledgements().empty()) << "its slot is not known yet";
  Hear({.id = id, .incarnation = 1, .sequence = 2, .wants_acknowledgement = true});
  EXPECT_EQ(Count(Counter::kHandedOver), 1U);
  EXPECT_EQ(Count(Counter::kForeign), 1U);
  EXPECT_EQ(Count(Counter::kHeartbeats), 2U);
  EXPECT_EQ(Acknowledgements().size(), 1U);
}

TEST_F(TwoWorkers, CountAHandOverThatFoundNoRoomAndKeepTheEndpointFromSuspicion) {
  const EndpointId id = Foreign();
  Hear({.id = id, .incarnation = 1, .sequence = 1});
  // Worker 1 does not turn; its ring fills up with strangers.
  for (std::uint64_t i = 0, stranger = 1; i <= kHandoffs; ++stranger) {
    if (stranger != id && ShardOf(HashEndpoint(stranger, 0x5EED), 2) == 1) {
      ports_[0].source.Put(HeartbeatFrame({.id = stranger, .incarnation = 1, .sequence = 1}));
      ++i;
    }
  }
  while (ports_[0].source.waiting() > 0) {
    now_ += Milliseconds(1);
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(now_);
  }
  now_ += Milliseconds(1);
  ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 2, .sequence = 1}));
  engine_->worker(0).Receive();
  engine_->worker(0).Turn(now_);
  EXPECT_EQ(Count(DropReason::kHandoffFull), 2U);
  const EndpointRecord& record = region_.view().records()[SlotOf(id)];
  EXPECT_EQ(record.incarnation.load(), 1U) << "only its owner may change that";
  EXPECT_EQ(Heard::Unpack(record.heard.load()).stamp,
            StampOf(HearingInstant{now_.time_since_epoch()}))
      << "but that it spoke is known";
}

}  // namespace
}  // namespace flatline
