// Many of a group, or of the fleet, that fall silent together: when it is told, with which numbers
// and which cause, when it is over, and that what was told is known after a restart.
#include "control/commentary/mass_failures.h"

#include "tests/control/invented_region.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr auto kAlive = static_cast<std::uint8_t>(Liveness::kAlive);
constexpr auto kSuspect = static_cast<std::uint8_t>(Liveness::kSuspect);
constexpr auto kDead = static_cast<std::uint8_t>(Liveness::kDead);

// Endpoint i, from 1, is in group 1 + (i - 1) / 100 and heard on a port; 1,000 of them.
class MassFailuresTest : public testing::Test {
 protected:
  static constexpr EndpointId kFleet = 1000;

  MassFailuresTest() {
    for (EndpointId id = 1; id <= kFleet; ++id) {
      region_.view().records()[id - 1].id.store(id);
      region_.view().records()[id - 1].state.store(
          EndpointState{Liveness::kAlive, Health::kReady, 1}.Pack());
      region_.view().groups()[id - 1].store(GroupOf(id));
    }
    HeardOn([](EndpointId) { return std::uint8_t{0}; });
  }

  static Group GroupOf(EndpointId id) { return static_cast<Group>(1 + (id - 1) / 100); }

  template <typename Port>
  void HeardOn(const Port& port) {
    for (EndpointId id = 1; id <= kFleet; ++id) {
      region_.view().addresses()[id - 1].port = port(id);
    }
    members_.Forget();
    while (!members_.Turn(region_.view(), now_)) {
    }
  }

  void Take(EndpointId id, std::uint8_t from, std::uint8_t to) {
    DeliveryRecord record;
    record.endpoint = id;
    record.group = GroupOf(id);
    record.from = from;
    record.to = to;
    record.at_ns = now_ns_;
    marked_ = failures_.IsPartOf(record);
    failures_.Take(record, PortOf(region_.view(), static_cast<Slot>(id - 1)), members_);
  }

  void Fall(EndpointId first, EndpointId last) {
    for (EndpointId id = first; id <= last; ++id) {
      Take(id, kAlive, kSuspect);
    }
  }

  // What is told of a group, and nothing of others.
  DeliveryRecord OnlyNews() {
    const auto news = failures_.TakeNews();
    EXPECT_EQ(news.size(), 1U);
    return news.empty() ? DeliveryRecord{} : news.front();
  }

