// Counts kept from transitions against a fleet that is counted in full: after any run of changes
// they are the same, or the census says that it is unsettled, and is the same when taken anew.
#include "control/delivery/census.h"

#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

struct Member {
  Group group = kNoGroup;
  Liveness liveness = Liveness::kUnknown;
  Health health = Health::kUnknown;
};

// Does what a dataplane does, and tells what a dataplane tells.
class Fleet {
 public:
  explicit Fleet(unsigned seed) : random_(seed) {}

  // One change. What is silent is so told: true.
  bool Step(Census& census) {
    if (members_.size() < 3 || Chance(6)) {
      return Enrol(census);
    }
    auto at = std::next(members_.begin(), static_cast<std::ptrdiff_t>(random_() % members_.size()));
    Member& member = at->second;
    if (Chance(400)) {
      members_.clear();
      DeliveryRecord reset;
      reset.kind = RecordKind::kReset;
      census.Take(reset);
    } else if (Chance(60)) {
      member.group = SomeGroup();
      return true;
    } else if (Chance(10)) {
      Tell(at->first, member, {Liveness::kUnknown, member.health, Reason::kRetired}, census);
      members_.erase(at);
    } else {
      Change(at->first, member, census);
    }
    return false;
  }

  [[nodiscard]] Census CountedInFull() const {
    Census out;
    for (const auto& [id, member] : members_) {
      DeliveryRecord row;
      row.kind = RecordKind::kSnapshotRow;
      row.endpoint = id;
      row.group = member.group;
      row.to = static_cast<std::uint8_t>(member.liveness);
      row.health = member.health;
      out.Count(row);
    }
    return out;
  }

 private:
  [[nodiscard]] bool Chance(unsigned of) { return random_() % of == 0; }

  [[nodiscard]] Group SomeGroup() { return random_() % 4; }

  [[nodiscard]] Health SomeHealth() { return static_cast<Health>(random_() % 4); }

  bool Enrol(Census& census) {
    const EndpointId id = next_id_++;
    Member& member = members_[id];
    member.group = SomeGroup();
    if (Chance(5)) {
      return true;  // by command: in silence
    }
    Tell(id, member, {Liveness::kAlive, SomeHealth(), Reason::kFirstHeartbeat}, census);
    return false;
  }

  void Change(EndpointId id, Member& member, Census& census) {
    const Health health = member.health;
    switch (member.liveness) {
      case Liveness::kUnknown:
        Chance(2)
            ? Tell(id, member, {Liveness::kDead, health, Reason::kNeverHeard}, census)
            : Tell(id, member, {Liveness::kAlive, SomeHealth(), Reason::kFirstHeartbeat}, census);
        break;
      case Liveness::kAlive:
        if (Chance(3)) {
          TellHealth(id, member, census);
        } else if (Chance(20)) {
          Tell(id, member, {Liveness::kAlive, SomeHealth(), Reason::kRestarted}, census);
        } else if (Chance(4)) {
          Tell(id, member, {Liveness::kLeft, health, Reason::kLeaveReceived}, census);
        } else {
          Tell(id, member, {Liveness::kSuspect, health, Reason::kDeadlineMissed}, census);
        }
        break;
      case Liveness::kSuspect:
        Chance(2)
            ? Tell(id, member, {Liveness::kDead, health, Reason::kNotConfirmed}, census)
            : Tell(id, member, {Liveness::kAlive, SomeHealth(), Reason::kHeartbeatResumed}, census);
        break;
      default:
        Tell(id, member, {Liveness::kAlive, SomeHealth(), Reason::kRestarted}, census);
    }
  }

  // Where liveness and health change together, the record tells the health after.
  struct Next {
    Liveness to;
    Health health;
    Reason reason;
  };

  static void Tell(EndpointId id, Member& member, const Next& next, Census& census) {
    DeliveryRecord record;
    record.kind = RecordKind::kLiveness;
    record.endpoint = id;
    record.group = member.group;
    record.from = static_cast<std::uint8_t>(member.liveness);
    record.to = static_cast<std::uint8_t>(next.to);
    record.health = next.health;
    record.reason = static_cast<std::uint8_t>(next.reason);
    census.Take(record);
    member.liveness = next.to;
    member.health = next.health;
  }

