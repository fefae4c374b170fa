// Each transition is journaled exactly once, wherever control or the dataplane dies; another
// generation is announced as a reset.
#include "control/journal/scribe.h"

#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <cstdint>
#include <fcntl.h>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};

Instant At(std::int64_t ns) {
  return Instant{Duration{ns}};
}

std::vector<DeliveryRecord> AllOf(const Journal& journal) {
  std::vector<DeliveryRecord> out;
  for (std::uint64_t sequence = journal.oldest(); sequence <= journal.newest(); ++sequence) {
    const auto range = journal.From(sequence, 1);
    out.insert(out.end(), range.records.begin(), range.records.end());
  }
  return out;
}

TEST(Scribe, WritesWhatWasTold) {
  InventedRegion region({});
  JournalInADirectory place;
  const auto journal = place.Open();
  Scribe scribe(region.view(), *journal);
  Transition told;
  told.at = At(5'000);
  told.silence = Duration{77};
  told.id = 42;
  told.incarnation = 3;
  told.sequence = 9;
  told.group = 6;
  told.profile = 2;
  told.kind = TransitionKind::kHealth;
  told.from = 1;
  told.to = 2;
  told.reason = Reason::kHealthReported;
  told.health = Health::kDegraded;
  ASSERT_TRUE(region.Push(0, told));
  ASSERT_TRUE(scribe.Turn(At(6'000), kWall));
  const auto records = AllOf(*journal);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].kind, RecordKind::kReset) << "a region not met before";
  const DeliveryRecord& record = records[1];
  EXPECT_EQ(record.kind, RecordKind::kHealth);
  EXPECT_EQ(record.at_ns, kWall.time_since_epoch().count() - 1'000);
  EXPECT_EQ(record.silence_ns, 77);
  EXPECT_EQ(record.endpoint, 42U);
  EXPECT_EQ(record.incarnation, 3U);
  EXPECT_EQ(record.heartbeat_sequence, 9U);
  EXPECT_EQ(record.group, 6U);
  EXPECT_EQ(record.profile, 2U);
  EXPECT_EQ(record.to, 2U);
  EXPECT_EQ(record.health, Health::kDegraded);
}

TEST(Scribe, AnnouncesAnotherGenerationOnce) {
  JournalInADirectory place;
  const auto journal = place.Open();
  InventedRegion first({}, 1'000);
  for (int i = 0; i < 3; ++i) {
    Scribe scribe(first.view(), *journal);
    ASSERT_TRUE(scribe.Turn(At(1), kWall));
    EXPECT_EQ(journal->newest(), 1U);
  }
  InventedRegion second({}, 1'001);
  Scribe scribe(second.view(), *journal);
  ASSERT_TRUE(scribe.Turn(At(1), kWall));
  EXPECT_EQ(journal->newest(), 2U);
  EXPECT_EQ(AllOf(*journal).back().kind, RecordKind::kReset);
}

// Control is killed at any step of a turn: after k of its records are in the journal, before the
// rings' tails move.
TEST(Scribe, IsExactOverAKillBetweenJournalAndRelease) {
  for (std::size_t written = 0; written <= 20; ++written) {
    InventedRegion region({.workers = 2});
    JournalInADirectory place;
    auto journal = place.Open();
    {
      Scribe scribe(region.view(), *journal);
      ASSERT_TRUE(scribe.Turn(At(1), kWall));  // the reset
    }
    for (EndpointId id = 1; id <= 20; ++id) {
      ASSERT_TRUE(region.PushDeath(id % 2, id, static_cast<std::int64_t>(id)));
    }
    {
      TransitionReader reader(region.view());
      const auto told = reader.Read(At(1'000'000'000), 100);
      ASSERT_EQ(told->size(), 20U);
      std::vector<DeliveryRecord> records;
      for (const Told& one : told->first(written)) {
        records.push_back(RecordOf(one, GenerationOf(region.view().header().generation), {}));
      }
      ASSERT_EQ(journal->Append(records, At(1)), written);
      // Killed here: nothing is released.
    }
    journal.reset();
    journal = place.Open();
    Scribe scribe(region.view(), *journal);
    ASSERT_TRUE(scribe.Turn(At(2'000'000'000), kWall));
    const auto records = AllOf(*journal);
    ASSERT_EQ(records.size(), 21U) << written;
    for (EndpointId id = 1; id <= 20; ++id) {
      EXPECT_EQ(records[id].endpoint, id) << written;
    }
  }
}

TEST(Scribe, IsExactOverRandomKillsOfEitherSide) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  InventedRegion region({.workers = 3, .transitions = 16});
  JournalInADirectory place(31, 1000);
  auto journal = place.Open();
  std::optional<Scribe> scribe;
  scribe.emplace(region.view(), *journal);
  std::uint64_t pushed = 0;
  for (std::int64_t now = 1; now < 20'000; ++now) {
    const unsigned worker = random() % 3;
    pushed += region.PushDeath(worker, pushed + 1, now) ? 1 : 0;
    for (unsigned one = 0; one < 3; ++one) {
      region.Published(one, now);
    }
    if (random() % 8 == 0) {
      ASSERT_TRUE(scribe->Turn(At(now), kWall));
    }
    if (random() % 500 == 0) {
      region.MakeProducers();
    }
    if (random() % 500 == 0) {
      scribe.reset();
      journal.reset();
      // A record may have been written half, and not have been released.
      if (random() % 2 == 0) {
        region.view().control().transition_tails[worker].value.fetch_sub(
            region.view().control().transition_tails[worker].value.load() != 0 &&
                    region.view().dataplane().transition_heads[worker].value.load() -
                            region.view().control().transition_tails[worker].value.load() <
                        16
                ? 1
                : 0);
      }
      region.MakeProducers();
      journal = place.Open();
      scribe.emplace(region.view(), *journal);
    }
  }
  ASSERT_TRUE(scribe->Turn(At(1'000'000'000), kWall));
  const auto records = AllOf(*journal);
  ASSERT_EQ(records.size(), pushed + 1);
  for (std::uint64_t id = 1; id <= pushed; ++id) {
    EXPECT_EQ(records[id].endpoint, id);
  }
}

TEST(Scribe, KeepsInTheRingWhatTheDiskHasNoRoomFor) {
  InventedRegion region({});
  JournalInADirectory place(31, 10);
  bool is_full = false;
  place.options.allocate = [&](int descriptor, std::uint64_t bytes) {
    return is_full ? ENOSPC : posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  };
  const auto journal = place.Open();
  Scribe scribe(region.view(), *journal);
  ASSERT_TRUE(scribe.Turn(At(1), kWall));
  is_full = true;
  for (EndpointId id = 1; id <= 40; ++id) {
    ASSERT_TRUE(region.PushDeath(0, id, 1));
  }
  const auto told = scribe.Turn(At(2), kWall);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->size(), 30U);
  EXPECT_EQ(scribe.reader().tail(0), 30U);
  is_full = false;
  EXPECT_EQ(scribe.Turn(At(2'000'000'000), kWall)->size(), 10U);
  EXPECT_EQ(AllOf(*journal).back().endpoint, 40U);
}

}  // namespace
}  // namespace flatline
