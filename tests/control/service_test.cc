// Control without sockets: sessions driven by bytes and invented time, over an invented region.
#include "control/service.h"

#include "control/delivery/outlet.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"
#include "tests/control/roster/roster_on_disk.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;

class ServiceTest : public testing::Test {
 protected:
  void Turn(Duration later = Duration{100'000}) {
    now_ += later;
    wall_ += later;
    ASSERT_TRUE(service_.Turn(now_, wall_));
    outlet_.Turn(now_, wall_);
  }

  Session& Connect(Session::Origin origin = Session::Origin::kLocal) {
    return outlet_.Open(origin, now_);
  }

  template <typename T>
  void Send(Session& session, const T& value) {
    session.Receive(std::as_bytes(std::span{&value, 1}), now_, wall_);
  }

  void Ask(Session& session, RequestKind kind, std::uint64_t sequence = 0) {
    DeliveryRequest request;
    request.kind = kind;
    request.sequence = sequence;
    Send(session, request);
  }

  void AskBy(Session& session, RequestKind kind, const std::string& filter) {
    const std::string text = "filter=" + filter + "\n";
    DeliveryRequest request;
    request.kind = kind;
    request.text_bytes = static_cast<std::uint32_t>(text.size());
    Send(session, request);
    session.Receive(std::as_bytes(std::span(text)), now_, wall_);
  }

  // All that the session has to say, over as many turns as that takes.
  std::vector<DeliveryRecord> Hear(Session& session, std::size_t piece = 1'000'000) {
    std::vector<std::byte> bytes;
    for (int silent = 0; silent < 5;) {
      const auto ready = session.ready().first(std::min(piece, session.ready().size()));
      bytes.insert(bytes.end(), ready.begin(), ready.end());
      silent = ready.empty() ? silent + 1 : 0;
      session.Sent(ready.size(), now_);
      Turn(Duration{1});
    }
    std::vector<DeliveryRecord> out(bytes.size() / sizeof(DeliveryRecord));
    if (!out.empty()) {
      std::memcpy(static_cast<void*>(out.data()), bytes.data(), bytes.size());
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

  // The error that is the session's last word.
  DeliveryError ErrorOf(Session& session) {
    const auto records = Hear(session);
    EXPECT_FALSE(records.empty());
    EXPECT_EQ(records.back().kind, RecordKind::kError);
    EXPECT_TRUE(session.finished());
    return static_cast<DeliveryError>(records.back().reason);
  }

  Instant now_{Duration{1'000'000'000'000}};  // long after boot
  WallInstant wall_{Duration{1'790'000'000'000'000'000}};
  InventedRegion region_{{}};
  JournalInADirectory place_{63, 3};
  Service service_{{.bookmark = Duration{1'000'000'000}, .subscribers = 2, .first_serial = 1},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
};

TEST_F(ServiceTest, TellsASubscriberWhatHappens) {
  service_.Join(region_.view());
  Session& session = Connect();
  Turn();
  Ask(session, RequestKind::kSubscribeFrom, 0);
  ASSERT_TRUE(region_.PushDeath(0, 42, 1));
  const auto records = Hear(session, 7);  // seven bytes at a time
  ASSERT_THAT(KindsOf(records),
              ElementsAre(RecordKind::kHello, RecordKind::kReset, RecordKind::kLiveness));
  EXPECT_EQ(records[2].endpoint, 42U);
}

TEST_F(ServiceTest, RingsForAReset) {
  int rung = 0;
  const auto bell = std::make_shared<Bell>([&rung] { ++rung; });
  service_.Enter(bell);
  service_.Join(region_.view());
  bell->LieDown();
  ASSERT_TRUE(service_.Turn(now_, wall_));
  ASSERT_EQ(service_.journal().newest(), 1U);
  EXPECT_EQ(rung, 1) << "nothing was decided, and yet there is something to be told";
  service_.Exit(bell);
}

TEST_F(ServiceTest, TellsWhatAFilterInWordsWants) {
  service_.Join(region_.view());
  Turn();
  Session& session = Connect();
  AskBy(session, RequestKind::kSubscribeNow, "liveness:dead and id:40-42");
  ASSERT_TRUE(region_.PushDeath(0, 41, 1));
  ASSERT_TRUE(region_.PushDeath(0, 43, 2));
  const auto records = Hear(session);
  ASSERT_THAT(KindsOf(records), ElementsAre(RecordKind::kHello, RecordKind::kLiveness));
  EXPECT_EQ(records[1].endpoint, 41U);
}

TEST_F(ServiceTest, RefusesAFilterThatCannotBe) {
  Session& session = Connect();
  AskBy(session, RequestKind::kSubscribeNow, "liveness:deda");
  EXPECT_EQ(ErrorOf(session), DeliveryError::kBadFilter);
}

TEST_F(ServiceTest, FiltersTheRowsOfASnapshot) {
  service_.Join(region_.view());
  for (const EndpointId id : {EndpointId{5}, EndpointId{6}}) {
    region_.view().records()[id].state.store(EndpointState{Liveness::kAlive, {}, 1}.Pack());
    region_.view().records()[id].id.store(id);
  }
  Turn();
  Session& session = Connect();
  AskBy(session, RequestKind::kSubscribeSnapshot, "id:6 or reason:retired and id:5000");
  const auto rows = Hear(session);
  ASSERT_THAT(KindsOf(rows),
              ElementsAre(RecordKind::kHello,
                          RecordKind::kSnapshotBegin,
                          RecordKind::kSnapshotRow,
                          RecordKind::kSnapshotEnd));
  EXPECT_EQ(rows[2].endpoint, 6U);
}

// Labels go by the roster's file, which may come later and change.
TEST(ServiceRoster, IsTakenUpWhenItComes) {
  const RosterOnDisk disk;
  JournalInADirectory place{63, 3};
  Service service({.first_serial = 1, .roster = disk.path()}, place.Open());
  const auto filter = service.filters().Intern("rack=r1").value();
  DeliveryRecord record;
  record.endpoint = 7;
  EXPECT_FALSE(filter->Wants(record));
  ASSERT_TRUE(disk.Load("id,rack\n7,r1\n").is_written);
  Instant now{Duration{1'000'000'000'000}};
  // It is opened on another thread: invented seconds pass until that is done.
  for (int turn = 0; turn < 1'000'000 && !filter->Wants(record); ++turn) {
    now += RosterWatch::kInterval;
    ASSERT_TRUE(service.Turn(now, WallInstant{now.time_since_epoch()}));
    std::this_thread::yield();
  }
  EXPECT_TRUE(filter->Wants(record));
  ASSERT_TRUE(disk.Load("id,rack\n8,r1\n").is_written);
  Service second({.first_serial = 1, .roster = disk.path()}, JournalInADirectory{63, 3}.Open());
  record.endpoint = 8;
  EXPECT_TRUE(second.filters().Intern("rack=r1").value()->Wants(record)) << "at once at the start";
}

TEST_F(ServiceTest, BeginsASnapshotAndGoesOnBehindIt) {
  service_.Join(region_.view());
  region_.view().records()[9].state.store(EndpointState{Liveness::kAlive, {}, 1}.Pack());
  region_.view().records()[9].id.store(5);
  Turn();
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeSnapshot);
  Turn();
  EXPECT_FALSE(session.IsStuck(now_)) << "the greeting is on its way, and the snapshot begun";
  const auto rows = Hear(session);
  ASSERT_THAT(KindsOf(rows),
              ElementsAre(RecordKind::kHello,
                          RecordKind::kSnapshotBegin,
                          RecordKind::kSnapshotRow,
                          RecordKind::kSnapshotEnd));
  EXPECT_EQ(rows[3].silence_ns, 1);
  ASSERT_TRUE(region_.PushDeath(0, 5, 1));
  EXPECT_EQ(Hear(session).front().sequence, rows[3].sequence + 1);
}

TEST_F(ServiceTest, SendsAwayWhoTalksNonsense) {
  Session& session = Connect();
  Send(session, std::array<char, 16>{'G', 'E', 'T', ' '});
  EXPECT_EQ(ErrorOf(session), DeliveryError::kBadRequest);
}

TEST_F(ServiceTest, SendsAwayASubscriberThatGoesOnTalking) {
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeNow);
  Send(session, 'x');
  EXPECT_EQ(ErrorOf(session), DeliveryError::kBadRequest);
}

TEST_F(ServiceTest, SendsAwayWhoSaysNothing) {
  Session& session = Connect();
  Send(session, 'F');
  Turn(Session::kMostPatience);
  EXPECT_TRUE(session.ready().empty());
  Turn(Duration{1});
  EXPECT_EQ(ErrorOf(session), DeliveryError::kTooSlow);
}

TEST_F(ServiceTest, RefusesAFutureSequence) {
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeFrom, 1);
  EXPECT_EQ(ErrorOf(session), DeliveryError::kFutureSequence);
}

TEST_F(ServiceTest, RefusesASnapshotOfNothing) {
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeSnapshot);
  EXPECT_EQ(ErrorOf(session), DeliveryError::kNoDataplane);
}

TEST_F(ServiceTest, MendsTheFilesBesideTheJournalOrSaysThatItCannot) {
  const std::string path = place_.options.directory + "/cursors";
  service_.KeepCursors(Cursors::Open(path, Duration{1}).value());
  Turn(Duration{});
  const auto bytes = std::filesystem::file_size(path);
  std::filesystem::remove(path);
  Turn(Service::kMendInterval);
  EXPECT_EQ(std::filesystem::file_size(path), bytes);
  EXPECT_EQ(service_.health().fault, 0);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  Turn(Service::kMendInterval);
  const Instant since = now_;
  Turn(Service::kMendInterval);
  EXPECT_EQ(service_.health().fault, EISDIR);
  EXPECT_EQ(service_.health().sync_failing_since, since);
  std::filesystem::remove(path);
  Turn(Service::kMendInterval);
  EXPECT_EQ(service_.health().fault, 0);
  EXPECT_EQ(service_.health().sync_failing_since, Instant{});
}

TEST_F(ServiceTest, CountsItsSubscribers) {
  Session& first = Connect();
  Session& second = Connect();
  Session& third = Connect();
  Ask(first, RequestKind::kSubscribeNow);
  Ask(second, RequestKind::kSubscribeNow);
  Ask(third, RequestKind::kSubscribeNow);
  EXPECT_EQ(ErrorOf(third), DeliveryError::kTooManySubscribers);
  outlet_.Close(first);
  Session& fourth = Connect();
  Ask(fourth, RequestKind::kSubscribeNow);
  EXPECT_THAT(KindsOf(Hear(fourth)), ElementsAre(RecordKind::kHello));
}

TEST_F(ServiceTest, ClosesWhoStuckUntilTheJournalHadGoneOn) {
  service_.Join(region_.view());
  Turn();
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeFrom, 0);
  session.Sent(session.ready().size(), now_);
  Turn();
  ASSERT_FALSE(session.ready().empty());  // and is never sent
  for (EndpointId id = 1; id < 500; ++id) {
    EXPECT_FALSE(session.IsStuck(now_) && service_.journal().oldest() == 1);
    ASSERT_TRUE(region_.PushDeath(0, id, 1));
    Turn();
  }
  EXPECT_TRUE(session.IsStuck(now_));
}

TEST_F(ServiceTest, TakesItsPlaceFromASnapshotThatNobodyReads) {
  service_.Join(region_.view());
  region_.view().records()[9].id.store(5);
  Turn();
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeSnapshot);
  session.Sent(session.ready().size(), now_);
  Turn();
  ASSERT_FALSE(session.ready().empty());  // and is never sent
  Turn(Session::kMostPatience);
  EXPECT_FALSE(session.IsStuck(now_));
  Turn(Duration{1});
  EXPECT_TRUE(session.IsStuck(now_));
  session.Sent(1, now_);
  EXPECT_FALSE(session.IsStuck(now_)) << "slow is not stuck";
}

