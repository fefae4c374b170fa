#include "bench/peers/eal.h"
#include "bench/peers/stamped_table.h"
#include "dataplane/page_array.h"

#include <array>
#include <bit>
#include <stdexcept>
#include <string>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

namespace flatline::peers {
namespace {

struct FreeHash {
  void operator()(rte_hash* hash) const { rte_hash_free(hash); }
};

class RteHashTable final : public StampedTable {
 public:
  RteHashTable(std::span<const EndpointId> ids, bool huge) : eal_(RteHashBytes(ids.size()), huge) {
    rte_hash_parameters parameters{};
    parameters.name = "endpoints";
    parameters.entries = static_cast<std::uint32_t>(ids.size());
    parameters.key_len = sizeof(EndpointId);
    parameters.hash_func = rte_hash_crc;
    parameters.socket_id = SOCKET_ID_ANY;
    hash_.reset(rte_hash_create(&parameters));
    if (hash_ == nullptr) {
      throw std::runtime_error(std::string("no rte_hash: ") + rte_strerror(rte_errno));
    }
    const auto positions = static_cast<std::size_t>(rte_hash_max_key_id(hash_.get())) + 1;
    stamps_ = PageArray<Stamp>::Create(positions, "the stamps beside rte_hash").value();
    for (const EndpointId& id : ids) {
      if (rte_hash_add_key(hash_.get(), &id) < 0) {
        throw std::runtime_error("rte_hash has no room for a key");
      }
    }
  }

  std::size_t StampBurst(std::span<const EndpointId> ids, Stamp stamp) noexcept override {
    std::array<const void*, kBurst> keys{};
    std::array<std::int32_t, kBurst> positions{};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      keys[i] = &ids[i];
    }
    rte_hash_lookup_bulk(
        hash_.get(), keys.data(), static_cast<std::uint32_t>(ids.size()), positions.data());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (positions[i] >= 0) [[likely]] {
        __builtin_prefetch(&stamps_[static_cast<std::size_t>(positions[i])], 0, 2);
      }
    }
    std::size_t found = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (positions[i] >= 0) [[likely]] {
        stamps_[static_cast<std::size_t>(positions[i])] = stamp;
        ++found;
      }
    }
    return found;
  }

 private:
  Eal eal_;  // first, so that it outlives the rest
  std::unique_ptr<rte_hash, FreeHash> hash_;
  PageArray<Stamp> stamps_;
};

}  // namespace

// Buckets of 64 bytes for 8 entries, a power of two of them; 16 bytes a key; a ring of free places.
std::size_t RteHashBytes(std::size_t endpoints) {
  const std::size_t places = std::bit_ceil(endpoints);
  return places * 8 + endpoints * 16 + places * 2 * 4 + (std::size_t{64} << 20);
}

std::unique_ptr<StampedTable> MakeRteHash(std::span<const EndpointId> ids, bool huge) {
  return std::make_unique<RteHashTable>(ids, huge);
}

}  // namespace flatline::peers