  void TellHealth(EndpointId id, Member& member, Census& census) {
    const auto next = static_cast<Health>((static_cast<unsigned>(member.health) + 1) % 4);
    DeliveryRecord record;
    record.kind = RecordKind::kHealth;
    record.endpoint = id;
    record.group = member.group;
    record.from = static_cast<std::uint8_t>(member.health);
    record.to = static_cast<std::uint8_t>(next);
    record.health = next;
    census.Take(record);
    member.health = next;
  }

  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random_;
  std::map<EndpointId, Member> members_;
  EndpointId next_id_ = 1;
};

void ExpectSame(const Census& kept, const Census& counted) {
  ASSERT_EQ(kept.groups(), counted.groups());
  for (const Group group : counted.groups()) {
    EXPECT_EQ(kept.Of(group), counted.Of(group)) << "group " << group;
  }
}

TEST(Census, IsAFullCountAfterAnyRunOfTransitions) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Fleet fleet(seed);
  Census kept;
  unsigned settled = 0;
  unsigned anew = 0;
  bool is_moved = false;
  for (int step = 0; step < 40'000 && !testing::Test::HasFailure(); ++step) {
    const bool is_silent = fleet.Step(kept);
    is_moved = is_moved || is_silent;
    if (is_silent) {
      kept.Unsettle();
    }
    const Census counted = fleet.CountedInFull();
    if (kept.is_settled()) {
      ++settled;
      ExpectSame(kept, counted);
    } else if (!is_moved) {
      // In doubt are unknown and health only.
      for (const Group group : counted.groups()) {
        for (const Liveness sure : {Liveness::kAlive, Liveness::kSuspect, Liveness::kDead}) {
          EXPECT_EQ(kept.Of(group).of(sure), counted.Of(group).of(sure));
        }
      }
    }
    if (step % 16 == 0 && !kept.is_settled()) {
      kept = counted;
      is_moved = false;
      ++anew;
    }
  }
  EXPECT_GT(settled, 1'000U);
  EXPECT_GT(anew, 100U);
}

TEST(Census, LosesNothingToAFleetThatOnlyFailsAndRecovers) {
  Census census;
  DeliveryRecord record;
  record.kind = RecordKind::kLiveness;
  record.group = 7;
  const auto tell = [&](Liveness from, Liveness to, Reason reason, Health health) {
    record.from = static_cast<std::uint8_t>(from);
    record.to = static_cast<std::uint8_t>(to);
    record.reason = static_cast<std::uint8_t>(reason);
    record.health = health;
    census.Take(record);
  };
  tell(Liveness::kUnknown, Liveness::kAlive, Reason::kFirstHeartbeat, Health::kReady);
  tell(Liveness::kAlive, Liveness::kSuspect, Reason::kDeadlineMissed, Health::kReady);
  tell(Liveness::kSuspect, Liveness::kDead, Reason::kNotConfirmed, Health::kReady);
  tell(Liveness::kDead, Liveness::kAlive, Reason::kHeartbeatResumed, Health::kFailing);
  EXPECT_TRUE(census.is_settled());
  EXPECT_EQ(census.Of(7).of(Liveness::kAlive), 1U);
  EXPECT_EQ(census.Of(7).failing, 1U);
  EXPECT_EQ(census.Of(7).endpoints(), 1U);
  EXPECT_EQ(census.Of(8), SummaryCounts{});
  tell(Liveness::kAlive, Liveness::kUnknown, Reason::kRetired, Health::kFailing);
  EXPECT_TRUE(census.groups().empty());
  tell(Liveness::kAlive, Liveness::kSuspect, Reason::kDeadlineMissed, Health::kReady);
  EXPECT_FALSE(census.is_settled()) << "of whom it never heard";
}

}  // namespace
}  // namespace flatline
