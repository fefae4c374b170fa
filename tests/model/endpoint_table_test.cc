// The table against sets of slots, with random enrolments, retirements, changes of state and
// passing horizons.
#include "dataplane/endpoint_table.h"

#include <map>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::size_t kSlots = std::size_t{24} * kBlockSlots;
constexpr Slot kFirst = 3 * kSlots;  // the fourth shard of a region
constexpr ProfileId kProfiles = 5;

struct Memory {
  std::vector<EndpointRecord> records = std::vector<EndpointRecord>(kSlots);
  std::vector<std::atomic<Group>> groups = std::vector<std::atomic<Group>>(kSlots);
  std::vector<SourceAddress> addresses = std::vector<SourceAddress>(kSlots);

  ShardSlots slots() { return {records, groups, addresses, kFirst}; }
};

class TableAndModel {
 public:
  explicit TableAndModel(std::uint64_t seed)
      : random_(seed), table_(EndpointTable::Create(memory_.slots()).value()) {}

  void Step() {
    ++now_;
    if (random_() % 4 == 0) {
      horizon_ = now_ - static_cast<std::int64_t>(random_() % 20);
    }
    horizon_ = std::max(horizon_, last_horizon_);
    last_horizon_ = horizon_;
    table_.Reclaim(At(now_), At(horizon_), random_() % 8);
    const std::uint64_t what = random_() % 100;
    if (what < (now_ / 3000 % 2 == 0 ? 80U : 25U)) {
      Enrol();
    } else if (what < 90) {
      Retire();
    } else {
      ChangeState();
    }
  }

  // What a successor makes of the records is what they say.
  void Compare() {
    auto rebuilt = EndpointTable::Create(memory_.slots()).value();
    for (std::uint32_t block = 0; block < rebuilt.block_count(); ++block) {
      rebuilt.RebuildBlock(block);
    }
    rebuilt.RebuildLists();
    EXPECT_EQ(rebuilt.size(), taken_.size());
    EXPECT_EQ(table_.size(), taken_.size());
    std::map<Liveness, std::uint64_t> counts;
    for (const auto& [slot, state] : taken_) {
      ++counts[state.liveness];
      EXPECT_EQ(table_.ProfileOf(table_.BlockOf(slot)), state.profile);
      EXPECT_EQ(rebuilt.ProfileOf(table_.BlockOf(slot)), state.profile);
    }
    for (const Liveness liveness : {Liveness::kUnknown, Liveness::kAlive, Liveness::kDead}) {
      EXPECT_EQ(table_.count(liveness), counts[liveness]);
      EXPECT_EQ(rebuilt.count(liveness), counts[liveness]);
    }
    for (std::uint32_t block = 0; block < table_.block_count(); ++block) {
      EXPECT_EQ(table_.TakenIn(block), rebuilt.TakenIn(block));
      for (Slot i = 0; i < kBlockSlots; ++i) {
        EXPECT_EQ((table_.TakenIn(block) >> i) & 1U,
                  taken_.contains(table_.FirstSlot(block) + i) ? 1U : 0U);
      }
    }
  }

  // Nothing is lost: when all have left and the horizon has passed, every slot can be had, by one
  // profile.
  void EmptyAndRefill() {
    while (!taken_.empty()) {
      RetireSlot(taken_.begin()->first);
    }
    for (int i = 0; i < 4; ++i) {
      ++now_;
      table_.Reclaim(At(now_), At(now_ - 1), kSlots);
      ++now_;
      table_.Reclaim(At(now_), At(now_), kSlots);
    }
    quarantined_.clear();
    EXPECT_EQ(table_.quarantined(), 0U);
    for (std::size_t i = 0; i < kSlots; ++i) {
      ASSERT_NE(EnrolAs({Liveness::kAlive, Health::kReady, 2}), kNoSlot) << i;
    }
    EXPECT_EQ(EnrolAs({Liveness::kAlive, Health::kReady, 2}), kNoSlot);
  }

  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  static HearingInstant At(std::int64_t ms) { return HearingInstant{Milliseconds(ms)}; }

