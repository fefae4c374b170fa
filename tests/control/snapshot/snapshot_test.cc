// A snapshot against a model of the fleet, while the fleet goes on changing between any two steps:
// the rows must be the fleet as of the snapshot's sequence, whatever was read when.
#include "control/snapshot/snapshot.h"

#include "control/journal/scribe.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};

struct State {
  Liveness liveness = Liveness::kUnknown;
  Health health = Health::kUnknown;

  bool operator==(const State&) const = default;
};

using Fleet = std::map<EndpointId, State>;

// A dataplane that does everything in two steps, as the real one does: tell, then change.
class InventedDataplane {
 public:
  InventedDataplane(unsigned workers, std::uint32_t slots, unsigned seed)
      : region_({.workers = workers, .slots_per_worker = slots, .transitions = 256}),
        random_(seed),
        pending_(workers) {
    slots_per_worker_ = slots;
  }

  [[nodiscard]] const RegionView& view() const { return region_.view(); }

  // One step of a random worker: applies what it told last, or tells something new.
  void Step(std::int64_t now) {
    const auto worker = static_cast<unsigned>(random_() % pending_.size());
    if (pending_[worker]) {
      Apply(*std::exchange(pending_[worker], std::nullopt));
      return;
    }
    const auto slot = static_cast<Slot>(worker * slots_per_worker_ + random_() % slots_per_worker_);
    EndpointRecord& record = view().records()[slot];
    Transition told;
    told.at = Instant{Duration{now}};
    told.slot = slot;
    told.id = record.id.load();
    const auto state = EndpointState::Unpack(record.state.load());
    told.liveness = state.liveness;
    told.health = state.health;
    if (told.id == kNoEndpoint) {
      told.id = next_id_++;
      record.state.store(EndpointState{}.Pack());
      record.heard.store(Heard{1, 0}.Pack());
      record.id.store(told.id);
      if (random_() % 8 == 0) {
        return;  // enrolled, and not heard yet: of which nobody is told
      }
      Change(told, Liveness::kUnknown, Liveness::kAlive, Reason::kFirstHeartbeat);
      told.health = Health::kReady;
    } else if (random_() % 8 == 0) {
      Change(told, state.liveness, Liveness::kUnknown, Reason::kRetired);
    } else if (random_() % 4 == 0 && state.liveness != Liveness::kUnknown) {
      told.kind = TransitionKind::kHealth;
      told.from = static_cast<std::uint8_t>(state.health);
      told.health = state.health == Health::kReady ? Health::kFailing : Health::kReady;
      told.to = static_cast<std::uint8_t>(told.health);
      told.reason = Reason::kHealthReported;
    } else {
      const auto next = state.liveness == Liveness::kAlive ? Liveness::kSuspect : Liveness::kAlive;
      Change(told, state.liveness, next, Reason::kNone);
    }
    if (region_.Push(worker, told)) {
      pending_[worker] = told;
    }
    region_.Published(worker, now);
  }

 private:
  static void Change(Transition& told, Liveness from, Liveness to, Reason reason) {
    told.from = static_cast<std::uint8_t>(from);
    told.to = static_cast<std::uint8_t>(to);
    told.liveness = to;
    told.reason = reason;
  }

  void Apply(const Transition& told) {
    EndpointRecord& record = view().records()[told.slot];
    if (told.reason == Reason::kRetired) {
      record.id.store(kNoEndpoint);
      return;
    }
    record.state.store(EndpointState{told.liveness, told.health, 0}.Pack());
  }

  InventedRegion region_;
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random_;
  std::vector<std::optional<Transition>> pending_;
  std::uint32_t slots_per_worker_ = 0;
  EndpointId next_id_ = 1;
};

// What a subscriber knows who has heard every transition.
void Hear(Fleet& fleet, std::span<const Told> told) {
  for (const Told& one : told) {
    const Transition& transition = one.transition;
    if (transition.reason == Reason::kRetired) {
      fleet.erase(transition.id);
    } else {
      fleet[transition.id] = {transition.liveness, transition.health};
    }
  }
}

SnapshotOrigin OriginOf(const TransitionReader& reader, std::uint64_t sequence) {
  SnapshotOrigin out{reader.region(), nullptr, nullptr, sequence, {}};
  for (unsigned worker = 0; worker < reader.workers(); ++worker) {
    if (const auto last = reader.LastReleased(worker)) {
      out.unapplied.push_back(*last);
    }
  }
  return out;
}

Snapshot Begin(const Scribe& scribe, const Journal& journal) {
  return {OriginOf(scribe.reader(), journal.newest()), std::make_shared<const Filter>()};
}

void Observe(Snapshot& snapshot, const Told& told) {
  snapshot.Observe(RecordOf(told, 1, {}), {told.transition.slot, told.transition.liveness});
}

// The test has observed all there was already.
Snapshot::Progress Advance(Snapshot& snapshot) {
  return snapshot.Advance(kWall, [] { return true; });
}

struct Outcome {
  Fleet expected;
  Fleet found;
  bool has_duplicates = false;
};

