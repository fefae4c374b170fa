#include "dataplane/endpoint_table.h"

#include <flatline/check.h>

#include <bit>

namespace flatline {

namespace {

constexpr std::uint64_t kAllFree = ~std::uint64_t{0};

std::uint64_t BitOf(Slot offset) noexcept {
  return std::uint64_t{1} << (offset % kBlockSlots);
}

}  // namespace

ShardSlots ShardSlots::Of(const RegionView& region, unsigned shard) noexcept {
  const std::size_t count = region.shape().slots_per_worker;
  const std::size_t first = shard * count;
  return {region.records().subspan(first, count),
          region.groups().subspan(first, count),
          region.addresses().subspan(first, count),
          static_cast<Slot>(first)};
}

EndpointTable::EndpointTable() noexcept {
  lists_.fill(kNoBlock);
}

std::expected<EndpointTable, std::string> EndpointTable::Create(const ShardSlots& slots) {
  FLATLINE_CHECK(slots.records.size() % kBlockSlots == 0);
  auto blocks =
      PageArray<Block>::Create(slots.records.size() / kBlockSlots, "the free lists of slots");
  if (!blocks) {
    return std::unexpected(blocks.error());
  }
  EndpointTable out;
  out.slots_ = slots;
  out.blocks_ = std::move(*blocks);
  for (std::size_t i = out.blocks_.size(); i-- > 0;) {
    out.ReturnToPool(static_cast<std::uint32_t>(i));
  }
  return out;
}

void EndpointTable::RebuildBlock(std::uint32_t block) noexcept {
  Block& it = blocks_[block];
  it = Block{.free = kAllFree,
             .quarantine = {},
             .next_in_quarantine = {kNoBlock, kNoBlock},
             .next = kNoBlock,
             .previous = kNoBlock,
             .profile = kDefaultProfile,
             .listed = false};
  for (Slot i = 0; i < kBlockSlots; ++i) {
    const EndpointRecord& record = slots_.records[std::size_t{block} * kBlockSlots + i];
    if (record.id.load(std::memory_order_relaxed) == kNoEndpoint) {
      continue;
    }
    const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
    if (it.free == kAllFree) {
      it.profile = state.profile;
    }
    it.free &= ~BitOf(i);
    ++counts_[static_cast<std::size_t>(state.liveness)];
    ++size_;
    if (group_counts_ != nullptr) {
      group_counts_->Enter(group(FirstSlot(block) + i), state.liveness);
    }
  }
}

// From the last to the first, so that newcomers find the first.
void EndpointTable::RebuildLists() noexcept {
  FLATLINE_CHECK(quarantined_ == 0);
  pool_ = kNoBlock;
  for (std::uint32_t block = block_count(); block-- > 0;) {
    if (blocks_[block].free == kAllFree) {
      ReturnToPool(block);
    } else if (blocks_[block].free != 0) {
      List(block);
    }
  }
}

Slot EndpointTable::Enrol(const Newcomer& newcomer) noexcept {
  const std::uint32_t block = BlockWithRoom(newcomer.state.profile);
  if (block == kNoBlock) {
    return kNoSlot;
  }
  Block& it = blocks_[block];
  const auto offset = static_cast<Slot>(std::countr_zero(it.free));
  it.free &= it.free - 1;
  if (it.free == 0) {
    Unlist(block);
  }
  const Slot slot = FirstSlot(block) + offset;
  slots_.groups[slot - slots_.first].store(newcomer.group, std::memory_order_relaxed);
  address(slot) = newcomer.source;
  EndpointRecord& into = record(slot);
  into.heard.store(newcomer.heard.Pack(), std::memory_order_relaxed);
  into.incarnation.store(newcomer.incarnation, std::memory_order_relaxed);
  into.state.store(newcomer.state.Pack(), std::memory_order_relaxed);
  into.arrival.store(newcomer.arrival.Pack(), std::memory_order_relaxed);
  into.id.store(newcomer.id, std::memory_order_release);
  ++counts_[static_cast<std::size_t>(newcomer.state.liveness)];
  ++size_;
  if (group_counts_ != nullptr) {
    group_counts_->Enter(newcomer.group, newcomer.state.liveness);
  }
  return slot;
}

void EndpointTable::Retire(Slot slot) noexcept {
  EndpointRecord& it = record(slot);
  FLATLINE_DCHECK(it.id.load(std::memory_order_relaxed) != kNoEndpoint);
  const auto state = EndpointState::Unpack(it.state.load(std::memory_order_relaxed));
  it.id.store(kNoEndpoint, std::memory_order_release);
  --counts_[static_cast<std::size_t>(state.liveness)];
  --size_;
  if (group_counts_ != nullptr) {
    group_counts_->Leave(group(slot), state.liveness);
  }
  const std::uint32_t block = BlockOf(slot);
  std::uint64_t& quarantine = blocks_[block].quarantine[filling_];
  if (quarantine == 0) {
    blocks_[block].next_in_quarantine[filling_] = epochs_[filling_].head;
    epochs_[filling_].head = block;
  }
  quarantine |= BitOf(slot - slots_.first);
  ++quarantined_;
}

// What the present turn retires belongs to the epoch that fills, which is closed by a later turn.
// When the horizon has passed that turn, every worker has begun one after the retirement.
void EndpointTable::Reclaim(HearingInstant hearing,
                            HearingInstant horizon,
                            std::size_t budget) noexcept {
  const unsigned waiting = 1 - filling_;
  if (epochs_[waiting].head == kNoBlock) {
    if (epochs_[filling_].head != kNoBlock) {
      epochs_[filling_].closed = hearing;
      filling_ = waiting;
    }
    return;
  }
  if (horizon <= epochs_[waiting].closed) {
    return;
  }
  for (; budget != 0 && epochs_[waiting].head != kNoBlock; --budget) {
    const std::uint32_t block = epochs_[waiting].head;
    epochs_[waiting].head = blocks_[block].next_in_quarantine[waiting];
    Release(block, waiting);
  }
}

void EndpointTable::Release(std::uint32_t block, unsigned epoch) noexcept {
  Block& it = blocks_[block];
  quarantined_ -= static_cast<std::uint64_t>(std::popcount(it.quarantine[epoch]));
  it.free |= it.quarantine[epoch];
  it.quarantine[epoch] = 0;
  if (it.free == kAllFree) {
    if (it.listed) {
      Unlist(block);
    }
    ReturnToPool(block);
  } else if (!it.listed) {
    List(block);
  }
}

void EndpointTable::SetState(Slot slot, const EndpointState& state) noexcept {
  std::atomic<std::uint32_t>& word = record(slot).state;
  const auto before = EndpointState::Unpack(word.load(std::memory_order_relaxed));
  FLATLINE_DCHECK(before.profile == state.profile);
  --counts_[static_cast<std::size_t>(before.liveness)];
  ++counts_[static_cast<std::size_t>(state.liveness)];
  word.store(state.Pack(), std::memory_order_release);
  if (group_counts_ != nullptr && before.liveness != state.liveness) {
    group_counts_->Change(group(slot), before.liveness, state.liveness);
  }
}

void EndpointTable::SetGroup(Slot slot, Group group) noexcept {
  std::atomic<Group>& word = slots_.groups[slot - slots_.first];
  if (group_counts_ != nullptr) {
    const auto state = EndpointState::Unpack(record(slot).state.load(std::memory_order_relaxed));
    group_counts_->Leave(word.load(std::memory_order_relaxed), state.liveness);
    group_counts_->Enter(group, state.liveness);
  }
  word.store(group, std::memory_order_relaxed);
}

std::uint32_t EndpointTable::BlockWithRoom(ProfileId profile) noexcept {
  FLATLINE_DCHECK(profile < kMaxProfiles);
  if (lists_[profile] != kNoBlock) {
    return lists_[profile];
  }
  const std::uint32_t block = pool_;
  if (block != kNoBlock) {
    pool_ = blocks_[block].next;
    blocks_[block].profile = profile;
    List(block);
  }
  return block;
}

void EndpointTable::List(std::uint32_t block) noexcept {
  Block& it = blocks_[block];
  std::uint32_t& head = lists_[it.profile];
  it.next = head;
  it.previous = kNoBlock;
  it.listed = true;
  if (head != kNoBlock) {
    blocks_[head].previous = block;
  }
  head = block;
}

void EndpointTable::Unlist(std::uint32_t block) noexcept {
  Block& it = blocks_[block];
  if (it.previous != kNoBlock) {
    blocks_[it.previous].next = it.next;
  } else {
    lists_[it.profile] = it.next;
  }
  if (it.next != kNoBlock) {
    blocks_[it.next].previous = it.previous;
  }
  it.listed = false;
}

void EndpointTable::ReturnToPool(std::uint32_t block) noexcept {
  blocks_[block].free = kAllFree;
  blocks_[block].next = pool_;
  pool_ = block;
}

}  // namespace flatline
