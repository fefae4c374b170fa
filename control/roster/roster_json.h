// A roster as JSON lines: an object for each endpoint, {"id": 42, "name": "web-7", "group": "r7",
// "profile": "node", "labels": {"rack": "r7"}}, of which id or name must be there. Used by the
// load, a piece of the file for each thread. Pure but for simdjson's parser. Assumes that
// kRosterPadding bytes behind the piece may be read. Cost: one pass of simdjson for each line.
#pragma once

#include "control/roster/roster_batch.h"

#include <cstddef>
#include <string_view>

namespace flatline {

inline constexpr std::size_t kRosterPadding = 64;

// Rows and faults into `out`. A faulty line is left out, and the next one is read.
void ReadRosterJson(std::string_view piece, RosterBatch& out);

}  // namespace flatline
