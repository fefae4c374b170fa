#include "control/region/membership.h"

#include <flatline/record.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace flatline {

bool Membership::Turn(const RegionView& region, Instant now) {
  if (next_ == 0 && now < begin_at_) {
    return false;
  }
  const std::size_t slots = region.records().size();
  const std::size_t end = std::min(slots, next_ + kSlotsAtOnce);
  for (; next_ < end; ++next_) {
    Count(region, next_);
  }
  if (next_ != slots) {
    return false;
  }
  whole_ = std::exchange(running_, {});
  next_ = 0;
  begin_at_ = now + kPause;
  return true;
}

void Membership::Count(const RegionView& region, std::size_t slot) {
  const EndpointRecord& record = region.records()[slot];
  if (record.id.load(std::memory_order_relaxed) == kNoEndpoint) {
    return;
  }
  const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  if (state.liveness != Liveness::kAlive && state.liveness != Liveness::kSuspect) {
    return;
  }
  ++running_.all;
  if (state.profile < running_.of_profile.size()) {
    ++running_.of_profile.at(state.profile);
  }
  const std::uint8_t port = PortOf(region, static_cast<Slot>(slot));
  if (port < running_.on_port.size()) {
    ++running_.on_port.at(port);
  }
  const Group group = region.groups()[slot].load(std::memory_order_relaxed);
  if (const auto at = running_.by_group.find(group); at != running_.by_group.end()) {
    ++at->second;
  } else if (group != kNoGroup && running_.by_group.size() < kMostGroups) {
    running_.by_group.emplace(group, 1);
  }
}

void Membership::Forget() {
  *this = {};
}

std::uint32_t Membership::Of(Group group) const {
  if (group == kNoGroup) {
    return whole_.all;
  }
  const auto at = whole_.by_group.find(group);
  return at == whole_.by_group.end() ? 0 : at->second;
}

std::uint8_t PortOf(const RegionView& region, Slot slot) noexcept {
  const auto addresses = region.addresses();
  return slot < addresses.size() ? addresses[slot].port : kNoPort;
}

}  // namespace flatline