TEST_F(ServiceTest, EndsASnapshotWhoseRegionGoesAway) {
  service_.Join(region_.view());
  region_.view().records()[9].id.store(5);
  Turn();
  Session& session = Connect();
  Ask(session, RequestKind::kSubscribeSnapshot);
  session.Sent(session.ready().size(), now_);
  Turn();
  ASSERT_FALSE(session.ready().empty());
  service_.Leave();
  EXPECT_EQ(ErrorOf(session), DeliveryError::kTooSlow);
}

TEST_F(ServiceTest, LetsOnlyLocalConnectionsAdminister) {
  service_.Join(region_.view());
  DeliveryRequest request;
  request.kind = RequestKind::kAdminister;
  request.count = 1;
  const AdminEntry entry{.id = 77, .command = 1};
  Session& remote = Connect(Session::Origin::kTcp);
  Send(remote, request);
  Send(remote, entry);
  EXPECT_EQ(ErrorOf(remote), DeliveryError::kNotPermitted);

  Session& local = Connect();
  for (int round = 0; round < 2; ++round) {  // one request after another
    Send(local, request);
    Send(local, entry);
    Turn();
    ASSERT_EQ(region_.TakeCommands(0, 10, CommandStatus::kDone).size(), 1U);
    const auto answers = Hear(local);
    ASSERT_THAT(KindsOf(answers), ElementsAre(RecordKind::kCommandResult));
    EXPECT_EQ(answers[0].endpoint, 77U);
  }
}

TEST_F(ServiceTest, TakesTwoRequestsSentAtOnce) {
  service_.Join(region_.view());
  Session& session = Connect();
  std::vector<std::byte> bytes;
  for (EndpointId id = 1; id <= 2; ++id) {
    DeliveryRequest request;
    request.kind = RequestKind::kAdminister;
    request.count = 1;
    const AdminEntry entry{.id = id, .command = 2};
    for (const auto& raw :
         {std::as_bytes(std::span{&request, 1}).subspan(0), std::as_bytes(std::span{&entry, 1})}) {
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
  }
  session.Receive(bytes, now_, wall_);
  std::size_t answers = 0;
  for (int round = 0; round < 4; ++round) {
    Turn();
    region_.TakeCommands(0, 10, CommandStatus::kUnknownEndpoint);
    answers += Hear(session).size();
  }
  EXPECT_EQ(answers, 2U);
}

}  // namespace
}  // namespace flatline
