// The index of leases against a map, with random entries and removals in tables so full and names
// so near each other that most are not where they would be alone.
#include "dataplane/lease_index.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

class IndexAndModel {
 public:
  IndexAndModel(std::size_t leases, std::uint64_t seed)
      : random_(seed), leases_(leases), index_(leases_, random_()) {
    for (std::uint32_t lease = 0; lease < leases; ++lease) {
      free_.push_back(lease);
    }
  }

  void Step() {
    const std::uint64_t number = random_() % (2 * leases_.size());
    const LeaseName name{.space = static_cast<LeaseSpace>(random_() % 3), .number = number};
    const auto known = held_.find(number * 3 + static_cast<std::uint64_t>(name.space));
    ASSERT_EQ(index_.Find(name), known == held_.end() ? LeaseIndex::kNobody : known->second);
    if (known != held_.end()) {
      index_.Remove(name);
      free_.push_back(known->second);
      held_.erase(known);
    } else if (!free_.empty()) {
      const std::uint32_t lease = free_.back();
      free_.pop_back();
      leases_[lease].space = name.space;
      leases_[lease].number = name.number;
      index_.Enter(lease);
      held_.emplace(number * 3 + static_cast<std::uint64_t>(name.space), lease);
    }
  }

  void FindAll() const {
    for (const auto& [key, lease] : held_) {
      const LeaseName name{.space = static_cast<LeaseSpace>(key % 3), .number = key / 3};
      ASSERT_EQ(index_.Find(name), lease) << "name " << key / 3 << " of space " << key % 3;
    }
  }

 private:
  std::mt19937_64 random_;
  std::vector<Lease> leases_;
  LeaseIndex index_;
  std::vector<std::uint32_t> free_;
  std::map<std::uint64_t, std::uint32_t> held_;
};

TEST(LeaseIndexModel, FindsWhatIsThereAndNothingElse) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    IndexAndModel both(1 + seed * 3, seed);
    for (int step = 0; step < 2'000; ++step) {
      both.Step();
      both.FindAll();
      if (testing::Test::HasFatalFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace flatline
