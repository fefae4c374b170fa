// Summary subscribers over a real journal and an invented region: sessions with bytes and invented
// time. What is told is what is in the table, as of the sequence that is told.
#include "control/delivery/census_taker.h"

#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"
#include "tests/control/roster/roster_on_disk.h"

#include <flatline/crc32c.h>
#include <flatline/names.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kInterval{500'000'000};

class CensusTakerTest : public testing::Test {
 protected:
  void SetUp() override { service_.Join(region_.view()); }

  void Turn(Duration later = Duration{1'000'000}) {
    now_ += later;
    ASSERT_TRUE(service_.Turn(now_, WallInstant{now_.time_since_epoch()}));
    outlet_.Turn(now_, WallInstant{now_.time_since_epoch()});
  }

  Session& Ask(const std::string& text,
               RequestKind kind = RequestKind::kSubscribeNow,
               const std::vector<Group>& groups = {},
               std::uint32_t options = 0) {
    DeliveryRequest request;
    request.kind = kind;
    request.text_bytes = static_cast<std::uint32_t>(text.size());
    request.count = static_cast<std::uint32_t>(groups.size());
    request.options = options;
    Session& session = outlet_.Open(Session::Origin::kTcp, now_);
    const WallInstant wall{now_.time_since_epoch()};
    session.Receive(std::as_bytes(std::span{&request, 1}), now_, wall);
    if (!groups.empty()) {
      session.Receive(std::as_bytes(std::span{groups}), now_, wall);
    }
    session.Receive(std::as_bytes(std::span{text}), now_, wall);
    return session;
  }

  // What comes in so long: "7: 2 alive 1 dead" for each group, "all: …" at the end, "?" behind
  // where it is unsettled.
  std::vector<std::string> Hear(Session& session, Duration during) {
    std::vector<std::string> out;
    NameReader names;
    for (const Instant end = now_ + during; now_ < end; Turn()) {
      const auto ready = session.ready();
      for (std::size_t at = 0; at < ready.size(); at += sizeof(DeliveryRecord)) {
        DeliveryRecord record;
        std::memcpy(static_cast<void*>(&record), &ready[at], sizeof(record));
        EXPECT_EQ(record.crc, SealOf(record));
        last_ = record;
        if (names.Take(record) && record.kind == RecordKind::kSummary) {
          out.push_back(TextOf(record, names.name()));
        }
      }
      session.Sent(ready.size(), now_);
    }
    return out;
  }

  static std::string TextOf(const DeliveryRecord& record, std::string_view name) {
    const SummaryCounts counts = ReadSummary(record);
    std::string out = record.to != 0 ? "all:" : std::to_string(record.group) + ":";
    out += name.empty() ? "" : " (" + std::string(name) + ")";
    for (std::size_t i = 0; i < kLivenessNames.size(); ++i) {
      if (counts.liveness[i] != 0) {
        out += " " + std::to_string(counts.liveness[i]) + " " + std::string(kLivenessNames[i]);
      }
    }
    out += counts.failing == 0 ? "" : " " + std::to_string(counts.failing) + " failing";
    return out + ((record.reason & kSummaryUnsettled) != 0 ? "?" : "");
  }

  void Put(Slot slot, Liveness liveness, Group group, Health health = Health::kReady) const {
    region_.view().groups()[slot].store(group);
    region_.view().records()[slot].state.store(EndpointState{liveness, health, 1}.Pack());
    region_.view().records()[slot].id.store(1000 + slot);
  }

  // As a dataplane does: told, then changed.
  void Change(Slot slot, Liveness to, Reason reason = Reason::kNone) {
    EndpointRecord& record = region_.view().records()[slot];
    auto state = EndpointState::Unpack(record.state.load());
    Transition told;
    told.at = now_;
    told.slot = slot;
    told.id = record.id.load();
    told.group = region_.view().groups()[slot].load();
    told.from = static_cast<std::uint8_t>(state.liveness);
    told.to = static_cast<std::uint8_t>(to);
    told.liveness = to;
    told.health = state.health;
    told.reason = reason;
    ASSERT_TRUE(region_.Push(0, told));
    state.liveness = to;
    record.state.store(state.Pack());
    if (reason == Reason::kRetired) {
      record.id.store(kNoEndpoint);
    }
    region_.Published(0, now_.time_since_epoch().count());
  }

