// Whose payload is where: against a map, through everything that a pool lives through.
#include "dataplane/payload_pool.h"

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using Kept = PayloadPool::Kept;

Payload Said(EndpointId id, std::uint32_t sequence, std::uint32_t incarnation = 1) {
  return {.id = id, .incarnation = incarnation, .sequence = sequence, .load = sequence};
}

class PayloadPoolTest : public testing::Test {
 protected:
  explicit PayloadPoolTest(std::size_t capacity = 4) : entries_(capacity) { Start(); }

  void Start() {
    auto pool = PayloadPool::Create(entries_, 0x5EED);
    ASSERT_TRUE(pool) << pool.error();
    pool_ = std::make_unique<PayloadPool>(std::move(*pool));
  }

  void Adopt(const std::set<EndpointId>& known) {
    Start();
    pool_->Adopt([&](EndpointId id) { return known.contains(id); });
  }

  [[nodiscard]] std::uint32_t SequenceOf(EndpointId id) const {
    const auto found = pool_->Find(id);
    return found ? found->sequence : 0;
  }

  // As another process sees them.
  [[nodiscard]] std::multiset<EndpointId> IdsInTheRegion() const {
    std::multiset<EndpointId> out;
    for (const PayloadEntry& entry : entries_) {
      if (OwnerOf(entry) != kNoEndpoint) {
        out.insert(OwnerOf(entry));
      }
    }
    return out;
  }

  std::vector<PayloadEntry> entries_;
  std::unique_ptr<PayloadPool> pool_;
};

using Ids = std::multiset<EndpointId>;

TEST_F(PayloadPoolTest, KeepsTheLatest) {
  EXPECT_EQ(pool_->Keep(Said(7, 1)), Kept::kKept);
  EXPECT_EQ(pool_->Keep(Said(7, 3)), Kept::kKept);
  EXPECT_EQ(pool_->Keep(Said(7, 2)), Kept::kOld) << "overtaken on its way from another worker";
  EXPECT_EQ(pool_->Keep(Said(7, 3)), Kept::kOld);
  EXPECT_EQ(SequenceOf(7), 3U);
  EXPECT_EQ(pool_->size(), 1U);
  EXPECT_EQ(pool_->Keep(Said(7, 1, 2)), Kept::kKept) << "a later life begins anew";
  EXPECT_EQ(pool_->Keep(Said(7, 9, 1)), Kept::kOld) << "of a former life";
}

TEST_F(PayloadPoolTest, SequencesWrap) {
  EXPECT_EQ(pool_->Keep(Said(7, 0xFFFFFFFF)), Kept::kKept);
  EXPECT_EQ(pool_->Keep(Said(7, 0)), Kept::kKept);
}

TEST_F(PayloadPoolTest, IsFullAndHasRoomAgain) {
  for (EndpointId id = 1; id <= 4; ++id) {
    EXPECT_EQ(pool_->Keep(Said(id, 1)), Kept::kKept);
  }
  EXPECT_EQ(pool_->Keep(Said(5, 1)), Kept::kFull);
  EXPECT_EQ(pool_->Keep(Said(4, 2)), Kept::kKept) << "who has a place keeps it";
  pool_->Forget(2);
  EXPECT_FALSE(pool_->Find(2));
  EXPECT_EQ(IdsInTheRegion(), (Ids{1, 3, 4}));
  EXPECT_EQ(pool_->Keep(Said(5, 1)), Kept::kKept);
  EXPECT_EQ(IdsInTheRegion(), (Ids{1, 3, 4, 5}));
  EXPECT_EQ(pool_->size(), 4U);
}

TEST_F(PayloadPoolTest, ANewcomerHasNothingOfWhoWasThereBefore) {
  Payload first = Said(1, 1);
  first.text_size = 6;
  first.text = {'s', 'e', 'c', 'r', 'e', 't'};
  first.sent_ns = 5;
  EXPECT_EQ(pool_->Keep(first), Kept::kKept);
  pool_->Forget(1);
  for (EndpointId id = 2; id <= 5; ++id) {
    EXPECT_EQ(pool_->Keep(Said(id, 1)), Kept::kKept);
    EXPECT_EQ(pool_->Find(id)->text[0], '\0');
    EXPECT_EQ(pool_->Find(id)->timed, 0);
  }
}

