// The payloads of one shard: which entry of the region's pool is whose. An endpoint takes an entry
// with the first payload that it sends, keeps it through silence, death and restarts, for its last
// words are worth reading, and gives it back when it is retired; those who send none cost nothing.
// Called by the shard's owner alone. Holds as many as it was made for and never more; memory is
// taken in Create. Constant time. The index is private and rebuilt from the entries at adoption
// (Adopt); what the region says later is read as values, never followed.
//
//   id --hash--> index_, at most half full, linear probing --> entry in the region, id in ids_
#pragma once

#include "dataplane/page_array.h"

#include <flatline/endpoint.h>
#include <flatline/payload.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace flatline {

class PayloadPool {
 public:
  // What became of a payload.
  enum class Kept : std::uint8_t {
    kKept,
    kOld,   // a later one of the same endpoint is there
    kFull,  // no entry is free
  };

  // Over entries that it does not read yet: all count as free. `hash_key` as of HashEndpoint.
  [[nodiscard]] static std::expected<PayloadPool, std::string> Create(
      std::span<PayloadEntry> entries, std::uint64_t hash_key);

  // Takes up what a predecessor left, in a pool that has just been created: entries of endpoints
  // that are known, whole and once, keep theirs; the others are cleared. Linear.
  void Adopt(const std::function<bool(EndpointId)>& is_known);

  // Keeps it in the place of the last one of the same endpoint, whose history of the transit it
  // goes on with.
  Kept Keep(const Payload& said) noexcept;

  // The last one of an endpoint.
  [[nodiscard]] std::optional<Payload> Find(EndpointId id) const noexcept;

  // Its entry becomes free, if it has one.
  void Forget(EndpointId id) noexcept;

  // Entries taken.
  [[nodiscard]] std::uint64_t size() const noexcept { return entries_.size() - free_count_; }

  [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }

  // Memory taken, the region's apart.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return ids_.bytes() + free_.bytes() + index_.bytes();
  }

 private:
  static constexpr std::uint32_t kNoEntry = 0xFFFFFFFFU;

  PayloadPool() noexcept = default;

  [[nodiscard]] std::size_t HomeOf(EndpointId id) const noexcept {
    return static_cast<std::size_t>(HashEndpoint(id, hash_key_)) & mask_;
  }

  [[nodiscard]] std::size_t PlaceOf(EndpointId id) const noexcept;
  [[nodiscard]] std::uint32_t EntryOf(EndpointId id) const noexcept;
  void Enter(EndpointId id, std::uint32_t entry) noexcept;
  void CloseGap(std::size_t place) noexcept;

  std::span<PayloadEntry> entries_;
  std::uint64_t hash_key_ = 0;
  PageArray<EndpointId> ids_;       // by entry
  PageArray<std::uint32_t> free_;   // a stack of entries
  PageArray<std::uint32_t> index_;  // entry + 1; 0: nobody
  std::size_t mask_ = 0;
  std::size_t free_count_ = 0;
};

}  // namespace flatline