Outcome Live(unsigned seed, unsigned workers, std::uint32_t slots) {
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  InventedDataplane dataplane(workers, slots, seed);
  JournalInADirectory place(1023, 100);
  const auto journal = place.Open();
  Scribe scribe(dataplane.view(), *journal);
  Outcome out;
  std::int64_t now = 0;
  const auto live = [&](unsigned steps, Fleet* fleet, Snapshot* snapshot) {
    for (; steps != 0; --steps) {
      dataplane.Step(++now);
    }
    const auto told =
        scribe.Turn(Instant{Duration{now + (random() % 2 == 0 ? 0 : 20'000'000)}}, kWall);
    EXPECT_TRUE(told);
    if (fleet != nullptr) {
      Hear(*fleet, *told);
    }
    if (snapshot != nullptr) {
      for (const Told& one : *told) {
        Observe(*snapshot, one);
      }
    }
  };
  for (unsigned i = random() % 100; i != 0; --i) {
    live(random() % 60, &out.expected, nullptr);
  }
  Snapshot snapshot = Begin(scribe, *journal);
  for (;;) {
    // Often nothing at all, so that what was told is not yet applied when its row is read.
    live(random() % 2 * (random() % 200), nullptr, &snapshot);
    const auto progress = Advance(snapshot);
    if (progress == Snapshot::Progress::kDone) {
      break;
    }
    for (const DeliveryRecord& row : snapshot.rows()) {
      EXPECT_EQ(row.kind, RecordKind::kSnapshotRow);
      EXPECT_EQ(row.crc, SealOf(row));
      const State state{static_cast<Liveness>(row.to), row.health};
      out.has_duplicates = !out.found.try_emplace(row.endpoint, state).second || out.has_duplicates;
    }
  }
  return out;
}

TEST(Snapshot, IsTheFleetAsOfItsSequenceWhateverChangesMeanwhile) {
  const unsigned first = std::random_device{}();
  for (unsigned seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE(seed);
    // More slots than a chunk has, so that several chunks are read at different times.
    const bool is_large = seed % 6 == 0;
    Outcome outcome = Live(seed, seed % 3 + 1, is_large ? Snapshot::kChunk + 640 : 640);
    EXPECT_FALSE(outcome.has_duplicates);
    // Who was enrolled in silence may have a row: nobody was told of it, so the model cannot know.
    std::erase_if(outcome.found,
                  [](const auto& row) { return row.second.liveness == Liveness::kUnknown; });
    EXPECT_EQ(outcome.found.size(), outcome.expected.size());
    EXPECT_TRUE(outcome.found == outcome.expected);
  }
}

TEST(Snapshot, WaitsForTheJournalToCatchUp) {
  InventedRegion region({});
  JournalInADirectory place;
  const auto journal = place.Open();
  Scribe scribe(region.view(), *journal);
  region.view().records()[3].state.store(EndpointState{Liveness::kSuspect, {}, 1}.Pack());
  region.view().records()[3].id.store(7);
  Snapshot snapshot = Begin(scribe, *journal);
  ASSERT_TRUE(region.PushDeath(0, 7, 100));  // told, and applied before the row is read
  region.view().records()[3].state.store(EndpointState{Liveness::kDead, {}, 1}.Pack());
  EXPECT_EQ(Advance(snapshot), Snapshot::Progress::kWaiting);
  const auto told = scribe.Turn(Instant{Duration{100}}, kWall);
  Observe(snapshot, told->front());
  ASSERT_EQ(Advance(snapshot), Snapshot::Progress::kRows);
  ASSERT_EQ(snapshot.rows().size(), 1U);
  EXPECT_EQ(snapshot.rows()[0].to, static_cast<std::uint8_t>(Liveness::kSuspect));
}

TEST(Snapshot, LeavesOutWhoWasRetiredAndIsStillInTheTable) {
  InventedRegion region({});
  JournalInADirectory place;
  const auto journal = place.Open();
  Scribe scribe(region.view(), *journal);
  region.view().records()[3].state.store(EndpointState{Liveness::kAlive, {}, 1}.Pack());
  region.view().records()[3].id.store(7);
  Transition told;
  told.id = 7;
  told.slot = 3;
  told.from = static_cast<std::uint8_t>(Liveness::kAlive);
  told.reason = Reason::kRetired;
  ASSERT_TRUE(region.Push(0, told));  // told and journaled, and its record not yet taken away
  ASSERT_TRUE(scribe.Turn(Instant{Duration{100}}, kWall));
  Snapshot snapshot = Begin(scribe, *journal);
  while (Advance(snapshot) != Snapshot::Progress::kDone) {
    EXPECT_TRUE(snapshot.rows().empty());
  }
}

TEST(Snapshot, CountsSilenceInHearingTime) {
  InventedRegion region({});
  JournalInADirectory place;
  const auto journal = place.Open();
  Scribe scribe(region.view(), *journal);
  region.view().header().horizon_ns.store(kStampUnit.count() * 100);
  EndpointRecord& record = region.view().records()[0];
  record.heard.store(Heard{40, 9}.Pack());
  record.id.store(5);
  Snapshot snapshot = Begin(scribe, *journal);
  ASSERT_EQ(Advance(snapshot), Snapshot::Progress::kRows);
  ASSERT_EQ(snapshot.rows().size(), 1U);
  EXPECT_EQ(snapshot.rows()[0].silence_ns, kStampUnit.count() * 60);
  EXPECT_EQ(snapshot.rows()[0].heartbeat_sequence, 9U);
}

TEST(Snapshot, GivesUpWhenTooMuchChanges) {
  InventedRegion region({});
  JournalInADirectory place;
  const auto journal = place.Open();
  Scribe scribe(region.view(), *journal);
  Snapshot snapshot = Begin(scribe, *journal);
  DeliveryRecord record;
  for (EndpointId id = 1; id <= Snapshot::kMostChanges + 1; ++id) {
    record.endpoint = id;
    snapshot.Observe(record, {});
  }
  EXPECT_EQ(Advance(snapshot), Snapshot::Progress::kTooMuch);
}

}  // namespace
}  // namespace flatline