  std::int64_t now_ns_ = 1'000 * kSecond;
  Instant now_{Duration{1'000 * kSecond}};
  InventedRegion region_{{.slots_per_worker = 1024}};
  Membership members_;
  MassFailures failures_{{.group_share_ppm = 500'000,
                          .fleet_share_ppm = 200'000,
                          .least_endpoints = 10,
                          .window = Duration{10 * kSecond}}};
  bool marked_ = false;
};

TEST_F(MassFailuresTest, CountsItsMembers) {
  EXPECT_EQ(members_.Of(3), 100U);
  EXPECT_EQ(members_.Of(99), 0U);
  EXPECT_EQ(members_.Of(kNoGroup), kFleet);
  EXPECT_EQ(members_.OnPort(0), kFleet);
  EXPECT_EQ(members_.OnPort(200), 0U);
}

TEST_F(MassFailuresTest, TellsOfAGroupOnceWithNumbersAndMarksTheRest) {
  Fall(101, 149);
  EXPECT_TRUE(failures_.TakeNews().empty());
  EXPECT_FALSE(marked_);
  Fall(150, 150);
  const DeliveryRecord told = OnlyNews();
  EXPECT_EQ(told.kind, RecordKind::kGroup);
  EXPECT_EQ(told.reason, static_cast<std::uint8_t>(Reason::kMassFailure));
  EXPECT_EQ(told.group, 2U);
  EXPECT_EQ(told.to, 1);
  EXPECT_EQ(told.incarnation, 50U);
  EXPECT_EQ(told.heartbeat_sequence, 100U);
  Take(101, kSuspect, kDead);
  EXPECT_TRUE(marked_);
  Take(501, kAlive, kSuspect);
  EXPECT_FALSE(marked_) << "another group";
  Fall(151, 200);
  EXPECT_TRUE(failures_.TakeNews().empty()) << "told already";
}

TEST_F(MassFailuresTest, IsOverWhenHalfOfTheShareIsLeft) {
  Fall(101, 160);
  ASSERT_EQ(OnlyNews().to, 1);
  now_ns_ += 100 * kSecond;  // a window does not end it
  for (EndpointId id = 101; id <= 135; ++id) {
    Take(id, kSuspect, kAlive);
  }
  EXPECT_TRUE(failures_.TakeNews().empty()) << "25 are silent";
  Take(136, kDead, kAlive);
  const DeliveryRecord told = OnlyNews();
  EXPECT_EQ(told.to, 0);
  EXPECT_EQ(told.incarnation, 24U);
  EXPECT_EQ(told.silence_ns, 100 * kSecond);
  Take(137, kSuspect, kDead);
  EXPECT_FALSE(marked_);
}

TEST_F(MassFailuresTest, OneAfterTheOtherIsNoMassFailure) {
  for (EndpointId id = 101; id <= 200; ++id) {
    now_ns_ += kSecond;
    Take(id, kAlive, kSuspect);
  }
  EXPECT_TRUE(failures_.TakeNews().empty());
}

TEST_F(MassFailuresTest, WhoComesBackAtOnceWasNotSilent) {
  for (int round = 0; round < 10; ++round) {
    Fall(101, 130);
    for (EndpointId id = 101; id <= 130; ++id) {
      Take(id, kSuspect, kAlive);
    }
  }
  EXPECT_TRUE(failures_.TakeNews().empty());
}

TEST_F(MassFailuresTest, ASmallGroupHasNone) {
  for (EndpointId id = 1; id <= 991; ++id) {
    region_.view().records()[id - 1].id.store(kNoEndpoint);
  }
  HeardOn([](EndpointId) { return std::uint8_t{0}; });
  ASSERT_EQ(members_.Of(10), 9U);
  Fall(992, 1000);
  EXPECT_TRUE(failures_.TakeNews().empty());
}

TEST_F(MassFailuresTest, TheCauseIsWhatTheFallenHaveInCommon) {
  const auto cause_of = [this](EndpointId first, EndpointId last) {
    MassFailures fresh({.group_share_ppm = 500'000,
                        .fleet_share_ppm = 0,
                        .least_endpoints = 10,
                        .window = Duration{10 * kSecond}});
    failures_ = fresh;
    Fall(first, last);
    const auto news = failures_.TakeNews();
    return news.empty() ? GroupCause::kUnclear : static_cast<GroupCause>(news.back().from);
  };
  HeardOn([](EndpointId id) { return static_cast<std::uint8_t>(id % 2); });
  EXPECT_EQ(cause_of(101, 200), GroupCause::kSharedDomain) << "over both ports";
  HeardOn([](EndpointId id) { return static_cast<std::uint8_t>(id <= 500 ? 0 : 1); });
  EXPECT_EQ(cause_of(101, 200), GroupCause::kPath) << "one group of five on its port";
  EXPECT_EQ(cause_of(1, 500), GroupCause::kOwnPort) << "all of the port";
  HeardOn([](EndpointId) { return kNoPort; });
  EXPECT_EQ(cause_of(101, 200), GroupCause::kUnclear);
}

TEST_F(MassFailuresTest, TellsOfTheFleet) {
  for (EndpointId id = 5; id <= 1000; id += 5) {  // a fifth of every group
    Take(id, kAlive, kSuspect);
  }
  const DeliveryRecord told = OnlyNews();
  EXPECT_EQ(told.group, kNoGroup);
  EXPECT_EQ(told.incarnation, 200U);
  EXPECT_EQ(told.heartbeat_sequence, kFleet);
  EXPECT_EQ(static_cast<GroupCause>(told.from), GroupCause::kFleet);
}

TEST_F(MassFailuresTest, KnowsAfterARestartWhatWasTold) {
  Fall(101, 160);
  const DeliveryRecord begin = OnlyNews();
  MassFailures successor({.group_share_ppm = 500'000,
                          .fleet_share_ppm = 0,
                          .least_endpoints = 10,
                          .window = Duration{10 * kSecond}});
  failures_ = successor;
  const Membership none;
  for (EndpointId id = 101; id <= 160; ++id) {
    DeliveryRecord record;
    record.endpoint = id;
    record.group = 2;
    record.from = kAlive;
    record.to = kSuspect;
    record.at_ns = now_ns_;
    failures_.Take(record, kNoPort, none);
  }
  MassFailures untold = failures_;
  failures_.Take(begin, kNoPort, none);
  failures_.JudgeAll(now_ns_, members_);
  EXPECT_TRUE(failures_.TakeNews().empty());
  Take(161, kAlive, kSuspect);
  EXPECT_TRUE(marked_);
  untold.JudgeAll(now_ns_, members_);
  ASSERT_EQ(untold.TakeNews().size(), 1U) << "killed before it was journaled";
}

TEST_F(MassFailuresTest, AResetVoidsAll) {
  Fall(101, 160);
  ASSERT_EQ(OnlyNews().to, 1);
  DeliveryRecord reset;
  reset.kind = RecordKind::kReset;
  failures_.Take(reset, kNoPort, members_);
  Take(161, kAlive, kSuspect);
  EXPECT_FALSE(marked_);
}

}  // namespace
}  // namespace flatline
