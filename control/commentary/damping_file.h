// The file in which control keeps who changes too often: one entry for each endpoint with a
// penalty. Written by damping alone, through a mapping, so that a kill costs nothing: an entry is
// written over the older of its two copies, and says up to which record of the journal it knows.
// Assumes one writer. Bounds: kMostDamped entries, two mebibytes.
//
//   file:  header, a page | slot | slot | …     slot: two copies; the later one that is whole
//   counts
#pragma once

#include "control/files/two_copies.h"

#include <flatline/endpoint.h>
#include <flatline/liveness.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace flatline {

inline constexpr std::size_t kMostDamped = 16'384;
inline constexpr std::uint64_t kDampingMagic = 0x31504D41444C46ULL;  // "FLDAMP1"

struct DampingEntry {
  EndpointId endpoint = kNoEndpoint;  // kNoEndpoint: free
  std::uint64_t version = 0;          // the later of two
  std::uint64_t sequence = 0;         // the last record of the journal that is in it
  std::int64_t at_ns = 0;             // wall clock, when the penalty was
  double penalty = 0;                 // so much
  std::int64_t since_ns = 0;          // its changes are suppressed since; 0: they are told
  std::uint32_t suppressed = 0;       // since then
  Group group = kNoGroup;
  Liveness liveness = Liveness::kUnknown;  // as it is
  Liveness told = Liveness::kUnknown;      // where they are suppressed: as was told
  Health health = Health::kUnknown;
  std::uint8_t profile = 0;
  std::uint32_t crc = 0;  // CRC32C of all before

  [[nodiscard]] bool is_possible() const noexcept {
    return std::isfinite(penalty) && penalty >= 0 && IsTime(at_ns) && IsTime(since_ns);
  }
};

static_assert(sizeof(DampingEntry) == 64);

struct DampingFile {
  std::uint64_t magic = 0;
  std::uint64_t upto = 0;  // every record up to here is in the entries
  std::array<std::uint64_t, 510> reserved{};
  std::array<TwoCopies<DampingEntry>, kMostDamped> slots{};
};

static_assert(sizeof(DampingFile) == 4'096 + 128 * kMostDamped);

}  // namespace flatline
