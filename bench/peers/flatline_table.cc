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

  std::size_t StampBurst(std::span<const EndpointId> ids, Stamp stamp) noexcept override {
    std::array<Slot, kBurst> slots{};
    set_.FindBurst(ids, slots);
    std::size_t found = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (slots[i] != kNoSlot) [[likely]] {
        records_[slots[i]].heard.store(Heard{stamp, 0}.Pack(), std::memory_order_relaxed);
        ++found;
      }
    }
    return found;
  }

 private:
  static constexpr std::uint64_t kHashKey = 0x5EED;

  PageArray<EndpointRecord> memory_;
  std::span<EndpointRecord> records_;
  EndpointIndex index_;
  std::array<const EndpointIndex*, 1> shards_{&index_};
  IndexSet set_{shards_, records_, kHashKey};
};

}  // namespace

std::unique_ptr<StampedTable> MakeFlatline(std::span<const EndpointId> ids) {
  return std::make_unique<FlatlineTable>(ids);
}

}  // namespace flatline::peers
