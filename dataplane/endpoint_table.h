// One shard's slots: which are free, which profile each block of 64 neighbours is for, how many
// endpoints are in which liveness. Writes the records, groups and addresses of the region; called
// by the shard's owner only. Assumes that Reclaim runs once a turn, before anything is retired in
// it. Cost: constant per operation, one line of a block beside the record; 0.75 bytes an endpoint,
// taken in Create. The bookkeeping is private and rebuilt from the records (Rebuild).
//
//   pool of empty blocks --claim--> blocks of profile p with a free slot --full--> (in no list)
//        ^                                |        ^                                  |
//        +------------ empty -------------+        +------- a slot came free ---------+
//   slot:  free --Enrol--> taken --Retire--> quarantined --Reclaim, horizon passed--> free
//
// Neighbours share a profile, because they share a wheel entry (shard.h). A slot is quarantined
// because another worker may still hold it: it looked it up before the retirement, and stamps it
// before its turn ends.
#pragma once

#include "dataplane/group_silence.h"
#include "dataplane/page_array.h"

#include <flatline/endpoint.h>
#include <flatline/record.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace flatline {

// The part of a region's table that belongs to one shard.
struct ShardSlots {
  std::span<EndpointRecord> records;
  std::span<std::atomic<Group>> groups;
  std::span<SourceAddress> addresses;
  Slot first = 0;  // slot number of records[0]

  static ShardSlots Of(const RegionView& region, unsigned shard) noexcept;
};

// What is written for an endpoint that enters.
struct Newcomer {
  EndpointId id = kNoEndpoint;
  std::uint32_t incarnation = 0;
  Group group = kNoGroup;
  Heard heard;
  Arrival arrival;
  EndpointState state;  // its profile decides the block
  SourceAddress source;
};

inline constexpr std::size_t kLivenesses = kLivenessNames.size();

class EndpointTable {
 public:
  [[nodiscard]] static std::expected<EndpointTable, std::string> Create(const ShardSlots& slots);

  // Takes what the records say for the truth, in a table that has just been created: of each block
  // once, in any order; then what they say together.
  void RebuildBlock(std::uint32_t block) noexcept;
  void RebuildLists() noexcept;

  // A slot in a block of the newcomer's profile, with everything written, the id last; kNoSlot when
  // there is none left.
  [[nodiscard]] Slot Enrol(const Newcomer& newcomer) noexcept;

  // The record loses its id; its slot is quarantined.
  void Retire(Slot slot) noexcept;

  // Frees what was retired before an instant that the horizon has passed since. `hearing` is that
  // of the turn which is beginning. At most `budget` blocks a call.
  void Reclaim(HearingInstant hearing, HearingInstant horizon, std::size_t budget) noexcept;

  // The one way to change a state, so that the counts are true.
  void SetState(Slot slot, const EndpointState& state) noexcept;

  // Likewise of a group.
  void SetGroup(Slot slot, Group group) noexcept;

  // Before anything is in the table: who counts the members of groups, or null.
  void CountGroupsIn(GroupCounts* counts) noexcept { group_counts_ = counts; }

  [[nodiscard]] EndpointRecord& record(Slot slot) noexcept {
    return slots_.records[slot - slots_.first];
  }

  [[nodiscard]] const EndpointRecord& record(Slot slot) const noexcept {
    return slots_.records[slot - slots_.first];
  }

  [[nodiscard]] Group group(Slot slot) const noexcept {
    return slots_.groups[slot - slots_.first].load(std::memory_order_relaxed);
  }

  [[nodiscard]] SourceAddress& address(Slot slot) noexcept {
    return slots_.addresses[slot - slots_.first];
  }

  [[nodiscard]] const SourceAddress& address(Slot slot) const noexcept {
    return slots_.addresses[slot - slots_.first];
  }

  // Blocks are numbered from 0 in each shard.
  [[nodiscard]] std::uint32_t block_count() const noexcept {
    return static_cast<std::uint32_t>(blocks_.size());
  }

  [[nodiscard]] std::uint32_t BlockOf(Slot slot) const noexcept {
    return (slot - slots_.first) / kBlockSlots;
  }

  [[nodiscard]] Slot FirstSlot(std::uint32_t block) const noexcept {
    return slots_.first + block * kBlockSlots;
  }

  // Bit i: slot i of the block is taken.
  [[nodiscard]] std::uint64_t TakenIn(std::uint32_t block) const noexcept {
    const Block& it = blocks_[block];
    return ~(it.free | it.quarantine[0] | it.quarantine[1]);
  }

  [[nodiscard]] ProfileId ProfileOf(std::uint32_t block) const noexcept {
    return blocks_[block].profile;
  }

  [[nodiscard]] std::uint64_t count(Liveness liveness) const noexcept {
    return counts_[static_cast<std::size_t>(liveness)];
  }

  // Taken slots.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // Slots retired and not yet to be had again.
  [[nodiscard]] std::uint64_t quarantined() const noexcept { return quarantined_; }

  [[nodiscard]] std::size_t capacity() const noexcept { return slots_.records.size(); }

  // Memory taken, the region's apart.
  [[nodiscard]] std::size_t bytes() const noexcept { return blocks_.bytes(); }

 private:
  static constexpr std::uint32_t kNoBlock = 0xFFFFFFFFU;

  struct Block {
    std::uint64_t free;
    std::array<std::uint64_t, 2> quarantine;          // by epoch
    std::array<std::uint32_t, 2> next_in_quarantine;  // chain of the epoch's blocks
    std::uint32_t next;                               // in the list of its profile, or the pool
    std::uint32_t previous;
    ProfileId profile;  // meaningless while the whole block is free
    bool listed;        // in the list of its profile
  };

  static_assert(sizeof(Block) <= 48);

  // Slots retired in one stretch of time: while one epoch fills, the other waits for the horizon.
  struct Epoch {
    std::uint32_t head = kNoBlock;
    HearingInstant closed{};
  };

  EndpointTable() noexcept;

  [[nodiscard]] std::uint32_t BlockWithRoom(ProfileId profile) noexcept;
  void List(std::uint32_t block) noexcept;
  void Unlist(std::uint32_t block) noexcept;
  void ReturnToPool(std::uint32_t block) noexcept;
  void Release(std::uint32_t block, unsigned epoch) noexcept;

  ShardSlots slots_;
  PageArray<Block> blocks_;
  std::array<std::uint32_t, kMaxProfiles> lists_{};  // blocks with a free slot, by profile
  std::uint32_t pool_ = kNoBlock;                    // empty blocks
  std::array<Epoch, 2> epochs_{};
  unsigned filling_ = 0;
  std::array<std::uint64_t, kLivenesses> counts_{};
  std::uint64_t size_ = 0;
  std::uint64_t quarantined_ = 0;
  GroupCounts* group_counts_ = nullptr;
};

}  // namespace flatline