  DeliveryRecord last_;
  Instant now_{Duration{1'000'000'000'000}};
  InventedRegion region_{{}};
  JournalInADirectory place_{63, 3};
  Service service_{{.bookmark = Duration{3'600'000'000'000}, .subscribers = 99, .first_serial = 1},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
};

TEST_F(CensusTakerTest, TellsEachGroupAndTheirSumAtTheInterval) {
  Put(1, Liveness::kAlive, 7);
  Put(2, Liveness::kAlive, 7, Health::kFailing);
  Put(3, Liveness::kDead, 9);
  Turn();
  Session& session = Ask("summary=500\n");
  Session& one_group = Ask("summary=500\n", RequestKind::kSubscribeNow, {9, 5});
  EXPECT_THAT(Hear(session, kInterval / 2),
              ElementsAre("7: 2 alive 1 failing", "9: 1 dead", "all: 2 alive 1 dead 1 failing"));
  EXPECT_EQ(last_.sequence, service_.journal().newest());
  EXPECT_THAT(Hear(one_group, Duration{2'000'000}), ElementsAre("5:", "9: 1 dead", "all: 1 dead"));
  Change(2, Liveness::kSuspect);
  Change(3, Liveness::kAlive);
  const auto heard = Hear(session, kInterval);
  EXPECT_THAT(heard, ElementsAre("7: 1 alive 1 suspect", "9: 1 alive", "all: 2 alive 1 suspect"));
  EXPECT_EQ(last_.sequence, service_.journal().newest());
  Change(1, Liveness::kUnknown, Reason::kRetired);
  EXPECT_EQ(Hear(session, 3 * kInterval).size(), 9U) << "as often as was asked for";
  EXPECT_EQ(service_.administration().results(), 0U);
}

TEST_F(CensusTakerTest, CountsAnewWhatChangedInSilence) {
  Put(1, Liveness::kAlive, 7);
  Turn();
  Session& session = Ask("summary=500\n");
  EXPECT_THAT(Hear(session, kInterval / 2), ElementsAre("7: 1 alive", "all: 1 alive"));
  // Enrolled by command, into a slot, and another one moved: the results are all that is told.
  const auto batch =
      service_.administration().Submit({AdminEntry{.id = 1002, .group = 8, .command = 1},
                                        AdminEntry{.id = 1001, .group = 8, .command = 1}});
  Turn();
  ASSERT_EQ(region_.TakeCommands(0, 9, CommandStatus::kDone).size(), 2U);
  Put(2, Liveness::kUnknown, 8);
  region_.view().groups()[1].store(8);
  const auto heard = Hear(session, 4 * CensusTaker::kLeastPause);
  ASSERT_GE(heard.size(), 4U);
  EXPECT_EQ(heard[0], "7: 1 alive?") << "known to be in doubt";
  EXPECT_EQ(heard[heard.size() - 2], "8: 1 unknown 1 alive");
  EXPECT_EQ(heard.back(), "all: 1 unknown 1 alive");
}

TEST_F(CensusTakerTest, GoesOnThroughAResetAndALostJournal) {
  Put(1, Liveness::kAlive, 7);
  Turn();
  Session& session = Ask("summary=500\n");
  Hear(session, kInterval);
  // Not looked at while the journal goes on past all that it retains.
  for (int i = 0; i < 300; ++i) {
    Change(1, i % 2 == 0 ? Liveness::kSuspect : Liveness::kAlive);
    now_ += Duration{1'000'000};
    ASSERT_TRUE(service_.Turn(now_, WallInstant{now_.time_since_epoch()}));
  }
  const auto heard = Hear(session, 4 * CensusTaker::kLeastPause);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), "all: 1 alive");
  InventedRegion another({}, 1'800'000'000);
  service_.Leave();
  service_.Join(another.view());
  const auto after = Hear(session, 4 * CensusTaker::kLeastPause);
  ASSERT_FALSE(after.empty());
  EXPECT_EQ(after.back(), "all:");
  service_.Leave();
}

