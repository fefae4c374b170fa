// The leases in a snapshot against a model, while leases are granted and end between any two steps:
// the rows must be who held what as of the snapshot's sequence, whatever was read when, each once.
#include "control/snapshot/lease_rows.h"

#include "control/journal/scribe.h"
#include "control/snapshot/snapshot.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::IsEmpty;

constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
constexpr Group kGroup = 7;

using Bits = std::independent_bits_engine<std::mt19937, 32, std::uint32_t>;
using Name = std::pair<std::uint8_t, std::uint64_t>;
using Leases = std::map<Name, std::pair<EndpointId, FencingToken>>;

Transition TellingOf(const Lease& lease, bool begins, std::int64_t now) {
  Transition out;
  out.at = Instant{Duration{now}};
  out.silence = Duration{static_cast<std::int64_t>(lease.number)};
  out.id = lease.holder;
  out.incarnation = static_cast<std::uint32_t>(lease.token >> 32);
  out.sequence = static_cast<std::uint32_t>(lease.token);
  out.group = lease.group;
  out.kind = TransitionKind::kLease;
  out.from = static_cast<std::uint8_t>(lease.space);
  out.to = begins ? 1 : 0;
  out.reason = begins ? Reason::kLeaseGranted : Reason::kLeaseExpired;
  return out;
}

// Workers that tell of a lease, then change their table, as the real ones do.
class InventedWorkers {
 public:
  InventedWorkers(unsigned workers, std::uint32_t leases, unsigned seed)
      : region_({.workers = workers, .transitions = 256, .leases = leases}),
        random_(seed),
        pending_(workers) {}

  [[nodiscard]] const RegionView& view() const { return region_.view(); }

  // One step of a random worker: makes what it told last, or tells something new.
  void Step(std::int64_t now) {
    const auto worker = static_cast<unsigned>(random_() % pending_.size());
    if (auto& pending = pending_[worker]) {
      pending->entry->Write(pending->lease);
      pending.reset();
      return;
    }
    const auto entries = view().leases(worker);
    LeaseEntry& entry = entries[random_() % entries.size()];
    const Lease held = entry.Read().value();
    if (held.holder == kNoEndpoint) {
      Grant(worker, entry, now);
    } else if (random_() % 3 == 0) {
      Lease renewed = held;
      renewed.expires_ns += 1;  // of which nobody is told
      entry.Write(renewed);
    } else if (region_.Push(worker, TellingOf(held, false, now))) {
      pending_[worker] = Pending{&entry, Lease{}};
      names_.erase(held.number);
    }
    region_.Published(worker, now);
  }

 private:
  struct Pending {
    LeaseEntry* entry = nullptr;
    Lease lease;
  };

  // Names are few, so that one is granted again and again, out of other entries.
  void Grant(unsigned worker, LeaseEntry& entry, std::int64_t now) {
    const std::uint64_t number = random_() % 40 * pending_.size() + worker;
    if (names_.contains(number)) {
      return;
    }
    const Lease lease{.number = number,
                      .token = TokenOf(3, ++counter_),
                      .holder = 1 + random_() % 9,
                      .group = kGroup,
                      .space = static_cast<LeaseSpace>(number % kLeaseSpaceNames.size())};
    if (region_.Push(worker, TellingOf(lease, true, now))) {
      pending_[worker] = Pending{&entry, lease};
      names_.insert(number);
    }
  }

  InventedRegion region_;
  Bits random_;
  std::vector<std::optional<Pending>> pending_;
  std::set<std::uint64_t> names_;  // that somebody holds
  std::uint64_t counter_ = 0;
};

