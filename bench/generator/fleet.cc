#include "bench/generator/fleet.h"

#include <flatline/check.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace flatline::generator {

Permutation::Permutation(std::uint64_t size, std::uint64_t seed) noexcept
    : size_(size),
      mask_(std::bit_ceil(std::max<std::uint64_t>(size, 2)) - 1),
      key_(Mix(seed ^ 0xA0761D6478BD642FULL) & mask_),
      shift_(static_cast<unsigned>(std::bit_width(mask_) + 1) / 2) {}

Fleet::Fleet(std::vector<Cohort> cohorts, Rack racks, std::uint64_t seed)
    : cohorts_(std::move(cohorts)),
      size_(0),
      racks_(racks),
      seed_(seed),
      key_(Mix(seed + 1) & 0xFFFFFFFF00000000ULL) {
  FLATLINE_CHECK(!cohorts_.empty() && cohorts_.size() <= kMostCohorts && racks_ > 0);
  std::uint64_t total = 0;
  for (Cohort& cohort : cohorts_) {
    cohort.first = static_cast<Index>(total);
    total += cohort.endpoints;
  }
  FLATLINE_CHECK(total > 0 && total <= kMostEndpoints);
  size_ = static_cast<Index>(total);
}

}  // namespace flatline::generator
