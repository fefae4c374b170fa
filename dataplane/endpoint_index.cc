#include "dataplane/endpoint_index.h"

#include <flatline/check.h>

namespace flatline {

std::expected<EndpointIndex, std::string> EndpointIndex::Create(
    std::span<const EndpointRecord> records, std::uint32_t capacity) {
  auto buckets = PageArray<Bucket>::Create((std::size_t{capacity} + kLoad - 1) / kLoad + 1,
                                           "the index of endpoints");
  if (!buckets) {
    return std::unexpected(buckets.error());
  }
  EndpointIndex out;
  out.records_ = records;
  out.buckets_ = std::move(*buckets);
  out.capacity_ = capacity;
  return out;
}

bool EndpointIndex::HasId(Slot slot, EndpointId id) const noexcept {
  return records_[slot].id.load(std::memory_order_acquire) == id;
}

Slot EndpointIndex::FindIn(const Bucket& bucket, EndpointId id, std::uint64_t tag) const noexcept {
  for (unsigned places = PlacesOf(bucket, tag); places != 0; places &= places - 1) {
    const auto place = static_cast<unsigned>(std::countr_zero(places));
    const Slot slot = bucket.slots[place].load(std::memory_order_relaxed);
    if (HasId(slot, id)) {
      return slot;
    }
  }
  return kNoSlot;
}

Slot EndpointIndex::Find(EndpointId id, std::uint64_t hash) const noexcept {
  const std::uint64_t tag = TagOf(hash);
  std::size_t number = HomeNumber(hash);
  for (std::size_t seen = 0; seen < buckets_.size(); ++seen) {
    const Bucket& bucket = buckets_[number];
    if (const Slot slot = FindIn(bucket, id, tag); slot != kNoSlot) {
      return slot;
    }
    if (bucket.high.load(std::memory_order_acquire) < kOneOverflow) {
      return kNoSlot;
    }
    number = Next(number);
  }
  return kNoSlot;
}

void EndpointIndex::PrefetchMatches(std::uint64_t hash) const noexcept {
  static_cast<void>(MayHold(hash));
}

bool EndpointIndex::MayHold(std::uint64_t hash) const noexcept {
  std::size_t number = HomeNumber(hash);
  bool any = false;
  for (std::size_t seen = 0; seen < buckets_.size(); ++seen) {
    const Bucket& bucket = buckets_[number];
    for (unsigned places = PlacesOf(bucket, TagOf(hash)); places != 0; places &= places - 1) {
      const auto place = static_cast<unsigned>(std::countr_zero(places));
      __builtin_prefetch(&records_[bucket.slots[place].load(std::memory_order_relaxed)]);
      any = true;
    }
    if (bucket.high.load(std::memory_order_acquire) < kOneOverflow) {
      break;
    }
    number = Next(number);
  }
  return any;
}

// The slot before its tag, and the entry before the overflow that leads to it: a reader who comes
// across half an insertion finds nothing, as if it had come earlier.
void EndpointIndex::Insert(std::uint64_t hash, Slot slot) noexcept {
  FLATLINE_DCHECK(size_ < capacity_);
  const std::uint64_t tag = TagOf(hash);
  const std::size_t home = HomeNumber(hash);
  std::size_t number = home;
  while (!PutInto(buckets_[number], tag, slot)) {
    number = Next(number);
  }
  for (std::size_t passed = home; passed != number; passed = Next(passed)) {
    std::atomic<std::uint64_t>& high = buckets_[passed].high;
    high.store(high.load(std::memory_order_relaxed) + kOneOverflow, std::memory_order_release);
  }
  ++size_;
}

bool EndpointIndex::PutInto(Bucket& bucket, std::uint64_t tag, Slot slot) noexcept {
  const unsigned free = PlacesOf(bucket, 0);
  if (free == 0) {
    return false;
  }
  const auto place = static_cast<unsigned>(std::countr_zero(free));
  std::atomic<std::uint64_t>& word = place < kLowPlaces ? bucket.low : bucket.high;
  bucket.slots[place].store(slot, std::memory_order_relaxed);
  word.store(word.load(std::memory_order_relaxed) | (tag << (8 * (place % kLowPlaces))),
             std::memory_order_release);
  return true;
}

bool EndpointIndex::Remove(std::uint64_t hash, Slot slot) noexcept {
  const std::uint64_t tag = TagOf(hash);
  const std::size_t home = HomeNumber(hash);
  std::size_t number = home;
  while (!TakeFrom(buckets_[number], tag, slot)) {
    if (buckets_[number].high.load(std::memory_order_relaxed) < kOneOverflow) {
      return false;
    }
    number = Next(number);
    if (number == home) {
      return false;
    }
  }
  for (std::size_t passed = home; passed != number; passed = Next(passed)) {
    std::atomic<std::uint64_t>& high = buckets_[passed].high;
    high.store(high.load(std::memory_order_relaxed) - kOneOverflow, std::memory_order_release);
  }
  --size_;
  return true;
}

bool EndpointIndex::TakeFrom(Bucket& bucket, std::uint64_t tag, Slot slot) noexcept {
  for (unsigned place = 0; place < kPlaces; ++place) {
    std::atomic<std::uint64_t>& word = place < kLowPlaces ? bucket.low : bucket.high;
    const unsigned shift = 8 * (place % kLowPlaces);
    const std::uint64_t tags = word.load(std::memory_order_relaxed);
    if (((tags >> shift) & 0xFFU) == tag &&
        bucket.slots[place].load(std::memory_order_relaxed) == slot) {
      word.store(tags & ~(std::uint64_t{0xFF} << shift), std::memory_order_release);
      return true;
    }
  }
  return false;
}

std::uint64_t EndpointIndex::displaced() const noexcept {
  // An entry that lives k buckets from home counts k times; k is 1 for nearly all of them.
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    out += buckets_[i].high.load(std::memory_order_relaxed) >> kOverflowShift;
  }
  return out;
}

void IndexSet::FindBurst(std::span<const EndpointId> ids, std::span<Slot> slots) const noexcept {
  FLATLINE_DCHECK(ids.size() <= kLookupBurst && slots.size() >= ids.size());
  std::array<std::uint64_t, kLookupBurst> hashes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::array<std::size_t, kLookupBurst> others;    // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::array<EndpointIndex::Home, kLookupBurst> homes;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    hashes[i] = HashOf(ids[i]);
    homes[i] = ShardFor(hashes[i]).Prefetch(hashes[i]);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    slots[i] = EndpointIndex::Candidate(homes[i], hashes[i]);
    if (slots[i] != kNoSlot) [[likely]] {
      PrefetchOnce(&records[slots[i]]);
    }
  }
  std::size_t other_count = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool found =
        slots[i] != kNoSlot && records[slots[i]].id.load(std::memory_order_acquire) == ids[i];
    if (!found) [[unlikely]] {
      ShardFor(hashes[i]).PrefetchMatches(hashes[i]);
      others[other_count++] = i;
    }
  }
  for (const std::size_t i : std::span(others).first(other_count)) {
    slots[i] = ShardFor(hashes[i]).Find(ids[i], hashes[i]);
  }
}

}  // namespace flatline
