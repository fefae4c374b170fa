// Ten thousand subscribers that come back in the same instant, as after a restart, beside ten who
// stayed: who stayed is told in the very turn, those who come back share what a turn has for them,
// and get it in turns; snapshots begin one after the other, in the order in which they were asked
// for. Invented time, seeded chance, no sockets: a send is done when the test says so.
#include "control/delivery/outlet.h"
#include "control/service.h"
#include "control/snapshot/snapshot_queue.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::size_t kReturning = 10'000;
constexpr std::size_t kStayed = 10;
constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
constexpr Duration kTurn{100'000};

// Is being sent what its session has ready until Deliver; looks at the sequences, copies nothing.
class Receiver final : public Carrier {
 public:
  Receiver(Outlet& outlet, Instant now) : session_(&outlet.Open(Session::Origin::kTcp, now)) {
    session_->CarryBy(*this);
  }

  void Subscribe(RequestKind kind, Instant now) {
    DeliveryRequest request;
    request.kind = kind;
    session_->Receive(std::as_bytes(std::span{&request, 1}), now, kWall);
    Deliver(now);
    heard_ = kind == RequestKind::kSubscribeFrom ? 0 : greeted_at_;
  }

  void Attend() override {}  // sent by Deliver

  // Returns how many records there were.
  std::size_t Deliver(Instant now) {
    const auto bytes = session_->ready();
    const std::span records(reinterpret_cast<const DeliveryRecord*>(bytes.data()),
                            bytes.size() / sizeof(DeliveryRecord));
    if (records.empty()) {
      return 0;
    }
    if (records[0].kind == RecordKind::kHello) {
      greeted_at_ = records[0].sequence;
    } else if (records[0].kind == RecordKind::kLiveness) {
      EXPECT_EQ(records.front().sequence, heard_ + 1);
      EXPECT_EQ(records.back().sequence, heard_ + records.size());
      heard_ = records.back().sequence;
    }
    session_->Sent(bytes.size(), now);
    return records.size();
  }

  [[nodiscard]] std::uint64_t heard() const { return heard_; }

 private:
  Session* session_;
  std::uint64_t greeted_at_ = 0;
  std::uint64_t heard_ = 0;
};

class ResynchronisingTest : public testing::Test {
 protected:
  using Receivers = std::vector<std::unique_ptr<Receiver>>;

  void Fill(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      DeliveryRecord record = RecordFor(service_.journal().newest() + 1);
      ASSERT_EQ(service_.journal().Append({&record, 1}, now_), 1U);
    }
  }

  Receivers Come(std::size_t count, RequestKind kind) {
    Receivers out;
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(std::make_unique<Receiver>(outlet_, now_));
      out.back()->Subscribe(kind, now_);
    }
    return out;
  }

  void Turn() {
    now_ += kTurn;
    outlet_.Turn(now_, kWall);
  }

  Instant now_{Duration{1'000'000'000'000}};
  JournalInADirectory place_{16383, 8};
  Service service_{{.bookmark = Duration{60'000'000'000},
                    .subscribers = kReturning + kStayed + Service::kLocalPlaces,
                    .first_serial = 1},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
};

TEST_F(ResynchronisingTest, TenThousandCatchUpInTurnsAndKeepNobodyWaiting) {
  constexpr std::size_t kMissed = 20'000;
  Fill(kMissed);
  const Receivers stayed = Come(kStayed, RequestKind::kSubscribeNow);
  Turn();
  const Receivers returning = Come(kReturning, RequestKind::kSubscribeFrom);
  const auto has_caught_up = [&](const std::unique_ptr<Receiver>& receiver) {
    return receiver->heard() + Stream::kMostSent >= service_.journal().newest();
  };
  std::size_t turns = 0;
  for (; !std::ranges::all_of(returning, has_caught_up); ++turns) {
    ASSERT_LT(turns, kReturning * kMissed / Outlet::kMostLate * 2) << "more than their share";
    if (turns % 16 == 0) {
      Fill(1);
    }
    Turn();
    for (const auto& receiver : stayed) {
      receiver->Deliver(now_);
      ASSERT_EQ(receiver->heard(), service_.journal().newest()) << "told in the very turn";
    }
    std::size_t told_late = 0;
    for (const auto& receiver : returning) {
      const bool is_late = !has_caught_up(receiver);
      const std::size_t records = receiver->Deliver(now_);
      told_late += is_late ? records : 0;
    }
    ASSERT_LE(told_late, Outlet::kMostLate + Stream::kMostSent);
    const auto heard = [](const std::unique_ptr<Receiver>& receiver) { return receiver->heard(); };
    const auto [least, most] = std::ranges::minmax_element(returning, {}, heard);
    ASSERT_LE((*most)->heard() - (*least)->heard(), 2 * Stream::kMostSent) << "somebody starves";
  }
  EXPECT_GE(turns, kReturning * (kMissed - Stream::kMostSent) / Outlet::kMostLate / 2);
}

TEST_F(ResynchronisingTest, WhoLeavesWhileHeWaitsIsForgotten) {
  Fill(20'000);
  std::vector<Session*> sessions;
  for (std::size_t i = 0; i < 100; ++i) {
    Session& session = outlet_.Open(Session::Origin::kTcp, now_);
    DeliveryRequest request;
    request.kind = RequestKind::kSubscribeFrom;
    session.Receive(std::as_bytes(std::span{&request, 1}), now_, kWall);
    session.Sent(session.ready().size(), now_);
    sessions.push_back(&session);
  }
  Turn();
  for (std::size_t i = 0; i < 100; i += 3) {
    outlet_.Close(*sessions[i]);
    sessions[i] = nullptr;
  }
  for (int turns = 0; turns < 1000; ++turns) {
    Turn();
    for (Session* const session : sessions) {
      if (session != nullptr) {
        session->Sent(session->ready().size(), now_);
      }
    }
  }
  for (const Session* const session : sessions) {
    if (session != nullptr) {
      EXPECT_EQ(session->subscriber()->cursor, service_.journal().newest());
    }
  }
  EXPECT_EQ(outlet_.sessions(), 66U);
}

TEST_F(ResynchronisingTest, WhoDripsLosesAPlaceThatOthersWaitFor) {
  InventedRegion region{{}};
  region.view().records()[9].id.store(5);
  service_.Join(region.view());
  std::vector<Session*> sessions;
  for (std::size_t i = 0; i < SnapshotQueue::kMostAtOnce + 1; ++i) {
    sessions.push_back(&outlet_.Open(Session::Origin::kTcp, now_));
    DeliveryRequest request;
    request.kind = RequestKind::kSubscribeSnapshot;
    sessions.back()->Receive(std::as_bytes(std::span{&request, 1}), now_, kWall);
  }
  const auto turn = [&](Duration later) {
    now_ += later;
    ASSERT_TRUE(service_.Turn(now_, kWall));
    outlet_.Turn(now_, kWall);
  };
  const auto is_at_its_rows = [](const Session& session) {
    return !session.ready().empty() &&
           reinterpret_cast<const DeliveryRecord*>(session.ready().data())->kind ==
               RecordKind::kSnapshotRow;
  };
  for (int turns = 0; turns < 20; ++turns) {
    turn(2 * SnapshotQueue::kLeastApart);
    for (Session* const session : sessions) {
      if (!is_at_its_rows(*session)) {
        session->Sent(session->ready().size(), now_);
      }
    }
  }
  Session& dripping = *sessions[0];
  ASSERT_TRUE(is_at_its_rows(dripping));
  for (int seconds = 0; seconds < 11; ++seconds) {
    EXPECT_FALSE(seconds < 10 && dripping.IsStuck(now_)) << seconds;
    turn(Duration{1'000'000'000});
    dripping.Sent(1, now_);
  }
  EXPECT_TRUE(dripping.IsStuck(now_));
  outlet_.Close(*sessions.back());
  turn(Duration{1});
  EXPECT_FALSE(dripping.IsStuck(now_)) << "nobody waits for it any more";
}

SnapshotOrigin NoOrigin() {
  return {
      .region = {nullptr, RegionShape{}}, .keep = {}, .left = {}, .sequence = 0, .unapplied = {}};
}

class SnapshotQueueTest : public testing::Test {
 protected:
  // Turns until another one may begin; how long that took.
  Duration UntilGranted() {
    const Instant begin = now_;
    while (!queue_.Grant(now_, NoOrigin)) {
      now_ += kTurn;
    }
    return now_ - begin;
  }

  Instant now_{Duration{1'000'000'000'000}};
  SnapshotQueue queue_{7};
};

TEST_F(SnapshotQueueTest, TenThousandBeginInTheirOrderAndNeverTwoAtOnce) {
  queue_.Open();
  std::vector<std::shared_ptr<SnapshotTicket>> tickets;
  for (std::size_t i = 0; i < kReturning; ++i) {
    tickets.push_back(*queue_.Ask());
  }
  const Instant begin = now_;
  std::vector<Duration> apart;
  for (std::size_t i = 0; i < kReturning; ++i) {
    ASSERT_FALSE(tickets[i]->is_granted());
    apart.push_back(UntilGranted());
    ASSERT_TRUE(tickets[i]->is_granted()) << i;
    ASSERT_EQ(queue_.is_contested(), true) << "as it was at the beginning of the turn";
    tickets[i].reset();  // it is made, and its place free
  }
  const auto [least, most] = std::ranges::minmax(std::span(apart).subspan(1));
  EXPECT_GE(least, SnapshotQueue::kLeastApart);
  EXPECT_LE(most, 2 * SnapshotQueue::kLeastApart);
  EXPECT_GT(most, least + SnapshotQueue::kLeastApart / 2) << "by chance sooner or later";
  EXPECT_LT(now_ - begin, 2 * kReturning * SnapshotQueue::kLeastApart);
  now_ += Duration{10'000'000};
  EXPECT_FALSE(queue_.Grant(now_, NoOrigin));
  EXPECT_FALSE(queue_.is_contested());
}

TEST_F(SnapshotQueueTest, SoManyAreMadeAtOnceAndNoMore) {
  queue_.Open();
  std::vector<std::shared_ptr<SnapshotTicket>> tickets;
  for (std::size_t i = 0; i < SnapshotQueue::kMostAtOnce + 3; ++i) {
    tickets.push_back(*queue_.Ask());
  }
  for (std::size_t i = 0; i < SnapshotQueue::kMostAtOnce; ++i) {
    UntilGranted();
  }
  for (int turns = 0; turns < 1000; ++turns) {
    now_ += kTurn;
    ASSERT_FALSE(queue_.Grant(now_, NoOrigin));
  }
  EXPECT_TRUE(queue_.is_contested());
  tickets[4].reset();  // who was next went away
  tickets[1].reset();  // and one of those that are being made
  UntilGranted();
  EXPECT_TRUE(tickets[5]->is_granted());
  EXPECT_FALSE(tickets[6]->is_granted());
  queue_.Close();
  EXPECT_TRUE(tickets[6]->is_cancelled());
  ASSERT_FALSE(queue_.Ask());
  EXPECT_EQ(queue_.Ask().error().error, DeliveryError::kNoDataplane);
}

}  // namespace
}  // namespace flatline
