// The index of one shard: from an endpoint's id to the slot of its record. Private to the
// dataplane, rebuilt from the records at adoption. Any worker looks up, without a lock; only the
// shard's owner inserts and removes. Holds as many entries as it was made for and never more,
// allocates nothing after Create, and never moves an entry, so that a reader cannot miss one that
// is there. Cost of a look-up: one line of the index (1.05 on average at full load) and the line of
// the record, which is wanted anyway; 7.1 bytes an endpoint.
//
//   bucket, 64 bytes:  | 8 tags | 4 tags, overflow | 12 slots of 4 bytes |
//   tag: 8 bits of the hash, 0 where the place is free; a match is confirmed by the record's id.
//   overflow: how many entries came this way because the bucket was full and live further on. A
//   reader goes on to the next bucket only where it is not 0.
//
// What a reader gets is a hint, true at some instant during the call: the endpoint may be retired
// at once. Its slot is not given to another one before every worker has begun another turn
// (EndpointTable's quarantine), so a reader may use a slot until its turn ends.
#pragma once

#include "dataplane/bytes_equal.h"
#include "dataplane/page_array.h"

#include <flatline/endpoint.h>
#include <flatline/record.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace flatline {

// Asks for a line of the index or of the records, into the first-level cache alone: neither is
// wanted again soon, and the second level is better used for the page tables, which is what random
// lines wait for where pages are small to the processor, as in most virtual machines
// (bench/README.md). Where all of the index fits the last level, a tenth worse than into all.
inline void PrefetchOnce(const void* line) noexcept {
  __builtin_prefetch(line, 0, 0);
}

class EndpointIndex {
  static constexpr unsigned kPlaces = 12;
  static constexpr unsigned kLowPlaces = 8;

  struct alignas(64) Bucket {
    std::atomic<std::uint64_t> low{0};             // tags of places 0 to 7
    std::atomic<std::uint64_t> high{0};            // tags of places 8 to 11, overflow above
    std::array<std::atomic<Slot>, kPlaces> slots;  // written before their tag
  };

 public:
  // Where an id lives if there is room: from one step of a look-up to the next.
  class Home {
   public:
    Home() noexcept = default;

   private:
    friend class EndpointIndex;

    explicit Home(const Bucket* bucket) noexcept : bucket_(bucket) {}

    const Bucket* bucket_ = nullptr;
  };

  // Room for `capacity` entries. `records` are those of all shards, by slot.
  [[nodiscard]] static std::expected<EndpointIndex, std::string> Create(
      std::span<const EndpointRecord> records, std::uint32_t capacity);

  // Anyone. The slot whose record has this id, or kNoSlot. `hash` is HashEndpoint(id, key) in all
  // of these.
  [[nodiscard]] Slot Find(EndpointId id, std::uint64_t hash) const noexcept;

  // Anyone. A look-up in steps, so that the misses of many overlap. First: the line that Candidate
  // will read is on its way.
  // NOLINTNEXTLINE(modernize-use-nodiscard): the line alone may be all that is wanted
  Home Prefetch(std::uint64_t hash) const noexcept {
    const Bucket* home = &HomeOf(hash);
    PrefetchOnce(home);
    return Home(home);
  }

  // Second: the slot whose record most probably has the id, without touching the record. In 1 of 60
  // look-ups at full load it is another's, in 1 of 30 there is none in the home bucket and kNoSlot
  // comes back; then PrefetchMatches is the next step, else the record.
  [[nodiscard]] static Slot Candidate(Home home, std::uint64_t hash) noexcept {
    const unsigned places = PlacesOf(*home.bucket_, TagOf(hash));
    if (places == 0) [[unlikely]] {
      __builtin_prefetch(home.bucket_ + 1);
      return kNoSlot;
    }
    return home.bucket_->slots[static_cast<unsigned>(std::countr_zero(places))].load(
        std::memory_order_relaxed);
  }

  // Third, where the candidate was not the one: all records that Find may have to compare are on
  // their way.
  void PrefetchMatches(std::uint64_t hash) const noexcept;