TEST_F(CensusTakerTest, GroupsHaveTheirNames) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded("id,name,group\n1001,web-1,hall-b\n");
  service_.filters().Follow(roster);
  const Group group = roster->group(0);
  Put(1, Liveness::kAlive, group);
  Turn();
  Session& session = Ask("summary=500\n", RequestKind::kSubscribeNow, {}, kWantNames);
  EXPECT_THAT(Hear(session, kInterval / 2),
              ElementsAre(std::to_string(group) + ": (hall-b) 1 alive", "all: 1 alive"));
}

TEST_F(CensusTakerTest, CountsThoseWhomTheFilterNames) {
  for (Slot slot = 1; slot <= 6; ++slot) {
    Put(slot, Liveness::kAlive, slot % 2 == 0 ? 7 : 9);
  }
  Turn();
  Session& ids = Ask("summary=500\nfilter=id:1001-1003\n");
  Session& mixed = Ask("summary=500\nfilter=group:7 and not id:1002 or id:1005\n");
  Session& profile = Ask("summary=500\nfilter=profile:2\n");
  Session& everybody = Ask("summary=500\n");
  Session& one_group = Ask("summary=500\nfilter=id:1001-1003\n", RequestKind::kSubscribeNow, {9});
  for (Session* const session : {&ids, &mixed, &profile, &everybody, &one_group}) {
    EXPECT_THAT(Hear(*session, Duration{1'000'000}), IsEmpty()) << "greeted, and no more yet";
  }
  EXPECT_THAT(Hear(ids, kInterval / 2), ElementsAre("7: 1 alive", "9: 2 alive", "all: 3 alive"));
  EXPECT_THAT(Hear(mixed, Duration{2'000'000}),
              ElementsAre("7: 2 alive", "9: 1 alive", "all: 3 alive"));
  EXPECT_THAT(Hear(profile, Duration{2'000'000}), ElementsAre("all:"));
  EXPECT_THAT(Hear(one_group, Duration{2'000'000}), ElementsAre("9: 2 alive", "all: 2 alive"));
  EXPECT_THAT(Hear(everybody, Duration{2'000'000}),
              ElementsAre("7: 3 alive", "9: 3 alive", "all: 6 alive"));
  Change(1, Liveness::kDead);
  Change(4, Liveness::kSuspect);
  Change(6, Liveness::kUnknown, Reason::kRetired);
  EXPECT_THAT(Hear(ids, kInterval),
              ElementsAre("7: 1 alive", "9: 1 alive 1 dead", "all: 2 alive 1 dead"));
  EXPECT_THAT(Hear(mixed, Duration{2'000'000}),
              ElementsAre("7: 1 suspect", "9: 1 alive", "all: 1 alive 1 suspect"));
}

TEST_F(CensusTakerTest, FollowsTheRosterWithItsLabels) {
  const RosterOnDisk disk;
  service_.filters().Follow(disk.Loaded("id,name,rack\n1001,a,r7\n1002,b,r8\n"));
  Put(1, Liveness::kAlive, 7);
  Put(2, Liveness::kDead, 7);
  Turn();
  Session& session = Ask("summary=500\nfilter=rack=r7\n");
  EXPECT_THAT(Hear(session, kInterval / 2), ElementsAre("7: 1 alive", "all: 1 alive"));
  service_.filters().Follow(disk.Loaded("id,name,rack\n1001,a,r8\n1002,b,r7\n"));
  const auto heard = Hear(session, 4 * CensusTaker::kLeastPause);
  ASSERT_GE(heard.size(), 4U);
  EXPECT_EQ(heard[0], "7: 1 alive?") << "known to be in doubt";
  EXPECT_EQ(heard.back(), "all: 1 dead");
  Change(2, Liveness::kAlive);
  EXPECT_THAT(Hear(session, kInterval), ElementsAre("7: 1 alive", "all: 1 alive"));
}

