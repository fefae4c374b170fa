// What one subscriber wants to hear: transitions to which liveness, changes of health, of which
// groups. Made once from its request, asked for every record of its stream. Pure. What concerns
// everybody (blind intervals, resets) passes every filter. Cost: two tests, and a binary search
// among at most 1024 groups.
#pragma once

#include "control/request.h"

#include <flatline/delivery.h>

#include <algorithm>
#include <vector>

namespace flatline {

class Filter {
 public:
  Filter() = default;

  explicit Filter(const Request& request)
      : mask_(request.header.liveness_mask),
        want_health_(request.header.want_health != 0),
        groups_(request.groups) {}

  // The same wishes: one stream serves both.
  bool operator==(const Filter&) const = default;

  // True where nothing is left out, so that the journal can be sent as it stands.
  [[nodiscard]] bool everything() const noexcept {
    return (mask_ & kAllLiveness) == kAllLiveness && want_health_ && groups_.empty();
  }

  [[nodiscard]] bool Wants(const DeliveryRecord& record) const noexcept {
    switch (record.kind) {
      case RecordKind::kLiveness:
        return HasLiveness(record.to) && HasGroup(record.group);
      case RecordKind::kHealth:
        return want_health_ && HasGroup(record.group);
      default:
        return true;
    }
  }

  // The same of an endpoint in a snapshot.
  [[nodiscard]] bool WantsRow(Liveness liveness, Group group) const noexcept {
    return HasLiveness(static_cast<std::uint8_t>(liveness)) && HasGroup(group);
  }

 private:
  static constexpr unsigned kAllLiveness = (1U << kLivenessNames.size()) - 1;

  [[nodiscard]] bool HasLiveness(std::uint8_t liveness) const noexcept {
    return liveness < 8 && ((unsigned{mask_} >> liveness) & 1U) != 0;
  }

  [[nodiscard]] bool HasGroup(Group group) const noexcept {
    return groups_.empty() || std::ranges::binary_search(groups_, group);
  }

  std::uint8_t mask_ = 0xFF;
  bool want_health_ = true;
  std::vector<Group> groups_;  // sorted
};

}  // namespace flatline
