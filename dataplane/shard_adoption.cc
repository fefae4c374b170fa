// How a shard comes back after a restart: index, slots and wheel from the records of the region.
#include "dataplane/shard.h"

#include <algorithm>

namespace flatline {
namespace {

// What gaps between stamps can have come to; false of what is no number.
bool IsPossible(const Arrival& arrival) noexcept {
  constexpr float kMost = 0x1p31F;
  return arrival.interval >= 0 && arrival.interval < kMost && arrival.variance >= 0 &&
         arrival.variance < kMost * kMost && arrival.lead > -kMost && arrival.lead < kMost;
}

}  // namespace

bool Shard::IsAdoptable(const EndpointRecord& record) const noexcept {
  const EndpointId id = record.id.load(std::memory_order_relaxed);
  const std::uint64_t hash = HashOf(id);
  const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  return ShardOf(hash, region_.shape().workers) == number_ &&
         static_cast<std::size_t>(state.liveness) < kLivenesses && index_.Find(id, hash) == kNoSlot;
}

// A block at a time, the buckets of its endpoints on their way before the first is looked at.
void Shard::Adopt() noexcept {
  for (std::uint32_t block = 0; block < table_.block_count(); ++block) {
    PrefetchBlock(std::min(block + 1, table_.block_count() - 1));
    const Slot first = table_.FirstSlot(block);
    for (Slot slot = first; slot < first + kBlockSlots; ++slot) {
      index_.Prefetch(HashOf(table_.record(slot).id.load(std::memory_order_relaxed)));
    }
    for (Slot slot = first; slot < first + kBlockSlots; ++slot) {
      AdoptRecord(slot);
    }
  }
  table_.Rebuild();
  for (std::uint32_t block = 0; block < table_.block_count(); ++block) {
    if (table_.TakenIn(block) != 0) {
      wheel_.Arm(block, wheel_.now());
    }
  }
}

void Shard::AdoptRecord(Slot slot) noexcept {
  EndpointRecord& record = table_.record(slot);
  const EndpointId id = record.id.load(std::memory_order_relaxed);
  if (id == kNoEndpoint) {
    return;
  }
  if (!IsAdoptable(record)) {
    record.id.store(kNoEndpoint, std::memory_order_relaxed);
    return;
  }
  auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  if (!detector_.Knows(state.profile)) {
    state.profile = detector_.default_profile();
    record.state.store(state.Pack(), std::memory_order_relaxed);
  }
  if (!IsPossible(Arrival::Unpack(record.arrival.load(std::memory_order_relaxed)))) {
    record.arrival.store(0, std::memory_order_relaxed);
  }
  index_.Insert(HashOf(id), slot);
}

// After the records: an entry is for an endpoint of the table.
void Shard::AdoptPayloads() {
  payloads_.Adopt([this](EndpointId id) { return index_.Find(id, HashOf(id)) != kNoSlot; });
}

void Shard::Reapply(const Transition& told, HearingInstant now) noexcept {
  if (told.kind == TransitionKind::kBlind ||
      static_cast<std::size_t>(told.liveness) >= kLivenesses || told.slot < table_.FirstSlot(0) ||
      told.slot - table_.FirstSlot(0) >= table_.capacity()) {
    return;
  }
  EndpointRecord& record = table_.record(told.slot);
  EndpointState state = View(record).state;
  const auto present = told.kind == TransitionKind::kHealth
                           ? static_cast<std::uint8_t>(state.health)
                           : static_cast<std::uint8_t>(state.liveness);
  if (record.id.load(std::memory_order_relaxed) != told.id || told.id == kNoEndpoint ||
      present != told.from) {
    return;
  }
  if (told.reason == Reason::kRetired) {
    Dismiss(told.slot);
    return;
  }
  state.liveness = told.liveness;
  state.health = told.health;
  record.incarnation.store(told.incarnation, std::memory_order_relaxed);
  if (told.liveness == Liveness::kAlive) {
    // The stamp may not have been stored; we have been deaf since, so now is as good.
    record.heard.store(Heard{StampOf(now), told.sequence}.Pack(), std::memory_order_relaxed);
  }
  table_.SetState(told.slot, state);
  Watch(told.slot, now);
}

}  // namespace flatline
