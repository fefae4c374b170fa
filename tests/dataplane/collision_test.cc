// Ids that somebody chose because they collide: under the key for which they were chosen they make
// one long chain of the index, under any other key they lie like any ids. So who does not know the
// key, which is drawn at each cold start, cannot slow the table down. Seeds are printed.
#include "dataplane/endpoint_index.h"

#include <flatline/endpoint.h>
#include <flatline/record.h>

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint32_t kCapacity = 9'000;
constexpr std::size_t kChosen = 4'000;

// How many buckets further than at home the entries live, all together.
std::uint64_t DisplacedUnder(std::uint64_t key, const std::vector<EndpointId>& ids) {
  std::vector<EndpointRecord> records(kCapacity);
  auto index = EndpointIndex::Create(records, kCapacity).value();
  for (Slot slot = 0; slot < ids.size(); ++slot) {
    records[slot].id = ids[slot];
    index.Insert(HashEndpoint(ids[slot], key), slot);
  }
  for (Slot slot = 0; slot < ids.size(); slot += 97) {
    EXPECT_EQ(index.Find(ids[slot], HashEndpoint(ids[slot], key)), slot);
  }
  return index.displaced();
}

// Those of `candidates` that fall into the first thousandth of the index under `key`, all with one
// tag too: each is compared with each.
std::vector<EndpointId> ChosenAgainst(std::uint64_t key, bool with_one_tag, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<EndpointId> out;
  const std::uint64_t first = 0xFFFFFFFFULL / 1'000;
  while (out.size() < (with_one_tag ? kChosen / 64 : kChosen)) {
    const EndpointId id = random();
    const std::uint64_t hash = HashEndpoint(id, key);
    if ((hash & 0xFFFFFFFFULL) < first && (!with_one_tag || ((hash >> 32) & 0xFFU) == 0x42)) {
      out.push_back(id);
    }
  }
  return out;
}

class CollisionTest : public testing::Test {
 protected:
  CollisionTest() : seed_(std::random_device{}()), random_(seed_) {
    RecordProperty("seed", std::to_string(seed_));
    std::printf("seed %u\n", seed_);
  }

  unsigned seed_;
  std::mt19937_64 random_;
};

TEST_F(CollisionTest, ChosenAgainstAnotherKeyTheyLieLikeAny) {
  for (const bool with_one_tag : {false, true}) {
    const std::uint64_t theirs = random_();
    const auto ids = ChosenAgainst(theirs, with_one_tag, random_());
    const double size = static_cast<double>(ids.size());
    EXPECT_GT(static_cast<double>(DisplacedUnder(theirs, ids)), size * size / 40)
        << "the witness: under that key they are one chain";
    for (int key = 0; key < 20; ++key) {
      EXPECT_LE(static_cast<double>(DisplacedUnder(random_(), ids)), size / 100);
    }
  }
}

// What is easily guessed without any key: neighbours, strides, ids that differ at one end only.
TEST_F(CollisionTest, IdsOfOnePatternLieLikeAny) {
  for (const unsigned shift : {0U, 8U, 16U, 24U, 32U, 40U, 48U, 51U}) {
    std::vector<EndpointId> ids;
    for (EndpointId i = 1; i <= kChosen; ++i) {
      ids.push_back(i << shift);
    }
    for (int key = 0; key < 10; ++key) {
      EXPECT_LE(DisplacedUnder(random_(), ids), kChosen / 100) << "shifted by " << shift;
    }
  }
}

}  // namespace
}  // namespace flatline
