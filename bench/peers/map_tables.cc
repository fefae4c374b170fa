#include "bench/peers/huge_arena.h"
#include "bench/peers/stamped_table.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include <tbb/concurrent_hash_map.h>

namespace flatline::peers {
namespace {

// An atomic that a pair of a map can hold: many threads may stamp one endpoint, as with us, under
// the lock that a const_accessor takes to read.
struct SharedStamp {
  SharedStamp() = default;

  SharedStamp(const SharedStamp& other) : value(other.value.load(std::memory_order_relaxed)) {}

  SharedStamp& operator=(const SharedStamp&) = delete;

  mutable std::atomic<Stamp> value{0};
};

using TbbMap = tbb::concurrent_hash_map<EndpointId,
                                        SharedStamp,
                                        tbb::tbb_hash_compare<EndpointId>,
                                        HugeAllocator<std::pair<const EndpointId, SharedStamp>>>;

// What a derived class sees of the buckets, for a prefetch across the burst.
class OpenTbbMap final : public TbbMap {
 public:
  using TbbMap::TbbMap;

  [[nodiscard]] const bucket* BucketOf(EndpointId id) const noexcept {
    return this->get_bucket(tbb::tbb_hash_compare<EndpointId>().hash(id) &
                            this->my_mask.load(std::memory_order_acquire));
  }

  void PrefetchBucket(EndpointId id) const noexcept { __builtin_prefetch(BucketOf(id)); }

  void PrefetchNode(EndpointId id) const noexcept {
    __builtin_prefetch(BucketOf(id)->node_list.load(std::memory_order_acquire), 1);
  }
};

std::shared_ptr<OpenTbbMap> TbbMapOf(std::span<const EndpointId> ids) {
  auto map = std::make_shared<OpenTbbMap>(ids.size());
  for (const EndpointId id : ids) {
    map->emplace(id, SharedStamp());
  }
  return map;
}

class TbbTable final : public StampedTable {
 public:
  enum class Ask : std::uint8_t { kPlainly, kPrefetched };

  TbbTable(std::shared_ptr<OpenTbbMap> map, Ask ask) : map_(std::move(map)), ask_(ask) {}

  std::size_t StampBurst(std::span<const EndpointId> ids, Stamp stamp) noexcept override {
    if (ask_ == Ask::kPrefetched) {
      for (const EndpointId id : ids) {
        map_->PrefetchBucket(id);
      }
      for (const EndpointId id : ids) {
        map_->PrefetchNode(id);
      }
    }
    std::size_t found = 0;
    for (const EndpointId id : ids) {
      TbbMap::const_accessor it;
      if (map_->find(it, id)) [[likely]] {
        it->second.value.store(stamp, std::memory_order_relaxed);
        ++found;
      }
    }
    return found;
  }

 private:
  std::shared_ptr<OpenTbbMap> map_;
  Ask ask_;
};

class UnorderedTable final : public StampedTable {
 public:
  explicit UnorderedTable(std::span<const EndpointId> ids) {
    map_.reserve(ids.size());
    for (const EndpointId id : ids) {
      map_.emplace(id, 0);
    }
  }

  std::size_t StampBurst(std::span<const EndpointId> ids, Stamp stamp) noexcept override {
    std::size_t found = 0;
    for (const EndpointId id : ids) {
      if (const auto it = map_.find(id); it != map_.end()) [[likely]] {
        it->second = stamp;
        ++found;
      }
    }
    return found;
  }

 private:
  std::unordered_map<EndpointId,
                     Stamp,
                     std::hash<EndpointId>,
                     std::equal_to<>,
                     HugeAllocator<std::pair<const EndpointId, Stamp>>>
      map_;
};

}  // namespace

TbbTables MakeTbb(std::span<const EndpointId> ids) {
  const auto map = TbbMapOf(ids);
  return {std::make_unique<TbbTable>(map, TbbTable::Ask::kPlainly),
          std::make_unique<TbbTable>(map, TbbTable::Ask::kPrefetched)};
}

std::unique_ptr<StampedTable> MakeUnordered(std::span<const EndpointId> ids) {
  return std::make_unique<UnorderedTable>(ids);
}

}  // namespace flatline::peers
