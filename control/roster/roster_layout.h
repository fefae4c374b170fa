// The roster as a file: a header, then columns by ordinal, then what is interned. Written by
// RosterWriter, mapped by Roster, of one machine only (its byte order). Ordinals follow the hash of
// the id, so that an id is found by a directory of buckets of about four and no hash table is
// needed. Bounds: 2^32 - 2 endpoints, 160 bytes a name. Costs 29 bytes for each endpoint with its
// name's own, and 8 for each label it has.
//
//   header | ids | directory | names … | groups | profiles | labels … | pairs … | group names
#pragma once

#include <flatline/endpoint.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace flatline {

inline constexpr std::size_t kMostNameBytes = 160;
inline constexpr std::size_t kMostLabelBytes = 255;  // of a value; of a key as well
inline constexpr std::size_t kMostLabels = 64;       // of one endpoint

enum class RosterSection : std::uint8_t {
  kIds,            // u64 by ordinal, by HashOf
  kDirectory,      // u32 by bucket, and one more: its first ordinal
  kNameBase,       // u64 for 65,536 ordinals each: where their names begin
  kNameOffset,     // u32 by ordinal, and one more: from that base
  kNames,          // bytes
  kNameOrder,      // u32: the ordinals that have a name, by its hash
  kNameDirectory,  // u32 by bucket of kNameOrder, and one more
  kGroups,         // u32 by ordinal
  kProfiles,       // u8 by ordinal; 0: none said
  kLabelBase,      // u64, kLabelOffset: u32, as for names: an endpoint's part of kLabels
  kLabelOffset,
  kLabels,        // u32: pairs
  kMemberFirst,   // u64 by pair, and one more: its part of kMembers
  kMembers,       // u32: ordinals that have the pair
  kPairFirst,     // u32 by key, and one more: its pairs, by value
  kKeyOffset,     // u32 by key, and one more
  kKeys,          // bytes
  kValueOffset,   // u64 by pair, and one more
  kValues,        // bytes
  kGroupNumbers,  // u32, in order: the groups that have a name
  kGroupOffset,   // u32 by the same place, and one more
  kGroupNames,    // bytes
};

inline constexpr std::size_t kRosterSections = 22;
inline constexpr std::uint64_t kRosterVersion = 1;
// Sections begin on cache lines, and the contents are checked in blocks of this, in parallel.
inline constexpr std::size_t kRosterAlignment = 64;
inline constexpr std::size_t kRosterBlock = std::size_t{4} << 20;
inline constexpr unsigned kOffsetBlockBits = 16;

struct RosterExtent {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t bytes = 0;
};

struct RosterHeader {
  std::array<char, 8> magic{'F', 'L', 'R', 'O', 'S', 'T', 'E', 'R'};
  std::uint64_t version = kRosterVersion;
  std::uint64_t bytes = 0;  // of the file
  std::uint64_t endpoints = 0;
  std::array<RosterExtent, kRosterSections> sections{};
  std::uint64_t contents = 0;  // XXH3 of the XXH3 of each block behind the header
  std::uint64_t header = 0;    // XXH3 of all before
};

static_assert(sizeof(RosterHeader) % 8 == 0);
// Where the contents begin.
inline constexpr std::uint64_t kRosterContents = 512;
static_assert(sizeof(RosterHeader) <= kRosterContents && kRosterContents % kRosterAlignment == 0);

namespace roster {

// Injective, so that ids of one hash are one id.
constexpr std::uint64_t HashOf(EndpointId id) noexcept {
  return HashEndpoint(id, 0x9E3779B97F4A7C15ULL);
}

// About four to a bucket; at least one bit, which keeps the shift defined.
constexpr unsigned BucketBits(std::uint64_t count) noexcept {
  return count < 8 ? 1U : static_cast<unsigned>(std::bit_width(count - 1)) - 2U;
}

constexpr std::uint64_t BucketOf(std::uint64_t hash, unsigned bits) noexcept {
  return hash >> (64U - bits);
}

// The id of a name that was given none: told in control/README.md, so that others can derive it.
[[nodiscard]] EndpointId IdOfName(const char* name, std::size_t size) noexcept;
[[nodiscard]] std::uint64_t HashOfName(const char* name, std::size_t size) noexcept;
// The number of a group that has a name only: from 2^31 on.
[[nodiscard]] Group NumberOfGroup(const char* name, std::size_t size) noexcept;

// Of all that is behind the header, in parallel.
[[nodiscard]] std::uint64_t ChecksumOf(const std::byte* contents, std::size_t size) noexcept;
[[nodiscard]] std::uint64_t ChecksumOf(const RosterHeader& header) noexcept;

}  // namespace roster
}  // namespace flatline
