// What control says of its own accord stands in the journal once, behind the records that it
// follows from, wherever control is killed; and members are marked.
#include "control/commentary/commentary.h"

#include "control/journal/scribe.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
constexpr Group kGroup = 3;

std::vector<DeliveryRecord> AllOf(const Journal& journal) {
  std::vector<DeliveryRecord> out;
  for (std::uint64_t sequence = journal.oldest(); sequence <= journal.newest(); ++sequence) {
    const auto range = journal.From(sequence, 1);
    out.insert(out.end(), range.records.begin(), range.records.end());
  }
  return out;
}

class CommentaryTest : public testing::Test {
 protected:
  CommentaryTest() {
    for (EndpointId id = 1; id <= 64; ++id) {
      region_.view().records()[id - 1].id.store(id);
      region_.view().records()[id - 1].state.store(
          EndpointState{Liveness::kAlive, Health::kReady, 1}.Pack());
      region_.view().groups()[id - 1].store(kGroup);
    }
    Start();
  }

  void Start() {
    scribe_.reset();
    commentary_.reset();
    journal_.reset();
    journal_ = place_.Open();
    commentary_.emplace(MassFailureSettings{.fleet_share_ppm = 0});
    commentary_->Keep(
        std::move(Maintenance::Open(place_.options.directory + "/maintenance").value()));
    commentary_->Replay(*journal_);
    scribe_.emplace(region_.view(), *journal_);
    scribe_->Heed(&*commentary_);
  }

  void Turn() {
    now_ += Duration{20'000'000};
    region_.Published(0, now_.time_since_epoch().count());
    const WallInstant wall = kWall + now_.time_since_epoch();
    commentary_->Turn(&region_.view(), now_, wall);
    ASSERT_TRUE(scribe_->Turn(now_, wall));
  }

  void Tell(EndpointId id, Liveness from, Liveness to) {
    Transition told;
    told.at = now_;
    told.id = id;
    told.slot = static_cast<Slot>(id - 1);
    told.group = kGroup;
    told.from = static_cast<std::uint8_t>(from);
    told.to = static_cast<std::uint8_t>(to);
    told.liveness = to;
    ASSERT_TRUE(region_.Push(0, told));
  }

  // Begins and ends of mass failures, as they stand in the journal.
  [[nodiscard]] std::vector<int> Told(RecordKind kind) const {
    std::vector<int> out;
    for (const DeliveryRecord& record : AllOf(*journal_)) {
      if (record.kind == kind) {
        out.push_back(record.to);
      }
    }
    return out;
  }

  Instant now_{Duration{1'000'000'000}};
  InventedRegion region_{{.transitions = 256}};
  JournalInADirectory place_{1023, 4};
  std::unique_ptr<Journal> journal_;
  std::optional<Commentary> commentary_;
  std::optional<Scribe> scribe_;
};

TEST_F(CommentaryTest, AMassFailureStandsBehindTheFallsAndMarksTheDeaths) {
  Turn();
  for (EndpointId id = 1; id <= 40; ++id) {
    Tell(id, Liveness::kAlive, Liveness::kSuspect);
  }
  Turn();
  EXPECT_EQ(AllOf(*journal_).back().kind, RecordKind::kGroup);
  EXPECT_EQ(AllOf(*journal_).back().incarnation, 32U) << "half of 64, when it was reached";
  Tell(1, Liveness::kSuspect, Liveness::kDead);
  Turn();
  EXPECT_EQ(AllOf(*journal_).back().marks, kMarkMassFailure);
  EXPECT_EQ(Told(RecordKind::kGroup), std::vector<int>{1});
}

TEST_F(CommentaryTest, MaintenanceMarksWhatItCovers) {
  const WallInstant wall = kWall + now_.time_since_epoch();
  ASSERT_TRUE(commentary_->maintenance()->Begin(
      {.endpoint = 5}, Duration{3'600'000'000'000}, "disk", wall));
  Turn();
  EXPECT_EQ(AllOf(*journal_).back().kind, RecordKind::kMaintenance);
  Tell(5, Liveness::kAlive, Liveness::kSuspect);
  Tell(6, Liveness::kAlive, Liveness::kSuspect);
  Turn();
  const auto records = AllOf(*journal_);
  EXPECT_EQ(records.at(records.size() - 2).marks, kMarkMaintenance);
  EXPECT_EQ(records.back().marks, 0);
}

// A group falls and comes back, again and again, and control dies at any turn: between the records
// of members and what follows from them, and between that and the end of the turn.
TEST_F(CommentaryTest, EachIsToldOnceInTurnOverKillsAnywhere) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::size_t kills = 0;
  const auto turn = [&] {
    if (random() % 3 == 0) {
      // Dies behind the journal's append and before the ring is given back; or a little later.
      const std::uint64_t tail = region_.view().control().transition_tails[0].value.load();
      Turn();
      if (random() % 2 == 0) {
        region_.view().control().transition_tails[0].value.store(tail);
      }
      Start();
      ++kills;
    }
    Turn();
  };
  Turn();
  for (int round = 0; round < 50; ++round) {
    for (EndpointId id = 1; id <= 50; ++id) {
      Tell(id, Liveness::kAlive, Liveness::kSuspect);
      if (id % 10 == 0) {
        turn();
      }
    }
    for (EndpointId id = 1; id <= 50; ++id) {
      Tell(id, Liveness::kSuspect, Liveness::kAlive);
      if (id % 10 == 0) {
        turn();
      }
    }
    now_ += Duration{30'000'000'000};
  }
  EXPECT_GT(kills, 50U);
  const std::vector<int> told = Told(RecordKind::kGroup);
  ASSERT_GE(told.size(), 10U);
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_NE(told[i], told[i - 1]) << i;
  }
  std::uint32_t position = 0;
  for (const DeliveryRecord& record : AllOf(*journal_)) {
    if (record.kind == RecordKind::kLiveness) {
      EXPECT_TRUE(position == 0 || record.ring_position == position + 1);
      position = record.ring_position;
    }
  }
}

}  // namespace
}  // namespace flatline