  // The line that Insert will write is on its way, a block's time ahead: into the second level,
  // which takes more at once than the first (0.32 s for ten million, against 0.35).
  void PrefetchForInsert(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&HomeOf(hash), 0, 2);
  }

  // Whether an entry may be one of an id with this hash, as far as the index can tell without a
  // look at the records; those that would settle it are then on their way.
  [[nodiscard]] bool MayHold(std::uint64_t hash) const noexcept;

  // Owner only. The id is not in the index; its record is written and has the id.
  void Insert(std::uint64_t hash, Slot slot) noexcept;

  // Owner only. Where there is such an entry, readers that begin now do not find it.
  bool Remove(std::uint64_t hash, Slot slot) noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  // Memory taken.
  [[nodiscard]] std::size_t bytes() const noexcept { return buckets_.bytes(); }

  // How many entries do not live in their home bucket: for benchmarks. Linear in the buckets.
  [[nodiscard]] std::uint64_t displaced() const noexcept;

 private:
  static constexpr unsigned kLoad = 9;  // entries per bucket when full: three quarters
  static constexpr unsigned kOverflowShift = 32;
  static constexpr std::uint64_t kOneOverflow = std::uint64_t{1} << kOverflowShift;
  static constexpr unsigned kEveryPlace = (1U << kPlaces) - 1;

  static_assert(sizeof(Bucket) == 64);

  EndpointIndex() noexcept = default;

  // The shard took the topmost bits of the hash's high half, the bucket takes the low half.
  static std::uint64_t TagOf(std::uint64_t hash) noexcept {
    const std::uint64_t tag = (hash >> 32) & 0xFFU;
    return tag != 0 ? tag : 0x80U;
  }

  // Bit i: place i has this tag. Read with acquire: the slot beside a tag was stored before it.
  static unsigned PlacesOf(const Bucket& bucket, std::uint64_t tag) noexcept {
    return BytesEqual(bucket.low.load(std::memory_order_acquire),
                      bucket.high.load(std::memory_order_acquire),
                      static_cast<std::uint8_t>(tag)) &
           kEveryPlace;
  }

  [[nodiscard]] std::size_t HomeNumber(std::uint64_t hash) const noexcept {
    return ((hash & 0xFFFFFFFFULL) * buckets_.size()) >> 32;
  }

  [[nodiscard]] const Bucket& HomeOf(std::uint64_t hash) const noexcept {
    return buckets_[HomeNumber(hash)];
  }

  [[nodiscard]] std::size_t Next(std::size_t number) const noexcept {
    return number + 1 == buckets_.size() ? 0 : number + 1;
  }

  [[nodiscard]] Slot FindIn(const Bucket& bucket, EndpointId id, std::uint64_t tag) const noexcept;
  [[nodiscard]] bool HasId(Slot slot, EndpointId id) const noexcept;
  static bool PutInto(Bucket& bucket, std::uint64_t tag, Slot slot) noexcept;
  static bool TakeFrom(Bucket& bucket, std::uint64_t tag, Slot slot) noexcept;

  std::span<const EndpointRecord> records_;
  PageArray<Bucket> buckets_;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;  // owner only
};

// Looks a burst up in the indices of all shards, with prefetch: slots[i] becomes the slot of
// ids[i], or kNoSlot, and its record's line is on its way for writing. Any worker. At most
// kLookupBurst ids.
inline constexpr std::size_t kLookupBurst = 64;

struct IndexSet {
  std::span<const EndpointIndex* const> shards;  // by shard
  std::span<EndpointRecord> records;             // by slot
  std::uint64_t hash_key = 0;

  [[nodiscard]] std::uint64_t HashOf(EndpointId id) const noexcept {
    return HashEndpoint(id, hash_key);
  }

  [[nodiscard]] const EndpointIndex& ShardFor(std::uint64_t hash) const noexcept {
    return *shards[ShardOf(hash, static_cast<unsigned>(shards.size()))];
  }

  [[nodiscard]] Slot Find(EndpointId id) const noexcept {
    const std::uint64_t hash = HashOf(id);
    return ShardFor(hash).Find(id, hash);
  }

  void FindBurst(std::span<const EndpointId> ids, std::span<Slot> slots) const noexcept;
};

}  // namespace flatline
