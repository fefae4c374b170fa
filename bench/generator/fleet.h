// The simulated fleet as arithmetic: from an endpoint's index to its id, rack, cohort and phase,
// and back from an id to the index. Used by every part of the generator, from any thread.
// Immutable after construction; nothing is stored per endpoint. Bounds: at most 2^31 endpoints in
// at most 16 cohorts. Cost: a few multiplications.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace flatline::generator {

using Index = std::uint32_t;  // of an endpoint in the fleet: 0 to endpoints - 1
using Rack = std::uint32_t;   // 1 to racks; sent as the endpoint's group

// Time since the run began. The generator's own timeline: schedule, scenario and truth live on it.
using Elapsed = std::chrono::nanoseconds;

inline constexpr std::size_t kMostCohorts = 16;
inline constexpr std::uint64_t kMostEndpoints = std::uint64_t{1} << 31;

// Endpoints that beat alike. They are neighbours in the index.
struct Cohort {
  std::string profile = "node";  // its name, for people
  ProfileId profile_id = kDefaultProfile;
  Index endpoints = 0;
  Duration interval{};
  Duration jitter{};  // each heartbeat is late by up to this, anew each time
  Duration timeout{};
  Duration confirmation{};
  Index first = 0;  // index of its first endpoint; Fleet fills it in
};

// splitmix64's finaliser: a bijection of 64 bits, its inverse, and what draws numbers from a seed.
[[nodiscard]] constexpr std::uint64_t Mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

[[nodiscard]] constexpr std::uint64_t Unmix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642B2D24D8EC3ULL;
  x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96DE1B173F119089ULL;
  return x ^ (x >> 30) ^ (x >> 60);
}

static_assert(Unmix(Mix(0x0123456789ABCDEFULL)) == 0x0123456789ABCDEFULL);

// A number drawn for two coordinates (an endpoint and a round, say) under a seed.
[[nodiscard]] constexpr std::uint64_t Draw(std::uint64_t seed,
                                           std::uint64_t a,
                                           std::uint64_t b) noexcept {
  return Mix(seed + a * 0x9E3779B97F4A7C15ULL + Mix(b ^ 0xD1B54A32D192ED03ULL));
}

// Whether a drawn number falls within a probability.
[[nodiscard]] constexpr bool Falls(std::uint64_t drawn, double probability) noexcept {
  return static_cast<double>(drawn >> 11) * 0x1p-53 < probability;
}

// A pseudo-random order of [0, size): position to member, a bijection without a table.
class Permutation {
 public:
  Permutation(std::uint64_t size, std::uint64_t seed) noexcept;

  [[nodiscard]] std::uint64_t At(std::uint64_t position) const noexcept {
    std::uint64_t x = position;
    do {  // the smallest power of two that holds them all: fewer than two steps on average
      x = ((x ^ key_) * kOdd) & mask_;
      x ^= x >> shift_;
      x = (x * kOther + key_) & mask_;
      x ^= x >> shift_;
    } while (x >= size_);
    return x;
  }

 private:
  static constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
  static constexpr std::uint64_t kOther = 0xD6E8FEB86659FD93ULL;
  std::uint64_t size_;
  std::uint64_t mask_;
  std::uint64_t key_;
  unsigned shift_;
};

class Fleet {
 public:
  // `cohorts` are laid one behind the other. At least one endpoint; `racks` at least 1.
  Fleet(std::vector<Cohort> cohorts, Rack racks, std::uint64_t seed);

  [[nodiscard]] Index size() const noexcept { return size_; }

  [[nodiscard]] Rack racks() const noexcept { return racks_; }

  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

  [[nodiscard]] const std::vector<Cohort>& cohorts() const noexcept { return cohorts_; }

  // Never 0: the low half of the mixed number is index + 1, and the key's low half is 0.
  [[nodiscard]] EndpointId IdOf(Index index) const noexcept {
    return Mix((std::uint64_t{index} + 1) ^ key_);
  }

  // Nothing for an id that is not of this fleet.
  [[nodiscard]] std::optional<Index> IndexOf(EndpointId id) const noexcept {
    const std::uint64_t index = (Unmix(id) ^ key_) - 1;
    return index < size_ ? std::optional<Index>{static_cast<Index>(index)} : std::nullopt;
  }

  // Neighbours stand in different racks, so a rack's members are spread over all phases.
  [[nodiscard]] Rack RackOf(Index index) const noexcept { return index % racks_ + 1; }

  [[nodiscard]] std::size_t CohortOf(Index index) const noexcept {
    std::size_t cohort = cohorts_.size() - 1;
    while (index < cohorts_[cohort].first) {
      --cohort;
    }
    return cohort;
  }

  [[nodiscard]] const Cohort& Of(Index index) const noexcept { return cohorts_[CohortOf(index)]; }

 private:
  std::vector<Cohort> cohorts_;
  Index size_;
  Rack racks_;
  std::uint64_t seed_;
  std::uint64_t key_;
};

}  // namespace flatline::generator
