#include "control/delivery/suspicion_frames.h"

#include "control/delivery/frames.h"

#include <atomic>

namespace flatline {
namespace {

// Nothing that is watched may be silent for longer; beyond is damage.
constexpr double kMostNs = 48 * 3'600e9;

constexpr bool IsSuspicion(const DeliveryRecord& record) noexcept {
  return record.kind == RecordKind::kLiveness &&
         record.to == static_cast<std::uint8_t>(Liveness::kSuspect);
}

}  // namespace

std::optional<SuspicionScale> ScaleIn(std::span<const Profile> profiles,
                                      ProfileId profile,
                                      std::uint64_t arrival) noexcept {
  if (profile >= profiles.size() || !profiles[profile].in_use()) {
    return std::nullopt;
  }
  const SuspicionScale out = flatline::ScaleOf(profiles[profile], Arrival::Unpack(arrival));
  const bool is_sound =
      out.expected >= 0 && out.expected < kMostNs && out.deviation > 0 && out.deviation < kMostNs;
  return is_sound ? std::optional(out) : std::nullopt;
}

void SuspicionFrames::Append(const DeliveryRecord& record, std::vector<DeliveryRecord>& to) const {
  if (!IsSuspicion(record)) {
    return;
  }
  if (const auto scale = ScaleOf(record)) {
    to.push_back(frames::Suspicion(*scale, record));
  }
}

// By the trail, which may have been written over; then the slot has another endpoint, or not.
std::optional<SuspicionScale> SuspicionFrames::ScaleOf(
    const DeliveryRecord& record) const noexcept {
  if (!region_ || record.generation != GenerationOf(region_->view.header().generation)) {
    return std::nullopt;
  }
  const Slot slot = trail_->At(record.sequence).slot;
  const auto records = region_->view.records();
  if (slot >= records.size()) {
    return std::nullopt;
  }
  const EndpointRecord& endpoint = records[slot];
  const std::uint64_t arrival = endpoint.arrival.load(std::memory_order_acquire);
  if (endpoint.id.load(std::memory_order_acquire) != record.endpoint) {
    return std::nullopt;
  }
  return ScaleIn(region_->view.header().profiles, record.profile, arrival);
}

}  // namespace flatline