TEST_F(CensusTakerTest, ARosterThatComesWhileItIsCountedMakesItBeginAnew) {
  const RosterOnDisk disk;
  service_.filters().Follow(disk.Loaded("id,name,rack\n1001,a,r7\n"));
  Put(1, Liveness::kAlive, 7);
  Put(2, Liveness::kDead, 7);
  Session& session = Ask("summary=500\nfilter=rack=r7\n");  // before there is a turn
  outlet_.Turn(now_ += Duration{1}, WallInstant{now_.time_since_epoch()});
  service_.filters().Follow(disk.Loaded("id,name,rack\n1002,b,r7\n"));
  const auto heard = Hear(session, 4 * CensusTaker::kLeastPause);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.front(), "7: 1 dead") << "nothing by the roster before";
}

TEST_F(CensusTakerTest, ACensusForEachFilterAndNoMoreThanThereMayBe) {
  Turn();
  std::vector<Session*> sessions;
  for (std::size_t i = 0; i < Publisher::kMostCensuses; ++i) {
    sessions.push_back(&Ask("summary=500\nfilter=id:" + std::to_string(i + 1) + "\n"));
    EXPECT_FALSE(sessions.back()->finished()) << i;
  }
  Session& same = Ask("summary=700\nfilter=id:1\n");
  Hear(same, kInterval / 50);
  EXPECT_FALSE(same.finished()) << "the same filter";
  Session& more = Ask("summary=500\nfilter=id:9999\n");
  Hear(more, kInterval / 50);
  EXPECT_TRUE(more.finished());
  EXPECT_EQ(static_cast<DeliveryError>(last_.reason), DeliveryError::kTooManySubscribers);
  outlet_.Close(*sessions[1]);
  Session& again = Ask("summary=500\nfilter=id:9999\n");
  EXPECT_FALSE(Hear(again, kInterval / 2).empty()) << "room again";
}

TEST_F(CensusTakerTest, RefusesWhatItCannotGoBy) {
  const auto text_of = [](const DeliveryRecord& error) {
    return std::string(reinterpret_cast<const char*>(&error) + kErrorTextOffset, kErrorTextSize)
               .c_str() +
           std::string{};
  };
  for (const auto& [text, why] :
       {std::pair{"cursor=billing\n", "summary: from now on only, no cursor"},
        {"filter=liveness:dead\n", "summary: no filter by liveness:"},
        {"filter=id:7 or not health:failing\n", "summary: no filter by health:"},
        {"filter=reason:retired\n", "summary: no filter by reason:"},
        {"filter=change:health\n", "summary: no filter by change:"},
        {"filter=group:7 and mark:none\n", "summary: no filter by mark:"},
        {"filter=rack==\n", "column"}}) {
    Session& session = Ask(std::string("summary=500\n") + text);
    EXPECT_THAT(Hear(session, kInterval), IsEmpty());
    EXPECT_EQ(last_.kind, RecordKind::kError) << text;
    EXPECT_THAT(text_of(last_), testing::StartsWith(why)) << text;
    EXPECT_TRUE(session.finished());
  }
  Session& session = Ask("summary=500\n", RequestKind::kSubscribeSnapshot);
  EXPECT_THAT(Hear(session, kInterval), IsEmpty());
  EXPECT_EQ(last_.kind, RecordKind::kError);
}

TEST_F(CensusTakerTest, IsGoneWithItsLastSubscriber) {
  Put(1, Liveness::kAlive, 7);
  Turn();
  for (int round = 0; round < 20; ++round) {
    Session& first = Ask("summary=1\n");
    Session& second = Ask("summary=1000\n");
    EXPECT_FALSE(Hear(first, kInterval / 50).empty()) << round;
    outlet_.Close(first);
    EXPECT_FALSE(Hear(second, kInterval / 50).empty()) << round;
    outlet_.Close(second);
  }
  Turn();
  EXPECT_EQ(outlet_.sessions(), 0U);
}

}  // namespace
}  // namespace flatline
