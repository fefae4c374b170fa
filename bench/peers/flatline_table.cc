#include "bench/peers/stamped_table.h"
#include "dataplane/endpoint_index.h"
#include "dataplane/page_array.h"

#include <flatline/record.h>

#include <array>
#include <utility>

namespace flatline::peers {
namespace {

class FlatlineTable final : public StampedTable {
 public:
  explicit FlatlineTable(std::span<const EndpointId> ids)
      : memory_(PageArray<EndpointRecord>::Create(ids.size(), "the records").value()),
        records_(memory_.data(), memory_.size()),
        index_(EndpointIndex::Create(records_, static_cast<std::uint32_t>(ids.size())).value()) {
    for (std::size_t slot = 0; slot < ids.size(); ++slot) {
      records_[slot].id = ids[slot];
      index_.Insert(HashEndpoint(ids[slot], kHashKey), static_cast<Slot>(slot));
    }
  }

  // In the steps of the dataplane's fast path, burst by burst.
  std::size_t StampBurst(std::span<const EndpointId> ids, Stamp stamp) noexcept override {
    std::array<std::uint64_t, kBurst> hashes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::array<Slot, kBurst> slots;            // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::array<std::size_t, kBurst> others;    // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::array<EndpointIndex::Home, kBurst> homes;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      hashes[i] = HashEndpoint(ids[i], kHashKey);
      homes[i] = index_.Prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      slots[i] = EndpointIndex::Candidate(homes[i], hashes[i]);
      if (slots[i] != kNoSlot) [[likely]] {
        __builtin_prefetch(&records_[slots[i]], 0, 0);
      }
    }
    std::size_t found = 0;
    std::size_t other_count = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (slots[i] != kNoSlot && Is(slots[i], ids[i])) [[likely]] {
        found += StampOne(slots[i], stamp);
      } else {
        index_.PrefetchMatches(hashes[i]);
        others[other_count++] = i;
      }
    }
    for (const std::size_t i : std::span(others).first(other_count)) {
      const Slot slot = index_.Find(ids[i], hashes[i]);
      found += slot != kNoSlot ? StampOne(slot, stamp) : 0;
    }
    return found;
  }

 private:
  static constexpr std::uint64_t kHashKey = 0x5EED;

  [[nodiscard]] bool Is(Slot slot, EndpointId id) const noexcept {
    return records_[slot].id.load(std::memory_order_acquire) == id;
  }

  std::size_t StampOne(Slot slot, Stamp stamp) noexcept {
    records_[slot].heard.store(Heard{stamp, 0}.Pack(), std::memory_order_relaxed);
    return 1;
  }

  PageArray<EndpointRecord> memory_;
  std::span<EndpointRecord> records_;
  EndpointIndex index_;
};

}  // namespace

std::unique_ptr<StampedTable> MakeFlatline(std::span<const EndpointId> ids) {
  return std::make_unique<FlatlineTable>(ids);
}

}  // namespace flatline::peers
