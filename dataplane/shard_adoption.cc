// How a shard comes back after a restart: index, slots and wheel from the records of the region.
#include "dataplane/shard.h"

#include <algorithm>
#include <bit>

namespace flatline {
namespace {

// What gaps between stamps can have come to; false of what is no number.
bool IsPossible(const Arrival& arrival) noexcept {
  constexpr float kMost = 0x1p31F;
  return arrival.interval >= 0 && arrival.interval < kMost && arrival.variance >= 0 &&
         arrival.variance < kMost * kMost && arrival.lead > -kMost && arrival.lead < kMost;
}

// Since it was told, another worker may have stamped a later heartbeat of that life: what was
// captured of those in between must not count.
std::uint32_t NewestOf(const RecordView& seen, const Transition& told) noexcept {
  const bool is_of_this_life =
      seen.state.liveness != Liveness::kUnknown && seen.incarnation == told.incarnation;
  const auto ahead = static_cast<std::int32_t>(seen.heard.sequence - told.sequence);
  return is_of_this_life && ahead > 0 ? seen.heard.sequence : told.sequence;
}

}  // namespace

// Records two blocks ahead and the index's buckets of the next block are on their way while a block
// is entered: the misses of a hundred endpoints overlap, and none is waited for alone.
void Shard::Adopt(const Moment& stopped) noexcept {
  const std::uint32_t blocks = table_.block_count();
  std::array<BlockHashes, 2> hashes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  HashBlock(0, hashes[0]);
  for (std::uint32_t block = 0; block < blocks; ++block) {
    PrefetchBlock(std::min(block + 2, blocks - 1));
    if (block + 1 < blocks) {
      HashBlock(block + 1, hashes[(block + 1) % 2]);
    }
    AdoptBlock(block, hashes[block % 2], stopped);
    table_.RebuildBlock(block);
    if (table_.TakenIn(block) != 0) {
      wheel_.Arm(block, wheel_.now());
    }
  }
  table_.RebuildLists();
}

void Shard::HashBlock(std::uint32_t block, BlockHashes& out) const noexcept {
  const Slot first = table_.FirstSlot(block);
  for (Slot i = 0; i < kBlockSlots; ++i) {
    out[i] = HashOf(table_.record(first + i).id.load(std::memory_order_relaxed));
    index_.PrefetchForInsert(out[i]);
  }
}

// Those that another entry might be the same as wait until the records that tell are there: one in
// thirty, and every id that is there twice.
void Shard::AdoptBlock(std::uint32_t block,
                       const BlockHashes& hashes,
                       const Moment& stopped) noexcept {
  const Slot first = table_.FirstSlot(block);
  std::uint64_t doubtful = 0;
  for (Slot i = 0; i < kBlockSlots; ++i) {
    EndpointRecord& record = table_.record(first + i);
    if (record.id.load(std::memory_order_relaxed) == kNoEndpoint || !Mend(record, hashes[i])) {
      continue;
    }
    CountIfDead(first + i, stopped);
    if (index_.MayHold(hashes[i])) [[unlikely]] {
      doubtful |= std::uint64_t{1} << i;
    } else {
      index_.Insert(hashes[i], first + i);
    }
  }
  for (; doubtful != 0; doubtful &= doubtful - 1) {
    const auto i = static_cast<Slot>(std::countr_zero(doubtful));
    EndpointRecord& record = table_.record(first + i);
    if (index_.Find(record.id.load(std::memory_order_relaxed), hashes[i]) == kNoSlot) {
      index_.Insert(hashes[i], first + i);
    } else {
      record.id.store(kNoEndpoint, std::memory_order_relaxed);
    }
  }
}

// What cannot be is made possible, or the record is cleared: then false.
bool Shard::Mend(EndpointRecord& record, std::uint64_t hash) noexcept {
  auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  if (ShardOf(hash, region_.shape().workers) != number_ ||
      static_cast<std::size_t>(state.liveness) >= kLivenesses) [[unlikely]] {
    record.id.store(kNoEndpoint, std::memory_order_relaxed);
    return false;
  }
  if (!detector_.Knows(state.profile)) [[unlikely]] {
    state.profile = detector_.default_profile();
    record.state.store(state.Pack(), std::memory_order_relaxed);
  }
  const std::uint64_t arrival = record.arrival.load(std::memory_order_relaxed);
  if (arrival != 0 && !IsPossible(Arrival::Unpack(arrival))) [[unlikely]] {
    record.arrival.store(0, std::memory_order_relaxed);
  }
  return true;
}

// A guard goes on with those whom the predecessor had counted.
void Shard::CountIfDead(Slot slot, const Moment& stopped) noexcept {
  const RecordView seen = View(table_.record(slot));
  if (seen.state.liveness != Liveness::kDead) {
    return;
  }
  if (const auto died = DiedAbout(seen, stopped)) {
    CountDeath(table_.group(slot), *died);
  }
}

// After the records: an entry is for an endpoint of the table.
void Shard::AdoptPayloads() {
  payloads_.Adopt([this](EndpointId id) { return index_.Find(id, HashOf(id)) != kNoSlot; });
}

void Shard::Reapply(const Transition& told, const Moment& stopped) noexcept {
  if (!ConcernsEndpoint(told) || static_cast<std::size_t>(told.liveness) >= kLivenesses ||
      told.slot < table_.FirstSlot(0) || told.slot - table_.FirstSlot(0) >= table_.capacity()) {
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
  const bool is_of_liveness = told.kind == TransitionKind::kLiveness;
  if (is_of_liveness && state.liveness == Liveness::kDead) {
    TakeBackDeath(told, stopped);
  }
  if (told.reason == Reason::kRetired) {
    Dismiss(told.slot);
    return;
  }
  if (is_of_liveness && told.liveness == Liveness::kDead &&
      WasHeard(told.incarnation, told.sequence)) {
    CountDeath(told.group, stopped.now);
  }
  const std::uint32_t newest = NewestOf(View(record), told);
  state.liveness = told.liveness;
  state.health = told.health;
  record.incarnation.store(told.incarnation, std::memory_order_relaxed);
  if (told.reason == Reason::kFirstHeartbeat || told.reason == Reason::kRestarted) {
    record.arrival.store(0, std::memory_order_relaxed);
  }
  if (told.liveness == Liveness::kAlive) {
    // The stamp may not have been stored; we have been deaf since, so now is as good.
    record.heard.store(Heard{StampOf(stopped.hearing), newest}.Pack(), std::memory_order_relaxed);
  }
  table_.SetState(told.slot, state);
  Watch(told.slot, stopped.hearing);
}

}  // namespace flatline
