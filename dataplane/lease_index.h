// Which lease has which name: open addressing over names that lie elsewhere, at most half full,
// linear probing, no graves. Used by the lease table alone. Holds as many as it was made for;
// memory is taken there. Constant time. Names are hashed under the region's key, so that nobody can
// choose ones that collide.
#pragma once

#include <flatline/lease.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flatline {

class LeaseIndex {
 public:
  static constexpr std::uint32_t kNobody = 0xFFFFFFFFU;

  // `leases` outlive it, and say the name of each that was entered.
  LeaseIndex(std::span<const Lease> leases, std::uint64_t hash_key)
      : leases_(leases),
        hash_key_(hash_key),
        places_(std::bit_ceil(2 * leases.size() + 2), kNobody),
        mask_(places_.size() - 1) {}

  [[nodiscard]] std::uint32_t Find(const LeaseName& name) const noexcept {
    return places_[PlaceOf(name)];
  }

  // Of a name that is not there.
  void Enter(std::uint32_t lease) noexcept { places_[PlaceOf(leases_[lease].name())] = lease; }

  // Of a name that is. Those behind it move up, as far as they may.
  void Remove(const LeaseName& name) noexcept {
    std::size_t hole = PlaceOf(name);
    for (std::size_t at = (hole + 1) & mask_; places_[at] != kNobody; at = (at + 1) & mask_) {
      const std::size_t home = HomeOf(leases_[places_[at]].name());
      if (((at - home) & mask_) >= ((at - hole) & mask_)) {
        places_[hole] = places_[at];
        hole = at;
      }
    }
    places_[hole] = kNobody;
  }

 private:
  [[nodiscard]] std::size_t HomeOf(const LeaseName& name) const noexcept {
    return static_cast<std::size_t>(HashLease(name, hash_key_)) & mask_;
  }

  // Where it is, or would be.
  [[nodiscard]] std::size_t PlaceOf(const LeaseName& name) const noexcept {
    std::size_t at = HomeOf(name);
    while (places_[at] != kNobody && leases_[places_[at]].name() != name) {
      at = (at + 1) & mask_;
    }
    return at;
  }

  std::span<const Lease> leases_;
  std::uint64_t hash_key_;
  std::vector<std::uint32_t> places_;
  std::size_t mask_;
};

}  // namespace flatline
