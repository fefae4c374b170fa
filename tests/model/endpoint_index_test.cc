// The index against std::unordered_map, with random operations on few buckets, so that they fill,
// overflow and drain.
#include "dataplane/endpoint_index.h"

#include <flatline/endpoint.h>
#include <flatline/record.h>

#include <algorithm>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint64_t kKey = 0x5EED;
constexpr std::uint64_t kSlots = 1024;

// Records with ids, an index over them, and what it ought to hold. `spread`: how many different
// hashes there are.
class IndexAndModel {
 public:
  explicit IndexAndModel(std::uint64_t spread)
      : records_(kSlots), spread_(spread), index_(EndpointIndex::Create(records_, kSlots).value()) {
    for (auto slot = static_cast<Slot>(kSlots); slot-- > 0;) {
      free_.push_back(slot);
    }
  }

  [[nodiscard]] std::uint64_t HashOf(EndpointId id) const {
    const std::uint64_t hash = HashEndpoint(id, kKey);
    return spread_ == 0 ? hash : HashEndpoint(hash % spread_ + 1, kKey);
  }

  void Insert(EndpointId id) {
    if (model_.contains(id) || free_.empty()) {
      return;
    }
    const Slot slot = free_.back();
    free_.pop_back();
    records_[slot].id = id;
    index_.Insert(HashOf(id), slot);
    model_[id] = slot;
  }

  void Remove(EndpointId id) {
    const auto it = model_.find(id);
    if (it == model_.end()) {
      return;
    }
    ASSERT_TRUE(index_.Remove(HashOf(id), it->second));
    ASSERT_FALSE(index_.Remove(HashOf(id), it->second));
    records_[it->second].id = kNoEndpoint;
    free_.push_back(it->second);
    model_.erase(it);
  }

  void Find(EndpointId id) const {
    const auto it = model_.find(id);
    ASSERT_EQ(index_.Find(id, HashOf(id)), it == model_.end() ? kNoSlot : it->second) << id;
  }

  // A candidate is not confirmed, but an entry in its home bucket has one.
  void FindAll() const {
    ASSERT_EQ(index_.size(), model_.size());
    for (const auto& [id, slot] : model_) {
      ASSERT_EQ(index_.Find(id, HashOf(id)), slot) << id;
      if (index_.displaced() == 0) {
        ASSERT_NE(EndpointIndex::Candidate(index_.Prefetch(HashOf(id)), HashOf(id)), kNoSlot) << id;
      }
    }
  }

  void RemoveAll() {
    while (!model_.empty()) {
      Remove(model_.begin()->first);
    }
  }

  [[nodiscard]] const EndpointIndex& index() const { return index_; }

  [[nodiscard]] std::vector<EndpointRecord>& records() { return records_; }

  [[nodiscard]] std::size_t size() const { return model_.size(); }

 private:
  std::vector<EndpointRecord> records_;
  std::uint64_t spread_;
  EndpointIndex index_;
  std::vector<Slot> free_;
  std::unordered_map<EndpointId, Slot> model_;
};

void RunRandomly(std::uint64_t seed, std::uint64_t spread) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << ", spread " << spread);
  std::mt19937_64 random(seed);
  IndexAndModel both(spread);
  for (int phase = 0; phase < 6; ++phase) {
    // By turns it fills and it drains.
    const std::uint64_t inserts = phase % 2 == 0 ? 70 : 30;
    for (int step = 0; step < 4000; ++step) {
      const EndpointId id = random() % (kSlots + kSlots / 4) + 1;
      if (random() % 100 < inserts) {
        both.Insert(id);
      } else {
        both.Remove(id);
      }
      both.Find(random() % (2 * kSlots) + 1);
      if (testing::Test::HasFatalFailure()) {
        return;
      }
    }
    both.FindAll();
  }
  both.RemoveAll();
  EXPECT_EQ(both.index().size(), 0U);
  EXPECT_EQ(both.index().displaced(), 0U) << "every overflow was taken back";
}

TEST(EndpointIndexModel, AgreesWithAMap) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RunRandomly(seed, 0);
  }
}

TEST(EndpointIndexModel, AgreesWithAMapWhenHashesCollide) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    RunRandomly(seed, 1);
    RunRandomly(seed, 7);
  }
}

TEST(EndpointIndexModel, HoldsAsManyAsItWasMadeFor) {
  IndexAndModel both(0);
  for (EndpointId id = 1; id <= kSlots; ++id) {
    both.Insert(id);
  }
  EXPECT_EQ(both.size(), kSlots);
  both.FindAll();
}

TEST(EndpointIndexModel, AFullIndexDisplacesFewEntries) {
  constexpr std::uint32_t kMany = 200'000;
  std::vector<EndpointRecord> records(kMany);
  auto index = EndpointIndex::Create(records, kMany);
  ASSERT_TRUE(index) << index.error();
  for (Slot slot = 0; slot < kMany; ++slot) {
    records[slot].id = slot + 1;
    index->Insert(HashEndpoint(slot + 1, kKey), slot);
  }
  EXPECT_GT(index->displaced(), 0U);
  EXPECT_LT(static_cast<double>(index->displaced()), 0.06 * kMany);
  EXPECT_LT(static_cast<double>(index->bytes()), 7.2 * kMany + (2 << 20));
}

TEST(EndpointIndexModel, ABurstFindsWhatSingleLookupsFind) {
  constexpr unsigned kShards = 3;
  std::mt19937_64 random(7);
  std::vector<EndpointRecord> records(kShards * kSlots);
  std::vector<EndpointIndex> shards;
  shards.reserve(kShards);
  for (unsigned i = 0; i < kShards; ++i) {
    shards.push_back(EndpointIndex::Create(records, kSlots).value());
  }
  std::array<Slot, kShards> used{};
  std::unordered_map<EndpointId, Slot> model;
  for (EndpointId id = 1; id <= 2 * kSlots; ++id) {
    const std::uint64_t hash = HashEndpoint(id, kKey);
    const unsigned shard = ShardOf(hash, kShards);
    const Slot slot = shard * static_cast<Slot>(kSlots) + used[shard]++;
    records[slot].id = id;
    shards[shard].Insert(hash, slot);
    model[id] = slot;
  }
  const std::array<const EndpointIndex*, kShards> pointers{&shards[0], &shards[1], &shards[2]};
  const IndexSet set{pointers, records, kKey};
  for (int round = 0; round < 200; ++round) {
    std::array<EndpointId, kLookupBurst> ids{};
    std::array<Slot, kLookupBurst> slots{};
    const std::size_t count = random() % (kLookupBurst + 1);
    for (std::size_t i = 0; i < count; ++i) {
      ids[i] = random() % (3 * kSlots) + 1;
    }
    set.FindBurst(std::span(ids).first(count), slots);
    for (std::size_t i = 0; i < count; ++i) {
      const auto it = model.find(ids[i]);
      ASSERT_EQ(slots[i], it == model.end() ? kNoSlot : it->second) << ids[i];
      ASSERT_EQ(set.Find(ids[i]), slots[i]);
    }
  }
}

}  // namespace
}  // namespace flatline