TEST_F(PayloadPoolTest, ForgettingNobodyIsNothing) {
  pool_->Forget(9);
  EXPECT_EQ(pool_->size(), 0U);
  EXPECT_EQ(pool_->Keep(Said(9, 1)), Kept::kKept);
}

TEST_F(PayloadPoolTest, OfNoEntriesKeepsNothing) {
  auto none = PayloadPool::Create({}, 1);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->Keep(Said(1, 1)), Kept::kFull);
  EXPECT_FALSE(none->Find(1));
  none->Forget(1);
  none->Adopt([](EndpointId) { return true; });
  EXPECT_EQ(none->size(), 0U);
  EXPECT_EQ(none->bytes(), 0U);
}

TEST_F(PayloadPoolTest, IsAdopted) {
  for (EndpointId id = 1; id <= 3; ++id) {
    EXPECT_EQ(pool_->Keep(Said(id, 10 * static_cast<std::uint32_t>(id))), Kept::kKept);
  }
  Adopt({1, 3});
  EXPECT_EQ(pool_->size(), 2U) << "2 is in no table";
  EXPECT_EQ(SequenceOf(1), 10U);
  EXPECT_EQ(SequenceOf(3), 30U);
  EXPECT_EQ(IdsInTheRegion(), (Ids{1, 3}));
  EXPECT_EQ(pool_->Keep(Said(3, 29)), Kept::kOld);
  EXPECT_EQ(pool_->Keep(Said(4, 1)), Kept::kKept);
  EXPECT_EQ(pool_->Keep(Said(5, 1)), Kept::kKept);
  EXPECT_EQ(pool_->Keep(Said(6, 1)), Kept::kFull);
}

TEST_F(PayloadPoolTest, AdoptsNeitherTornNorDoubledOnes) {
  WritePayload(entries_[0], Said(1, 1));
  WritePayload(entries_[1], Said(1, 2));
  WritePayload(entries_[2], Said(2, 1));
  entries_[2].version.fetch_or(1);  // killed while it wrote
  Adopt({1, 2});
  EXPECT_EQ(pool_->size(), 1U);
  EXPECT_EQ(IdsInTheRegion(), Ids{1});
  EXPECT_EQ(pool_->Keep(Said(2, 1)), Kept::kKept);
  EXPECT_EQ(SequenceOf(2), 1U);
}

class BigPayloadPoolTest : public PayloadPoolTest {
 protected:
  BigPayloadPoolTest() : PayloadPoolTest(100) {}
};

// Long runs of neighbours in an index that is half full, places closed in their midst.
TEST_F(BigPayloadPoolTest, IsWhatAMapIs) {
  constexpr std::uint32_t kSeed = 20261121;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  std::map<EndpointId, std::uint32_t> expected;
  for (std::uint32_t step = 1; step <= 20'000; ++step) {
    const EndpointId id = 1 + random() % 150;
    if (random() % 3 == 0) {
      pool_->Forget(id);
      expected.erase(id);
    } else if (pool_->Keep(Said(id, step)) == Kept::kKept) {
      expected[id] = step;
    } else {
      ASSERT_EQ(expected.size(), 100U);
      ASSERT_FALSE(expected.contains(id));
    }
    ASSERT_EQ(pool_->size(), expected.size());
    ASSERT_EQ(SequenceOf(id), expected.contains(id) ? expected[id] : 0U);
    if (step % 1000 == 0) {
      for (const auto& [known, sequence] : expected) {
        ASSERT_EQ(SequenceOf(known), sequence);
      }
      ASSERT_EQ(IdsInTheRegion().size(), expected.size());
    }
    if (step % 5000 == 0) {
      std::set<EndpointId> ids;
      for (const auto& [known, sequence] : expected) {
        ids.insert(known);
      }
      Adopt(ids);
    }
  }
}

}  // namespace
}  // namespace flatline
