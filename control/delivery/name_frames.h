// The kName frames that stand before the records of endpoints with a name, for those who asked for
// them. Used by streams and snapshots, from any thread. Holds on to the roster it was given, which
// never changes; a later one is another object. Cost: a look-up in the roster for each record,
// about three lines of memory, most of which Prefetch hides.
#pragma once

#include "control/roster/roster.h"

#include <flatline/delivery.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline {

// So many frames does a name take.
constexpr std::size_t NameFramesOf(std::string_view name) noexcept {
  return (name.size() + kNamePartSize - 1) / kNamePartSize;
}

// Writes them to `out`, for a record of this sequence; returns the place behind.
DeliveryRecord* WriteName(std::string_view name, std::uint64_t sequence, DeliveryRecord* out);

class NameFrames {
 public:
  // Nobody has a name where there is no roster.
  explicit NameFrames(std::shared_ptr<const Roster> roster) : roster_(std::move(roster)) {}

  // Empty: it has none.
  [[nodiscard]] std::string_view NameOf(EndpointId id) const noexcept {
    return roster_ && id != kNoEndpoint ? roster_->NameOf(id) : std::string_view{};
  }

  // Soon to be asked for.
  void Prefetch(EndpointId id) const noexcept {
    if (roster_) {
      roster_->Prefetch(id);
    }
  }

  // The name of whom the record speaks, if it speaks of somebody who has one, then the record.
  void Append(const DeliveryRecord& record, std::vector<DeliveryRecord>& to) const;

 private:
  std::shared_ptr<const Roster> roster_;
};

}  // namespace flatline
