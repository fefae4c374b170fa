// What one subscriber wants to hear: transitions to which liveness, changes of health, of which
// groups, and what its expression says. Made once from its request, asked for every record of its
// stream. What concerns everybody (blind intervals, resets, the guard) passes every filter. Cost:
// two tests, a binary search among at most 1024 groups, and the expression's.
#pragma once

#include "control/delivery/request.h"
#include "control/filter/filter_pool.h"

#include <flatline/delivery.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace flatline {

class Filter {
 public:
  Filter() = default;

  // `damps`: changes of those who flap are suppressed, but for who asks for them.
  explicit Filter(const Request& request, bool damps = false)
      : mask_(request.header.liveness_mask),
        want_health_(request.header.want_health != 0),
        hides_flapping_(damps && (request.header.options & kWantFlapping) == 0 &&
                        !(request.filter && request.filter->asks_for_flapping())),
        groups_(request.groups),
        expression_(request.filter) {}

  // The same wishes: one stream serves both.
  bool operator==(const Filter&) const = default;

  // True where nothing is left out, so that the journal can be sent as it stands.
  [[nodiscard]] bool everything() const noexcept {
    return (mask_ & kAllLiveness) == kAllLiveness && want_health_ && groups_.empty() &&
           !expression_ && !hides_flapping_;
  }

  // True where suppressed changes are left out, and their sequences with them.
  [[nodiscard]] bool hides_flapping() const noexcept { return hides_flapping_; }

  // As of now: for as many records as are at hand, for the labels may be others later. Not to
  // outlive the filter.
  class Look {
   public:
    explicit Look(const Filter& filter)
        : filter_(&filter),
          program_(filter.expression_ ? filter.expression_->program() : nullptr) {}

    [[nodiscard]] bool Wants(const DeliveryRecord& record) const noexcept {
      if ((record.marks & kMarkFlapping) != 0 && filter_->hides_flapping_) {
        return false;
      }
      switch (record.kind) {
        case RecordKind::kFlapping:
          return filter_->HasGroup(record.group) && (!program_ || program_->WantsFlapping(record));
        case RecordKind::kLiveness:
          return filter_->HasLiveness(record.to) && Passes(record);
        case RecordKind::kHealth:
          return filter_->want_health_ && Passes(record);
        case RecordKind::kMaintenance:
        case RecordKind::kGroup:
          return record.group == kNoGroup || filter_->HasGroup(record.group);
        case RecordKind::kLease:  // of the group of its holder
          return filter_->HasGroup(record.group);
        default:
          return true;
      }
    }

    // A change that is not wanted, though the suspicion which it ends may have been: its marks and
    // its health are not known any more.
    [[nodiscard]] bool EndsASuspicion(const DeliveryRecord& record) const noexcept {
      constexpr auto kSuspect = static_cast<std::uint8_t>(Liveness::kSuspect);
      if (record.kind != RecordKind::kLiveness || record.from != kSuspect) {
        return false;
      }
      DeliveryRecord suspicion = record;
      suspicion.from = static_cast<std::uint8_t>(Liveness::kAlive);
      suspicion.to = kSuspect;
      suspicion.reason = static_cast<std::uint8_t>(Reason::kDeadlineMissed);
      for (unsigned i = 0; i < (kSoothingMarks + 1U) * kHealthNames.size(); ++i) {
        suspicion.marks = static_cast<std::uint8_t>(i & kSoothingMarks);
        suspicion.health = static_cast<Health>(i / (kSoothingMarks + 1U));
        if (Wants(suspicion)) {
          return true;
        }
      }
      return false;
    }

    // What is wanted of an endpoint in a snapshot: by endpoint, to, health, group and profile.
    [[nodiscard]] bool WantsRow(const DeliveryRecord& row) const noexcept {
      return filter_->HasLiveness(row.to) && filter_->HasGroup(row.group) &&
             (!program_ || program_->WantsRow(row));
    }

   private:
    [[nodiscard]] bool Passes(const DeliveryRecord& record) const noexcept {
      return filter_->HasGroup(record.group) && (!program_ || program_->Wants(record));
    }

    const Filter* filter_;
    std::shared_ptr<const FilterProgram> program_;
  };

  [[nodiscard]] bool Wants(const DeliveryRecord& record) const { return Look(*this).Wants(record); }

  [[nodiscard]] bool WantsRow(Liveness liveness, Group group) const {
    DeliveryRecord row;
    row.to = static_cast<std::uint8_t>(liveness);
    row.group = group;
    return Look(*this).WantsRow(row);
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
  bool hides_flapping_ = false;
  std::vector<Group> groups_;                         // sorted
  std::shared_ptr<const CompiledFilter> expression_;  // one for each text; null: none
};

}  // namespace flatline