void Hear(Leases& leases, const DeliveryRecord& record) {
  const Name name{record.from, static_cast<std::uint64_t>(record.silence_ns)};
  const FencingToken token = FencingToken{record.incarnation} << 32 | record.heartbeat_sequence;
  if (record.to != 0) {
    EXPECT_TRUE(leases.emplace(name, std::pair(record.endpoint, token)).second);
  } else {
    EXPECT_EQ(leases.erase(name), 1U);
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

TEST(LeaseRows, AreTheLeasesAsOfTheSequenceWhateverChangesMeanwhile) {
  const unsigned first = std::random_device{}();
  std::size_t rows = 0;
  for (unsigned seed = first; seed < first + 300; ++seed) {
    SCOPED_TRACE(seed);
    Bits random(seed);
    InventedWorkers workers(seed % 3 + 1, seed % 6 == 0 ? 5'000 : 20, seed);
    JournalInADirectory place(1023, 100);
    const auto journal = place.Open();
    Scribe scribe(workers.view(), *journal);
    Leases expected;
    std::int64_t now = 0;
    const auto live = [&](unsigned steps) {
      for (; steps != 0; --steps) {
        workers.Step(++now);
      }
      return scribe.Turn(Instant{Duration{now + (random() % 2 == 0 ? 0 : 20'000'000)}}, kWall);
    };
    for (unsigned i = random() % 60; i != 0; --i) {
      const auto all = live(random() % 60);
      for (const Told& told : *all) {
        Hear(expected, RecordOf(told, 1, {}));
      }
    }
    Snapshot snapshot(OriginOf(scribe.reader(), journal->newest()), std::make_shared<Filter>());
    Leases found;
    for (;;) {
      const auto all = live(random() % 2 * (random() % 200));
      for (const Told& told : *all) {
        snapshot.Observe(RecordOf(told, 1, {}), {});
      }
      const auto progress = snapshot.Advance(kWall, [] { return true; });
      if (progress == Snapshot::Progress::kDone) {
        break;
      }
      for (const DeliveryRecord& row : snapshot.rows()) {
        ASSERT_EQ(row.kind, RecordKind::kLease);
        ASSERT_EQ(row.crc, SealOf(row));
        ASSERT_EQ(row.sequence, snapshot.sequence());
        ASSERT_EQ(row.group, kGroup);
        Hear(found, row);
      }
    }
    ASSERT_EQ(found, expected);
    ASSERT_EQ(snapshot.told(), found.size());
    rows += found.size();
  }
  EXPECT_GT(rows, 1'000U) << "the model holds hardly any";
}

// One worker, one entry, and what it takes to see it.
class OneLease : public testing::Test {
 protected:
  static constexpr Lease kLease{.number = 5,
                                .token = TokenOf(1, 9),
                                .holder = 42,
                                .group = kGroup,
                                .space = LeaseSpace::kLeader};

  Snapshot Begin(Filter filter = {}) {
    return {OriginOf(scribe_.reader(), journal_->newest()),
            std::make_shared<const Filter>(std::move(filter))};
  }

  // All rows of leases, so long as nothing is waited for.
  static std::vector<DeliveryRecord> RowsOf(Snapshot& snapshot, unsigned most = 100) {
    std::vector<DeliveryRecord> out;
    for (auto progress = Snapshot::Progress::kRows;
         progress != Snapshot::Progress::kDone && most != 0;
         --most) {
      progress = snapshot.Advance(kWall, [] { return true; });
      out.insert(out.end(), snapshot.rows().begin(), snapshot.rows().end());
    }
    return out;
  }

  InventedRegion region_{{.leases = 8}};
  JournalInADirectory place_;
  std::unique_ptr<Journal> journal_ = place_.Open();
  Scribe scribe_{region_.view(), *journal_};
};

TEST_F(OneLease, HasARowLikeItsRecord) {
  region_.view().leases(0)[3].Write(kLease);
  Snapshot snapshot = Begin();
  const auto rows = RowsOf(snapshot);
  ASSERT_EQ(rows.size(), 1U);
  DeliveryRecord expected = RecordOf({.transition = TellingOf(kLease, true, 0), .worker = 0xFF},
                                     GenerationOf(region_.view().header().generation),
                                     kWall.time_since_epoch());
  expected.sequence = snapshot.sequence();
  expected.crc = SealOf(expected);
  EXPECT_EQ(std::memcmp(&rows[0], &expected, sizeof(expected)), 0);
}

TEST_F(OneLease, PassesByItsGroupAlone) {
  region_.view().leases(0)[3].Write(kLease);
  for (const Group group : {kGroup, kGroup + 1}) {
    Request request;
    request.groups = {group};
    request.header.liveness_mask = 1U << 3;
    request.header.want_health = 0;
    Snapshot snapshot = Begin(Filter(request));
    EXPECT_EQ(RowsOf(snapshot).size(), group == kGroup ? 1U : 0U);
    EXPECT_EQ(snapshot.told(), group == kGroup ? 1U : 0U);
  }
}

TEST_F(OneLease, ToldAndNotMadeCountsAsMade) {
  ASSERT_TRUE(region_.Push(0, TellingOf(kLease, true, 1)));
  ASSERT_TRUE(scribe_.Turn(Instant{Duration{100}}, kWall));
  Snapshot granted = Begin();
  EXPECT_EQ(RowsOf(granted).size(), 1U);
  region_.view().leases(0)[3].Write(kLease);
  ASSERT_TRUE(region_.Push(0, TellingOf(kLease, false, 2)));
  ASSERT_TRUE(scribe_.Turn(Instant{Duration{200}}, kWall));
  Snapshot ended = Begin();
  EXPECT_THAT(RowsOf(ended), IsEmpty());
}

TEST_F(OneLease, WaitsForTheJournalToCatchUp) {
  region_.view().leases(0)[3].Write(kLease);
  Snapshot snapshot = Begin();
  EXPECT_THAT(RowsOf(snapshot, 2), IsEmpty()) << "endpoints first";
  ASSERT_TRUE(region_.Push(0, TellingOf(kLease, false, 1)));
  region_.view().leases(0)[3].Write({});  // told and made, before it is read
  EXPECT_THAT(RowsOf(snapshot), IsEmpty());
  const auto told = scribe_.Turn(Instant{Duration{100}}, kWall);
  ASSERT_EQ(told->size(), 1U);
  snapshot.Observe(RecordOf(told->front(), 1, {}), {});
  EXPECT_EQ(RowsOf(snapshot).size(), 1U);
}

// A worker that was stopped amid writing; and one that never came back.
TEST_F(OneLease, OneThatIsBeingWrittenIsWaitedForAndNotForEver) {
  LeaseEntry& entry = region_.view().leases(0)[3];
  entry.Write(kLease);
  entry.version.fetch_add(1);
  Snapshot snapshot = Begin();
  EXPECT_THAT(RowsOf(snapshot, 20), IsEmpty());
  entry.version.fetch_add(1);
  EXPECT_EQ(RowsOf(snapshot).size(), 1U);
  entry.version.fetch_add(1);
  Snapshot other = Begin();
  EXPECT_THAT(RowsOf(other, Snapshot::kMostLooks + 20), IsEmpty());
  EXPECT_EQ(other.Advance(kWall, [] { return true; }), Snapshot::Progress::kDone);
}

TEST_F(OneLease, WhatIsNoLeaseIsNobodys) {
  Lease strange = kLease;
  strange.space = static_cast<LeaseSpace>(77);
  region_.view().leases(0)[0].Write(strange);
  strange = kLease;
  strange.token = 0;
  region_.view().leases(0)[1].Write(strange);
  strange = kLease;
  strange.holder = kNoEndpoint;
  region_.view().leases(0)[2].Write(strange);
  Snapshot snapshot = Begin();
  EXPECT_THAT(RowsOf(snapshot), IsEmpty());
}

}  // namespace
}  // namespace flatline
