// The kSuspicion frames that stand before suspects, for those who asked for them: by what the level
// of suspicion rises, read from the endpoint's record in the region. Used by streams, from any
// thread; holds on to the region it was given, and says nothing of records from another one. While
// an endpoint is suspect its history stands still, so that what is read is what it was suspected
// by. Cost: for each suspicion one line of memory; for other records a comparison.
#pragma once

#include "control/journal/trail.h"

#include <flatline/delivery.h>
#include <flatline/region.h>
#include <flatline/suspicion.h>

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace flatline {

// The region of the moment, mapped as long as this is held.
struct RegionAtHand {
  RegionView view;
  std::shared_ptr<const void> keep;
};

// What is in an endpoint's record, as a scale that makes sense; nothing where it makes none. By
// the profiles of its region.
[[nodiscard]] std::optional<SuspicionScale> ScaleIn(std::span<const Profile> profiles,
                                                    ProfileId profile,
                                                    std::uint64_t arrival) noexcept;

class SuspicionFrames {
 public:
  // `region` null: there is none to ask, and nothing is known of anybody.
  SuspicionFrames(std::shared_ptr<const RegionAtHand> region, const Trail& trail)
      : region_(std::move(region)), trail_(&trail) {}

  // The frame before a record of the journal, where it says that somebody is suspect; none where
  // nothing is known of it: it is told at once then. The record itself is the caller's.
  void Append(const DeliveryRecord& record, std::vector<DeliveryRecord>& to) const;

 private:
  [[nodiscard]] std::optional<SuspicionScale> ScaleOf(const DeliveryRecord& record) const noexcept;

  std::shared_ptr<const RegionAtHand> region_;
  const Trail* trail_;
};

}  // namespace flatline
