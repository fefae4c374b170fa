// Rows of all batches in the order of the roster: by the hash of the id, and by that of the name.
// Finds ids and names that are there twice. Used by the load, between reading and writing. Cost:
// two parallel sorts, 16 bytes a row each.
#pragma once

#include "control/roster/roster_batch.h"

#include <cstdint>
#include <vector>

namespace flatline {

// A row by its hash, and where it is. Rows of one hash stand in the order of the file.
struct RosterPlace {
  std::uint64_t hash = 0;
  std::uint32_t batch = 0;
  std::uint32_t row = 0;

  friend auto operator<=>(const RosterPlace&, const RosterPlace&) = default;
};

static_assert(sizeof(RosterPlace) == 16);

struct RosterOrder {
  std::vector<RosterPlace> by_id;
  std::vector<RosterPlace> by_name;  // those that have one
};

// A row with the id or the name of an earlier one is left out, and is a fault of its batch.
[[nodiscard]] RosterOrder OrderRoster(std::vector<RosterBatch>& batches);

}  // namespace flatline
