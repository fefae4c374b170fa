// The smallest region that has all there is in one, in memory of exactly its size, and what must
// hold of any table whatever was done to it. Used by the targets that turn an engine over hostile
// bytes. Cost: some 100 KiB zeroed for each input.
#pragma once

#include "dataplane/shared_region.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/check.h>
#include <flatline/config.h>
#include <flatline/region.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <unordered_set>

namespace flatline {

class SmallRegion {
 public:
  static constexpr RegionShape kShape{.workers = 2,
                                      .slots_per_worker = 2 * kBlockSlots,
                                      .transition_capacity = 16,
                                      .command_capacity = 16,
                                      .page = kSmallPage,
                                      .payloads_per_worker = 8,
                                      .leases_per_worker = 8};

  SmallRegion()
      : memory_(static_cast<std::byte*>(std::aligned_alloc(kSmallPage, kBytes))),
        view_((std::memset(memory_.get(), 0, kBytes),
               FormatRegion(memory_.get(), kShape, config(), kWall, kHashKey))) {}

  [[nodiscard]] const RegionView& view() const noexcept { return view_; }

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {memory_.get(), kBytes}; }

  static const Config& config() {
    static const Config out = SmallConfig(100, kShape.workers);
    return out;
  }

  static constexpr std::uint64_t kHashKey = 0x5EED;
  static constexpr std::size_t kBytes = RegionLayout::Of(kShape).bytes;

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };

  static constexpr WallInstant kWall{Duration{1'700'000'000'000'000'000}};
  std::unique_ptr<std::byte, Free> memory_;
  RegionView view_;
};

// Each entry of the pools belongs to nobody, or to one endpoint of the same shard, which has no
// other.
inline void CheckPayloads(const RegionView& region, const std::unordered_set<EndpointId>& known) {
  std::unordered_set<EndpointId> ids;
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    for (const PayloadEntry& entry : region.payloads(worker)) {
      const auto said = ReadPayload(entry);
      FLATLINE_CHECK(said.has_value());
      if (said->id == kNoEndpoint) {
        continue;
      }
      FLATLINE_CHECK(known.contains(said->id) && ids.insert(said->id).second);
      FLATLINE_CHECK(ShardOf(HashEndpoint(said->id, region.header().hash_key),
                             region.shape().workers) == worker);
    }
  }
}

// Each record belongs to nobody, or to one endpoint that is nowhere else, in its owner's shard, in
// a liveness and a profile that exist.
inline void CheckTable(const RegionView& region) {
  const auto records = region.records();
  std::unordered_set<EndpointId> ids;
  for (std::size_t slot = 0; slot < records.size(); ++slot) {
    const EndpointId id = records[slot].id.load();
    if (id == kNoEndpoint) {
      continue;
    }
    const auto state = EndpointState::Unpack(records[slot].state.load());
    FLATLINE_CHECK(ids.insert(id).second);
    FLATLINE_CHECK(ShardOf(HashEndpoint(id, region.header().hash_key), region.shape().workers) ==
                   slot / region.shape().slots_per_worker);
    FLATLINE_CHECK(static_cast<std::size_t>(state.liveness) < kLivenessNames.size());
    FLATLINE_CHECK(state.profile < kMaxProfiles &&
                   region.header().profiles[state.profile].in_use());
  }
  CheckPayloads(region, ids);
}

}  // namespace flatline
