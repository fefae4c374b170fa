// What a real session sends to who has a threshold of its own: by what each suspicion rises, read
// from the region, and what ends one that a filter would not tell the end of. Then the client's
// side of it, byte for byte: who is suspect to which subscriber, and when. Time is invented.
#include "control/delivery/suspicion_frames.h"

#include "control/client/held_suspicions.h"
#include "control/client/stream_position.h"
#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>
#include <flatline/suspicion_record.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ProfileId kProfile = 16;
constexpr Slot kSlot = 9;
constexpr EndpointId kEndpoint = 42;
constexpr Duration kSilence{1'500'000'000};
// A gap of a second, give or take a tenth of it.
constexpr Arrival kArrival{.interval = 15'259, .variance = 1526.F * 1526.F, .lead = 0, .count = 50};

class SuspicionFramesTest : public testing::Test {
 protected:
  SuspicionFramesTest() {
    Profile& profile = region_.view().header().profiles[kProfile];
    profile = MakeProfile("phi", Milliseconds(1000), 8, Milliseconds(60'000));
    profile.detector = DetectorKind::kPhi;
    profile.allowance = Milliseconds(20);
    EndpointRecord& record = region_.view().records()[kSlot];
    record.state.store(EndpointState{Liveness::kSuspect, Health::kReady, kProfile}.Pack());
    record.arrival.store(kArrival.Pack());
    record.id.store(kEndpoint);
    service_.Join(region_.view());
    Turn();
  }

  void Turn(Duration later = Duration{100'000}) {
    now_ += later;
    wall_ += later;
    region_.view().dataplane().progress[0].drained_ns.store(now_.time_since_epoch().count());
    ASSERT_TRUE(service_.Turn(now_, wall_));
    outlet_.Turn(now_, wall_);
  }

  void Tell(Liveness from, Liveness to, EndpointId id = kEndpoint, Slot slot = kSlot) {
    Transition out;
    out.at = now_;
    out.silence = kSilence;
    out.id = id;
    out.slot = slot;
    out.incarnation = 1;
    out.profile = kProfile;
    out.from = static_cast<std::uint8_t>(from);
    out.to = static_cast<std::uint8_t>(to);
    out.liveness = to;
    out.health = Health::kReady;
    out.reason = to == Liveness::kSuspect ? Reason::kDeadlineMissed : Reason::kHeartbeatResumed;
    ASSERT_TRUE(region_.Push(0, out));
  }

  Session& Ask(DeliveryRequest request, const std::string& filter = "") {
    Session& session = outlet_.Open(Session::Origin::kLocal, now_);
    const std::string text = filter.empty() ? "" : "filter=" + filter + "\n";
    request.text_bytes = static_cast<std::uint32_t>(text.size());
    session.Receive(std::as_bytes(std::span{&request, 1}), now_, wall_);
    session.Receive(std::as_bytes(std::span(text)), now_, wall_);
    return session;
  }

  Session& AskFromNow(std::uint32_t options, const std::string& filter = "") {
    DeliveryRequest request;
    request.options = options;
    Session& out = Ask(request, filter);
    Hear(out);  // the greeting
    return out;
  }

  std::vector<DeliveryRecord> Hear(Session& session) {
    std::vector<DeliveryRecord> out;
    for (int silent = 0; silent < 5;) {
      const auto ready = session.ready();
      const std::size_t before = out.size();
      out.resize(before + ready.size() / sizeof(DeliveryRecord));
      std::memcpy(static_cast<void*>(out.data() + before), ready.data(), ready.size());
      silent = ready.empty() ? silent + 1 : 0;
      session.Sent(ready.size(), now_);
      Turn(Duration{1});
    }
    for (const DeliveryRecord& record : out) {
      EXPECT_EQ(record.crc, SealOf(record));
    }
    return out;
  }

  static std::vector<RecordKind> KindsOf(const std::vector<DeliveryRecord>& records) {
    std::vector<RecordKind> out;
    for (const DeliveryRecord& record : records) {
      out.push_back(record.kind);
    }
    return out;
  }

  [[nodiscard]] SuspicionScale Expected() const {
    return ScaleOf(region_.view().header().profiles[kProfile], Arrival::Unpack(kArrival.Pack()));
  }

  Instant now_{Duration{1'000'000'000'000}};
  WallInstant wall_{Duration{1'790'000'000'000'000'000}};
  InventedRegion region_{{}};
  JournalInADirectory place_{63, 3};
  Service service_{{.bookmark = Duration{1'000'000'000}, .subscribers = 16, .first_serial = 1},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
};

TEST_F(SuspicionFramesTest, ASuspectComesWithWhatItsSuspicionRisesBy) {
  Session& session = AskFromNow(kWantSuspicion);
  Tell(Liveness::kAlive, Liveness::kSuspect);
  const auto heard = Hear(session);
  ASSERT_THAT(KindsOf(heard), ElementsAre(RecordKind::kSuspicion, RecordKind::kLiveness));
  EXPECT_EQ(heard[0].sequence, heard[1].sequence);
  EXPECT_EQ(heard[0].endpoint, kEndpoint);
  EXPECT_TRUE(AnnouncesSuspicion(heard[0]));
  EXPECT_NEAR(ReadScale(heard[0]).expected, Expected().expected, 1);
  EXPECT_NEAR(ReadScale(heard[0]).deviation, Expected().deviation, 1);
  EXPECT_NEAR(
      Phi(static_cast<double>(heard[1].silence_ns),
          ReadScale(heard[0]).expected,
          ReadScale(heard[0]).deviation),
      SuspicionLevel(
          region_.view().header().profiles[kProfile], Arrival::Unpack(kArrival.Pack()), kSilence),
      1e-6)
      << "as flatline get reckons it";
}

TEST_F(SuspicionFramesTest, WhoDidNotAskHearsNothingOfIt) {
  Session& session = AskFromNow(0);
  Tell(Liveness::kAlive, Liveness::kSuspect);
  Tell(Liveness::kSuspect, Liveness::kAlive);
  EXPECT_THAT(KindsOf(Hear(session)), ElementsAre(RecordKind::kLiveness, RecordKind::kLiveness));
}

TEST_F(SuspicionFramesTest, WhoAsksForTheSameIsSentTheSameBytes) {
  Session& first = AskFromNow(kWantSuspicion);
  Session& second = AskFromNow(kWantSuspicion);
  Session& named = AskFromNow(kWantSuspicion | kWantNames);
  Tell(Liveness::kAlive, Liveness::kSuspect);
  Turn();
  ASSERT_FALSE(first.ready().empty());
  EXPECT_EQ(first.ready().data(), second.ready().data()) << "encoded once";
  EXPECT_NE(first.ready().data(), named.ready().data());
}

TEST_F(SuspicionFramesTest, NothingIsSaidOfWhomNothingIsKnown) {
  Session& session = AskFromNow(kWantSuspicion);
  Tell(Liveness::kAlive, Liveness::kSuspect, 43);           // another has the slot
  Tell(Liveness::kAlive, Liveness::kSuspect, 44, kNoSlot);  // no slot at all
  region_.view().header().profiles[kProfile] = {};
  Tell(Liveness::kAlive, Liveness::kSuspect);
  EXPECT_THAT(KindsOf(Hear(session)),
              ElementsAre(RecordKind::kLiveness, RecordKind::kLiveness, RecordKind::kLiveness));
  service_.Leave();
  Turn();
  const auto bookmark = [&] {
    Turn(Duration{2'000'000'000});
    return Hear(session);
  }();
  ASSERT_FALSE(bookmark.empty());
  EXPECT_EQ(bookmark.back().kind, RecordKind::kBookmark);
  EXPECT_EQ(bookmark.back().silence_ns, -1) << "there is no dataplane";
}

TEST_F(SuspicionFramesTest, ABookmarkSaysForHowLongNotAllWasHeard) {
  Session& session = AskFromNow(kWantSuspicion);
  Session& other = AskFromNow(0);
  Turn(Duration{2'000'000'000});
  auto heard = Hear(session);
  ASSERT_THAT(KindsOf(heard), ElementsAre(RecordKind::kBookmark));
  EXPECT_LT(heard[0].silence_ns, 1'000'000);
  region_.view().header().deaf_since_ns.store(now_.time_since_epoch().count());
  Turn(Duration{3'000'000'000});
  heard = Hear(session);
  ASSERT_THAT(KindsOf(heard), ElementsAre(RecordKind::kBookmark));
  EXPECT_GE(heard[0].silence_ns, 3'000'000'000);
  for (const DeliveryRecord& record : Hear(other)) {
    EXPECT_EQ(record.silence_ns, 0) << "as ever to who did not ask";
  }
}

TEST_F(SuspicionFramesTest, AnEndThatTheFilterLeavesOutIsSaid) {
  Session& session = AskFromNow(kWantSuspicion, "liveness:suspect,dead");
  Tell(Liveness::kAlive, Liveness::kSuspect);
  Tell(Liveness::kSuspect, Liveness::kAlive);
  Tell(Liveness::kDead, Liveness::kAlive);  // ends none
  const auto heard = Hear(session);
  ASSERT_THAT(KindsOf(heard),
              ElementsAre(RecordKind::kSuspicion, RecordKind::kLiveness, RecordKind::kSuspicion));
  EXPECT_FALSE(AnnouncesSuspicion(heard[2]));
  EXPECT_EQ(heard[2].endpoint, kEndpoint);
  EXPECT_EQ(heard[2].sequence, heard[1].sequence + 1);
  EXPECT_GT(heard[2].at_ns, heard[1].at_ns - 1);
}

TEST_F(SuspicionFramesTest, NoEndIsSaidOfWhomTheFilterDoesNotMean) {
  Session& session = AskFromNow(kWantSuspicion, "id:1000 and liveness:suspect");
  Tell(Liveness::kAlive, Liveness::kSuspect);
  Tell(Liveness::kSuspect, Liveness::kAlive);
  EXPECT_THAT(Hear(session), IsEmpty()) << "what a token does not show is not shown so either";
}

TEST_F(SuspicionFramesTest, RowsOfASnapshotComeWithItToo) {
  region_.view().records()[10].state.store(
      EndpointState{Liveness::kAlive, Health::kReady, kProfile}.Pack());
  region_.view().records()[10].id.store(43);
  DeliveryRequest request;
  request.kind = RequestKind::kSubscribeSnapshot;
  request.options = kWantSuspicion;
  const auto heard = Hear(Ask(request));
  ASSERT_THAT(KindsOf(heard),
              ElementsAre(RecordKind::kHello,
                          RecordKind::kSnapshotBegin,
                          RecordKind::kSuspicion,
                          RecordKind::kSnapshotRow,
                          RecordKind::kSnapshotRow,
                          RecordKind::kSnapshotEnd));
  EXPECT_EQ(heard[2].endpoint, kEndpoint);
  EXPECT_NEAR(ReadScale(heard[2]).expected, Expected().expected, 1);
  EXPECT_EQ(heard[3].endpoint, kEndpoint);
  EXPECT_EQ(heard[5].silence_ns, 2) << "what stands before rows is none";
}

TEST_F(SuspicionFramesTest, NumbersThatAreNoneMakeNoScale) {
  const auto& profiles = region_.view().header().profiles;
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float number : {kNan, kInfinity, -1e30F, 1e30F}) {
    const Arrival mad{.interval = number, .variance = 1, .lead = 0, .count = 9};
    EXPECT_FALSE(ScaleIn(profiles, kProfile, mad.Pack())) << number;
  }
  const Arrival wild{.interval = 1, .variance = kInfinity, .lead = 0, .count = 9};
  EXPECT_FALSE(ScaleIn(profiles, kProfile, wild.Pack()));
  EXPECT_FALSE(ScaleIn(profiles, kProfile + 1, kArrival.Pack())) << "not in use";
  EXPECT_FALSE(ScaleIn(profiles, 0xFFFF, kArrival.Pack()));
  const auto young = ScaleIn(profiles, kProfile, Arrival{}.Pack());
  ASSERT_TRUE(young);
  EXPECT_NEAR(young->expected, 1.02e9, 1e6) << "without a history as the profile promises";
}

// A client's side of a session, as the library has it.
class Hearer {
 public:
  explicit Hearer(double threshold)
      : position_({.address = {}, .groups = {}, .suspicion = threshold}) {
    if (threshold > 0) {
      held_.emplace(threshold);
    }
  }

  [[nodiscard]] DeliveryRequest Connect() { return position_.Connect(); }

  // Liveness by endpoint, in the order in which it is told.
  std::vector<std::pair<EndpointId, Liveness>> Take(const std::vector<DeliveryRecord>& records,
                                                    Instant now) {
    std::vector<DeliveryRecord> run;
    for (const DeliveryRecord& record : records) {
      const auto verdict = position_.Take(record);
      EXPECT_NE(verdict, StreamPosition::Verdict::kBroken);
      if (verdict == StreamPosition::Verdict::kHandOut) {
        run.push_back(record);
      } else if (held_ && record.kind == RecordKind::kHello) {
        held_->Greet(record, now);
      } else if (held_) {
        held_->Hear(record, now);
      }
    }
    std::vector<DeliveryRecord> told = run;
    if (held_) {
      const auto sifted = held_->Sift(run, 0, now);
      told.assign(sifted.begin(), sifted.end());
      held_->Commit();
      if (position_.has_caught_up()) {
        std::ranges::copy(held_->Due(now), std::back_inserter(told));
        held_->Commit();
      }
    }
    std::vector<std::pair<EndpointId, Liveness>> out;
    for (const DeliveryRecord& record : told) {
      if (record.kind == RecordKind::kLiveness) {
        out.emplace_back(record.endpoint, static_cast<Liveness>(record.to));
      }
    }
    return out;
  }

 private:
  StreamPosition position_;
  std::optional<HeldSuspicions> held_;
};

TEST_F(SuspicionFramesTest, EachSubscriberHasItsOwnThresholdOnTheSameMeasurement) {
  using Told = std::pair<EndpointId, Liveness>;
  const std::vector<double> thresholds{0, 1, 9, 12};
  std::vector<Hearer> hearers;
  std::vector<Session*> sessions;
  for (const double threshold : thresholds) {
    hearers.emplace_back(threshold);
    sessions.push_back(&Ask(hearers.back().Connect()));
  }
  const auto hear = [&](std::size_t i) { return hearers[i].Take(Hear(*sessions[i]), now_); };
  for (std::size_t i = 0; i < hearers.size(); ++i) {
    EXPECT_THAT(hear(i), IsEmpty());
  }
  const auto& profile = region_.view().header().profiles[kProfile];
  const Arrival arrival = Arrival::Unpack(kArrival.Pack());
  const Instant suspected = now_;
  Tell(Liveness::kAlive, Liveness::kSuspect);
  std::vector<std::int64_t> told_after(hearers.size(), -1);
  while (now_ - suspected < Milliseconds(600)) {
    Turn(Milliseconds(2));
    for (std::size_t i = 0; i < hearers.size(); ++i) {
      for (const Told& told : hear(i)) {
        EXPECT_EQ(told, (Told{kEndpoint, Liveness::kSuspect}));
        EXPECT_EQ(told_after[i], -1) << "twice";
        told_after[i] = (now_ - suspected).count();
      }
    }
  }
  for (std::size_t i = 0; i < hearers.size(); ++i) {
    ASSERT_GE(told_after[i], 0) << thresholds[i];
    const Duration silence = kSilence + Duration{told_after[i]};
    if (SuspicionLevel(profile, arrival, kSilence) >= thresholds[i]) {
      EXPECT_LT(told_after[i], 5'000'000) << thresholds[i] << ": the profile's is more";
    } else {
      EXPECT_GE(SuspicionLevel(profile, arrival, silence), thresholds[i]);
      EXPECT_LT(SuspicionLevel(profile, arrival, silence - Milliseconds(4)), thresholds[i]);
    }
  }
  // Another suspicion, which does not last: told to the one, and never heard of by the other.
  Tell(Liveness::kSuspect, Liveness::kAlive);
  for (std::size_t i = 0; i < hearers.size(); ++i) {
    EXPECT_THAT(hear(i), ElementsAre(Told{kEndpoint, Liveness::kAlive}));
  }
  Tell(Liveness::kAlive, Liveness::kSuspect);
  Turn(Milliseconds(1));
  EXPECT_THAT(hear(0), ElementsAre(Told{kEndpoint, Liveness::kSuspect}));
  EXPECT_THAT(hear(3), IsEmpty());
  Tell(Liveness::kSuspect, Liveness::kAlive);
  EXPECT_THAT(hear(0), ElementsAre(Told{kEndpoint, Liveness::kAlive}));
  EXPECT_THAT(hear(3), IsEmpty()) << "nobody was suspect to it";
  Turn(Milliseconds(10'000));
  EXPECT_THAT(hear(3), IsEmpty());
}

}  // namespace
}  // namespace flatline
