// Ordered batches into a roster file: laid out, filled and sealed in parallel. Used by the load.
// The file appears under its name whole or not at all: it has no name until it is synced, and then
// takes the place of the one before. Assumes the text that batches point into still stands. Cost:
// one random look at each row; 4 bytes an endpoint beside the batches and the file's pages.
#pragma once

#include "control/roster/roster_batch.h"
#include "control/roster/roster_order.h"

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace flatline {

struct RosterTotals {
  std::uint64_t endpoints = 0;
  std::uint64_t named = 0;
  std::uint64_t labels = 0;
  std::uint64_t pairs = 0;  // that differ
  std::uint64_t bytes = 0;  // of the file
};

[[nodiscard]] std::expected<RosterTotals, std::string> WriteRoster(
    const std::vector<RosterBatch>& batches, const RosterOrder& order, const std::string& path);

}  // namespace flatline
