// The labels and group names of all batches as one: keys in order, the pairs of each key by value,
// and for each batch where its own have gone. Used by RosterWriter. Cost: a parallel sort of the
// pairs that differ within a batch.
#pragma once

#include "control/roster/roster_batch.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

struct RosterDictionary {
  std::vector<std::string_view> keys{};
  std::vector<std::uint32_t> pair_first{};            // by key, and one more
  std::vector<std::string_view> values{};             // by pair
  std::vector<std::vector<std::uint32_t>> pair_of{};  // by batch and its own pair
  std::map<Group, std::string> groups{};

  // The error says which two group names cannot be together.
  [[nodiscard]] static std::expected<RosterDictionary, std::string> Of(
      const std::vector<RosterBatch>& batches);
};

}  // namespace flatline
