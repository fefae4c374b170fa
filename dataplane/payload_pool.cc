#include "dataplane/payload_pool.h"

#include "dataplane/delay_history.h"

#include <bit>
#include <utility>

namespace flatline {
namespace {

// A later life of the endpoint, or a later heartbeat of the same (on the circle, RFC 1982).
bool IsLater(const Payload& said, const Payload& known) noexcept {
  return said.incarnation != known.incarnation
             ? said.incarnation > known.incarnation
             : static_cast<std::int32_t>(said.sequence - known.sequence) > 0;
}

}  // namespace

std::expected<PayloadPool, std::string> PayloadPool::Create(std::span<PayloadEntry> entries,
                                                            std::uint64_t hash_key) {
  PayloadPool out;
  if (entries.empty()) {
    return out;
  }
  const std::string purpose = "the index of payloads";
  const std::size_t places = std::bit_ceil(2 * entries.size());
  auto ids = PageArray<EndpointId>::Create(entries.size(), purpose);
  auto free = PageArray<std::uint32_t>::Create(entries.size(), purpose);
  auto index = PageArray<std::uint32_t>::Create(places, purpose);
  if (!ids || !free || !index) {
    return std::unexpected(!ids ? ids.error() : !free ? free.error() : index.error());
  }
  out.entries_ = entries;
  out.hash_key_ = hash_key;
  out.ids_ = std::move(*ids);
  out.free_ = std::move(*free);
  out.index_ = std::move(*index);
  out.mask_ = places - 1;
  for (std::size_t entry = entries.size(); entry-- > 0;) {
    out.free_[out.free_count_++] = static_cast<std::uint32_t>(entry);
  }
  return out;
}

void PayloadPool::Adopt(const std::function<bool(EndpointId)>& is_known) {
  free_count_ = 0;
  for (std::size_t i = entries_.size(); i-- > 0;) {
    const auto entry = static_cast<std::uint32_t>(i);
    const std::optional<Payload> left = ReadPayload(entries_[entry]);
    const EndpointId id = left ? left->id : kNoEndpoint;
    if (id != kNoEndpoint && is_known(id) && EntryOf(id) == kNoEntry) {
      Enter(id, entry);
      continue;
    }
    free_[free_count_++] = entry;
    if (!left || id != kNoEndpoint) {
      WritePayload(entries_[entry], Payload{});
    }
  }
}

PayloadPool::Kept PayloadPool::Keep(const Payload& said) noexcept {
  Payload latest = said;
  std::uint32_t entry = EntryOf(said.id);
  if (entry == kNoEntry) {
    if (free_count_ == 0) {
      return Kept::kFull;
    }
    entry = free_[--free_count_];
    Enter(said.id, entry);
    ContinueHistory(Payload{}, latest);
  } else {
    const std::optional<Payload> known = ReadPayload(entries_[entry]);
    if (known && !IsLater(said, *known)) {
      return Kept::kOld;
    }
    ContinueHistory(known.value_or(Payload{}), latest);
  }
  WritePayload(entries_[entry], latest);
  return Kept::kKept;
}

std::optional<Payload> PayloadPool::Find(EndpointId id) const noexcept {
  const std::uint32_t entry = EntryOf(id);
  return entry == kNoEntry ? std::nullopt : ReadPayload(entries_[entry]);
}

void PayloadPool::Forget(EndpointId id) noexcept {
  const std::uint32_t entry = EntryOf(id);
  if (entry == kNoEntry) {
    return;
  }
  CloseGap(PlaceOf(id));
  ids_[entry] = kNoEndpoint;
  free_[free_count_++] = entry;
  WritePayload(entries_[entry], Payload{});
}

// Where the id is in the index, or where it would be put. There is always a place: half of them
// are empty.
std::size_t PayloadPool::PlaceOf(EndpointId id) const noexcept {
  std::size_t place = HomeOf(id);
  while (index_[place] != 0 && ids_[index_[place] - 1] != id) {
    place = (place + 1) & mask_;
  }
  return place;
}

std::uint32_t PayloadPool::EntryOf(EndpointId id) const noexcept {
  if (entries_.empty()) {
    return kNoEntry;
  }
  const std::uint32_t found = index_[PlaceOf(id)];
  return found == 0 ? kNoEntry : found - 1;
}

void PayloadPool::Enter(EndpointId id, std::uint32_t entry) noexcept {
  ids_[entry] = id;
  index_[PlaceOf(id)] = entry + 1;
}

// Those behind an empty place that could not be where they wanted to be move up (Knuth 6.4, R).
void PayloadPool::CloseGap(std::size_t place) noexcept {
  index_[place] = 0;
  for (std::size_t next = (place + 1) & mask_; index_[next] != 0; next = (next + 1) & mask_) {
    const std::size_t home = HomeOf(ids_[index_[next] - 1]);
    if (((next - home) & mask_) >= ((next - place) & mask_)) {
      index_[place] = std::exchange(index_[next], 0);
      place = next;
    }
  }
}

}  // namespace flatline
