// What a kSummary record says: how many endpoints of a group are in which liveness, and how many of
// those alive say that they are not well. Made by control, read by subscribers. Pure. Bounds:
// counts of 32 bits, as there are no more slots.
#pragma once

#include <flatline/delivery.h>
#include <flatline/liveness.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flatline {

struct SummaryCounts {
  std::array<std::uint32_t, kLivenessNames.size()> liveness{};  // by Liveness
  std::uint32_t degraded = 0;                                   // of those alive
  std::uint32_t failing = 0;                                    // likewise

  [[nodiscard]] std::uint32_t of(Liveness which) const noexcept {
    return liveness[static_cast<std::size_t>(which)];
  }

  [[nodiscard]] std::uint64_t endpoints() const noexcept {
    std::uint64_t out = 0;
    for (const std::uint32_t count : liveness) {
      out += count;
    }
    return out;
  }

  bool operator==(const SummaryCounts&) const = default;
};

// In the record: unknown, alive, suspect, dead and left at 16 to 36, degraded at 36, failing at 44;
// the group between them, where it always is.
inline SummaryCounts ReadSummary(const DeliveryRecord& record) noexcept {
  SummaryCounts out;
  const auto* const bytes = reinterpret_cast<const char*>(&record);
  std::memcpy(out.liveness.data(), bytes + 16, sizeof(out.liveness));
  out.degraded = record.heartbeat_sequence;
  out.failing = record.ring_position;
  return out;
}

inline void WriteSummary(const SummaryCounts& counts, DeliveryRecord& record) noexcept {
  auto* const bytes = reinterpret_cast<char*>(&record);
  std::memcpy(bytes + 16, counts.liveness.data(), sizeof(counts.liveness));
  record.heartbeat_sequence = counts.degraded;
  record.ring_position = counts.failing;
}

static_assert(offsetof(DeliveryRecord, endpoint) == 16 &&
              offsetof(DeliveryRecord, heartbeat_sequence) == 36 &&
              sizeof(SummaryCounts::liveness) == 20);

// Bits of a summary's `reason`.
inline constexpr std::uint8_t kSummaryUnsettled = 1;  // being counted anew, see include/README.md

}  // namespace flatline
