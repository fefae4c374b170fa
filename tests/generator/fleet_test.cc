#include "bench/generator/fleet.h"

#include <set>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

Fleet MakeTestFleet(Index endpoints, Rack racks, std::uint64_t seed) {
  Cohort cohort;
  cohort.endpoints = endpoints;
  cohort.interval = std::chrono::seconds(1);
  return Fleet({cohort}, racks, seed);
}

TEST(Fleet, IdsAreDistinctNeverZeroAndLeadBack) {
  for (const std::uint64_t seed : {0ULL, 1ULL, 42ULL, ~0ULL}) {
    const Fleet fleet = MakeTestFleet(10'000, 7, seed);
    std::set<EndpointId> ids;
    for (Index index = 0; index < fleet.size(); ++index) {
      const EndpointId id = fleet.IdOf(index);
      EXPECT_NE(id, kNoEndpoint);
      EXPECT_EQ(fleet.IndexOf(id), index);
      ids.insert(id);
    }
    EXPECT_EQ(ids.size(), fleet.size());
  }
}

TEST(Fleet, KnowsItsOwnIdsOnly) {
  const Fleet fleet = MakeTestFleet(1000, 1, 1);
  const Fleet other = MakeTestFleet(1000, 1, 2);
  EXPECT_FALSE(fleet.IndexOf(kNoEndpoint));
  for (Index index = 0; index < other.size(); ++index) {
    EXPECT_FALSE(fleet.IndexOf(other.IdOf(index)));
  }
  const Fleet smaller = MakeTestFleet(999, 1, 1);
  EXPECT_FALSE(smaller.IndexOf(fleet.IdOf(999)));
}

TEST(Fleet, CohortsAreNeighbours) {
  Cohort a;
  a.endpoints = 10;
  Cohort b;
  b.endpoints = 5;
  const Fleet fleet({a, b}, 3, 1);
  EXPECT_EQ(fleet.size(), 15U);
  EXPECT_EQ(fleet.CohortOf(0), 0U);
  EXPECT_EQ(fleet.CohortOf(9), 0U);
  EXPECT_EQ(fleet.CohortOf(10), 1U);
  EXPECT_EQ(fleet.CohortOf(14), 1U);
  EXPECT_EQ(fleet.RackOf(0), 1U);
  EXPECT_EQ(fleet.RackOf(2), 3U);
  EXPECT_EQ(fleet.RackOf(3), 1U);
}

TEST(Permutation, VisitsEachOnceAndNotInOrder) {
  for (const std::uint64_t size : {1U, 2U, 3U, 64U, 65U, 1000U, 4097U}) {
    const Permutation order(size, 5);
    std::set<std::uint64_t> seen;
    std::uint64_t in_place = 0;
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t x = order.At(i);
      EXPECT_LT(x, size);
      seen.insert(x);
      in_place += x == i ? 1 : 0;
    }
    EXPECT_EQ(seen.size(), size);
    if (size >= 1000) {
      EXPECT_LT(in_place, size / 100);
    }
  }
}

}  // namespace
}  // namespace flatline::generator