  void Enrol() {
    const auto profile = static_cast<ProfileId>(random_() % kProfiles + 1);
    const Slot slot = EnrolAs(
        {random_() % 2 == 0 ? Liveness::kUnknown : Liveness::kAlive, Health::kReady, profile});
    if (slot == kNoSlot) {
      ++refused_;
      EXPECT_FALSE(HasRoom(profile));
    }
  }

  Slot EnrolAs(const EndpointState& state) {
    const EndpointId id = ++last_id_;
    const Slot slot = table_.Enrol({.id = id,
                                    .incarnation = 7,
                                    .group = static_cast<Group>(id),
                                    .heard = {11, 12},
                                    .arrival = {.interval = 13, .variance = 14},
                                    .state = state,
                                    .source = {}});
    if (slot == kNoSlot) {
      return slot;
    }
    EXPECT_TRUE(slot >= kFirst && slot < kFirst + kSlots);
    EXPECT_FALSE(taken_.contains(slot));
    if (const auto it = quarantined_.find(slot); it != quarantined_.end()) {
      EXPECT_GT(last_horizon_, it->second) << "reused before the horizon passed its retirement";
      quarantined_.erase(it);
    }
    taken_[slot] = state;
    const EndpointRecord& record = memory_.records[slot - kFirst];
    EXPECT_EQ(record.id.load(), id);
    EXPECT_EQ(record.incarnation.load(), 7U);
    EXPECT_EQ(Heard::Unpack(record.heard.load()).sequence, 12U);
    EXPECT_EQ(Arrival::Unpack(record.arrival.load()).interval, 13.0F);
    EXPECT_EQ(table_.group(slot), static_cast<Group>(id));
    return slot;
  }

  // Whether there is certainly room: a slot neither taken nor possibly quarantined, in a block of
  // this profile or in an empty one.
  [[nodiscard]] bool HasRoom(ProfileId profile) const {
    for (std::uint32_t block = 0; block < kSlots / kBlockSlots; ++block) {
      std::size_t used = 0;
      std::set<ProfileId> profiles;
      for (Slot i = 0; i < kBlockSlots; ++i) {
        const Slot slot = kFirst + block * kBlockSlots + i;
        used += taken_.contains(slot) || quarantined_.contains(slot) ? 1 : 0;
        if (const auto it = taken_.find(slot); it != taken_.end()) {
          profiles.insert(it->second.profile);
        }
      }
      if (used == 0 || (used < kBlockSlots && profiles.contains(profile))) {
        return true;
      }
    }
    return false;
  }

  void Retire() {
    if (taken_.empty()) {
      return;
    }
    auto it = taken_.lower_bound(kFirst + static_cast<Slot>(random_() % kSlots));
    RetireSlot(it == taken_.end() ? taken_.begin()->first : it->first);
  }

  void RetireSlot(Slot slot) {
    table_.Retire(slot);
    EXPECT_EQ(memory_.records[slot - kFirst].id.load(), kNoEndpoint);
    taken_.erase(slot);
    quarantined_[slot] = now_;
  }

  void ChangeState() {
    if (taken_.empty()) {
      return;
    }
    auto& [slot, state] = *taken_.begin();
    state.liveness = random_() % 2 == 0 ? Liveness::kDead : Liveness::kAlive;
    table_.SetState(slot, state);
    EXPECT_EQ(EndpointState::Unpack(table_.record(slot).state.load()), state);
  }

  std::mt19937_64 random_;
  Memory memory_;
  EndpointTable table_;
  std::map<Slot, EndpointState> taken_;
  std::map<Slot, std::int64_t> quarantined_;  // retired at; kept until seen in use again
  std::int64_t now_ = 1;
  std::int64_t horizon_ = 0;
  std::int64_t last_horizon_ = 0;
  EndpointId last_id_ = 0;
  std::uint64_t refused_ = 0;
};

TEST(EndpointTableModel, AgreesWithSetsOfSlots) {
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    TableAndModel both(seed);
    for (int step = 0; step < 12'000; ++step) {
      both.Step();
      if (testing::Test::HasFailure()) {
        return;
      }
    }
    refused += both.refused();
    both.Compare();
    both.EmptyAndRefill();
    both.Compare();
  }
  EXPECT_GT(refused, 0U) << "the table never filled: this run showed little";
}

}  // namespace
}  // namespace flatline
