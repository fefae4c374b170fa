// What a kSuspicion record says of the suspect in the record behind it: by what its level of
// suspicion rises (suspicion.h), so that a subscriber can tell when a threshold of its own is
// reached. Made by control, read by client libraries. Pure. Bounds: whole nanoseconds.
#pragma once

#include <flatline/delivery.h>
#include <flatline/liveness.h>
#include <flatline/suspicion.h>

#include <cstddef>
#include <cstdint>

namespace flatline {

// In the record: the silence at 8, the deviation at 24, each in ns; the endpoint between them,
// where it always is.
inline SuspicionScale ReadScale(const DeliveryRecord& record) noexcept {
  return {.expected = static_cast<double>(record.at_ns),
          .deviation = static_cast<double>(record.silence_ns)};
}

inline void WriteScale(const SuspicionScale& scale, DeliveryRecord& record) noexcept {
  record.at_ns = static_cast<std::int64_t>(scale.expected);
  record.silence_ns = static_cast<std::int64_t>(scale.deviation);
}

static_assert(offsetof(DeliveryRecord, at_ns) == 8 && offsetof(DeliveryRecord, endpoint) == 16 &&
              offsetof(DeliveryRecord, silence_ns) == 24);

// Whether it announces a suspicion, and does not say that one is over.
constexpr bool AnnouncesSuspicion(const DeliveryRecord& record) noexcept {
  return record.kind == RecordKind::kSuspicion &&
         record.to == static_cast<std::uint8_t>(Liveness::kSuspect);
}

}  // namespace flatline
